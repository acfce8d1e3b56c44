from datetime import datetime, timedelta

import pytest

from postvakt.model.directive import Alternative, Question
from postvakt.model.report import CoverageRow
from postvakt.reason import coverage

from .values import END, SPECS, START, WINDOW, covered, hole, hourly, span


def test_a_silent_night_in_an_hourly_log_is_a_hole() -> None:
    hours = [
        *hourly(START, START + timedelta(hours=5)),
        *hourly(START + timedelta(hours=20), START + timedelta(hours=23)),
    ]
    (row,) = coverage.rows([span("http_proxy", hours)], SPECS)
    assert [(h.first, h.last) for h in row.holes] == [
        (START + timedelta(hours=6), START + timedelta(hours=20))
    ]


def test_one_quiet_hour_is_normal() -> None:
    hours = [START, START + timedelta(hours=2)]
    (row,) = coverage.rows([span("http_proxy", hours)], SPECS)
    assert row.holes == ()


def test_two_files_close_each_others_holes() -> None:
    first = span("http_proxy", [START, START + timedelta(hours=2)], source="a")
    second = span("http_proxy", [START + timedelta(hours=1)], source="b")
    (row,) = coverage.rows([first, second], SPECS)
    assert (row.files, row.records, row.holes) == (2, 3, ())


def test_missing_record_numbers_are_counted_within_a_channel_and_dated() -> None:
    at = [1_000_000 * n for n in range(4)]
    security = span(
        "event", [START], split="Security", sequences=((1, 10, at[0], at[1]), (15, 20, at[2], at[3]))
    )
    system = span("event", [START], split="System", sequences=((500, 501, at[0], at[1]),))
    rows = {row.artifact: row for row in coverage.rows([security, system], SPECS)}
    assert rows["event:Security"].lost == 4
    assert len(rows["event:Security"].holes) == 1
    assert rows["event:System"].lost == 0
    assert rows["event"].lost == 0
    assert [gap.artifact for gap in coverage.lost_gaps(rows.values())] == ["event:Security", "event:Security"]


@pytest.mark.parametrize(
    ("rows", "since"),
    [
        pytest.param([covered("a")], START, id="whole window"),
        pytest.param([covered("a", first=START - timedelta(days=9))], START, id="older than the window"),
        pytest.param(
            [covered("a", first=datetime.fromisoformat("2021-02-10T00:00Z"))], "2021-02-10", id="begins late"
        ),
        pytest.param([covered("a", holes=(hole(3, 5),))], "2021-02-05", id="answers after its last hole"),
        pytest.param([covered("a", last=END - timedelta(days=3))], None, id="ends before the acquisition"),
        pytest.param([covered("a", first=None, last=None)], None, id="undated"),
        pytest.param([covered("a", records=0)], None, id="no record"),
        pytest.param([], None, id="not read"),
        pytest.param([covered("other")], None, id="something else was read"),
    ],
)
def test_reach(rows: list[coverage.CoverageRow], since: datetime | str | None) -> None:
    found = coverage.reach(Alternative(all_of=("a",)), rows, WINDOW)
    expected = datetime.fromisoformat(since + "T00:00Z") if isinstance(since, str) else since
    assert found.since == expected
    assert found.basis


def test_all_of_an_alternative_must_answer() -> None:
    both = Alternative(all_of=("a", "b"))
    late = datetime.fromisoformat("2021-02-10T00:00Z")
    assert coverage.reach(both, [covered("a")], WINDOW).since is None
    assert coverage.reach(both, [covered("a"), covered("b", first=late)], WINDOW).since == late


def test_a_state_answers_without_times() -> None:
    listed = [covered("file:web", first=None, last=None)]
    assert coverage.reach(Alternative(all_of=("file:web",), state=True), listed, WINDOW).since == START


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (covered("http_proxy", first=START.replace(day=20)), 1),
        (covered("http_proxy", first=START.replace(hour=20)), 0),
        (covered("http_proxy", first=None, last=None), 0),
        (covered("httperr", first=START.replace(day=20)), 0),
        (covered("file:web", first=START.replace(day=20)), 0),
    ],
)
def test_a_log_that_begins_late_is_a_gap_where_a_question_leans_on_it(row: CoverageRow, told: int) -> None:
    ways = (Alternative(all_of=("http_proxy",)), Alternative(all_of=("file:web",), state=True))
    question = Question(id="q", asks="q?", stages=("access-gained",), answered_by=ways)
    found = coverage.before_gaps([row], [question], WINDOW)
    assert [(gap.artifact, gap.why) for gap in found] == [("http_proxy", "hole")] * told
