"""One batch as rules ask it: the event data taken apart once, then fields picked from it by name."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.detect.fields import Feed, squash
from postvakt.detect.logsources import View
from postvakt.detect.values import fold
from postvakt.tables.rows import as_texts
from postvakt.tables.tally import coded

Numbers = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

FEW_CODES = 1 << 16


class Piece(NamedTuple):
    """Values from one place: `rows[i]` is the row of `values[i]`; a null is a pair that has no value.

    `column` names a column of which no row that has a value is left out.
    """

    rows: Numbers
    values: pa.Array
    change: str
    column: str = ""

    @property
    def known(self) -> Numbers:
        """The rows that have a value."""
        return self.rows[valid(self.values)]

    def at(self, places: Numbers) -> "Piece":
        """Return the values at some places of this one."""
        return Piece(self.rows[places], as_texts(taken(self.values, places)), self.change)

    def where(self, marked: Mask) -> "Piece":
        """Return the values that are marked."""
        return self.at(np.flatnonzero(marked))


class Made:
    """Values that are made of two columns, in the rows in which either has one; they are put together when they are
    asked for, which is mostly of a few. `parts` are the two columns as they stand."""

    change = column = ""

    def __init__(self, rows: Numbers, columns: tuple[pa.Array, pa.Array], parts: tuple[Piece, ...]) -> None:
        self.rows = self.known = rows
        self.parts = parts
        self._columns = columns
        self._chosen: tuple[Mask, Piece] | None = None
        self._choices = 0

    @cached_property
    def values(self) -> pa.Array:
        """All the values."""
        return self._joined(self.rows)

    def at(self, places: Numbers) -> Piece:
        """Return the values at some places of this one."""
        rows = self.rows[places]
        return Piece(rows, self._joined(rows), self.change)

    def where(self, marked: Mask) -> Piece:
        """Return the values that are marked; the same piece for the same mark, for several fields read these values."""
        if self._chosen is None or self._chosen[0] is not marked:
            self._choices += 1
            names = "?".join(part.column for part in self.parts)
            chosen = self.at(np.flatnonzero(marked))._replace(column=f"{names}#{self._choices}")
            self._chosen = (marked, chosen)
        return self._chosen[1]

    def _joined(self, rows: Numbers) -> pa.Array:
        path, query = (as_texts(taken(column, rows)) for column in self._columns)
        # `null_handling="skip"` loses rows in which both are null.
        return pc.coalesce(pc.binary_join_element_wise(path, query, "?"), path, query)


class Frame:
    """A batch, asked for the places that hold a field."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.height: int = batch.num_rows
        self._batch = batch
        self._columns: dict[str, tuple[Numbers, pa.Array]] = {}
        self._made: dict[tuple[str, ...], Made | None] = {}

    def column(self, name: str) -> pa.Array | None:
        """Return a column of the batch, or None where it has none of that name."""
        position = self._batch.schema.get_field_index(name)
        return self._batch.column(position) if position >= 0 else None

    def shown(self, view: View) -> Mask | None:
        """Mark the rows that a view shows; None where it shows none."""
        if not view.channels:
            return np.ones(self.height, bool)
        kinds, codes = self._kinds
        wanted = {fold(channel) for channel in view.channels}
        shown = np.array(
            [channel in wanted and (not view.ids or number in view.ids) for channel, number in kinds], bool
        )
        return shown[codes] if shown.any() else None

    @cached_property
    def _kinds(self) -> tuple[list[tuple[str | None, int | None]], Numbers]:
        """The channels and event ids that occur together, channels folded, and which of these pairs each row has."""
        channels, of_channel = coded(self._batch.column("Channel"))
        numbers, of_number = self._ids
        pairs = pa.array(of_channel.astype(np.int64) * (len(numbers) + 1) + of_number).dictionary_encode()
        folded, ids = [*map(fold, channels), None], [*numbers, None]
        told = [divmod(pair, len(ids)) for pair in pairs.dictionary.to_pylist()]
        return [(folded[channel], ids[number]) for channel, number in told], pairs.indices.to_numpy()

    @cached_property
    def _ids(self) -> tuple[list[int], Numbers]:
        return coded(self._batch.column("EventID"))

    def has_id(self, ids: frozenset[int]) -> Mask:
        """Mark the events that have one of these ids."""
        numbers, codes = self._ids
        mask: Mask = np.array([*(number in ids for number in numbers), False])[codes]
        return mask

    def ids(self, within: Mask) -> frozenset[int]:
        """Return the ids of the marked events."""
        numbers, codes = self._ids
        present = np.flatnonzero(np.bincount(codes[within], minlength=len(numbers) + 1)[:-1])
        return frozenset(numbers[code] for code in present.tolist())

    def pieces(self, feeds: tuple[Feed, ...], within: Mask) -> list[Piece | Made]:
        """Return what the places hold in the rows that `within` marks; places that hold nothing are left out."""
        found = (self._piece(feed, within) for feed in feeds)
        return [piece for piece in found if piece is not None and len(piece.rows)]

    def _piece(self, feed: Feed, within: Mask) -> Piece | Made | None:
        if feed.kind == "column":
            return self._column_piece(feed, within)
        if feed.kind == "made":
            return self._made_piece(feed, within)
        if feed.kind == "list":
            return self._list_piece(feed, within)
        if feed.kind == "pair" and len(feed.names) > 1:
            return self._joined_piece(feed, within)
        if feed.kind == "pairs" and within.all():
            return Piece(self._pairs.rows, self._pairs.values, feed.change)
        places, rows = self._pairs.found(feed)
        chosen = np.flatnonzero(within[rows])
        if not len(chosen):
            return None
        if len(chosen) < len(rows):
            places, rows = places[chosen], rows[chosen]
        return Piece(rows, taken(self._pairs.values, places), feed.change)

    def _column_piece(self, feed: Feed, within: Mask) -> Piece | None:
        values = self.column(feed.names[0])
        if values is None:
            return None
        if within.all():
            rows, given = self._given(feed.names[0], values)
            return Piece(rows, given, feed.change, feed.names[0])
        rows = np.flatnonzero(within & valid(values))
        return Piece(rows, taken(values, rows), feed.change)

    def _made_piece(self, feed: Feed, within: Mask) -> Made | None:
        if not within.all():
            return self._make(feed, within)
        if feed.names not in self._made:
            self._made[feed.names] = self._make(feed, within)
        return self._made[feed.names]

    def _make(self, feed: Feed, within: Mask) -> Made | None:
        path, query, own = (self.column(name) for name in feed.names)
        if path is None and query is None:
            return None
        path, query = (
            pa.nulls(self.height, pa.string()) if column is None else column for column in (path, query)
        )
        wanted = within & (valid(path) | valid(query))
        if own is not None and own.null_count < len(own):
            wanted &= ~valid(own)
        named = zip(feed.names, (path, query), strict=False)
        given = ((name, *self._given(name, column)) for name, column in named)
        parts = tuple(Piece(rows, values, "", name) for name, rows, values in given)
        return Made(np.flatnonzero(wanted), (path, query), parts)

    def _given(self, name: str, values: pa.Array) -> tuple[Numbers, pa.Array]:
        """Return the rows in which a column has a value, and these values."""
        if name not in self._columns:
            known = np.flatnonzero(valid(values))
            self._columns[name] = (known, _without_nulls(values, known))
        return self._columns[name]

    def _list_piece(self, feed: Feed, within: Mask) -> Piece | None:
        lists = self.column(feed.names[0])
        if lists is None or lists.null_count == len(lists):
            return None
        rows, values = _exploded(lists)
        places = np.flatnonzero(within[rows] & valid(values))
        return Piece(rows[places], taken(values, places), feed.change)

    def _joined_piece(self, feed: Feed, within: Mask) -> Piece:
        """Join the first pairs of several names, in the rows that have a value under each."""
        firsts = [self._first(name) for name in feed.names]
        rows = np.flatnonzero(within)
        for first in firsts:
            rows = rows[first[rows] >= 0]
        texts = [taken(self._pairs.values, first[rows]) for first in firsts]
        joined = pc.binary_join_element_wise(*texts, "\\")
        places = np.flatnonzero(valid(joined))
        return Piece(rows[places], taken(joined, places), feed.change)

    def _first(self, name: str) -> Numbers:
        """Return the place of each row's first pair of a name, -1 where there is none."""
        places = np.sort(self._pairs.found(Feed("pair", (name,)))[0])
        first = np.full(self.height, -1, np.int64)
        # Assigned backwards: of several pairs of a row the first is written last.
        first[self._pairs.rows[places][::-1]] = places[::-1]
        return first

    @cached_property
    def _pairs(self) -> "_Pairs":
        return _Pairs(self._batch)


