"""Chunks in which every record is plain, read by columns: all records of many chunks at once.

A record is plain where its template has a layout, its values have the kinds that these columns have, and everything
lies where it should. One that is not leaves its whole chunk to the reader; the rows are the same either way.
"""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from postvakt.artifacts.event import EARLIEST, EVENT, INSTANT, LATEST, SCHEMA, SYSTEM
from postvakt.artifacts.evtx_chunks import CHUNK, Chunk
from postvakt.artifacts.evtx_instances import PAYLOAD, STRINGS, Instances, instances
from postvakt.artifacts.evtx_layouts import ABSENT, BESIDE, COLUMNS, INTEGERS, TEXTS, TIME, Item, Layouts
from postvakt.artifacts.evtx_values import (
    EPOCH,
    FILETIME,
    LITERAL,
    NULL,
    UNSIGNED,
    Array,
    Bytes,
    OverlapError,
    Texts,
    Values,
    joined,
)
from postvakt.tables.rows import PAIRS

TRIED = 64
"""Chunks after which it is told whether a file's are plain."""

RECORD_NUMBER = 0x0A
"""The kind of the number in a record's header: unsigned, of 64 bits."""

_BOUNDS = {column.name: (column.low or 0, column.high or 2**63 - 1) for column in EVENT.columns}


class Columns:
    """Reads the plain chunks of one file."""

    def __init__(self) -> None:
        self._layouts = Layouts()
        self._plain = 0
        self._tried = 0

    @property
    def useless(self) -> bool:
        """Tell whether so few of the file's chunks are plain that trying more does not pay."""
        return self._tried >= TRIED and 2 * self._plain < self._tried

    def read(self, chunks: Sequence[Chunk]) -> tuple[pa.RecordBatch, list[int]]:
        """Return the rows of all plain chunks, in order, and how many each chunk has: ABSENT for one that is not."""
        self._tried += len(chunks)
        try:
            batch, rows = _Run(chunks, self._layouts).read()
        except OverlapError:
            return _NONE, [ABSENT] * len(chunks)
        self._plain += len(rows) - rows.count(ABSENT)
        return batch, rows


class _Named(NamedTuple):
    """Values with the row and the name (its number) of each, rows ascending."""

    row: Array
    name: Array
    values: Values
    empty_is_null: Array


class _Words:
    """Texts, each with its number."""

    def __init__(self) -> None:
        self.told: list[str | None] = []
        self._numbers: dict[str | None, int] = {}

    def number(self, text: str | None) -> int:
        """Return the number of a text."""
        number = self._numbers.setdefault(text, len(self.told))
        if number == len(self.told):
            self.told.append(text)
        return number


