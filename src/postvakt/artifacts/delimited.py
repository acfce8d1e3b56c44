"""Delimited logs with their field names above the rows: W3C extended (IIS, HTTPERR) and Exchange's CSV.

A file is a row of segments, each under its own names. The rows of a segment are read by a columnar reader in one go;
records that do not fit their names are handed on one by one, with their text.
"""

from collections.abc import Generator, Iterator

import msgspec
import numpy as np
import pyarrow as pa

from postvakt.artifacts.log_columns import ColumnReader, Wanted
from postvakt.artifacts.log_lines import LONGEST_LINE, Array, Block, block, blocks
from postvakt.artifacts.log_records import Bounds, Header, Quotes, bounds, quotes, split
from postvakt.artifacts.troubles import Troubles
from postvakt.model.evidence import Source

MOST_FIELDS = 1000
MOST_HEADERS = 5000
"""Changes of the field names that are followed in one file."""

MOST_ODD = 5_000_000
"""Records that do not fit their names and are still kept one by one: they cost a hundred times what others do."""

HASH = ord("#")
COMMAS = Header(delimiter=",", quoted=True, null="")
SPLITTING = ("software", "log-type")
"""Directives whose change begins a new segment even under the same names."""


class Record(msgspec.Struct, frozen=True):
    """One record that does not fit its field names. `cut`: the file ends in it."""

    line: int
    values: tuple[str | None, ...]
    text: str
    cut: bool = False


class Segment(msgspec.Struct, frozen=True):
    """Rows under one header: a column for each name (null: no value), and the line of each row.

    A column has texts, or codes of them. Where no record is odd, those that are wanted as numbers may have numbers, all
    within their bounds, and `date` and `time` days and times of day, none missing, written `2021-03-01` and `10:00:00`.
    `odd` are the records among them that do not fit the names, in order. `squeezed` are the rows that fit
    only after repeated blanks were made one, where there are any.
    """

    header: Header
    columns: tuple[pa.Array, ...]
    lines: Array
    odd: tuple[Record, ...] = ()
    squeezed: Array | None = None


def segments(
    source: Source, troubles: Troubles, wanted: Wanted, bare: tuple[str, ...] = ()
) -> Iterator[Segment]:
    """Yield the segments of a log in order. Raises OSError.

    A record whose first value is one of `bare` (lower-case) is itself a line of field names.
    """
    reading = _Reading(troubles, wanted, bare)
    held, number = b"", 0
    for piece in blocks(source, troubles):
        if held:
            piece = block(held + piece.text, number, last=piece.last)
        goes_on = yield from reading.read(piece)
        if goes_on is None:
            return
        held = b""
        if goes_on < len(piece.starts):
            held, number = piece.text[int(piece.starts[goes_on]) :], int(piece.numbers[goes_on])


class _Reading:
    """The header that holds while blocks pass."""

    def __init__(self, troubles: Troubles, wanted: Wanted, bare: tuple[str, ...]) -> None:
        self._troubles = troubles
        self._bare = tuple(name.encode() for name in bare)
        self._header = Header()
        self._changes = 0
        self._odd = 0
        self._columns = ColumnReader(wanted)

    def read(self, piece: Block) -> Generator[Segment, None, int | None]:
        """Yield a block's segments; return the line that begins what goes on in the next, None to stop."""
        first, count = 0, len(piece.starts)
        found: Quotes | None = None
        marked = _marked(piece)
        while first < count:
            if self._header.quoted and found is None:
                found = quotes(piece)
            records = _closed(piece, bounds(piece, found, first, self._header))
            if not len(records.firsts):
                return records.goes_on
            change, header, dropped = self._next_header(piece, records, marked)
            for segment in _segment(piece, self._header, _until(records, change), dropped, self._columns):
                yield self._capped(segment)
            if change is None:
                return records.goes_on
            self._changes += 1
            if self._changes > MOST_HEADERS:
                detail = f"the field names change more than {MOST_HEADERS} times; the rest is not read"
                self._troubles.note("limited", detail, int(piece.numbers[records.firsts[change]]))
                return None
            self._header = header
            first = int(records.lasts[change]) + 1
        return count

    def _capped(self, segment: Segment) -> Segment:
        self._odd += len(segment.odd)
        surplus = min(self._odd - MOST_ODD, len(segment.odd))
        if surplus <= 0:
            return segment
        kept = segment.odd[: len(segment.odd) - surplus]
        detail = f"more than {MOST_ODD} records do not fit their field names; the rest of such is not kept"
        self._troubles.note("limited", detail, segment.odd[len(kept)].line, surplus)
        return msgspec.structs.replace(segment, odd=kept)

    def _next_header(
        self, piece: Block, records: Bounds, marked: Array
    ) -> tuple[int | None, Header, set[int]]:
        """Return the record at which the header changes, the new header, and the records before it that only
        repeat the old one or are comments."""
        header = self._header
        dropped: set[int] = set()
        for position in np.flatnonzero(marked[records.firsts]).tolist():
            line = piece.line(int(records.firsts[position]))
            told = _directive(header, line.decode()) if line[0] == HASH else self._names_only(header, line)
            if told is None:
                continue
            if _differs(header, told):
                return position, told, dropped
            header = self._header = told
            dropped.add(position)
        return None, header, dropped

    def _names_only(self, header: Header, line: bytes) -> Header | None:
        """Return the header that a line of field names without `#Fields:` makes, or None for a row."""
        if not line[:40].lower().lstrip(b'"').startswith(self._bare):
            return None
        names = tuple((name or "").strip() for name in split(line.decode(), COMMAS))
        if not 1 < len(names) <= MOST_FIELDS or names[0].lower().encode() not in self._bare:
            return None
        return _named(header, names, ",")


