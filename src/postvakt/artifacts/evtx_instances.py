"""Template instances in records: which definition each names, and where its values lie; many records at once."""

from typing import NamedTuple

import numpy as np

from postvakt.artifacts.evtx_chunks import CHUNK
from postvakt.artifacts.evtx_values import (
    BINARY,
    BOOLEAN,
    FILETIME,
    GUID,
    HEX32,
    HEX64,
    NULL,
    SID,
    SIGNED,
    SIZE,
    STRING,
    UNSIGNED,
    Array,
    Bytes,
    Values,
)

FRAGMENT, INSTANCE = 0x0001_010F, 0x0C
PAYLOAD, STRINGS = 0x21, 0x81

DEFINITION_HEAD = 24
"""Bytes before a definition's elements: the next definition, a GUID, how many bytes follow."""

MOST_VALUES = 1024
"""Values of one record; no event of Windows has a tenth of it."""

_FIXED = 17
"""A size that no value of fixed size has; larger ones count as it."""

_ANY = range(_FIXED + 1)
_FITS = np.zeros((256, _FIXED + 1), bool)
"""Which sizes the values of each kind that is known here may have."""

for _kind, _sizes in (
    *((kind, _ANY) for kind in (NULL, STRING, BINARY, PAYLOAD, STRINGS)),
    *((kind, (size,)) for kind, size in (UNSIGNED | SIGNED).items()),
    *((BOOLEAN, (4,)), (GUID, (16,)), (SIZE, (4, 8)), (FILETIME, (8,)), (HEX32, (4,)), (HEX64, (8,))),
    (SID, (8, 12, 16, _FIXED)),
):
    _FITS[_kind, list(_sizes)] = True


class Instances(NamedTuple):
    """Template instances, one a row: which definition, how many values, where the first of them stands in `values`.

    `odd` ones are of no shape that is known here; their values are nothing.
    """

    definition: Array
    counts: Array
    first: Array
    values: Values
    odd: Array


def instances(held: Bytes, at: Array, end: Array, *, headed: bool) -> Instances:
    """Return the template instances at these offsets, each of which ends before its `end`.

    `headed` asks for a fragment's head before each; else one may lack it.
    """
    last = held.size - 64
    odd = (at < 0) | (at + 18 > end) | (at > last)
    at = np.where(odd, 0, at)
    heads = held.u32[at] == FRAGMENT
    if headed:
        odd |= ~heads
    at = np.minimum(at + 4 * heads, last)
    odd |= (held.u8[at] != INSTANCE) | (held.u8[at + 1] != 1)
    base = at - at % CHUNK
    offset = held.u32[at + 6].astype(np.int64)
    odd |= offset + DEFINITION_HEAD > CHUNK
    at = at + 10
    # A definition stands where a chunk first uses it, and is pointed at afterwards.
    size = held.u32[np.minimum(at + 20, last)].astype(np.int64)
    at = np.where(offset == at - base, at + DEFINITION_HEAD + size, at)
    odd |= at + 4 > end
    return _described(held, base + offset, at, end, odd)


def _described(held: Bytes, definition: Array, at: Array, end: Array, odd: Array) -> Instances:
    """Return the instances whose values are described at these offsets: their count, the size and kind of each."""
    at = np.where(odd, 0, at)
    counts = np.where(odd, 0, held.u32[at]).astype(np.int64)
    odd |= (counts > MOST_VALUES) | (at + 4 + 4 * counts > end)
    counts[odd] = 0
    ends = np.cumsum(counts)
    first = ends - counts
    words = held.u32[np.repeat(at + 4 - 4 * first, counts) + 4 * np.arange(int(counts.sum()))]
    sizes = (words & 0xFFFF).astype(np.int64)
    kinds = (words >> 16).astype(np.uint8)
    wrong = np.flatnonzero((words >= 1 << 24) | ~_FITS[kinds, np.minimum(sizes, _FIXED)])
    odd[np.searchsorted(ends, wrong, "right")] = True
    behind = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=behind[1:])
    body = at + 4 + 4 * counts
    places = behind[:-1] + np.repeat(body - behind[first], counts)
    finish = body + behind[ends] - behind[first]
    odd |= finish >= end
    odd |= held.u8[np.where(odd, 0, finish)] != 0
    if odd.any():
        lost = np.repeat(odd, counts)
        places[lost], sizes[lost], kinds[lost] = 0, 0, NULL
    return Instances(definition, counts, first, Values(places, sizes, kinds), odd)
