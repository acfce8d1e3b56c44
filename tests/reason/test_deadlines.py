"""Deadlines as instants: the directive's own clock, daylight saving, and the second on which late begins."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postvakt import content
from postvakt.content.demanding import due_fault
from postvakt.model.directive import Requirement
from postvakt.model.report import AnswerRow
from postvakt.reason.answers import due
from postvakt.reason.deadlines import standing

WASHINGTON = ZoneInfo("America/New_York")
ISSUED = datetime(2021, 3, 3, 5, tzinfo=UTC)
DAYS = {
    "5": "Friday",
    "s1.triage.1": "Monday",
    "s1.hardening.1": "Monday",
    "s2.1": "Friday",
    "s2.3": "Friday",
}
INSTANTS = st.datetimes(datetime(2021, 1, 1), datetime(2021, 12, 31), timezones=st.just(UTC))
ZONES = st.sampled_from(sorted(available_timezones()))


def asked(name: str, directive: str = "ed-21-02") -> Requirement:
    found = next(d for d in content.load().directives if d.id == directive)
    return next(r for r in found.requirements if r.id == name)


def answer(**given: object) -> AnswerRow:
    plain: dict[str, object] = {
        "requirement": "r",
        "title": "t",
        "state": "unknown",
        "basis": "b",
        "demanded": ISSUED,
    }
    return AnswerRow(**{**plain, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("directive", "name", "utc"),
    [
        ("ed-21-02", "5", "2021-03-05T17:00"),
        ("ed-21-02", "s1.triage.1", "2021-04-05T16:00"),
        ("ed-21-02", "s1.triage.2", "2021-04-05T16:00"),
        ("ed-21-02", "s1.report.scans", "2021-04-05T16:00"),
        ("ed-21-02", "s1.hardening.4", "2021-06-28T16:00"),
        ("ed-21-02", "s1.report.hardening", "2021-06-28T16:00"),
        ("ed-21-02", "s2.1", "2021-04-16T04:01"),
        ("ed-21-02", "s2.3", "2021-04-16T16:00"),
        ("ed-25-02", "2", "2025-08-11T13:00"),
        ("ed-25-02", "report", "2025-08-11T21:00"),
        ("kev-cve-2026-42897", "mitigate", "2026-05-30T04:00"),
    ],
)
def test_deadlines_in_utc(directive: str, name: str, utc: str) -> None:
    assert due(asked(name, directive)) == datetime.fromisoformat(f"{utc}+00:00")


@pytest.mark.parametrize(("name", "day"), DAYS.items())
def test_the_day_of_the_week_is_the_one_that_the_text_names(name: str, day: str) -> None:
    instant = due(asked(name))
    assert instant is not None
    assert f"{instant.astimezone(WASHINGTON):%A}" == day


@pytest.mark.parametrize(
    ("name", "at", "stands"),
    [
        # "by noon": noon itself is in time. "Before 12:01 am": that minute is too late.
        ("5", "2021-03-05T12:00:00-05:00", "running"),
        ("5", "2021-03-05T12:00:01-05:00", "late"),
        ("5", "2021-03-05T12:00:00-04:00", "running"),
        ("s2.1", "2021-04-16T00:00:59-04:00", "running"),
        ("s2.1", "2021-04-16T00:01:00-04:00", "late"),
    ],
)
def test_the_second_on_which_late_begins(name: str, at: str, stands: str) -> None:
    requirement = asked(name)
    row = answer(due=due(requirement), before=requirement.before)
    assert standing(row, datetime.fromisoformat(at))[0] == stands


def test_both_times_may_be_of_the_directive_s_own_zone() -> None:
    begin, end = (datetime(2021, 3, day, 12, tzinfo=WASHINGTON) for day in (13, 15))
    assert standing(answer(due=end), begin) == ("running", 47 * 3600)


def test_time_left_is_counted_over_the_change_to_daylight_saving() -> None:
    """From noon on 13 March to noon on 15 March 2021 there are 47 hours, and 48 by the clock on the wall."""
    begin = datetime(2021, 3, 13, 12, tzinfo=WASHINGTON)
    end = datetime(2021, 3, 15, 12, tzinfo=WASHINGTON).astimezone(UTC)
    assert standing(answer(due=end), begin.astimezone(UTC)) == ("running", 47 * 3600)
    assert standing(answer(due=end), begin) == ("running", 47 * 3600)


@pytest.mark.parametrize(("state", "stands"), [("met", "met"), ("not-applicable", "not-applicable")])
def test_what_is_answered_is_not_late(state: str, stands: str) -> None:
    row = answer(state=state, due=ISSUED)
    assert standing(row, ISSUED + timedelta(days=9)) == (stands, None)


def test_immediately_runs_from_the_text_that_says_it() -> None:
    assert standing(answer(at_once=True), ISSUED + timedelta(hours=2)) == ("at-once", -7200)
    assert standing(answer(at_once=True), ISSUED - timedelta(seconds=1)) == ("undemanded", None)


def test_a_text_without_a_time_is_never_late() -> None:
    assert standing(answer(), ISSUED + timedelta(days=999)) == ("no-date", None)


@given(at=INSTANTS, end=INSTANTS, zone=ZONES, other=ZONES, before=st.booleans())
def test_where_one_stands_on_earth_changes_nothing(
    at: datetime, end: datetime, zone: str, other: str, before: bool
) -> None:
    row = answer(due=end, before=before, demanded=None)
    there = answer(due=end.astimezone(ZoneInfo(other)), before=before, demanded=None)
    assert standing(row, at) == standing(there, at.astimezone(ZoneInfo(zone)))


@given(
    at=INSTANTS, end=INSTANTS, later=st.timedeltas(timedelta(0), timedelta(days=400)), before=st.booleans()
)
def test_late_stays_late_and_the_seconds_say_so(
    at: datetime, end: datetime, later: timedelta, before: bool
) -> None:
    row = answer(due=end, before=before, demanded=None)
    (first, left), (then, less) = standing(row, at), standing(row, at + later)
    assert (first, then) != ("late", "running")
    assert left is not None
    assert less is not None
    assert less <= left
    assert left <= 0 if first == "late" else left >= 0


@given(
    local=st.datetimes(datetime(2021, 3, 1), datetime(2021, 11, 30)),
    offset=st.sampled_from(["-05:00", "-04:00"]),
)
def test_a_deadline_round_trips_through_the_zone_or_is_refused(local: datetime, offset: str) -> None:
    """An hour that a clock in Washington never showed, or an offset of the other season, is a fault of content."""
    said = f"{local.replace(microsecond=0).isoformat()}{offset}"
    instant = datetime.fromisoformat(said)
    shown = instant.astimezone(WASHINGTON).replace(tzinfo=None) == local.replace(microsecond=0)
    assert (not due_fault(said, "America/New_York")) == shown