class _Run:
    """Chunks that are read together. Offsets count from the first of them; a row is a record."""

    def __init__(self, chunks: Sequence[Chunk], layouts: Layouts) -> None:
        self._chunks = chunks
        self._layouts = layouts
        self._held = Bytes([chunk.content for chunk in chunks])
        counts = [len(chunk.offsets) for chunk in chunks]
        self._of = np.repeat(np.arange(len(chunks)), counts)
        offsets = np.fromiter(chain.from_iterable(chunk.offsets for chunk in chunks), np.int64, sum(counts))
        self._at = offsets + self._of * CHUNK
        self._end = self._at + self._held.u32[self._at + 4].astype(np.int64) - 4
        self._locators = offsets + np.array([chunk.offset for chunk in chunks], np.int64)[self._of]
        self._rows = np.arange(len(self._at))
        self._odd = np.zeros(len(self._at), bool)
        self._literals, self._names = _Words(), _Words()

    def read(self) -> tuple[pa.RecordBatch, list[int]]:
        """Return the rows of plain chunks, and the number of each chunk's rows. Raises OverlapError."""
        roots = instances(self._held, self._at + 24, self._end, headed=True)
        kinds = self._layouts_of(roots, self._rows)
        system = self._system(roots, kinds)
        parts = [*self._own(roots, kinds), *self._inner(roots, kinds)]
        layouts = self._layouts.found
        data = _ordered([self._items(*part, [layout.items for layout in layouts]) for part in parts])
        further = _ordered([self._items(*part, [layout.further for layout in layouts]) for part in parts])
        return self._batch(system, self._expanded(data), self._beside(system, further))

    def _layouts_of(self, found: Instances, rows: Array) -> Array:
        """Return the layout's number of each instance; the rows of odd ones, and of those without one, are odd."""
        usable = ~found.odd
        numbers = np.full(len(usable), ABSENT)
        used, codes = np.unique(found.definition[usable], return_inverse=True)
        told = [
            self._layouts.number(self._chunks[place // CHUNK].content, place % CHUNK)
            for place in used.tolist()
        ]
        if told:
            numbers[usable] = np.array(told, np.int64)[codes]
        self._odd[rows[numbers == ABSENT]] = True
        return numbers

    def _system(self, roots: Instances, kinds: Array) -> dict[str, Values]:
        """Return the values of each column of System, NULL where there is none."""
        table = np.full((len(self._layouts.found) + 1, len(COLUMNS)), ABSENT)
        for number, layout in enumerate(self._layouts.found):
            for place, told in enumerate(layout.system):
                if isinstance(told, int):
                    table[number, place] = told
                elif told is not None:
                    table[number, place] = -2 - self._literals.number(told)
        self._odd |= self._which(kinds, [not layout.system for layout in self._layouts.found])
        return {
            name: self._placed(roots, self._rows, table[kinds, place]) for place, name in enumerate(COLUMNS)
        }

    def _which(self, kinds: Array, told: list[bool]) -> Array:
        """Return what is told of each layout for the rows that have it; False where there is none."""
        flags: Array = np.array([*told, False])[kinds]
        return flags

    def _placed(self, found: Instances, rows: Array, slots: Array) -> Values:
        """Return each instance's value in a slot; below ABSENT stand literals. A slot past the last is odd."""
        inside = slots >= 0
        literal = slots < ABSENT
        beyond = slots >= found.counts
        if beyond.any():
            self._odd[rows[beyond]] = True
            inside &= ~beyond
        if inside.all():
            return found.values.of(found.first + slots)
        if not inside.any():
            kind = np.where(literal, np.uint8(LITERAL), np.uint8(NULL))
            return Values(np.where(literal, -2 - slots, 0), np.zeros(len(slots), np.int64), kind)
        at, size, kind = found.values.of(np.where(inside, found.first + slots, 0))
        at[~inside], size[~inside], kind[~inside] = 0, 0, NULL
        at[literal], kind[literal] = -2 - slots[literal], LITERAL
        return Values(at, size, kind)

    def _own(self, roots: Instances, kinds: Array) -> list[tuple[Instances, Array, Array]]:
        """Return the records whose own definition holds EventData or UserData: instances, rows, layouts."""
        found = self._layouts.found
        told = self._which(kinds, [bool(layout.items or layout.further) for layout in found])
        rows = np.flatnonzero(told & ~self._odd)
        if not len(rows):
            return []
        own = roots._replace(counts=roots.counts[rows], first=roots.first[rows])
        return [(own, rows, kinds[rows])]

    def _inner(self, roots: Instances, kinds: Array) -> list[tuple[Instances, Array, Array]]:
        """Return what records hold as fragments of their own, in the same way."""
        slots = np.array([*(layout.payload for layout in self._layouts.found), ABSENT])[kinds]
        told = self._placed(roots, self._rows, slots)
        there = (told.size > 0) & (told.kind != NULL)
        self._odd |= there & (told.kind != PAYLOAD)
        rows = np.flatnonzero(there & ~self._odd)
        inner = instances(self._held, told.at[rows], (told.at + told.size)[rows], headed=False)
        inner_kinds = self._layouts_of(inner, rows)
        found = self._layouts.found
        wraps = self._which(kinds[rows], [layout.wraps for layout in found])
        bare = self._which(inner_kinds, [layout.bare for layout in found])
        whole = self._which(inner_kinds, [bool(layout.system) for layout in found])
        self._odd[rows[(wraps != bare) | whole]] = True
        return [(inner, rows, inner_kinds)]

    def _items(self, found: Instances, rows: Array, kinds: Array, items: list[tuple[Item, ...]]) -> _Named:
        """Return the items of each instance, by its layout."""
        flat = [item for some in items for item in some]
        counts = np.array([*map(len, items), 0], np.int64)
        starts = np.cumsum(counts) - counts
        slots = [i.slot if i.slot != ABSENT else -2 - self._literals.number(i.text) for i in flat]
        many = np.where(self._odd[rows], 0, counts[kinds])
        place = np.repeat(starts[kinds] - (np.cumsum(many) - many), many) + np.arange(int(many.sum()))
        of = np.repeat(np.arange(len(rows)), many)
        row = rows[of]
        wide = found._replace(counts=found.counts[of], first=found.first[of])
        values = self._placed(wide, row, np.array(slots, np.int64)[place])
        names = np.array([self._names.number(item.name) for item in flat], np.int64)
        null = np.array([item.empty_is_null for item in flat], bool)
        return _Named(row, names[place], values, null[place])

    def _expanded(self, named: _Named) -> _Named:
        """Return the values with each array of texts as its texts; only values without a name come so."""
        listed = named.values.kind == STRINGS
        if not listed.any():
            return named
        self._odd[named.row[listed & (named.name != self._names.number(None))]] = True
        places = np.flatnonzero(listed)
        owner, texts, odd = self._held.split(named.values.at[places], named.values.size[places])
        self._odd[named.row[places[odd]]] = True
        many = np.ones(len(listed), np.int64)
        many[places] = np.bincount(owner, minlength=len(places))
        source = np.repeat(np.arange(len(listed)), many)
        at, size, kind = named.values.of(source)
        split = np.flatnonzero(listed[source])
        at[split], size[split], kind[split] = texts.at, texts.size, texts.kind
        return _Named(
            named.row[source], named.name[source], Values(at, size, kind), named.empty_is_null[source]
        )

    def _integers(self, name: str, values: Values) -> pa.Array:
        low, high = _BOUNDS[name]
        numbers = np.zeros(len(values.at), np.uint64)
        known = values.kind == NULL
        for kind, wide in UNSIGNED.items():
            chosen = np.flatnonzero((values.kind == kind) & (values.size == wide))
            if len(chosen):
                mask = np.uint64(2 ** (8 * wide) - 1)
                numbers[chosen] = self._held.u64[values.at[chosen]] & mask
                known[chosen] = True
        self._odd |= ~known | (numbers > np.uint64(high)) | (numbers < np.uint64(low))
        absent = values.kind == NULL
        return pa.array(numbers.astype(np.int64), mask=absent if absent.any() else None)

    def _times(self, values: Values) -> pa.Array:
        self._odd |= (values.kind != FILETIME) | (values.size != 8)
        ticks = self._held.u64[np.where(self._odd, 0, values.at)]
        micros = (ticks // np.uint64(10)).astype(np.int64) - EPOCH // 10
        self._odd |= (micros < EARLIEST) | (micros >= LATEST)
        return pa.array(micros).cast(INSTANT)

    def _beside(self, system: dict[str, Values], further: _Named) -> _Named:
        """Return what goes into `unmapped`: what the payload's element tells, then what System tells beside."""
        parts = [further]
        for name in BESIDE:
            values = system[name]
            rows = np.flatnonzero((values.kind == LITERAL) | (values.size > 0) & (values.kind != NULL))
            parts.append(self._called(name, rows, values.of(rows)))
        told = system["EventRecordID"]
        self._odd |= told.size != 8
        # An exported log numbers its records anew and leaves in them what they were called.
        rows = np.flatnonzero(self._held.u64[told.at] != self._held.u64[self._at + 8])
        size, kind = np.full(len(rows), 8), np.full(len(rows), RECORD_NUMBER, np.uint8)
        parts.append(self._called("header_EventRecordID", rows, Values(self._at[rows] + 8, size, kind)))
        return _ordered(parts)

    def _called(self, name: str, rows: Array, values: Values) -> _Named:
        number = np.full(len(rows), self._names.number(name))
        return _Named(rows, number, values, np.zeros(len(rows), bool))

    def _batch(
        self, system: dict[str, Values], data: _Named, beside: _Named
    ) -> tuple[pa.RecordBatch, list[int]]:
        """Return the rows of the chunks that hold no odd record."""
        columns = {name: self._integers(name, system[name]) for name in INTEGERS}
        columns[TIME] = self._times(system[TIME])
        count, split = len(self._rows), len(TEXTS) * len(self._rows)
        values = joined([*(system[name] for name in TEXTS), data.values, beside.values])
        null = np.concatenate([np.ones(split, bool), data.empty_is_null, beside.empty_is_null])
        texts, odd = Texts(self._held, [word or "" for word in self._literals.told]).texts(values, null)
        self._odd[np.concatenate([*[self._rows] * len(TEXTS), data.row, beside.row])[odd]] = True
        for place, name in enumerate(TEXTS):
            columns[name] = texts.slice(place * count, count)
        arrays = [columns[TIME], pa.array(self._locators), *(columns[name] for name in SYSTEM)]
        arrays.append(self._pairs(data, texts.slice(split, len(data.row))))
        arrays.append(self._pairs(beside, texts.slice(split + len(data.row))))
        batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
        spoilt = np.bincount(self._of[self._odd], minlength=len(self._chunks)) > 0
        counts = [
            ABSENT if bad else len(chunk.offsets)
            for bad, chunk in zip(spoilt.tolist(), self._chunks, strict=True)
        ]
        return (batch.filter(pa.array(~spoilt[self._of])) if spoilt.any() else batch), counts

    def _pairs(self, named: _Named, texts: pa.Array) -> pa.Array:
        offsets = np.zeros(len(self._rows) + 1, np.int32)
        np.cumsum(np.bincount(named.row, minlength=len(self._rows)), out=offsets[1:])
        names = pa.array(self._names.told, pa.string()).take(pa.array(named.name))
        entries = pa.StructArray.from_arrays([names, texts], fields=list(PAIRS.value_type))
        return pa.ListArray.from_arrays(pa.array(offsets), entries, type=PAIRS)


_NONE = pa.RecordBatch.from_pylist([], schema=SCHEMA)


def _ordered(parts: Sequence[_Named]) -> _Named:
    """Return values in the order of their rows, those of one row in the order of the parts."""
    row = np.concatenate([part.row for part in parts])
    name = np.concatenate([part.name for part in parts])
    null = np.concatenate([part.empty_is_null for part in parts])
    values = joined([part.values for part in parts])
    if len(parts) == 1 or not (row[1:] < row[:-1]).any():
        return _Named(row, name, values, null)
    order = np.argsort(row, kind="stable")
    return _Named(row[order], name[order], values.of(order), null[order])
