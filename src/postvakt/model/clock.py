"""Instants: UTC and aware as values, microseconds since 1970 in columns."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR_MICROS = 3_600_000_000
DAY_MICROS = 24 * HOUR_MICROS
FILETIME_OF_1970 = 116_444_736_000_000_000


def from_filetime(ticks: int) -> datetime:
    """Return the UTC instant of a Windows FILETIME.

    `ticks` counts 100 ns since 1601-01-01T00:00Z; what is finer than 1 us is cut off.

    Raises ValueError for a negative count and for years past 9999.
    Source: [MS-DTYP] 2.3.3, FILETIME.
    """
    if ticks < 0:
        raise ValueError(f"negative FILETIME {ticks}")
    try:
        return FILETIME_EPOCH + timedelta(microseconds=ticks // 10)
    except OverflowError:
        raise ValueError(f"FILETIME {ticks} lies past the year 9999") from None


def micros(instant: datetime) -> int:
    """Return the microseconds between 1970-01-01T00:00Z and an aware instant."""
    return (instant - EPOCH) // MICROSECOND


def from_micros(count: int) -> datetime:
    """Return the UTC instant that lies `count` microseconds after 1970-01-01T00:00Z.

    Raises OverflowError outside the years 1 to 9999.
    """
    return EPOCH + timedelta(microseconds=count)


def iso(instant: datetime | None) -> str | None:
    """Return an instant as ISO 8601 in UTC with `Z`, or None for None."""
    if instant is None:
        return None
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
