"""Which lines make one record of a delimited log, and which values one record has.

Values may stand in quotes, where a doubled quote means one and delimiters and line ends mean themselves. A quote that
neither opens at a value's start nor closes at its end is a character like any other.
"""

import re

import msgspec
import numpy as np

from postvakt.artifacts.log_lines import LONGEST_LINE, Array, Block

QUOTE = ord('"')
LINE_ENDS = (10, 13)


class Header(msgspec.Struct, frozen=True):
    """What stands above rows: their field names, how they are delimited, and the directives so far.

    `directives` have lower-case names (`#Log-type: x` is `log-type`). `null` is the text for no value.
    """

    names: tuple[str, ...] = ()
    delimiter: str = " "
    quoted: bool = False
    null: str = "-"
    directives: dict[str, str] = {}


class Bounds(msgspec.Struct, frozen=True):
    """The records from one line of a block on: the index of each one's first and last line.

    `goes_on` is the line at which a record begins whose end is not in the block (or the number of lines).
    `plain`: quotes, if any, stand where a columnar reader understands them.
    """

    firsts: Array
    lasts: Array
    goes_on: int
    plain: bool = True


class Quotes(msgspec.Struct, frozen=True):
    """Where quotes stand in a block, and how many stand before each line."""

    at: Array
    before: Array


def quotes(piece: Block) -> Quotes | None:
    """Return a block's quotes, or None where it has none."""
    if b'"' not in piece.text:
        return None
    at = np.flatnonzero(np.frombuffer(piece.text, np.uint8) == QUOTE)
    return Quotes(at, np.searchsorted(at, piece.starts))


def bounds(piece: Block, found: Quotes | None, first: int, header: Header) -> Bounds:
    """Return the records from line `first` on, which begins one."""
    count = len(piece.starts)
    if found is None or not header.quoted:
        every = np.arange(first, count)
        return Bounds(every, every, count)
    own = found.at[found.before[first] :]
    if not _well_placed(piece.text, own, ord(header.delimiter), int(piece.starts[first])):
        return _bounds_by_reading(piece, first, header.delimiter)
    inside = ((found.before[first:] - found.before[first]) & 1).astype(bool)
    firsts = np.flatnonzero(~inside) + first
    lasts = np.append(firsts[1:] - 1, count - 1)
    if len(own) % 2:
        return Bounds(firsts[:-1], lasts[:-1], int(firsts[-1]))
    return Bounds(firsts, lasts, count)


def _well_placed(text: bytes, at: Array, delimiter: int, start: int) -> bool:
    """Tell whether every quote opens after, closes before, a delimiter or line end, or is doubled."""
    raw = np.frombuffer(text, np.uint8)
    opening, closing = at[0::2], at[1::2]
    before = raw[np.maximum(opening - 1, 0)]
    opens = np.isin(before, (delimiter, QUOTE, *LINE_ENDS)) | (opening == start)
    after = raw[np.minimum(closing + 1, len(raw) - 1)]
    closes = np.isin(after, (delimiter, QUOTE, *LINE_ENDS)) | (closing == len(raw) - 1)
    return bool(opens.all() and closes.all())


def _field(delimiter: str) -> re.Pattern[bytes]:
    mark = re.escape(delimiter).encode()
    return re.compile(rb'"(?>[^"]+|"")*+"(?=[' + mark + rb"\r\n]|\Z)|[^" + mark + rb"\r\n]*")


FIELDS = {delimiter: _field(delimiter) for delimiter in (",", " ", "\t")}


def _bounds_by_reading(piece: Block, first: int, delimiter: str) -> Bounds:
    """Read value by value, where quotes are not to be trusted. A value that does not close is one line's own."""
    text, field, mark = piece.text, FIELDS[delimiter], delimiter.encode()
    starts, ends = piece.starts.tolist(), piece.ends.tolist()
    firsts, lasts = [], []
    line = first
    while line < len(starts):
        firsts.append(line)
        if text.find(b'"', starts[line], ends[line]) >= 0:
            line = _last_line(text, field, mark, starts, ends, line)
        lasts.append(line)
        line += 1
    return Bounds(np.array(firsts, np.int64), np.array(lasts, np.int64), len(starts), plain=False)


def _last_line(
    text: bytes, field: re.Pattern[bytes], mark: bytes, starts: list[int], ends: list[int], line: int
) -> int:
    """Return the index of the last line of the record that begins at a line."""
    at, first = starts[line], line
    while True:
        found = field.match(text, at)
        end = found.end() if found else at
        while line + 1 < len(starts) and starts[line + 1] <= end:
            line += 1
        if end - starts[first] > LONGEST_LINE:
            return first
        if text[end : end + 1] != mark or end >= ends[line]:
            return line
        at = end + 1


def split(text: str, header: Header) -> tuple[str | None, ...]:
    """Return the values of one record as it is written; None stands for no value."""
    if not header.quoted or '"' not in text:
        values = text.split(header.delimiter)
    else:
        values = [_bare(value) for value in _written(text, header.delimiter)]
    return tuple(None if value == header.null else value for value in values)


def _written(text: str, delimiter: str) -> list[str]:
    field = FIELDS[delimiter]
    raw = text.encode()
    mark = delimiter.encode()
    values = []
    at = 0
    while True:
        found = field.match(raw, at)
        end = found.end() if found else at
        if end < len(raw) and raw[end : end + 1] != mark:
            # A line end in a record that is not quoted: what is left is one value.
            end = len(raw)
        values.append(raw[at:end].decode())
        if end >= len(raw):
            return values
        at = end + 1


def _bare(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1].replace('""', '"')
    return value
