"""The heat map and the timeline: what was read, what was not, and when; none is mistaken for another."""

import msgspec
import pytest

from postvakt.model.report import CoverageRow, Hole, Window
from postvakt.report.heat import HeatRow, heat
from postvakt.report.lanes import lanes
from tests.report import values
from tests.report.parts import at, coverage, finding, gap, sample

TEN_DAYS = Window(at("2021-03-01"), at("2021-03-10T23:00:00"))


def row(*read: CoverageRow, most: int = 10) -> HeatRow:
    made = heat(values.host(coverage=read, gaps=()), TEN_DAYS, most)
    assert made is not None
    return made.rows[0]


def kinds(drawn: HeatRow) -> dict[str, str]:
    return {strip.kind: strip.path for strip in drawn.strips}


READ = CoverageRow(
    artifact="iis",
    files=1,
    bytes=1,
    records=4,
    undated=0,
    first=at("2021-03-02T01:00:00"),
    last=at("2021-03-08T01:00:00"),
    holes=(Hole(at("2021-03-04T00:00:00"), at("2021-03-05T12:00:00")),),
    days={"2021-03-02": 1, "2021-03-03": 100, "2021-03-05": 25, "2021-03-08": 1},
)


def test_four_states_have_four_forms() -> None:
    assert kinds(row(READ)) == {
        "unread": "M0 0h24v16h-24zM192 0h48v16h-48z",
        "s1": "M24 0h24v16h-24zM168 0h24v16h-24z",
        "s4": "M48 0h24v16h-24z",
        "hole": "M72 0h24v16h-24z",
        "s3": "M96 0h24v16h-24z",
        "none": "M120 7h48v2h-48z",
        "notch": "M96 12h24v4h-24z",
    }


def test_told_in_words() -> None:
    assert row(READ).told == "iis: 4 records, 2021-03-02 01:00Z to 2021-03-08 01:00Z, 1 hole"


def test_days_are_put_together_where_there_are_many() -> None:
    made = heat(values.host(), values.ONE.window, 20)
    assert made is not None
    assert (made.days, made.width) == (7, 240)


def test_what_has_no_days_was_read_as_it_stood() -> None:
    row = msgspec.structs.replace(READ, days={}, first=None, last=None, holes=())
    made = heat(values.host(coverage=(row,), gaps=()), TEN_DAYS, 10)
    assert made is not None
    assert set(kinds(made.rows[0])) == {"state"}


def test_missing_source_has_its_row() -> None:
    made = heat(values.host(coverage=(READ,), gaps=(gap("ews", "missing", ""),)), TEN_DAYS, 10)
    assert made is not None
    assert [(drawn.artifact, drawn.coverage is None) for drawn in made.rows] == [
        ("ews", True),
        ("iis", False),
    ]
    assert kinds(made.rows[0]) == {"unread": "M0 0h240v16h-240z"}


@pytest.mark.parametrize(
    "changed",
    [
        {"first": None, "last": None, "days": {}, "holes": ()},
        {"first": at("1601-01-01"), "last": at("9999-12-31"), "days": {"1601-01-01": 3, "9999-12-31": 4}},
        {"holes": (Hole(at("2020-01-01"), at("2020-02-01")),)},
    ],
)
def test_odd_coverage_is_drawn(changed: dict[str, object]) -> None:
    assert row(msgspec.structs.replace(READ, **changed)).strips


def test_nothing_read_has_no_map() -> None:
    assert heat(values.host(coverage=(), gaps=()), TEN_DAYS, 10) is None


@pytest.mark.parametrize("end", [None, at("9999-12-31T23:59:59")])
def test_window_without_a_sane_end(end: object) -> None:
    made = heat(
        values.host(coverage=(coverage("iis", "2021-03-01", "2021-03-05"),)),
        Window(at("2021-03-01"), end),
        66,
    )
    assert made is not None
    assert made.width <= 66 * 24


def test_lanes_in_the_order_of_time() -> None:
    made = lanes([(row, row.id) for row in values.host().findings], values.ONE.window, 10)
    assert made is not None
    assert [lane.row.title[:9] for lane in made.lanes] == ["A forged ", "A page th", "Data was ", "The memor"]
    assert [event.time for event in made.events] == sorted(event.time for event in made.events)
    assert (made.undated, made.outside, made.more_lanes) == (2, 0, 0)


def test_times_far_from_the_window_do_not_press_the_others_together() -> None:
    old = finding("old", first=at("1601-01-01"), last=at("1601-01-01"), sample=())
    late = finding("late", first=at("2099-01-01"), last=at("2099-01-01"), sample=())
    made = lanes([(finding(), ""), (old, ""), (late, "")], values.ONE.window, 10)
    assert made is not None
    assert made.outside == 2
    assert [lane.x for lane in made.lanes] == [-2.5, 20.5, 617.5]


def test_lanes_and_events_left_away_are_counted() -> None:
    many = [(finding(f"f{number}", sample=tuple(sample(k) for k in range(5))), "") for number in range(30)]
    made = lanes(many, values.ONE.window, 20)
    assert made is not None
    assert (len(made.lanes), made.more_lanes, len(made.events), made.more_events) == (20, 10, 80, 70)


def test_undated_findings_have_no_timeline() -> None:
    assert lanes([(values.KNOWN, "")], values.ONE.window, 10) is None
