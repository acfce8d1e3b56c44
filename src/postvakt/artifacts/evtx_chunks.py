"""Chunks and records of an EVTX file, found by their own marks: what a header says is compared, never trusted.

A parser that follows the headers reads nothing behind a broken record, a cut file or a lowered record number. Here
records are walked one by one, taken up again after a break, and a chunk that a strict reader refuses is mended in
memory so that every record in it is tried.

Source: the layout of EVTX as the libevtx project documents it; [MS-EVEN6] for the content of records.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec
import numpy as np

CHUNK = 65536
FILE_HEADER = 4096
CHUNK_HEADER = 512
LEAST_RECORD = 28
MOST_RECORDS = (CHUNK - CHUNK_HEADER) // LEAST_RECORD
FILE_MARK = b"ElfFile\0"
CHUNK_MARK = b"ElfChnk\0"
RECORD_MARK = b"**\0\0"
DIRTY, NO_CHECKSUMS = 1, 4
NO_NUMBER = 2**64 - 1

_START = struct.Struct("<II")
_NUMBER = struct.Struct("<I")
_QUAD = struct.Struct("<Q")
_FILE_HEAD = struct.Struct("<8sQQQIHHHH")
_CHUNK_HEAD = struct.Struct("<8sQQQQIIII")
_MAGIC = int.from_bytes(RECORD_MARK, "little")


class Record(NamedTuple):
    """One record: where its header begins in the chunk, and its number."""

    offset: int
    number: int


class Chunk(msgspec.Struct):
    """Up to 64 KiB of the file that hold records. `content` is as read, records begin at
    `offsets` of it, `end` is where they end.

    `broken` are spans between records that are no record as they stand. `wrong` are things that its header says
    and that are not so. `told` is how many records the header counts, None where it cannot be believed.
    """

    offset: int
    content: bytes
    offsets: list[int]
    broken: list[tuple[int, int]]
    end: int
    whole: bool = True
    wrong: tuple[str, ...] = ()
    told: int | None = None

    def numbers(self) -> list[int]:
        """Return the record numbers at `offsets`."""
        return numbers(self.content, self.offsets)

    def written(self, offset: int) -> int:
        """Return the FILETIME at which the record at `offset` was written."""
        return _QUAD.unpack_from(self.content, offset + 16)[0]


class Waste(msgspec.Struct, frozen=True):
    """A stretch of the file that holds no chunk. `zero`: nothing but zeros, as Windows leaves space it has not used."""

    offset: int
    size: int
    zero: bool


class Header(msgspec.Struct, frozen=True):
    """What the file says of itself. `wrong` tells what is not right with that."""

    first: int
    chunks: int | None = None
    dirty: bool = True
    wrong: str = ""


class Window:
    """A stream that can be looked at before it is taken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ahead = b""
        self._end: int | None = None
        self.at = 0

    def between(self, start: int, end: int) -> None:
        """Go to an offset, and end at another. Raises OSError where the stream cannot be gone to."""
        self._stream.seek(start)
        self._ahead, self.at, self._end = b"", start, end

    def peek(self, size: int) -> bytes:
        """Return the next bytes, fewer at the end."""
        if self._end is not None:
            size = min(size, self._end - self.at)
        while len(self._ahead) < size and (piece := self._stream.read(size - len(self._ahead))):
            self._ahead += piece
        return self._ahead[:size]

    def skip(self, size: int) -> None:
        """Pass over bytes that were looked at."""
        self._ahead = self._ahead[size:]
        self.at += size


def header(window: Window) -> Header:
    """Read the file header and stand at the first chunk."""
    head = window.peek(FILE_HEADER)
    if not head.startswith(FILE_MARK):
        if not head or head.startswith(CHUNK_MARK):
            return Header(0, wrong="the file begins with a chunk: it has no file header" if head else "")
        window.skip(len(head))
        return Header(len(head), wrong="the file header is not one")
    if len(head) < 128:
        window.skip(len(head))
        return Header(len(head), wrong="the file header is cut")
    _, _, _, _, _, _, _, block, chunks = _FILE_HEAD.unpack_from(head)
    flags, told = struct.unpack_from("<II", head, 120)
    checked = flags & NO_CHECKSUMS or zlib.crc32(head[:120]) == told
    wrong = "" if checked else "the checksum of the file header differs"
    first = block if 128 <= block <= CHUNK else FILE_HEADER
    window.skip(len(window.peek(first)))
    return Header(first, chunks, bool(flags & DIRTY), wrong)


