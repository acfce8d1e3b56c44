"""Text logs as blocks of whole lines, whatever their bytes: any encoding, zeros of a crash, lines without an end.

Lines are counted by line feeds, as editors and `explain` count them. A carriage return without one also ends a
record, but begins no new line.
"""

import codecs
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple

import msgspec
import numpy as np

from postvakt.artifacts.troubles import Troubles
from postvakt.model.evidence import Source

BLOCK_BYTES = 8 * 1024 * 1024
MOST_LINES = 131_072
"""Lines a block holds at most: a block of tiny lines must not become a mountain of objects."""

LONGEST_LINE = 1024 * 1024
KEPT_OF_LINE = 4096
"""Bytes that are kept of a line that is longer than LONGEST_LINE."""

ZERO_RUN = 64
"""From this many zero bytes on they are what a crash left, not part of a value."""

ZEROS = "bytes are zero where records should be, as a crash leaves them"

STRETCH = 256 * 1024
"""Bytes that are looked at together."""

LINE_FEED = 10
CARRIAGE_RETURN = 13

Array = np.ndarray[Any, Any]


class Block(msgspec.Struct, frozen=True):
    """Whole lines of a log: valid UTF-8 and where each line stands in it.

    `starts` and `ends` are offsets in `text`, an end standing before the line's CR and LF; `nexts` are the
    offsets after them; `numbers` are line numbers from 1. `last`: nothing follows. `cut`: the last line has
    no end.
    """

    text: bytes
    starts: Array
    ends: Array
    nexts: Array
    numbers: Array
    last: bool = False
    cut: bool = False

    def line(self, index: int) -> bytes:
        """Return one line without its end."""
        return self.text[self.starts[index] : self.ends[index]]


def blocks(source: Source, troubles: Troubles) -> Iterator[Block]:
    """Yield the lines of a source in blocks. What was left out of them is noted. Raises OSError."""
    with source.open() as stream:
        yield from _blocks(_utf8(_chunks(stream)), troubles)


