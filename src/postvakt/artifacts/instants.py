"""Columns of times as text into instants."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.model.clock import micros

UTC_TYPE = pa.timestamp("us", tz="UTC")
EARLIEST = micros(datetime(1990, 1, 1, tzinfo=UTC))
LATEST = micros(datetime(2100, 1, 1, tzinfo=UTC))
"""Bounds of what a log of this field can tell (microseconds since 1970): the year 1 is a clock's accident."""


def instants(texts: pa.Array, *, zoned: bool) -> pa.Array:
    """Return the instants (UTC, microseconds) of ISO 8601 texts; null where a text is none or absurd.

    `zoned`: the texts carry their offset (`Z`) and without it mean nothing; otherwise they are UTC by
    definition and carry none.
    """
    try:
        found = pc.cast(texts, UTC_TYPE if zoned else pa.timestamp("us")).cast(UTC_TYPE)
    except pa.ArrowInvalid:
        found = _one_by_one(texts, zoned)
    bounds = pc.min_max(found.cast(pa.int64())).as_py()
    if bounds["min"] is None or (bounds["min"] >= EARLIEST and bounds["max"] < LATEST):
        return found
    counts = found.cast(pa.int64())
    inside = pc.and_(pc.greater_equal(counts, EARLIEST), pc.less(counts, LATEST))
    return pc.if_else(inside, found, pa.scalar(None, UTC_TYPE))


def moments(days: pa.Array, times: pa.Array) -> pa.Array:
    """Return the instants (UTC, microseconds) of days (`date32`) and times of day (`time32[s]`), none missing."""
    seconds = days.cast(pa.int32()).to_numpy().astype(np.int64) * 86_400 + times.cast(pa.int32()).to_numpy()
    return pa.array(seconds * 1_000_000).cast(UTC_TYPE)


def _one_by_one(texts: pa.Array, zoned: bool) -> pa.Array:
    coded = texts.dictionary_encode()
    told = [_instant(text, zoned) for text in coded.dictionary.to_pylist()]
    return pa.array(told, UTC_TYPE).take(coded.indices)


def _instant(text: str, zoned: bool) -> int | None:
    try:
        instant = datetime.fromisoformat(text)
        if (instant.tzinfo is not None) != zoned or "W" in text:
            return None
        return micros(instant if zoned else instant.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def joined(parts: Sequence[pa.Array]) -> pa.Array:
    """Return date and time columns as one of `date time`; null where either is."""
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, " ")
