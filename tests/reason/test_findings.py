"""The matches of a rule told once; a presumption yields to the source that knows."""

from datetime import UTC, datetime

import pytest

from postvakt.model.clock import micros
from postvakt.model.conclusion import MatchGroup
from postvakt.model.report import CoverageRow
from postvakt.model.rule import Rule
from postvakt.reason.findings import findings

from .values import covered, hole

AT = datetime(2021, 2, 10, 4, tzinfo=UTC)
PRESUMED = Rule(
    id="r", kind="sigma", title="t", level="high", stage="access-gained", yields_to="http_proxy", means="m."
)


def group(at: datetime | None = AT) -> MatchGroup:
    first = None if at is None else micros(at)
    return MatchGroup(
        rule="r",
        table="iis",
        evidence="e",
        source="s",
        count=3,
        undated=0,
        first=first,
        last=first,
    )


@pytest.mark.parametrize(
    ("read", "stage"),
    [
        ([], "access-gained"),
        ([covered("iis")], "access-gained"),
        ([covered("http_proxy")], "probe"),
        ([covered("http_proxy", holes=(hole(9, 11),))], "access-gained"),
        ([covered("http_proxy", holes=(hole(20, 21),))], "probe"),
        ([covered("http_proxy", first=AT.replace(day=11))], "access-gained"),
        ([covered("http_proxy", last=AT.replace(day=9))], "access-gained"),
        ([covered("http_proxy", first=None, last=None)], "access-gained"),
    ],
)
def test_a_presumption_yields_where_the_better_source_covers_it(read: list[CoverageRow], stage: str) -> None:
    [row] = findings("EX01", [group()], {"r": PRESUMED}, {}, read)
    assert row.stage == stage
    assert ("http_proxy" in row.means) is (stage == "probe")


def test_what_has_no_time_does_not_yield() -> None:
    [row] = findings("EX01", [group(None)], {"r": PRESUMED}, {}, [covered("http_proxy")])
    assert row.stage == "access-gained"


def test_the_groups_of_a_rule_are_one_finding() -> None:
    [row] = findings("EX01", [group(), group(AT.replace(day=12))], {"r": PRESUMED}, {})
    assert (row.count, row.first, row.last) == (6, AT, AT.replace(day=12))
