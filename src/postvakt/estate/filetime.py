"""Windows FILETIME, the clock of event logs and registry hives."""

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(1601, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def filetime(instant: datetime) -> int:
    """Return the 100 ns since 1601-01-01T00:00Z of an aware instant ([MS-DTYP] 2.3.3)."""
    return (instant - BEGINNING) // MICROSECOND * 10