def regular(stream: BinaryIO, first: int, size: int) -> int:
    """Return where the chunks of a file end that stand one behind another from `first` on; 0 where others stand
    behind what is none. A piece of them tells by itself what it holds."""
    end = first
    # A buffer would be filled anew for the few bytes of each mark.
    marks = getattr(stream, "raw", stream)
    for at in range(first, size, CHUNK):
        marks.seek(at)
        if marks.read(len(CHUNK_MARK)) == CHUNK_MARK:
            if at != end:
                return 0
            end = at + CHUNK
    return min(end, size)


def chunks(window: Window, *, dirty: bool) -> Iterator[Chunk | Waste]:
    """Yield what follows the file header, in order. Chunks are found on their grid, and by their mark where it broke.

    `dirty` files were being written when they were copied: their chunks may hold more than their headers say.
    """
    while block := window.peek(CHUNK):
        start = window.at
        if block.startswith(CHUNK_MARK):
            chunk = _chunk(start, block, dirty=dirty)
            window.skip(len(chunk.content))
            yield chunk
            continue
        zero = not block.strip(b"\0")
        cut = -1 if zero else window.peek(CHUNK + len(CHUNK_MARK) - 1).find(CHUNK_MARK, 1)
        size = cut if cut > 0 else len(block)
        window.skip(size)
        yield (None if zero else _headless(start, block[:size])) or Waste(start, size, zero)


def _chunk(start: int, block: bytes, *, dirty: bool) -> Chunk:
    if len(block) < CHUNK_HEADER:
        return Chunk(start, block, [], [], len(block), whole=False, wrong=("the chunk is cut in its header",))
    _, first, last, _, _, _, _, free, body_told = _CHUNK_HEAD.unpack_from(block)
    flags, head_told = struct.unpack_from("<II", block, 120)
    unchecked = bool(flags & NO_CHECKSUMS)
    wrong_head = not unchecked and zlib.crc32(block[128:CHUNK_HEADER], zlib.crc32(block[:120])) != head_told
    wrong = ["the checksum of the chunk header differs"] if wrong_head else []
    sound = CHUNK_HEADER <= free <= CHUNK
    if not sound:
        wrong.append("the chunk header tells no end of its records")
    limit = min(free, len(block)) if sound else len(block)
    body_right = sound and (unchecked or zlib.crc32(memoryview(block)[CHUNK_HEADER:limit]) == body_told)
    offsets, broken, end, cut = _walk(block, limit, beyond=dirty or not body_right)
    if cut:
        block = block[:cut]
    if not body_right and sound and end <= limit and len(block) == CHUNK:
        wrong.append("the checksum of the records differs")
    whole = len(block) == CHUNK
    told = last - first + 1
    if wrong_head or not 0 < told <= MOST_RECORDS:
        told = None
    return Chunk(start, block, offsets, broken, end, whole, tuple(wrong), told)


def _headless(start: int, block: bytes) -> Chunk | None:
    """Return bytes without a chunk's mark as a chunk, where records are in them."""
    if RECORD_MARK not in block or len(block) <= CHUNK_HEADER:
        return None
    offsets, broken, end, _ = _walk(block, len(block), beyond=True)
    if not offsets:
        return None
    return Chunk(start, block, offsets, broken, end, wrong=("the chunk has no header",))


