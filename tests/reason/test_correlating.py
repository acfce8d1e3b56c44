"""Correlation rules over matches, kind by kind: what holds, what nearly does, and which matches are told."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postvakt.model.correlation import Correlation, Tree
from postvakt.reason.correlating import Seen, correlate

SECOND = 1_000_000
MINUTE = 60 * SECOND


def one(kind: str, **more: Any) -> Correlation:
    given: dict[str, Any] = {"rule": "c", "kind": kind, "rules": ("a",), "span": 5 * MINUTE, **more}
    return Correlation(**given)


def seen(*told: tuple[str, int, dict[str, str]]) -> list[Seen]:
    """Matches by rule, second and fields, in the order in which they stand."""
    return [Seen(rule, second * SECOND, at, values) for at, (rule, second, values) in enumerate(told)]


def joined(correlation: Correlation, matches: Iterable[Seen]) -> list[int]:
    """The places of all matches that a correlation joins."""
    return sorted({at for met in correlate(correlation, matches) for at in met.at})


def logons(*seconds: int, user: str = "ana") -> list[Seen]:
    return seen(*(("a", second, {"User": user}) for second in seconds))


def test_ten_failed_logons_of_one_account_within_five_minutes() -> None:
    many = one("event_count", group_by=("User",), count=10)
    assert joined(many, logons(*range(0, 300, 30))) == list(range(10))
    assert joined(many, logons(*range(0, 270, 30))) == []
    assert joined(many, logons(*range(0, 400, 40))) == []
    # The last of a window is as late as the span allows.
    assert joined(one("event_count", count=2), logons(0, 300)) == [0, 1]
    assert joined(one("event_count", count=2), logons(0, 301)) == []


def test_matches_of_different_groups_do_not_add_up_and_letters_of_either_case_do() -> None:
    two = one("event_count", group_by=("User",), count=2)
    assert joined(two, seen(("a", 0, {"User": "ana"}), ("a", 1, {"User": "bo"}))) == []
    assert joined(two, seen(("a", 0, {"User": "ana"}), ("a", 1, {"User": "ANA"}))) == [0, 1]
    assert joined(two, seen(("a", 0, {}), ("a", 1, {}))) == []


@pytest.mark.parametrize(
    ("op", "count", "holds"),
    [
        ("gt", 2, True),
        ("gt", 3, False),
        ("gte", 3, True),
        ("eq", 3, True),
        ("eq", 4, False),
        ("lt", 1, False),
    ],
)
def test_comparisons(op: str, count: int, holds: bool) -> None:
    assert bool(joined(one("event_count", op=op, count=count), logons(0, 1, 2))) is holds


def test_different_values_are_counted_once() -> None:
    four = one("value_count", group_by=("Host",), over=("User",), count=4)
    names = ["ana", "bo", "Ana", "cy", "di"]
    told = [("a", at, {"Host": "ex01", "User": name}) for at, name in enumerate(names)]
    assert joined(four, seen(*told)) == [0, 1, 2, 3, 4]
    assert joined(four, seen(*told[:4])) == []
    assert joined(four, seen(*told[:4], ("a", 5, {"Host": "ex01"}))) == []


@pytest.mark.parametrize(
    ("kind", "count", "holds"),
    [
        ("value_sum", 100, True),
        ("value_sum", 101, False),
        ("value_avg", 25, True),
        ("value_avg", 26, False),
        ("value_median", 25, True),
        ("value_median", 26, False),
        ("value_percentile", 37, True),
        ("value_percentile", 38, False),
    ],
)
def test_figures(kind: str, count: int, holds: bool) -> None:
    told = [("a", at, {"Bytes": str(figure)}) for at, figure in enumerate((10, 20, 30, 40))]
    figures = one(kind, over=("Bytes",), count=count, percentile=90)
    assert bool(joined(figures, seen(*told, ("a", 9, {"Bytes": "not a number"})))) is holds


def test_rules_that_match_together() -> None:
    both = one("temporal", rules=("a", "b"), group_by=("User",))
    assert joined(both, seen(("b", 0, {"User": "x"}), ("a", 9, {"User": "x"}))) == [0, 1]
    assert joined(both, seen(("b", 0, {"User": "x"}), ("a", 9, {"User": "y"}))) == []
    assert joined(both, seen(("b", 0, {"User": "x"}), ("a", 301, {"User": "x"}))) == []


def test_rules_that_match_one_after_the_other() -> None:
    order = one("temporal_ordered", rules=("a", "b"))
    assert joined(order, seen(("a", 0, {}), ("b", 9, {}))) == [0, 1]
    assert joined(order, seen(("b", 0, {}), ("a", 9, {}))) == []
    assert joined(order, seen(("a", 0, {}), ("a", 5, {}), ("b", 9, {}))) == [1, 2]
    assert joined(order, seen(("a", 0, {}), ("b", 301, {}))) == []


def test_a_field_has_another_name_in_another_rule() -> None:
    aliases = (("ip", "a", "IpAddress"), ("ip", "b", "SourceIp"))
    both = one("temporal", rules=("a", "b"), group_by=("ip",), aliases=aliases)
    told = (("a", 0, {"IpAddress": "192.0.2.1"}), ("b", 1, {"SourceIp": "192.0.2.1"}))
    assert joined(both, seen(*told)) == [0, 1]
    assert joined(both, seen(told[0], ("b", 1, {"IpAddress": "192.0.2.1"}))) == []


def test_a_condition_over_rules() -> None:
    tree = Tree("and", parts=(Tree("rule", "a"), Tree("not", parts=(Tree("rule", "b"),))))
    alone = one("temporal", rules=("a", "b"), tree=tree)
    assert joined(alone, seen(("a", 0, {}))) == [0]
    assert joined(alone, seen(("b", 0, {}), ("a", 1, {}))) == []
    either = one("temporal", rules=("a", "b"), tree=Tree("or", parts=(Tree("rule", "a"), Tree("rule", "b"))))
    assert joined(either, seen(("b", 0, {}))) == [0]


@given(st.lists(st.integers(0, 2000), max_size=40), st.integers(1, 6))
def test_a_count_agrees_with_counting_by_hand(seconds: list[int], count: int) -> None:
    matches = logons(*seconds)
    by_hand = {
        other.at
        for last in matches
        for window in [[m for m in matches if last.time - 5 * MINUTE <= m.time <= last.time]]
        if len(window) >= count
        for other in window
    }
    assert joined(one("event_count", count=count), matches) == sorted(by_hand)


@pytest.mark.parametrize("kind", ["event_count", "value_count", "value_sum", "value_median", "temporal"])
def test_a_flood_within_one_span_is_told_once_each(kind: str) -> None:
    flood = seen(*(("a", 0, {"User": str(at), "Bytes": str(at)}) for at in range(5000)))
    over = ("User",) if kind == "value_count" else ("Bytes",)
    told = [at for met in correlate(one(kind, over=over, count=0), flood) for at in met.at]
    assert told == list(range(5000))


@given(st.lists(st.tuples(st.integers(0, 900), st.sampled_from("abc")), max_size=30))
def test_rules_in_order_agree_with_trying_every_choice(told: list[tuple[int, str]]) -> None:
    matches = sorted(seen(*((rule, second, {}) for second, rule in told)), key=lambda m: (m.time, m.at))
    found = [met.last.at for met in correlate(one("temporal_ordered", rules=("a", "b", "c")), matches)]
    by_hand = [
        last.at
        for c, last in enumerate(matches)
        if last.rule == "c"
        and any(
            first.rule == "a" and last.time - first.time <= 5 * MINUTE
            for b, middle in enumerate(matches[:c])
            if middle.rule == "b"
            for first in matches[:b]
        )
    ]
    assert found == by_hand
