"""Rows and records copied to any size without being the same: numbers, times, identifiers and digits of values differ.

A reader that keeps what it has seen gains nothing from the copying. What rules look for is left alone: words, paths,
addresses, event IDs, short numbers.
"""

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]

CHUNK, CHUNK_HEADER, FILE_HEADER = 65_536, 512, 4096
RECORD = b"\x2a\x2a\x00\x00"
STRING, NUMBER, GUID, FILETIME, HEX64, BINXML, STRINGS = 0x01, 0x0A, 0x0F, 0x11, 0x15, 0x21, 0x81
SPREAD = 97 * 10_000_000
"""Ticks (of 100 ns) by which a copy's times are later than those of the copy before: 97 seconds."""

MOST_CHUNKS = 0xFFFF
LONG = re.compile(rb"(?:[0-9a-fA-F]\x00){6,}")
"""Digits in UTF-16 that are long enough to be an identifier."""

IN_ROWS = re.compile(
    rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=:\d\d:\d)\d(?=[ .,])|(?<=:\d\d\.)\d{3}(?=Z)"
)
"""Identifiers, the last digit of seconds and milliseconds of a text log's rows."""


class Spots(msgspec.Struct, frozen=True):
    """Where a chunk may be changed: digits, bytes of identifiers, record numbers and times of eight bytes each."""

    digits: Array
    bytes: Array
    numbers: Array
    of_record: Array
    times: Array
    count: int


def spots(chunk: bytes) -> Spots:
    """Return where the values of a chunk's records may be changed."""
    found: dict[str, list[int]] = {name: [] for name in ("digits", "bytes", "numbers", "of_record", "times")}
    at, count = CHUNK_HEADER, 0
    while at + 28 < CHUNK and chunk[at : at + 4] == RECORD:
        size = int.from_bytes(chunk[at + 4 : at + 8], "little")
        if size < 28 or at + size > CHUNK:
            break
        found["numbers"].append(at + 8)
        found["of_record"].append(count)
        found["times"].append(at + 16)
        head = chunk[at + 8 : at + 24]
        _instance(chunk, at + 24, at + size - 4, (head, count), found, nested=False)
        count += 1
        at += size
    places = {name: np.array(spot, np.int64) for name, spot in found.items()}
    return Spots(**places, count=count)


def _instance(
    chunk: bytes, at: int, end: int, record: tuple[bytes, int], found: dict[str, list[int]], *, nested: bool
) -> None:
    """Add the values of a template's instance; anything else is left as it is."""
    if chunk[at : at + 4] == b"\x0f\x01\x01\x00":
        at += 4
    if chunk[at : at + 2] != b"\x0c\x01" or at + 14 > end:
        return
    definition = int.from_bytes(chunk[at + 6 : at + 10], "little")
    at += 10
    if definition == at:
        at += 24 + int.from_bytes(chunk[at + 20 : at + 24], "little")
    count = int.from_bytes(chunk[at : at + 4], "little")
    kinds = at + 4
    at = kinds + 4 * count
    if at > end:
        return
    for size, kind, _ in struct.iter_unpack("<HBB", chunk[kinds:at]):
        if at + size > end:
            return
        _value(chunk, at, size, kind, record, found, nested=nested)
        at += size


def _value(
    chunk: bytes,
    at: int,
    size: int,
    kind: int,
    record: tuple[bytes, int],
    found: dict[str, list[int]],
    *,
    nested: bool,
) -> None:
    if kind == BINXML:
        _instance(chunk, at, at + size, record, found, nested=True)
    elif kind in (STRING, STRINGS):
        for match in LONG.finditer(chunk, at, at + size):
            # Text lies at any offset, so the digits are every second byte from the match on.
            found["digits"] += [n for n in range(match.start(), match.end(), 2) if 0x30 <= chunk[n] <= 0x39]
    elif kind == GUID and nested and size == 16:
        found["bytes"] += range(at + 10, at + 16)
    elif kind == HEX64 and nested and size == 8:
        found["bytes"] += range(at, at + 2)
    elif size == 8 and kind == NUMBER and chunk[at : at + 8] == record[0][:8]:
        found["numbers"].append(at)
        found["of_record"].append(record[1])
    elif size == 8 and kind == FILETIME and chunk[at : at + 8] == record[0][8:]:
        found["times"].append(at)


