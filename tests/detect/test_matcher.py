"""The matcher as its callers meet it: batches in, hits out, in an order that no run changes."""

import msgspec
import pyarrow as pa
import pytest

from postvakt.detect import Hit, Matcher, Plan, compile_plan, explain
from postvakt.detect.literals import Literals
from postvakt.detect.questions import prepared
from postvakt.errors import ContentError
from postvakt.tables.rows import schema

from .asking import RULE_ID, event, indicator, plan_of, sigma
from .tables import EVENT, FILE, TABLES, WEB

SECOND = "00000000-0000-4000-8000-000000000002"
ANY_X = sigma("s: {f: x}\ncondition: s")
ANY_Y = sigma("s: {g: y}\ncondition: s", rule=SECOND)


def rows_of(*rows: dict[str, object]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(list(rows), schema=schema(EVENT))


def test_hits_are_in_the_order_of_rows_then_rules() -> None:
    both = event("System", 1, {"f": "x", "g": "y"})
    batch = rows_of(both, event("System", 1), event("System", 1, {"g": "y"}), both)
    hits = Matcher(plan_of(ANY_Y, ANY_X), TABLES).match("event", batch)
    assert hits == [Hit(RULE_ID, 0), Hit(SECOND, 0), Hit(SECOND, 2), Hit(RULE_ID, 3), Hit(SECOND, 3)]


def test_a_row_that_two_views_show_is_one_hit() -> None:
    rule = sigma("s: {Image: x}\ncondition: s", "{product: windows, category: process_creation}")
    two = plan_of(rule).asked[0].routes
    assert len(two) == 2
    everywhere = sigma("s: {EventID: 104}\ncondition: s", "{product: windows}")
    hits = Matcher(plan_of(everywhere, indicator("[ipv4-addr:value = '10.0.0.1']")), TABLES).match(
        "event", rows_of(event("System", 104, {"IpAddress": "10.0.0.1", "SourceIp": "10.0.0.1"}))
    )
    assert hits == [Hit(RULE_ID, 0), Hit("indicator--1", 0)]


def test_a_table_that_no_rule_asks_gives_nothing() -> None:
    matcher = Matcher(plan_of(ANY_X), TABLES)
    batch = pa.RecordBatch.from_pylist([{"path": "x"}], schema=schema(FILE))
    assert matcher.match("file", batch) == []
    assert matcher.match("nosuch", batch) == []


def test_a_plan_of_more_tables_than_there_are_is_asked_of_those_there_are() -> None:
    plan = plan_of(indicator("[ipv4-addr:value = '10.0.0.1']"))
    batch = pa.RecordBatch.from_pylist([{"c-ip": "10.0.0.1"}], schema=schema(WEB))
    assert Matcher(plan, [WEB]).match("iis", batch) == [Hit("indicator--1", 0)]


def test_an_empty_batch_gives_nothing() -> None:
    assert Matcher(plan_of(ANY_X), TABLES).match("event", rows_of()) == []


def test_a_batch_as_a_part_holds_it_gives_the_same() -> None:
    """A part has columns that say where it was read, and the same events in other batches."""
    plain = rows_of(*(event("System", 1, {"f": letter}) for letter in "axbxxc"))
    stamped = pa.RecordBatch.from_pylist(plain.to_pylist(), schema=schema(EVENT, stamped=True))
    matcher = Matcher(plan_of(ANY_X), TABLES)
    assert [hit.row for hit in matcher.match("event", plain)] == [1, 3, 4]
    assert [hit.row for hit in matcher.match("event", stamped)] == [1, 3, 4]
    assert [hit.row for hit in matcher.match("event", stamped.slice(3, 2))] == [0, 1]


def test_a_batch_of_many_rows_and_values() -> None:
    """Enough of both for every short cut: distinct values, candidates, codes of two bytes."""
    rows = [
        event("System", 1, {"f": f"value {n}", "g": "y" if n % 1000 == 7 else None}) for n in range(20_000)
    ]
    rules = (
        sigma("s: {f|endswith: '999'}\ncondition: s"),
        sigma("s: {g: y}\nt: {f|contains: ' 1'}\ncondition: s and not t", rule=SECOND),
    )
    hits = Matcher(plan_of(*rules), TABLES).match("event", rows_of(*rows))
    assert [hit.row for hit in hits if hit.rule == RULE_ID] == list(range(999, 20_000, 1000))
    assert [hit.row for hit in hits if hit.rule == SECOND] == [7, *range(2007, 10_000, 1000)]


def test_a_plan_survives_its_bytes_and_equal_plans_have_equal_bytes() -> None:
    texts = (ANY_X, ANY_Y, indicator("[ipv4-addr:value = '10.0.0.1']"), "title: [")
    plan = plan_of(*texts)
    assert Plan.from_bytes(plan.to_bytes()) == plan
    assert plan.to_bytes() == plan_of(*texts).to_bytes()
    assert plan.to_bytes() != plan_of(*texts[1:]).to_bytes()


def test_a_compiled_plan_asks_what_its_rules_ask() -> None:
    """A compiled plan brings its lanes along; one without them has them worked out, with the same answers."""
    plan = plan_of(ANY_X, ANY_Y, indicator("[ipv4-addr:value = '10.0.0.1']"))
    bare = msgspec.structs.replace(plan, lanes=())
    assert plan.lanes
    assert plan.lanes == prepared(bare, TABLES)
    batch = rows_of(event("System", 1, {"f": "x"}), event("Security", 4624, {"IpAddress": "10.0.0.1"}))
    assert Matcher(plan, TABLES).match("event", batch) == Matcher(bare, TABLES).match("event", batch)
    assert len(Matcher(plan, TABLES).match("event", batch)) == 2


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a plan", b"\xc1" * 9])
def test_what_is_no_plan_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ContentError, match="compile them again"):
        Plan.from_bytes(data)