class _Pairs:
    """All pairs of a batch, of all its columns of pairs in their order, sorted by name."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        rows, names, values = [], [], []
        for column in batch.columns:
            if pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type):
                at, pairs = _exploded(column)
                rows.append(at)
                names.append(pairs.field("name"))
                values.append(pairs.field("value"))
        self.rows: Numbers = np.concatenate([*rows, np.empty(0, np.int64)])
        self.values = _together(values)
        coded = _together(names).dictionary_encode()
        self._names: list[str] = coded.dictionary.to_pylist()
        unnamed = len(self._names)
        codes = pc.fill_null(coded.indices, unnamed).to_numpy()
        self._order = np.argsort(small(codes, unnamed + 1), kind="stable")
        self._by_name = self.rows[self._order]
        self._ends = np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=unnamed + 1))])

    def found(self, feed: Feed) -> tuple[Numbers, Numbers]:
        """Return the places of the pairs that a feed of kind `pair`, `unnamed` or `pairs` means, and their rows."""
        if feed.kind == "pairs":
            return np.arange(len(self.rows)), self.rows
        if feed.kind == "unnamed":
            return self._of(len(self._names))
        known = (
            self._squashed.get(squash(feed.names[0])) if feed.squashed else self._folded.get(feed.names[0])
        )
        chosen = [self._of(code) for code in known or ()]
        if len(chosen) == 1:
            return chosen[0]
        none = np.empty(0, np.int64)
        places, rows = zip(*chosen, (none, none), strict=True)
        return np.concatenate(places), np.concatenate(rows)

    def _of(self, code: int) -> tuple[Numbers, Numbers]:
        some = slice(self._ends[code], self._ends[code + 1])
        return self._order[some], self._by_name[some]

    @cached_property
    def _folded(self) -> dict[str, list[int]]:
        return _grouped(fold(name) for name in self._names)

    @cached_property
    def _squashed(self) -> dict[str, list[int]]:
        return _grouped(squash(name) for name in self._names)


def _grouped(names: Iterator[str]) -> dict[str, list[int]]:
    codes: dict[str, list[int]] = {}
    for code, name in enumerate(names):
        codes.setdefault(name, []).append(code)
    return codes


def _exploded(lists: pa.Array) -> tuple[Numbers, pa.Array]:
    """Return a list column's entries with the row of each."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    return np.repeat(np.arange(len(lists)), lengths), lists.flatten()


