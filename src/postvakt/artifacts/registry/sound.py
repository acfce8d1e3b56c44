"""The keys and values of a hive in which nothing is wrong, found level by level with arrays instead of cell by cell.

What comes back is what `walk` gives of the same hive, in the same order. A hive with anything to be said of it (a cell
that is free, too small, outside, met twice, ...) is left to `walk`, which says it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from postvakt.artifacts.registry.regf import MOST_NAME, PREDEFINED, SEGMENT, Hive, Marks, Value
from postvakt.artifacts.registry.replay import BASE
from postvakt.artifacts.registry.text import LISTS, MOST_HEX, MOST_TEXT, TEXTS
from postvakt.artifacts.troubles import Troubles

Array = np.ndarray[Any, Any]

MOST_LEVELS = 512
"""Keys above one another that Windows allows."""

MOST_KEYS, MOST_VALUES = 500_000, 1_000_000
"""Columns hold all keys and values of a hive; more of them would take more memory than a worker should have."""

FEW_BINS = 48
"""So few bins are gone through faster one by one than together."""

KEY_BYTES, VALUE_BYTES, LIST_BYTES = 76, 18, 4
NK, VK, DB = (int.from_bytes(word, "little") for word in (b"nk", b"vk", b"db"))
LF, LH, LI, RI = (int.from_bytes(word, "little") for word in (b"lf", b"lh", b"li", b"ri"))
_KEY_WORDS = np.array([0, 1, 2, 5, 7, 9, 10, 12, 18])
_VALUE_WORDS = np.array([0, 1, 2, 3, 4])


class Keys(msgspec.Struct, frozen=True):
    """Key nodes as columns. `written` are FILETIMES, `values` counts of those that will be read."""

    offset: Array
    flags: Array
    written: Array
    subkeys: Array
    subkey_list: Array
    values: Array
    value_list: Array
    class_offset: Array
    name_length: Array
    class_length: Array


class Values(msgspec.Struct, frozen=True):
    """Value nodes as columns; `key` is the row of a value's key among the keys."""

    key: Array
    offset: Array
    name_length: Array
    size: Array
    data: Array
    inline: Array
    type: Array
    flags: Array


class Sound(msgspec.Struct, frozen=True):
    """All that the root leads to: keys, each before its subkeys, the row of each one's parent (the root's is 0), and
    values. `met` are the cells that were met, as `Marks` keeps them, without the values' bytes."""

    keys: Keys
    parent: Array
    values: Values
    met: Array
    view: memoryview


class _FaultyError(Exception):
    """Something is wrong with the hive."""


def found(hive: Hive) -> Sound | None:
    """Return a hive's keys and values, None where anything is wrong with one of them."""
    try:
        cells = _Cells(hive)
        keys, parent, lists = _keys(cells, hive.base.root)
        values, value_lists = _values(cells, keys)
        _judge_bytes(cells, hive, keys, values)
        met = np.zeros((hive.size >> 3) + 1, np.uint8)
        every = np.concatenate((keys.offset, *lists, value_lists, values.offset)) >> 3
        met[every] = 1
        bytes_at = values.data[~values.inline & (values.size > 0)] >> 3
        if int(met.sum()) != len(every) or met[bytes_at].any():
            return None
    except _FaultyError:
        return None
    return Sound(keys, parent, values, met, memoryview(hive.image))


def mark(whole: Sound, shown: Array, marks: Marks) -> None:
    """Mark the cells that were met, with the bytes of those values for which `shown` says so."""
    values = whole.values
    whole.met[values.data[shown & ~values.inline & (values.size > 0)] >> 3] = 1
    marks.flags[:] = whole.met.tobytes()


def loose_cells(
    hive: Hive, bins: list[tuple[int, int]], met: Marks
) -> Iterable[tuple[bool, int, int]] | None:
    """Return the free cells and those in use that were not met, as (free, start, stop) in the order of their places;
    None where the cells of a bin do not fill it.

    The cells of a bin follow one another, so that each must be read to find the next: all bins go at once.
    """
    words = np.frombuffer(hive.image, "<i4", count=len(hive.image) >> 2)
    flags = np.frombuffer(met.flags, np.uint8)
    at, stop = np.array(bins, np.int64).reshape(-1, 2).T
    pieces: list[Array] = []
    while True:
        going = at + 8 <= stop
        at, stop = at[going], stop[going]
        if len(at) < FEW_BINS:
            break
        size = words[(BASE + at) >> 2].astype(np.int64)
        end = at + np.abs(size)
        if ((size == 0) | (size & 7 != 0) | (end > stop)).any():
            return None
        loose = (size > 0) | (flags[at >> 3] == 0)
        pieces.append(np.stack((size[loose] > 0, at[loose], end[loose])))
        at = end
    rest = _loose_in_few(hive, zip(at.tolist(), stop.tolist(), strict=True), met)
    if rest is None:
        return None
    every = np.concatenate([*pieces, np.array(rest, np.int64).reshape(-1, 3).T], axis=1)
    free, start, end = every[:, np.argsort(every[1])].tolist()
    return zip(map(bool, free), start, end, strict=True)