def _marked(piece: Block) -> Array:
    """Tell of each line whether it may be a directive or bare field names: those that begin with no digit."""
    begins = np.frombuffer(piece.text, np.uint8)[piece.starts]
    letter = ((begins | 0x20) >= ord("a")) & ((begins | 0x20) <= ord("z"))
    return np.asarray(letter | (begins == HASH) | (begins == ord('"')))


def _closed(piece: Block, records: Bounds) -> Bounds:
    """Return records of which none goes on where nothing follows, or where it grew past all measure."""
    if records.goes_on == len(piece.starts):
        return records
    size = len(piece.text) - int(piece.starts[records.goes_on])
    if not piece.last and size <= LONGEST_LINE:
        return records
    # The quote never closes: it opened nothing, and every line from there on stands for itself.
    alone = np.arange(records.goes_on, len(piece.starts))
    return Bounds(
        np.concatenate([records.firsts, alone]),
        np.concatenate([records.lasts, alone]),
        len(piece.starts),
        plain=False,
    )


def _until(records: Bounds, change: int | None) -> Bounds:
    if change is None:
        return records
    return Bounds(records.firsts[:change], records.lasts[:change], records.goes_on, records.plain)


def _directive(header: Header, text: str) -> Header:
    name, colon, value = text[1:].partition(":")
    name, value = name.strip().lower(), value.strip()
    if not colon or len(name) > 40:
        return header
    if name != "fields":
        if len(header.directives) > 40 and name not in header.directives:
            return header
        return msgspec.structs.replace(header, directives={**header.directives, name: value})
    if "," in value:
        return _named(header, tuple(part.strip() for part in value.split(",")), ",")
    return _named(header, tuple(value.split()), " ")


def _named(header: Header, names: tuple[str, ...], delimiter: str) -> Header:
    """Return a header with other names. W3C logs of Microsoft's web server know no quotes, those of others do."""
    if len(names) > MOST_FIELDS:
        names = ()
    software = header.directives.get("software", "Microsoft")
    comma = delimiter == ","
    return msgspec.structs.replace(
        header,
        names=names,
        delimiter=delimiter,
        quoted=comma or not software.startswith("Microsoft"),
        null="" if comma else "-",
    )


def _differs(before: Header, after: Header) -> bool:
    """Tell whether rows under one header may not stand in one segment with rows under the other."""
    dateless = "time" in before.names and "date" not in before.names
    told = (*SPLITTING, "date") if dateless else SPLITTING
    return (
        before.names != after.names
        or (before.delimiter, before.quoted) != (after.delimiter, after.quoted)
        or any(before.directives.get(name) != after.directives.get(name) for name in told)
    )


def _segment(
    piece: Block, header: Header, records: Bounds, dropped: set[int], reader: ColumnReader
) -> Iterator[Segment]:
    """Yield the rows of records that stand under one header, if there are any."""
    keep = piece.ends[records.lasts] > piece.starts[records.firsts]
    keep[list(dropped)] = False
    firsts, lasts = records.firsts[keep], records.lasts[keep]
    if not len(firsts):
        return
    lines = piece.numbers[firsts]
    if not header.names:
        every = range(len(firsts))
        yield Segment(
            header, (), lines[:0], tuple(_record(piece, header, firsts[i], lasts[i]) for i in every)
        )
        return
    header = _tabbed(piece, header, firsts[0])
    columns, fits, squeezed = reader.read(piece, header, records.plain, firsts, lasts)
    odd = tuple(_record(piece, header, firsts[i], lasts[i]) for i in np.flatnonzero(~fits).tolist())
    yield Segment(header, columns, lines[fits], odd, None if squeezed is None else squeezed[fits])


def _tabbed(piece: Block, header: Header, first: int) -> Header:
    """W3C fields may be set apart by tabs instead of spaces: the first row shows which."""
    if header.delimiter == " " and b"\t" in piece.line(first):
        return msgspec.structs.replace(header, delimiter="\t")
    return header


def _record(piece: Block, header: Header, first: int, last: int) -> Record:
    text = piece.text[piece.starts[first] : piece.ends[last]].decode()
    cut = piece.last and piece.cut and last == len(piece.starts) - 1
    return Record(int(piece.numbers[first]), split(text, header), text, cut)