def chunks_of(logs: Sequence[bytes]) -> list[bytes]:
    """Return the fuller half of the chunks of event logs, those with most records first."""
    chunks = [log[at : at + CHUNK] for log in logs for at in range(FILE_HEADER, len(log) - CHUNK + 1, CHUNK)]
    chunks = [chunk for chunk in chunks if chunk[:8] == b"ElfChnk\0"]
    chunks.sort(key=lambda chunk: -int.from_bytes(chunk[48:52], "little"))
    return chunks[: max(1, len(chunks) // 2)]


def events(logs: Sequence[bytes], size: int, seed: int) -> Iterator[bytes]:
    """Yield an event log of `size` bytes: its header, then chunks of these logs, each copy changed."""
    chunks = chunks_of(logs)
    known = [(np.frombuffer(chunk, np.uint8), spots(chunk)) for chunk in chunks]
    count = min(max(1, size // CHUNK), MOST_CHUNKS)
    numbers = [known[place % len(known)][1].count for place in range(count)]
    yield file_header(count, 1 + sum(numbers))
    dice = np.random.default_rng(seed)
    first = 1
    for place in range(count):
        chunk, where = known[place % len(known)]
        yield changed(chunk, where, first, place // len(known), dice)
        first += where.count


def changed(chunk: Array, where: Spots, first: int, copy: int, dice: np.random.Generator) -> bytes:
    """Return a chunk's copy whose records are numbered from `first` on, with checksums that fit."""
    made = chunk.copy()
    made[where.digits] = dice.integers(0x30, 0x3A, len(where.digits), np.uint8)
    made[where.bytes] = dice.integers(0, 256, len(where.bytes), np.uint8)
    _put(made, where.numbers, first + where.of_record)
    _put(made, where.times, _eight(chunk, where.times) + copy * SPREAD)
    last = first + max(where.count - 1, 0)
    made[8:40] = np.array([first, last, first, last], "<u8").view(np.uint8)
    free = int.from_bytes(made[48:52].tobytes(), "little")
    made[52:56] = _crc(made[CHUNK_HEADER:free].tobytes())
    made[124:128] = _crc(made[:120].tobytes() + made[128:CHUNK_HEADER].tobytes())
    return made.tobytes()


def _put(made: Array, places: Array, numbers: Array) -> None:
    made[places[:, None] + np.arange(8)] = numbers.astype("<u8").view(np.uint8).reshape(-1, 8)


def _eight(chunk: Array, places: Array) -> Array:
    return chunk[places[:, None] + np.arange(8)].view("<u8").reshape(-1).astype(np.int64)


def _crc(content: bytes) -> Array:
    return np.frombuffer(zlib.crc32(content).to_bytes(4, "little"), np.uint8)


def file_header(chunks: int, following: int) -> bytes:
    """Return the header of an event log of so many chunks."""
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, chunks - 1, following, 128, 1, 3, FILE_HEADER, chunks)
    head = head.ljust(120, b"\0")
    return (head + struct.pack("<II", 0, zlib.crc32(head))).ljust(FILE_HEADER, b"\0")


def text(contents: Sequence[bytes], size: int, seed: int) -> Iterator[bytes]:
    """Yield a text log of `size` bytes or little more: the first log with its header, then rows of all, changed."""
    rows = b"".join(
        line
        for content in contents
        for line in content.splitlines(keepends=True)
        if not line.startswith(b"#")
    )
    places = [
        n
        for match in IN_ROWS.finditer(rows)
        for n in range(match.start(), match.end())
        if rows[n] in b"0123456789"
    ]
    plain, digits = np.frombuffer(rows, np.uint8), np.array(places, np.int64)
    dice = np.random.default_rng(seed)
    yield contents[0]
    written = len(contents[0])
    while written < size:
        made = plain.copy()
        made[digits] = dice.integers(0x30, 0x3A, len(digits), np.uint8)
        piece = made.tobytes()[: size - written]
        piece = piece[: piece.rfind(b"\n") + 1]
        if not piece:
            return
        yield piece
        written += len(piece)
