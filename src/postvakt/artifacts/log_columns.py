"""Records of a delimited log as columns: by a columnar reader, value by value where quotes stand where they should not.

What repeats is read as codes once a block has shown that it does, and numbers and times as such as long as every value
is one: the reader makes them of the bytes for less than a text of each costs.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from postvakt.artifacts.instants import EARLIEST, LATEST
from postvakt.artifacts.log_lines import Array, Block
from postvakt.artifacts.log_records import Header, split
from postvakt.model.clock import from_micros
from postvakt.model.table import Column
from postvakt.tables.rows import ENOUGH_ROWS, repeats

TEXT, NUMBER = pa.string(), pa.int64()
CODES = pa.dictionary(pa.int32(), TEXT)
DAY, TIME_OF_DAY = pa.date32(), pa.time32("s")
STAMP = ("date", "time")
"""The fields that a W3C log begins with, `2021-03-01 10:00:00`."""
BEFORE_SECONDS = 16
COLON = ord(":")
DAYS = (from_micros(EARLIEST).date(), from_micros(LATEST - 1).date())

Kinds = dict[int, pa.DataType]
"""What columns are read as, by their position; the others are texts."""


class Wanted(msgspec.Struct, frozen=True):
    """The fields of a log that a table has a column for, by their lower-case names."""

    texts: frozenset[str] = frozenset()
    numbers: Mapping[str, Column] = {}


class Columns(NamedTuple):
    """A column for each name, which of the records fit the names and are in them, and which of the records were
    squeezed (None: none was)."""

    arrays: tuple[pa.Array, ...]
    fits: Array
    squeezed: Array | None = None


class ColumnReader:
    """Reads the blocks of one log, and learns from each how the next may be read."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._names: tuple[str, ...] = ()
        self._codes: Kinds | None = None
        self._exact = True
        self._doubled = False

    def read(self, piece: Block, header: Header, plain: bool, firsts: Array, lasts: Array) -> Columns:
        """Return the columns of the records between some first and last lines of a block."""
        if plain:
            text: bytes | memoryview = _joined(piece, firsts, lasts)
            sizes = piece.nexts[lasts] - piece.starts[firsts]
            blanks = header.delimiter == " " and not header.quoted
            read = None if blanks and self._doubled else self._fitting(piece, text, header, sizes)
            if read is not None and read.fits.all():
                return read
            if blanks:
                text, sizes, squeezed = _squeezed(text, sizes, len(header.names) - 1)
                self._doubled = self._doubled or bool(squeezed.any())
                if read is None or squeezed.any():
                    read = self._fitting(piece, text, header, sizes)
                    if read is not None:
                        return read._replace(squeezed=squeezed if squeezed.any() else None)
            if read is not None:
                return read
        return _by_reading(piece, header, firsts, lasts)

    def _fitting(
        self, piece: Block, text: bytes | memoryview, header: Header, sizes: Array
    ) -> Columns | None:
        """Return the columns of a block's records, of these sizes; None where it cannot be told which of them are in
        those."""
        if header.names != self._names:
            self._names, self._codes = header.names, None
        codes = self._codes or {}
        exact = self._exact_kinds(header) if self._exact and _stamped(piece, text, header, sizes) else {}
        read = _read(text, header, codes | exact)
        if exact and (read is None or read[1] or not self._sound(header, read[0], exact)):
            self._exact = False
            read = _read(text, header, codes)
        if read is None:
            return None
        columns, odd = read
        self._learn(header, columns)
        fits = np.ones(len(sizes), bool)
        if odd:
            fits = _delimiters(text, header, sizes) == len(header.names) - 1
        told = int(fits.sum()) == len(columns[0]) and len(sizes) == len(columns[0]) + odd
        return Columns(columns, fits) if told else None

    def _learn(self, header: Header, columns: tuple[pa.Array, ...]) -> None:
        """See by the first rows, if they are enough, which texts repeat."""
        if self._codes is None and len(columns[0]) >= ENOUGH_ROWS:
            wanted = [at for at, name in enumerate(header.names) if name.lower() in self._wanted.texts]
            self._codes = {at: CODES for at in wanted if repeats(columns[at])}

    def _exact_kinds(self, header: Header) -> Kinds:
        """Return as what the columns are read that can be times and numbers."""
        kinds: Kinds = {0: DAY, 1: TIME_OF_DAY}
        taken = set()
        for position, name in enumerate(header.names):
            column = self._wanted.numbers.get(name.lower())
            if column is not None and column.name not in taken:
                taken.add(column.name)
                kinds[position] = NUMBER
        return kinds

    def _sound(self, header: Header, columns: tuple[pa.Array, ...], kinds: Kinds) -> bool:
        """Tell whether all numbers and days are within their bounds, and no day or time of day is missing."""
        if columns[0].null_count or columns[1].null_count or not within(columns[0], *DAYS):
            return False
        bounds = {
            at: self._wanted.numbers[header.names[at].lower()] for at, kind in kinds.items() if kind == NUMBER
        }
        return all(within(columns[at], column.low, column.high) for at, column in bounds.items())


