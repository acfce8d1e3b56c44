"""Windows event logs (EVTX) in any state: whole, still open when copied, cut, carved, damaged.

Each chunk is handed to the reader alone and what comes back is held against our own walk of its records: a record
that the walk sees and the reader does not give is a Gap, never silence.
"""

import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import evtx
import msgspec

from postvakt.artifacts import evtx_chunks
from postvakt.artifacts.event import EVENT, Events
from postvakt.artifacts.evtx_chunks import CHUNK, Chunk, Header, Waste, Window
from postvakt.artifacts.evtx_columns import Columns
from postvakt.artifacts.evtx_json import Waiting
from postvakt.artifacts.evtx_layouts import ABSENT
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Why
from postvakt.tables.rows import Bounds, Read, Reader

ARTIFACT = Artifact(
    name="evtx",
    title="Windows event logs",
    tables=("event",),
    where="%SystemRoot%\\System32\\winevt\\Logs\\*.evtx",
    paths=(r"\.evtx$",),
    starts=(evtx_chunks.FILE_MARK, evtx_chunks.CHUNK_MARK),
)

RUN = 64
"""Chunks that are read by columns together: 4 MiB."""

FEWEST = 8
"""Chunks from which on that pays."""

MOST_NUMBERS = 20
"""Runs of record numbers that a Gap names."""


