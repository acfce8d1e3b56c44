"""Columns of Windows FILETIMEs into instants."""

from typing import Any

import numpy as np
import pyarrow as pa

from postvakt.artifacts.instants import EARLIEST, LATEST, UTC_TYPE
from postvakt.model.clock import FILETIME_OF_1970

YEAR_10000 = 2_650_467_744_000_000_000


def instants_of(ticks: Any, *, believable: bool = False) -> pa.Array:
    """Return the instants of 100 ns since 1601; null where 0 or past the year 9999.

    `believable`: null as well where no clock of a server can have stood (before 1990, from 2100 on).
    """
    none = (ticks == 0) | (ticks >= YEAR_10000)
    micros = ticks.astype(np.int64) // 10 - FILETIME_OF_1970 // 10
    if believable:
        none |= (micros < EARLIEST) | (micros >= LATEST)
    return pa.array(micros, pa.int64(), mask=none).cast(UTC_TYPE)