def _loose_in_few(
    hive: Hive, bins: Iterable[tuple[int, int]], met: Marks
) -> list[tuple[bool, int, int]] | None:
    found = []
    words, flags = memoryview(hive.image)[: len(hive.image) & ~3].cast("i"), met.flags
    for start, stop in bins:
        at = start
        while at + 8 <= stop:
            size = words[(BASE + at) >> 2]
            end = at + (size if size > 0 else -size)
            if size == 0 or size & 7 or end > stop:
                return None
            if size > 0 or not flags[at >> 3]:
                found.append((size > 0, at, end))
            at = end
    return found


def most_bytes(types: Array) -> Array:
    """Return how many bytes of each value are read to render it, as `text.most_bytes` does for one."""
    texts = np.isin(types, np.array([*TEXTS, *LISTS], np.int64))
    return np.where(texts, 2 * MOST_TEXT + 2, MOST_HEX)


class _Cells:
    """A hive's bytes as words of four bytes; every cell lies at a multiple of eight."""

    def __init__(self, hive: Hive) -> None:
        if hive.size % 8 or not hive.size:
            raise _FaultyError
        self._words = np.frombuffer(hive.image, "<u4", count=(BASE + hive.size) // 4)
        self.size = hive.size

    def stops(self, offsets: Array, least: int) -> Array:
        """Return the offsets at which cells end that are in use and hold `least` bytes."""
        if not len(offsets):
            return offsets
        if (offsets & 7).any() or int(offsets.max()) + 4 + least > self.size:
            raise _FaultyError
        sizes = -self._words[(BASE + offsets) >> 2].view("<i4").astype(np.int64)
        stops = offsets + sizes
        if int(sizes.min()) < 4 + least or int(stops.max()) > self.size:
            raise _FaultyError
        return stops

    def table(self, offsets: Array, words: Array) -> Array:
        """Return some words of what each cell holds, a row for each of `words`."""
        return self._words[((BASE + 4 + offsets) >> 2) + words[:, None]].astype(np.int64)

    def listed(self, offsets: Array, skip: int, counts: Array, steps: Array) -> Array:
        """Return the words of lists, one list behind the other; a list's words lie `steps` words apart."""
        total = int(counts.sum())
        before = np.repeat(np.cumsum(counts) - counts, counts)
        within = np.arange(total) - before
        return self._words[
            np.repeat((BASE + 4 + skip + offsets) >> 2, counts) + within * np.repeat(steps, counts)
        ].astype(np.int64)


def _keys(cells: _Cells, root: int) -> tuple[Keys, Array, list[Array]]:
    """Return all keys in the order in which `walk` meets them, their parents' rows, and the lists between them."""
    levels: list[Keys] = []
    parents: list[Array] = []
    lists: list[Array] = []
    offsets, parent = np.array([root], np.int64), np.zeros(1, np.int64)
    left = min(cells.size // KEY_BYTES, MOST_KEYS)
    while len(offsets):
        left -= len(offsets)
        if left < 0 or len(levels) == MOST_LEVELS:
            raise _FaultyError
        levels.append(_nodes(cells, offsets))
        parents.append(parent)
        offsets, parent = _children(cells, levels[-1], lists, left)
    places = _places(parents)
    order = np.argsort(np.concatenate(places))
    above = [parents[0], *(places[n][parent] for n, parent in enumerate(parents[1:]))]
    columns = (
        np.concatenate([getattr(keys, name) for keys in levels])[order] for name in Keys.__struct_fields__
    )
    return Keys(*columns), np.concatenate(above)[order], lists


def _places(parents: list[Array]) -> list[Array]:
    """Return each key's place among all, level by level: behind its parent and all that lies below those before it."""
    sizes = [np.ones(len(parents[-1]), np.int64)]
    for level in range(len(parents) - 1, 0, -1):
        below = np.bincount(parents[level], weights=sizes[0], minlength=len(parents[level - 1]))
        sizes.insert(0, 1 + below.astype(np.int64))
    places = [np.zeros(1, np.int64)]
    for parent, size in zip(parents[1:], sizes[1:], strict=True):
        before = np.cumsum(size) - size
        first = np.flatnonzero(np.concatenate(([True], parent[1:] != parent[:-1])))
        begun = np.repeat(before[first], np.diff(np.append(first, len(parent))))
        places.append(places[-1][parent] + 1 + before - begun)
    return places


def _nodes(cells: _Cells, offsets: Array) -> Keys:
    stops = cells.stops(offsets, KEY_BYTES)
    head, low, high, subkeys, subkey_list, values, value_list, class_at, lengths = cells.table(
        offsets, _KEY_WORDS
    )
    names, flags = lengths & 0xFFFF, head >> 16
    if (head & 0xFFFF != NK).any() or int(names.max()) > MOST_NAME:
        raise _FaultyError
    if (offsets + 4 + KEY_BYTES + names > stops).any():
        raise _FaultyError
    written = high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)
    counted = np.where(flags & PREDEFINED, 0, values)
    return Keys(
        offsets, flags, written, subkeys, subkey_list, counted, value_list, class_at, names, lengths >> 16
    )


def _children(cells: _Cells, keys: Keys, lists: list[Array], left: int) -> tuple[Array, Array]:
    """Return the offsets of the keys below, and for each the row of its parent in the level."""
    parent = np.flatnonzero(keys.subkeys)
    tops = keys.subkey_list[parent]
    lists.append(tops)
    signature, count = _heads(cells, tops, left)
    indexed = signature == RI
    each = np.where(indexed, count, 1)
    leaves, owner = np.repeat(tops, each), np.repeat(parent, each)
    if indexed.any():
        below = cells.listed(tops[indexed], 4, count[indexed], np.ones(int(indexed.sum()), np.int64))
        lists.append(below)
        leaves[np.repeat(indexed, each)] = below
        signature, count = _heads(cells, leaves, left)
        if (signature == RI).any():
            raise _FaultyError
    offsets = cells.listed(leaves, 4, count, np.where(signature == LI, 1, 2))
    found = np.bincount(owner, weights=count, minlength=len(keys.offset))
    if (found < keys.subkeys).any():
        raise _FaultyError
    return offsets, np.repeat(owner, count)


def _heads(cells: _Cells, lists: Array, left: int) -> tuple[Array, Array]:
    """Return the kind of each list and how many it holds."""
    stops = cells.stops(lists, LIST_BYTES)
    head = cells.table(lists, np.array([0]))[0]
    signature, count = head & 0xFFFF, head >> 16
    short = (signature == LI) | (signature == RI)
    known = short | (signature == LF) | (signature == LH)
    fits = lists + 8 + count * np.where(short, 4, 8) <= stops
    if not (known & fits).all() or int(count.sum()) > left:
        raise _FaultyError
    return signature, count


def _values(cells: _Cells, keys: Keys) -> tuple[Values, Array]:
    """Return the values of all keys in their order, and the lists that lead to them."""
    owner = np.flatnonzero(keys.values)
    lists, counts = keys.value_list[owner], keys.values[owner]
    if (lists + 4 + 4 * counts > cells.stops(lists, LIST_BYTES)).any():
        raise _FaultyError
    if int(counts.sum()) > min(cells.size // (4 + VALUE_BYTES), MOST_VALUES):
        raise _FaultyError
    offsets = cells.listed(lists, 0, counts, np.ones(len(lists), np.int64))
    stops = cells.stops(offsets, VALUE_BYTES)
    head, size, data, kind, flags = cells.table(offsets, _VALUE_WORDS)
    names = head >> 16
    if (head & 0xFFFF != VK).any() or (names.astype(bool) & (offsets + 24 + names > stops)).any():
        raise _FaultyError
    key, inline = np.repeat(owner, counts), size >> 31 == 1
    return Values(key, offsets, names, size & 0x7FFFFFFF, data, inline, kind, flags & 0xFFFF), lists


def _judge_bytes(cells: _Cells, hive: Hive, keys: Keys, values: Values) -> None:
    """Judge whether all the bytes are there that will be read of values and of classes."""
    if (values.size[values.inline] > 4).any():
        raise _FaultyError
    apart = np.flatnonzero(~values.inline & (values.size > 0))
    data, size = values.data[apart], values.size[apart]
    stops = cells.stops(data, 1)
    wanted = np.minimum(size, most_bytes(values.type[apart]))
    segmented = np.zeros(len(apart), bool)
    if hive.base.minor > 3:
        large = np.flatnonzero(size > SEGMENT)
        segmented[large] = cells.table(data[large], np.array([0]))[0] & 0xFFFF == DB
    if (~segmented & (data + 4 + wanted > stops)).any():
        raise _FaultyError
    troubles = Troubles("")
    quiet = Hive(hive.image, hive.base, troubles)
    for row in apart[segmented].tolist():
        value = Value(0, "", int(values.type[row]), int(values.size[row]), int(values.data[row]), False)
        quiet.bytes_of(value, 2 * MOST_TEXT + 2)
    if any(troubles.gaps()):
        raise _FaultyError
    named = np.flatnonzero((keys.class_length > 0) & (keys.class_offset != 0xFFFFFFFF))
    cells.stops(keys.class_offset[named], LIST_BYTES)
