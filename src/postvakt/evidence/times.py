"""Times as containers keep them, made into instants; what lies outside the calendar is no time."""

from datetime import datetime

from postvakt.model import clock


def from_filetime(ticks: int) -> datetime | None:
    """Return the instant of a FILETIME, None for zero (Windows' own word for unknown) and the absurd."""
    if ticks <= 0:
        return None
    try:
        return clock.from_filetime(ticks)
    except ValueError:
        return None


def from_unix(seconds: float) -> datetime | None:
    """Return the instant so many seconds after 1970-01-01T00:00Z, None for the absurd."""
    try:
        return clock.from_micros(int(seconds * 1_000_000))
    except (OverflowError, ValueError):
        return None


def from_unix_nanos(nanoseconds: int) -> datetime | None:
    """Return the instant so many nanoseconds after 1970-01-01T00:00Z, None for the absurd."""
    try:
        return clock.from_micros(nanoseconds // 1000)
    except (OverflowError, ValueError):
        return None