def within(values: pa.Array, low: Any, high: Any) -> bool:
    """Tell whether all values lie between two bounds, both of them allowed; a bound that is None is none."""
    found = pc.min_max(values).as_py()
    if found["min"] is None:
        return True
    return (low is None or found["min"] >= low) and (high is None or found["max"] <= high)


def _stamped(piece: Block, text: bytes | memoryview, header: Header, sizes: Array) -> bool:
    """Tell whether a block's records may begin with a day and a time of day, and can then be written in no other way.

    The reader takes `10:00` as well, and no notice of a tab beside a number.
    """
    if header.delimiter != " " or header.quoted or b"\t" in piece.text:
        return False
    if tuple(name.lower() for name in header.names[:2]) != STAMP:
        return False
    raw = np.frombuffer(text, np.uint8)
    starts = np.cumsum(sizes) - sizes
    reaches = int(starts[-1]) + BEFORE_SECONDS < len(raw)
    return reaches and bool((raw[starts + BEFORE_SECONDS] == COLON).all())


def _squeezed(text: bytes | memoryview, sizes: Array, wanted: int) -> tuple[bytes, Array, Array]:
    """Return text in which records that would have `wanted` blanks if repeated ones were one have them so.

    IIS writes a user's name as the client sent it, and Exchange's back ends are sent ` DOMAIN\\user`.
    """
    raw = np.frombuffer(text, np.uint8)
    blank = raw == ord(" ")
    repeated = np.flatnonzero(blank[1:] & blank[:-1]) + 1
    edges = np.concatenate([[0], np.cumsum(sizes)])
    surplus = np.diff(np.searchsorted(repeated, edges))
    counts = np.diff(np.searchsorted(np.flatnonzero(blank), edges))
    chosen = (surplus > 0) & (counts - surplus == wanted)
    owner = np.searchsorted(edges, repeated, side="right") - 1
    kept = np.ones(len(raw), bool)
    kept[repeated[chosen[owner]]] = False
    return raw[kept].tobytes(), sizes - np.where(chosen, surplus, 0), chosen


def _joined(piece: Block, firsts: Array, lasts: Array) -> bytes | memoryview:
    """Return the bytes of records, whatever stood between them left out."""
    starts, ends = piece.starts[firsts], piece.nexts[lasts]
    gaps = np.flatnonzero(starts[1:] != ends[:-1])
    text = memoryview(piece.text)
    if not len(gaps):
        return text[int(starts[0]) : int(ends[-1])]
    begin = np.concatenate([[starts[0]], starts[gaps + 1]]).tolist()
    end = np.concatenate([ends[gaps], [ends[-1]]]).tolist()
    return b"".join(text[a:b] for a, b in zip(begin, end, strict=True))


def _read(text: bytes | memoryview, header: Header, kinds: Kinds) -> tuple[tuple[pa.Array, ...], int] | None:
    """Return columns, and the number of rows that do not fit; None where the reader gives up."""
    odd = 0

    def skip(_: object) -> str:
        nonlocal odd
        odd += 1
        return "skip"

    # Names may repeat, a reader's may not.
    names = [str(position) for position in range(len(header.names))]
    try:
        table = pacsv.read_csv(
            pa.py_buffer(text),
            read_options=pacsv.ReadOptions(
                use_threads=False, column_names=names, block_size=max(len(text), 1) + 1
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=header.delimiter,
                quote_char='"' if header.quoted else False,
                newlines_in_values=header.quoted,
                invalid_row_handler=skip,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types={name: kinds.get(at, TEXT) for at, name in enumerate(names)},
                null_values=[header.null],
                strings_can_be_null=True,
                check_utf8=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    # A copy, and as large as its texts: the reader's own has room for twice as much.
    return tuple(column.combine_chunks() for column in table.columns), odd


def _delimiters(text: bytes | memoryview, header: Header, sizes: Array) -> Array:
    """Count the delimiters of each record that stand outside quotes."""
    raw = np.frombuffer(text, np.uint8)
    at = np.flatnonzero(raw == ord(header.delimiter))
    if header.quoted:
        marks = np.flatnonzero(raw == ord('"'))
        at = at[(np.searchsorted(marks, at) & 1) == 0]
    edges = np.searchsorted(at, np.concatenate([[0], np.cumsum(sizes)]))
    return np.diff(edges)


def _by_reading(piece: Block, header: Header, firsts: Array, lasts: Array) -> Columns:
    """The same, value by value: for text in which quotes stand where they should not."""
    rows = []
    fits = np.zeros(len(firsts), bool)
    for position, (start, end) in enumerate(
        zip(piece.starts[firsts].tolist(), piece.ends[lasts].tolist(), strict=True)
    ):
        values = split(piece.text[start:end].decode(), header)
        if len(values) == len(header.names):
            fits[position] = True
            rows.append(values)
    if not rows:
        return Columns(tuple(pa.array([], TEXT) for _ in header.names), fits)
    return Columns(tuple(pa.array(column, TEXT) for column in zip(*rows, strict=True)), fits)