def test_a_plan_of_another_format_is_not_read() -> None:
    plan = plan_of(ANY_X)
    other = Plan(999, plan.rules, plan.not_asked, plan.tests, plan.asked)
    with pytest.raises(ContentError, match="format 999"):
        Plan.from_bytes(other.to_bytes())


def test_an_empty_plan_asks_nothing() -> None:
    plan = compile_plan([], [], [], TABLES)
    assert (plan.rules, plan.not_asked) == ((), ())
    assert Matcher(plan, TABLES).match("event", rows_of(event("System", 1))) == []


EXPLAINED: list[tuple[str, dict[str, str], str]] = [
    ("s: {f: x}\ncondition: s", {"f": "X"}, "s: f is `x`"),
    ("s: {f|contains: x}\ncondition: s", {"f": "aXb"}, "s: f contains `x` (`aXb`)"),
    (
        "s: {f|startswith: x}\nt: {g: y}\ncondition: s and not t",
        {"f": "xa"},
        "s: f begins with `x` (`xa`); not excepted by t",
    ),
    ("s: {f|re: '^x+$'}\ncondition: s", {"f": "xx"}, "s: f matches the expression `^x+$` (`xx`)"),
    ("s: {f|cidr: 10.0.0.0/8}\ncondition: s", {"f": "10.0.0.1"}, "s: f lies in `10.0.0.0/8` (`10.0.0.1`)"),
    ("s: {f: null}\ncondition: s", {}, "s: f has no value"),
    ("s: [word]\ncondition: s", {"f": "a word"}, "s: a text of the row contains `word` (`a word`)"),
    ("s: {f|fieldref: g}\ncondition: s", {"f": "1", "g": "1"}, "s: f is the same as `g` (`1`)"),
    ("s: {f: x}\nt: {g: y}\ncondition: s or t", {"g": "y"}, "t: g is `y`"),
    ("s: {f: x}\ncondition: not s", {}, "not excepted by s"),
]  # fmt: skip


@pytest.mark.parametrize(("detection", "data", "said"), EXPLAINED, ids=[case[2] for case in EXPLAINED])
def test_why_a_row_matches(detection: str, data: dict[str, str], said: str) -> None:
    told = explain(plan_of(sigma(detection)), RULE_ID, EVENT, event("System", 1, data))
    assert (told.matches, told.summary) == (True, said)


def test_why_a_row_does_not_match() -> None:
    plan = plan_of(ANY_X)
    told = explain(plan, RULE_ID, EVENT, event("System", 1))
    assert (told.matches, told.summary) == (False, "a rule does not match this row")
    assert explain(plan, "nosuch", EVENT, event("System", 1)).summary == "nosuch is not among the rules asked"


def test_a_column_that_several_fields_read_is_searched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both names mean one column; nearly every row has a value of its own.
    rules = [
        sigma("s: {Computer|contains: needle}\ncondition: s"),
        sigma("s: {ComputerName|contains: pin}\ncondition: s", rule=SECOND),
    ]
    names = [f"host {n}{' needle' * (n == 17)}{' pin' * (n == 4000)}" for n in range(5000)]
    rows = [{**event("System", 1), "Computer": name} for name in names]
    searched: list[int] = []
    look = Literals.candidates

    def counted(self: Literals, values: pa.Array, change: str) -> object:
        searched.append(len(values))
        return look(self, values, change)

    monkeypatch.setattr(Literals, "candidates", counted)
    matcher = Matcher(plan_of(*rules), TABLES)
    hits = [matcher.match("event", rows_of(*rows)) for _ in range(2)]
    assert hits[0] == hits[1] == [Hit(RULE_ID, 17), Hit(SECOND, 4000)]
    assert (
        searched.count(5000) == 3
    )  # the first batch tells that the values differ; the second is searched once


def test_an_expression_that_triggers_nothing_is_left_to_the_rows_that_the_rest_leaves() -> None:
    text = "s: {f: a longer text, g|re: 'common.*(one|two)'}\ncondition: s"
    plan = plan_of(sigma(text))
    [expression] = [test for test in plan.tests if test.op == "regex"]
    assert expression.held == ()
    alone = plan_of(sigma("s: {g|re: 'common.*(one|two)'}\ncondition: s"))
    assert alone.tests[0].held == ("common",)
    rows = rows_of(
        *(
            event("System", 1, {"f": f, "g": g})
            for f in ("a longer text", "y")
            for g in ("common one", "common")
        )
    )
    assert Matcher(plan, TABLES).match("event", rows) == [Hit(RULE_ID, 0)]
    assert [hit.row for hit in Matcher(alone, TABLES).match("event", rows)] == [0, 2]