def _together(columns: list[pa.Array]) -> pa.Array:
    """Return columns of texts one after another; where only one holds any, nothing is copied."""
    filled = [column for column in columns if len(column)]
    return filled[0] if len(filled) == 1 else pa.concat_arrays([*filled, pa.array([], pa.string())])


def _without_nulls(values: pa.Array, known: Numbers) -> pa.Array:
    """Return the values that are not null, which stand at the places `known`; texts are not copied where nulls have no
    bytes of their own."""
    if not values.null_count or not pa.types.is_string(values.type):
        # Dropping nothing copies all the same.
        return values.drop_null() if values.null_count else values
    _, held, texts = values.buffers()
    offsets = np.frombuffer(held, np.int32)[values.offset : values.offset + len(values) + 1]
    starts, ends = offsets[:-1][known], offsets[1:][known]
    if not len(known) or texts is None or (starts[1:] != ends[:-1]).any():
        return values.drop_null()
    joined = pa.py_buffer(np.append(starts, ends[-1:]))
    return pa.Array.from_buffers(values.type, len(known), [None, joined, texts])


def valid(values: pa.Array) -> Mask:
    """Mark the values that are not null."""
    if values.null_count == 0:
        return np.ones(len(values), bool)
    mask: Mask = pc.is_valid(values).to_numpy(zero_copy_only=False)
    return mask


def taken(values: pa.Array, places: Numbers) -> pa.Array:
    """Return the values at some places."""
    return values.take(pa.array(places))


def small(codes: Numbers, count: int) -> Numbers:
    """Return codes, of which there are `count`, in two bytes where they fit: numpy then sorts them by counting."""
    return codes.astype(np.uint16) if count < FEW_CODES else codes
