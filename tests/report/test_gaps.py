"""Gaps as the page groups them."""

from postvakt.report.layout import gap_groups
from tests.report.parts import gap

LATE = "nothing before 2021-03-06 00:17Z; what is asked about begins 2021-01-01 00:00Z"


def test_logs_that_begin_late_are_one_thing_to_know() -> None:
    gaps = [
        gap("iis", "hole", LATE),
        gap("http_proxy", "hole", LATE),
        gap("iis", "hole", "nothing from A to B"),
    ]
    assert [(group.artifact, len(group.gaps)) for group in gap_groups(gaps)] == [("2 logs", 2), ("iis", 1)]
    assert gap_groups(gaps)[0].first.detail == f"iis: {LATE}"


def test_one_log_that_begins_late_keeps_its_name() -> None:
    assert [group.artifact for group in gap_groups([gap("iis", "hole", LATE)])] == ["iis"]