def numbers(block: bytes, offsets: list[int]) -> list[int]:
    """Return the numbers of the records at these offsets, which are multiples of eight."""
    words = np.frombuffer(block, "<u8", len(block) // 8)
    return words[np.array(offsets, np.int64) // 8 + 1].tolist() if offsets else []


def _walk(block: bytes, limit: int, *, beyond: bool) -> tuple[list[int], list[tuple[int, int]], int, int]:
    """Return where records begin up to `limit`, the broken spans, the records' end, and where another chunk begins.

    `beyond` goes on past the limit where the next record follows without a gap and with the next number.
    """
    offsets = _unbroken(block, limit)
    broken: list[tuple[int, int]] = []
    at = limit if offsets else CHUNK_HEADER
    unpack, trailing, size_of = _START.unpack_from, _NUMBER.unpack_from, len(block)
    while at + LEAST_RECORD <= limit:
        magic, size = unpack(block, at)
        end = at + size
        whole = magic == _MAGIC and size >= LEAST_RECORD and not size & 7 and end <= size_of
        if whole and trailing(block, end - 4)[0] == size:
            offsets.append(at)
            at = end
            continue
        following, cut = _next(block, at + 1, limit)
        if following < 0 and not block[at:limit].strip(b"\0"):
            # Space that was never written: a chunk whose end is not known, or a file that was cut.
            return offsets, broken, at, cut
        broken.append((at, following if following >= 0 else limit))
        if following < 0:
            return offsets, broken, limit, cut
        at = following
    if beyond:
        at = _beyond(block, at, offsets)
    return offsets, broken, at, 0


def _unbroken(block: bytes, limit: int) -> list[int]:
    """Return where records begin if they fill the chunk up to `limit` one after another, else nothing."""
    if limit % 8 or limit <= CHUNK_HEADER:
        return []
    words = np.frombuffer(block, "<u4", limit // 4)
    # Bytes that look like a record's mark within one break the row, and every record is then looked at by itself.
    starts = np.flatnonzero(words[CHUNK_HEADER // 4 :: 2] == _MAGIC) * 2 + CHUNK_HEADER // 4
    sizes = words[starts + 1].astype(np.int64)
    ends = starts + sizes // 4
    if not len(starts) or starts[0] != CHUNK_HEADER // 4 or ends[-1] != limit // 4:
        return []
    if (ends[:-1] != starts[1:]).any() or (sizes % 8).any() or sizes.min() < LEAST_RECORD:
        return []
    if (words[ends - 1] != sizes).any():
        return []
    offsets: list[int] = (starts * 4).tolist()
    return offsets


def _next(block: bytes, at: int, limit: int) -> tuple[int, int]:
    """Return where the next sound record begins (-1: none), and where another chunk begins before it (0: none)."""
    cut = block.find(CHUNK_MARK, at)
    stop = cut if cut > 0 else limit
    found = block.find(RECORD_MARK, at, stop)
    while found >= 0:
        if found % 8 == 0 and _is_record(block, found):
            return found, 0
        found = block.find(RECORD_MARK, found + 1, stop)
    return -1, max(cut, 0)


def _is_record(block: bytes, at: int) -> bool:
    if at + LEAST_RECORD > len(block):
        return False
    magic, size = _START.unpack_from(block, at)
    end = at + size
    sized = size >= LEAST_RECORD and not size & 7 and end <= len(block)
    return magic == _MAGIC and sized and _NUMBER.unpack_from(block, end - 4)[0] == size


def _beyond(block: bytes, at: int, offsets: list[int]) -> int:
    while offsets and _is_record(block, at):
        if numbers(block, [at])[0] != numbers(block, offsets[-1:])[0] + 1:
            break
        offsets.append(at)
        at += _START.unpack_from(block, at)[1]
    return at


FILE_OF_ONE = _FILE_HEAD.pack(FILE_MARK, 0, 0, 2, 128, 1, 3, FILE_HEADER, 1).ljust(120, b"\0")
FILE_OF_ONE = (FILE_OF_ONE + struct.pack("<II", 0, zlib.crc32(FILE_OF_ONE))).ljust(FILE_HEADER, b"\0")
"""The header of a file that holds one chunk: each chunk is handed to the reader as a file of its own."""


def entries(chunk: Chunk) -> list[Record]:
    """Return the records with the broken spans among them, in order: what a mended chunk makes a reader try.

    A span too short for a record goes with the record before it.
    """
    spans = [start for start, end in chunk.broken if end - start >= LEAST_RECORD]
    offsets = sorted([*chunk.offsets, *spans])
    return list(map(Record, offsets, numbers(chunk.content.ljust(CHUNK, b"\0"), offsets)))


def mended(chunk: Chunk, tried: list[Record], *, tables: bool) -> bytes:
    """Return the chunk so that a strict reader tries every one of `tried`, and nothing hides behind its header.

    `tables` keeps the chunk's tables of names and templates; records name those by offset and need no table.
    """
    image = bytearray(chunk.content.ljust(CHUNK, b"\0"))
    ends = [*(entry.offset for entry in tried[1:]), chunk.end]
    for entry, end in zip(tried, ends, strict=True):
        _START.pack_into(image, entry.offset, _MAGIC, end - entry.offset)
    last = tried[-1].offset
    # Readers stop at the last number that the header tells.
    told = (1, NO_NUMBER - 1, tried[0].number, NO_NUMBER - 1)
    _CHUNK_HEAD.pack_into(image, 0, CHUNK_MARK, *told, 128, last, chunk.end, 0)
    if not tables:
        image[128:CHUNK_HEADER] = bytes(CHUNK_HEADER - 128)
    return bytes(image)
