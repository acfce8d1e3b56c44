"""Instants, zones, axes: what a reader counts by."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from postvakt.report import times
from postvakt.report.axis import Axis, padded
from postvakt.report.times import HostClock
from postvakt.report.zones import IANA_OF_WINDOWS
from tests.report.parts import at

FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "told"),
    [
        (at("2021-03-02T08:01:02"), "2021-03-02 08:01:02Z"),
        (at("2021-03-02T08:01:02.481"), "2021-03-02 08:01:02.481Z"),
        (at("2021-03-02T08:01:02.000001"), "2021-03-02 08:01:02.000001Z"),
        (at("0999-01-01"), "0999-01-01 00:00:00Z"),
        (None, ""),
    ],
)
def test_utc(instant: datetime | None, told: str) -> None:
    assert times.utc(instant) == told


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2021-03-02T05:12:09", "2021-03-03T11:40:55", "2021-03-02 05:12Z to 2021-03-03 11:40Z"),
        ("2021-03-02T05:12:09", "2021-03-02T11:40:55", "2021-03-02 05:12Z to 11:40Z"),
        ("2021-03-02T05:12:09", "2021-03-02T05:12:40", "2021-03-02 05:12Z"),
    ],
)
def test_span(first: str, last: str, told: str) -> None:
    assert times.span(at(first), at(last)) == told


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("W. Europe Standard Time", "09:01:02 +01:00"),
        ("w. europe daylight time", "09:01:02 +01:00"),
        ("W. Europe Standard Time\0\0", "09:01:02 +01:00"),
        ("Pacific Standard Time", "00:01:02 -08:00"),
        ("Tokyo Standard Time", "17:01:02 +09:00"),
        ("New Zealand Standard Time", "21:01:02 +13:00"),
        ("Hawaiian Standard Time", "2021-03-01 22:01:02 -10:00"),
        ("Nepal Standard Time", "13:46:02 +05:45"),
        ("UTC", ""),
        ("Coordinated Universal Time", ""),
        ("UTC-08", "00:01:02 -08:00"),
        ("(UTC+05:30)", "13:31:02 +05:30"),
        ("Europe/Oslo", "09:01:02 +01:00"),
        ("America/Argentina/Ushuaia", "05:01:02 -03:00"),
        ("", ""),
        ("Middle of Nowhere Standard Time", ""),
        ("../../etc/passwd", ""),
        ("Europe/..", ""),
        ("Europe/Atlantis", ""),
        ("+99:99", ""),
        ("+٠١:00", ""),
    ],
)
def test_local(zone: str, told: str) -> None:
    assert HostClock(zone).local(at("2021-03-02T08:01:02")) == told


def test_summer_time() -> None:
    assert HostClock("W. Europe Standard Time").local(at("2021-07-02T08:01:02")) == "10:01:02 +02:00"


@pytest.mark.parametrize(
    ("zone", "instant"), [("Tokyo Standard Time", LAST), ("Pacific Standard Time", FIRST)]
)
def test_no_local_time_beyond_the_calendar(zone: str, instant: datetime) -> None:
    assert HostClock(zone).local(instant) == ""


@pytest.mark.parametrize("iana", sorted(set(IANA_OF_WINDOWS.values())))
def test_every_zone_exists(iana: str) -> None:
    assert HostClock(iana).known
    assert ZoneInfo(iana)


def test_zones_of_windows() -> None:
    assert len(IANA_OF_WINDOWS) > 250


@pytest.mark.parametrize(
    ("first", "last", "labels"),
    [
        ("2021-03-02T05:12", "2021-03-02T08:40", "03-02 06:00, 03-02 07:00, 03-02 08:00"),
        ("2021-03-01T23:00", "2021-03-02T20:00", "03-02 00:00, 03-02 03:00, 03-02 06:00, 03-02 09:00, 03-02 12:00, "
         "03-02 15:00, 03-02 18:00"),
        ("2021-03-01T23:00", "2021-03-03T01:00", "03-02 00:00, 03-02 06:00, 03-02 12:00, 03-02 18:00, 03-03 00:00"),
        ("2021-01-01T00:00", "2021-03-10T06:00", "2021-01-01, 2021-01-15, 2021-01-29, 2021-02-12, 2021-02-26"),
    ],
)  # fmt: skip
def test_ticks(first: str, last: str, labels: str) -> None:
    assert ", ".join(tick.label for tick in Axis(at(first), at(last), 600).ticks()) == labels


@pytest.mark.parametrize(("first", "last"), [(FIRST, FIRST), (LAST, LAST), (FIRST, LAST)])
def test_axis_to_the_ends_of_the_calendar(first: datetime, last: datetime) -> None:
    axis = padded(first, last, 600)
    assert 0 <= axis.x(first) <= axis.x(last) <= 600
    assert len(axis.ticks()) <= 8


def test_instants_outside_stand_at_the_ends() -> None:
    axis = Axis(at("2021-01-01"), at("2021-01-03"), 100)
    assert [axis.x(at("2021-01-01") + timedelta(days=days)) for days in (-1, 0, 1, 2, 3)] == [
        0,
        0,
        50,
        100,
        100,
    ]
