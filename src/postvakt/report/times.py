"""Instants as people read them: UTC, and beside it the time that the server's own clock showed."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from postvakt.report.zones import IANA_OF_WINDOWS

_IANA = re.compile(r"[A-Za-z_]{2,20}(/[A-Za-z0-9_+-]{2,30}){1,2}")
_OFFSET = re.compile(r"\(?(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})\)?", re.ASCII)

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def utc(instant: datetime | None) -> str:
    """Return `2021-03-02 08:01:02Z` with as many decimals as the source gave; empty for None."""
    if instant is None:
        return ""
    told = instant.astimezone(UTC)
    decimals = f".{told.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{_stamp(told)}{decimals}Z"


def minute(instant: datetime | None) -> str:
    """Return `2021-03-02 08:01Z`; empty for None."""
    return f"{_stamp(instant.astimezone(UTC))[:-3]}Z" if instant else ""


def machine(instant: datetime) -> str:
    """Return the instant as the `datetime` attribute of HTML and as JSON write it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def span(first: datetime | None, last: datetime | None) -> str:
    """Return `2021-03-02 08:01Z to 09:14Z`, the day told once where it is the same; empty where undated."""
    begin, end = minute(first), minute(last)
    if not begin or not end or begin == end:
        return begin or end
    return f"{begin} to {end[11:] if end[:10] == begin[:10] else end}"


def shifted(instant: datetime, by: timedelta) -> datetime:
    """Return an instant moved by some time, no further than the calendar goes."""
    try:
        return instant + by
    except OverflowError:
        return LATEST if by > timedelta() else EARLIEST


def _stamp(instant: datetime) -> str:
    # strftime leaves the zeros of years before 1000 away on some systems.
    return instant.replace(tzinfo=None, microsecond=0).isoformat(sep=" ")


class HostClock:
    """A server's zone, as far as it is known: `known` tells whether local times can be said."""

    def __init__(self, zone: str) -> None:
        self.name = zone.strip("\0 \t")
        self._zone = _zone(self.name)
        self.known = self._zone is not None

    def local(self, instant: datetime | None) -> str:
        """Return `09:01:02 +01:00`, with its date where that differs; empty where it is UTC too, or not known."""
        if instant is None or self._zone is None:
            return ""
        try:
            told = instant.astimezone(self._zone)
        except OverflowError:
            # The first or the last day that a calendar has: there is no local time beyond it.
            return ""
        if not told.utcoffset():
            return ""
        stamp = _stamp(told)
        same_day = stamp[:10] == _stamp(instant.astimezone(UTC))[:10]
        return f"{stamp[11:] if same_day else stamp} {_offset(told)}"


def _offset(instant: datetime) -> str:
    shift = instant.utcoffset() or timedelta()
    sign, shift = ("-", -shift) if shift < timedelta() else ("+", shift)
    hours, rest = divmod(int(shift.total_seconds()) // 60, 60)
    return f"{sign}{hours:02d}:{rest:02d}"


@cache
def _zone(name: str) -> tzinfo | None:
    iana = IANA_OF_WINDOWS.get(name.casefold(), name)
    if iana.upper() in ("UTC", "GMT", "ETC/UTC"):
        return UTC
    fixed = _OFFSET.fullmatch(iana)
    if fixed:
        shift = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        if shift >= timedelta(hours=15):
            return None
        return timezone(-shift if fixed[1] == "-" else shift)
    return _published_zone(iana) if _IANA.fullmatch(iana) else None


def _published_zone(iana: str) -> tzinfo | None:
    # The package's own rules, never the machine's: two machines must write the same report.
    held = files("tzdata").joinpath("zoneinfo", *iana.split("/"))
    try:
        with held.open("rb") as rules:
            return ZoneInfo.from_file(rules, key=iana)
    except (OSError, ValueError):
        return None