def block(text: bytes, number: int, marks: "_Marks | None" = None, *, last: bool = False) -> Block:
    """Return text that begins at line `number` as a block; `marks` are what was seen in it, if it was looked at."""
    marks = marks or _marks(text)
    if not marks.ascii and (valid := _valid(text)) != text:
        text, marks = valid, _marks(valid)
    raw = np.frombuffer(text, np.uint8)
    feeds = marks.feeds
    returns = _lone_returns(raw, marks)
    breaks = feeds if returns is None else np.sort(np.concatenate([feeds, returns]))
    cut = bool(text) and (not len(breaks) or int(breaks[-1]) != len(text) - 1)
    nexts = np.append(breaks + 1, len(text)) if cut else breaks + 1
    starts = np.concatenate([[0], nexts[:-1]]) if len(nexts) else np.zeros(0, np.int64)
    ends = np.append(breaks, len(text)) if cut else breaks
    passed = np.arange(len(starts)) if returns is None else np.searchsorted(feeds, starts)
    # An end is moved before the CR of its CR LF.
    before = np.maximum(ends - 1, 0)
    ends = np.where((ends > starts) & (raw[before] == CARRIAGE_RETURN), before, ends) if len(ends) else ends
    return Block(text, starts, ends, nexts, number + passed, last, cut)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield pieces of BLOCK_BYTES, however little a single read gives."""
    gathered: list[bytes] = []
    size = 0
    while piece := stream.read(BLOCK_BYTES - size):
        gathered.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            yield gathered[0] if len(gathered) == 1 else b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


ENCODINGS = (
    (b"\xef\xbb\xbf", "", 3),
    (b"\xff\xfe", "utf-16-le", 2),
    (b"\xfe\xff", "utf-16-be", 2),
    (b"#\x00", "utf-16-le", 0),
    (b"\x00#\x00", "utf-16-be", 0),
)
"""Marks at the start of a file, the encoding each means (none: UTF-8), and how many bytes are no text."""


def _utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    encoding, skip = next(((name, n) for mark, name, n in ENCODINGS if first.startswith(mark)), ("", 0))
    if not encoding:
        yield first[skip:]
        yield from chunks
        return
    decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")
    yield decoder.decode(first[skip:]).encode("utf-8", "backslashreplace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "backslashreplace")
    yield decoder.decode(b"", final=True).encode("utf-8", "backslashreplace")


def _zeros_apart(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, list[tuple[int, int]]]]:
    """Yield each chunk with a CR for each long run of zeros, and where those were and how long."""
    held = 0
    for chunk in chunks:
        begun = held
        body = chunk.lstrip(b"\0") if held else chunk
        held += len(chunk) - len(body)
        if not body:
            continue
        trimmed = body.rstrip(b"\0")
        text, runs = _runs(trimmed) if b"\0" in trimmed else (trimmed, [])
        if begun:
            mark = b"\r" if held >= ZERO_RUN else b"\0" * held
            runs = [(at + len(mark), size) for at, size in runs]
            if held >= ZERO_RUN:
                runs.insert(0, (0, held))
            text = mark + text
        held = len(body) - len(trimmed)
        yield text, runs
    if held:
        yield (b"", [(0, held)]) if held >= ZERO_RUN else (b"\0" * held, [])


def _runs(text: bytes) -> tuple[bytes, list[tuple[int, int]]]:
    raw = np.frombuffer(text, np.uint8)
    edges = np.diff(np.concatenate([[0], (raw == 0).view(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    long = (ends - starts) >= ZERO_RUN
    pieces, runs = [], []
    at, length = 0, 0
    for start, end in zip(starts[long].tolist(), ends[long].tolist(), strict=True):
        pieces += [text[at:start], b"\r"]
        length += start - at
        runs.append((length, end - start))
        length += 1
        at = end
    return b"".join([*pieces, text[at:]]), runs


def _blocks(chunks: Iterable[bytes], troubles: Troubles) -> Iterator[Block]:
    rest, number, dropped = b"", 1, 0
    for chunk, zeros in _zeros_apart(chunks):
        if dropped:
            end = _first_break(chunk)
            if end < 0:
                dropped += len(chunk)
                continue
            _note_long(troubles, number)
            chunk, zeros, dropped = chunk[end:], [(at - end, size) for at, size in zeros if at >= end], 0
        for at, size in zeros:
            troubles.note("lost", ZEROS, number + rest.count(b"\n") + chunk.count(b"\n", 0, at), size)
        cut = chunk.rfind(b"\n") + 1 or chunk.rfind(b"\r", 0, -1) + 1
        if cut:
            for part in _parts(b"".join((rest, memoryview(chunk)[:cut])), number, troubles):
                yield part
                number = _after(part)
            rest = b""
        rest += chunk[cut:]
        if len(rest) > LONGEST_LINE:
            early = rest.rfind(b"\r", 0, -1) + 1
            if early:
                yield from _parts(rest[:early], number, troubles)
                rest = rest[early:]
        if len(rest) > LONGEST_LINE:
            rest, dropped = rest[:KEPT_OF_LINE], len(rest) - KEPT_OF_LINE
    if dropped:
        _note_long(troubles, number)
    *parts, end_part = _parts(rest, number, troubles)
    yield from parts
    yield msgspec.structs.replace(end_part, last=True)


def _after(part: Block) -> int:
    """Return the number of the line that begins after a block that has lines."""
    return int(part.numbers[-1]) + (part.text[-1:] == b"\n")


def _parts(text: bytes, number: int, troubles: Troubles) -> Iterator[Block]:
    """Yield text as blocks of at most MOST_LINES lines, over-long lines shortened; at least one block."""
    marks = _marks(text)
    feeds = marks.feeds
    if len(feeds) > 4 * MOST_LINES:
        # Millions of tiny lines: their offsets would outgrow the text itself many times.
        ends = feeds[4 * MOST_LINES - 1 :: 4 * MOST_LINES] + 1
        for start, end in pairwise([0, *ends.tolist(), len(text)]):
            if end > start:
                yield from _parts(text[start:end], number, troubles)
                number += text.count(b"\n", start, end)
        return
    whole = block(text, number, marks)
    lengths = whole.ends - whole.starts
    if len(lengths) and int(lengths.max()) > LONGEST_LINE:
        whole = block(_shortened(whole, troubles), number)
    for at in range(0, max(len(whole.starts), 1), MOST_LINES):
        yield whole if len(whole.starts) <= MOST_LINES else _slice(whole, at, at + MOST_LINES)


def _slice(whole: Block, low: int, high: int) -> Block:
    high = min(high, len(whole.starts))
    base, end = int(whole.starts[low]), int(whole.nexts[high - 1])
    return Block(
        whole.text[base:end],
        whole.starts[low:high] - base,
        whole.ends[low:high] - base,
        whole.nexts[low:high] - base,
        whole.numbers[low:high],
        cut=whole.cut and high == len(whole.starts),
    )


def _shortened(whole: Block, troubles: Troubles) -> bytes:
    pieces = []
    at = 0
    for index in np.flatnonzero(whole.ends - whole.starts > LONGEST_LINE).tolist():
        start, end = int(whole.starts[index]), int(whole.ends[index])
        _note_long(troubles, int(whole.numbers[index]))
        pieces.append(whole.text[at : start + KEPT_OF_LINE])
        at = end
    return b"".join([*pieces, whole.text[at:]])


def _note_long(troubles: Troubles, number: int) -> None:
    detail = f"a line longer than {LONGEST_LINE} bytes; its first {KEPT_OF_LINE} are kept"
    troubles.note("limited", detail, number)


def _first_break(text: bytes) -> int:
    found = [at for at in (text.find(b"\n"), text.find(b"\r")) if at >= 0]
    return min(found, default=-1)


def _lone_returns(raw: Array, marks: "_Marks") -> Array | None:
    """Return where carriage returns without a line feed stand, or None where there is none."""
    feeds = marks.feeds
    if not marks.returns or marks.returns == int((raw[feeds[feeds > 0] - 1] == CARRIAGE_RETURN).sum()):
        return None
    returns = np.flatnonzero(raw == CARRIAGE_RETURN)
    followed = np.append(raw, 0)[returns + 1] == LINE_FEED
    return returns[~followed]


class _Marks(NamedTuple):
    """The line feeds of a text, how many carriage returns it has, and whether it is all ASCII."""

    feeds: Array
    returns: int
    ascii: bool


def _marks(text: bytes) -> _Marks:
    # Stretch by stretch: what is looked at three times should be in the cache for the second and third.
    raw = np.frombuffer(text, np.uint8)
    are = np.empty(min(len(raw), STRETCH), bool)
    feeds, returns, highest = [np.zeros(0, np.int64)], 0, 0
    for at in range(0, len(raw), STRETCH):
        stretch = raw[at : at + STRETCH]
        marked = are[: len(stretch)]
        feeds.append(np.equal(stretch, LINE_FEED, out=marked).nonzero()[0] + at)
        returns += int(np.count_nonzero(np.equal(stretch, CARRIAGE_RETURN, out=marked)))
        highest = max(highest, int(stretch.max()))
    return _Marks(np.concatenate(feeds), returns, highest < 128)


def _valid(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode("utf-8", "backslashreplace").encode()
    return text