def cuts(stream: BinaryIO, size: int, piece: int) -> list[Bounds]:
    """Return the bounds of pieces of a log of about so many bytes, nothing where it has to be read as a whole."""
    header = evtx_chunks.header(Window(stream))
    end = evtx_chunks.regular(stream, header.first, size)
    step = max(1, piece // CHUNK) * CHUNK
    starts = list(range(header.first, end, step))
    if header.wrong or len(starts) < 2:
        return []
    # What lies behind the chunks goes with the last of them, the file's header with the first.
    return list(itertools.pairwise([0, *starts[1:], size]))


def parse(source: Source) -> Iterator[Read]:
    """Yield the events of a log, then its Gaps and what it tells of its server."""
    yield from between(source, (0, source.member.size))


def between(source: Source, bounds: Bounds) -> Iterator[Read]:
    """Yield the same for a piece of a log; Gaps of the file as a whole come with its ends."""
    troubles = Troubles("")
    events = Events(troubles)
    waiting = Waiting(events)
    columns = Columns()
    lost = _Lost(troubles)
    seen = _Seen()
    with source.open() as stream:
        window = Window(stream)
        header = evtx_chunks.header(window)
        if bounds[0]:
            window.between(*bounds)
        elif bounds[1] < source.member.size:
            window.between(window.at, bounds[1])
        for run in _runs_of(_chunks(window, header, seen, troubles)):
            _read_run(run, columns, waiting, lost, events)
            if events.full():
                waiting.settle()
                yield from events.batch()
    waiting.settle()
    yield from events.batch()
    if bounds[0]:
        seen.chunks += (bounds[0] - header.first) // CHUNK
        header = msgspec.structs.replace(header, wrong="")
    seen.tell(header, window.at, troubles, last=bounds[1] >= source.member.size)
    lost.tell()
    channel = events.clues.channel
    for gap in troubles.gaps():
        yield msgspec.structs.replace(gap, artifact=f"event:{channel}" if channel else "event")
    yield from events.clues.clues()


READER = Reader(artifact=ARTIFACT, tables=(EVENT,), parse=parse, cuts=cuts, between=between)


def _chunks(window: Window, header: Header, seen: "_Seen", troubles: Troubles) -> Iterator[Chunk]:
    """Yield the chunks of a file, and note what else is in it."""
    for piece in evtx_chunks.chunks(window, dirty=header.dirty):
        seen.add(piece)
        if isinstance(piece, Chunk):
            for wrong in piece.wrong:
                troubles.note("conflict", wrong, piece.offset)
            yield piece


def _runs_of(chunks: Iterator[Chunk]) -> Iterator[list[Chunk]]:
    """Yield chunks as runs: as many as pay to be read by columns, or one that cannot be."""
    run: list[Chunk] = []
    for chunk in chunks:
        if not _is_sound(chunk):
            if run:
                yield run
            yield [chunk]
            run = []
            continue
        run.append(chunk)
        if len(run) == RUN:
            yield run
            run = []
    if run:
        yield run


def _is_sound(chunk: Chunk) -> bool:
    """Tell whether a chunk is whole, and nothing but records."""
    return chunk.whole and bool(chunk.offsets) and not chunk.broken


def _read_run(run: list[Chunk], columns: Columns, waiting: Waiting, lost: "_Lost", events: Events) -> None:
    """Read chunks by columns where they are plain and many enough, else one by one."""
    counts = [ABSENT] * len(run)
    if len(run) >= FEWEST and _is_sound(run[0]) and not columns.useless:
        batch, counts = columns.read(run)
    at = 0
    for plain, group in itertools.groupby(zip(run, counts, strict=True), lambda pair: pair[1] != ABSENT):
        if not plain:
            for chunk, _ in group:
                _read(chunk, waiting, lost)
            continue
        waiting.settle()
        rows = 0
        for chunk, count in group:
            rows += count
            events.bytes += len(chunk.content)
            lost.between(chunk, 0)
        events.add_batch(batch.slice(at, rows))
        at += rows


def _read(chunk: Chunk, waiting: Waiting, lost: "_Lost") -> None:
    numbers = chunk.numbers()
    texts = None if chunk.broken or not chunk.whole else _strict(chunk, numbers)
    if texts is None:
        _mend(chunk, waiting, lost)
    else:
        for place in waiting.add_all(chunk, numbers, texts):
            lost.add(chunk.offset + chunk.offsets[place], numbers[place])
        lost.between(chunk, 0)
    waiting.read(len(chunk.content))


def _strict(chunk: Chunk, numbers: list[int]) -> list[str] | None:
    """Return what the reader makes of a chunk as it stands, None where that is not what we see in it."""
    file = io.BytesIO(evtx_chunks.FILE_OF_ONE + chunk.content)
    try:
        read: list[Any] = list(evtx.PyEvtxParser(file, 1).records_json())
    except RuntimeError:
        return None
    if [record["event_record_id"] for record in read] != numbers:
        return None
    return [record["data"] for record in read]


def _mend(chunk: Chunk, waiting: Waiting, lost: "_Lost") -> None:
    """Read a chunk that is not as it should be: every record in it is tried."""
    tried = evtx_chunks.entries(chunk)
    best: list[str | None] = [None] * len(tried)
    for tables in (True, False) if tried else ():
        image = evtx_chunks.mended(chunk, tried, tables=tables)
        best = max(best, _tolerant(image, len(tried)), key=_given)
        if _given(best) == len(tried):
            break
    breaks = {start for start, _ in chunk.broken}
    given = 0
    for entry, text in zip(tried, best, strict=True):
        torn = entry.offset in breaks
        if text is not None and waiting.add(chunk, entry.offset, entry.number, text, torn=torn):
            given += torn
        elif not torn:
            lost.add(chunk.offset + entry.offset, entry.number)
    lost.between(chunk, given)


def _tolerant(image: bytes, expected: int) -> list[str | None]:
    """Return the JSON of each record of a mended chunk, None for one that the reader cannot decode."""
    read: list[str | None] = []
    file = io.BytesIO(evtx_chunks.FILE_OF_ONE + image)
    reader: Iterator[Any] = evtx.PyEvtxParser(file, 1).records_json()
    while len(read) < expected:
        try:
            read.append(next(reader)["data"])
        except StopIteration:
            break
        except RuntimeError:
            read.append(None)
    return read + [None] * (expected - len(read))


def _given(read: Sequence[str | None]) -> int:
    return len(read) - read.count(None)


class _Lost:
    """Records that were seen and could not be read."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles
        self._first: int | None = None
        self._numbers: list[int] = []

    def add(self, at: int, number: int) -> None:
        """Note a record at an offset of the file that the reader could not decode."""
        self._first = at if self._first is None else self._first
        self._numbers.append(number)

    def between(self, chunk: Chunk, given: int) -> None:
        """Note what a chunk should hold and does not; `given` records were read where it is broken."""
        missing = (chunk.told or 0) - len(chunk.offsets) - given
        broken = len(chunk.broken) - given
        if broken > 0:
            at = chunk.offset + chunk.broken[0][0]
            self._troubles.note("unparsed", "bytes among the records are no record", at, max(missing, broken))
        elif missing > 0:
            why: Why = "lost" if chunk.whole else "truncated"
            detail = "a chunk holds fewer records than its header counts"
            self._troubles.note(why, detail, chunk.offset + chunk.end, missing)

    def tell(self) -> None:
        """Note the undecoded ones together."""
        if self._numbers:
            detail = f"the reader cannot decode these records: {_runs(self._numbers)}"
            self._troubles.note("unparsed", detail, self._first, len(self._numbers))


def _runs(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = [str(low) if low == high else f"{low}-{high}" for low, high in runs[:MOST_NUMBERS]]
    return ", ".join(told) + (", ..." if len(runs) > MOST_NUMBERS else "")


class _Seen:
    """The stretches of the file, to say at its end what is missing of it."""

    def __init__(self) -> None:
        self.chunks = 0
        self._zeros: tuple[int, int] | None = None
        self._garbage: list[tuple[int, int]] = []
        self._holes: list[tuple[int, int]] = []
        self._cut: int | None = None

    def add(self, piece: Chunk | Waste) -> None:
        """Count one stretch. Zeros between chunks are a hole; after the last chunk they are space not used yet."""
        if isinstance(piece, Waste):
            if not piece.zero:
                self._garbage.append((piece.offset, piece.size))
            elif self._zeros is None:
                self._zeros = (piece.offset, piece.size)
            else:
                self._zeros = (self._zeros[0], self._zeros[1] + piece.size)
            return
        self.chunks += 1
        if not piece.whole:
            self._cut = piece.offset + piece.end
        if self._zeros:
            self._holes.append(self._zeros)
            self._zeros = None

    def tell(self, header: Header, size: int, troubles: Troubles, *, last: bool) -> None:
        """Note what is wrong with the file as a whole; `last` is where its last chunk was seen."""
        if header.wrong:
            troubles.note("conflict", header.wrong, 0)
        if not self.chunks:
            self._tell_empty(header, size, troubles)
            return
        for at, length in self._holes:
            detail = "bytes are zero where a chunk should be"
            troubles.note("lost", detail, at, -(-length // evtx_chunks.CHUNK))
        for at, _ in self._garbage:
            troubles.note("unparsed", "bytes that are no chunk", at)
        if self._cut is not None:
            troubles.note("truncated", "the file ends, or goes on elsewhere, within a chunk", self._cut)
        there = self.chunks + sum(-(-length // evtx_chunks.CHUNK) for _, length in self._holes)
        if last and header.chunks is not None and not header.dirty and header.chunks > there:
            detail = f"the file header tells of {header.chunks} chunks; {there} are there"
            troubles.note("truncated", detail, size, header.chunks - there)

    def _tell_empty(self, header: Header, size: int, troubles: Troubles) -> None:
        if size == 0:
            troubles.note("empty", "the file has no bytes", None)
        elif self._garbage:
            troubles.note("unparsed", "no chunk of an event log is in it", 0)
        elif header.chunks is None:
            troubles.note("empty", "bytes are zero where an event log should be", 0)
        elif header.chunks:
            detail = f"the file header tells of {header.chunks} chunks; none is there"
            troubles.note("truncated", detail, size, header.chunks)
