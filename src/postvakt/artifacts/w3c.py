"""When rows of a W3C extended log were written: date and time are UTC, the date may stand above the rows only.

Source: W3C, Extended Log File Format (WD-logfile), which has date and time in GMT; IIS writes UTC whatever
`localTimeRollover` says, which moves only the hour at which a new file begins.
"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.fitting import TEXT, Fields
from postvakt.artifacts.instants import instants, moments
from postvakt.artifacts.log_records import Header

FALLS_BACK = 3600
"""Seconds by which a time of day may lie before an earlier one: rows are written as requests end, not as they
begin. More is a new day, which nothing dates."""

DAY = re.compile(r"\d{4}-\d\d-\d\d")
CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)")


class DayAndTime:
    """Instants out of `date` and `time`, or of `time` and the `#Date` above as long as the clock does not fall back.

    Times that a log declares to be local (`#Time Format: Local`, `#GMT-Offset`) have no instant.
    """

    def __init__(self) -> None:
        self._above = ""
        self._latest = 0
        self._fallen = False

    def read(self, header: Header, fields: Fields) -> tuple[pa.Array | None, tuple[str, ...]]:
        """Return the instants, and the names that they were read from."""
        if "time" not in fields or _is_local(header):
            return None, ()
        if "date" in fields:
            days, times = fields["date"], fields["time"]
            if pa.types.is_date(days.type):
                return moments(days, times), ("date", "time")
            both = pc.binary_join_element_wise(days, times, " ")
            return instants(both, zoned=False), ("date", "time")
        above = header.directives.get("date", "")
        day = DAY.match(above)
        if day is None:
            return None, ()
        return self._dated(above, day[0], fields["time"]), ("time",)

    def _dated(self, above: str, day: str, times: pa.Array) -> pa.Array:
        if above != self._above:
            begun = CLOCK.search(above)
            self._above, self._fallen = above, False
            self._latest = _seconds(begun.groups()) if begun else 0
        found = instants(pc.binary_join_element_wise(pa.scalar(day, TEXT), times, " "), zoned=False)
        seconds = pc.fill_null(pc.cast(found, pa.int64()), -1).to_numpy(zero_copy_only=False)
        dated = seconds >= 0
        of_day = np.where(dated, seconds // 1_000_000 % 86_400, 0)
        latest = np.maximum.accumulate(np.concatenate([[self._latest], of_day]))
        fell = dated & (of_day < latest[:-1] - FALLS_BACK)
        lost = np.maximum.accumulate(fell) | self._fallen
        self._latest, self._fallen = int(latest[-1]), bool(lost[-1])
        return pc.if_else(pa.array(~lost), found, pa.scalar(None, found.type))


def _seconds(parts: tuple[str, ...]) -> int:
    hours, minutes, seconds = (int(part) for part in parts)
    return hours * 3600 + minutes * 60 + seconds


def _is_local(header: Header) -> bool:
    return header.directives.get("time format", "").lower() == "local" or "gmt-offset" in header.directives
