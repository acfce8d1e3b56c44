"""User minidumps: one program's memory with its modules and regions.

Source: Microsoft's documentation of MINIDUMP_HEADER and its streams. Unknown streams are passed over. Nothing is read
of what lsass keeps but its modules and regions.
"""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from postvakt.memory.paging import HIGHEST
from postvakt.memory.physical import PAGE, Image, RefusedError

THREADS, MODULES, MEMORY, SYSTEM, MEMORY64, MISC, REGIONS = 3, 4, 5, 7, 9, 15, 16
MOST_STREAMS = 4096
MOST_ENTRIES = 1 << 20
MOST_LIST = 128 << 20
"""Entries of one list, and bytes of that of regions, that are read."""
MODULE_SIZE, THREAD_SIZE = 108, 48
AMD64 = 9
COMMIT, PRIVATE, IMAGE, MAPPED = 0x1000, 0x20000, 0x1000000, 0x40000
EXECUTABLE = 0xF0
PROTECTIONS = {
    0x01: "NOACCESS", 0x02: "READONLY", 0x04: "READWRITE", 0x08: "WRITECOPY", 0x10: "EXECUTE",
    0x20: "EXECUTE_READ", 0x40: "EXECUTE_READWRITE", 0x80: "EXECUTE_WRITECOPY",
}  # fmt: skip
MODES = ((0x100, " GUARD"), (0x200, " NOCACHE"), (0x400, " WRITECOMBINE"))
WHOLE = 0x2
"""MiniDumpWithFullMemory in the header's flags."""


class Loaded(msgspec.Struct, frozen=True):
    """A module: virtual address, size in bytes, path, link time; `locator` is its entry's place in the file."""

    locator: int
    base: int
    size: int
    path: str
    stamp: int


class Area(msgspec.Struct, frozen=True):
    """A region as the memory manager told it: first byte, size, protection, whether it runs, private or image."""

    locator: int
    base: int
    size: int
    protection: str
    executable: bool
    private: bool
    image: bool


class Dump(msgspec.Struct, frozen=True, kw_only=True):
    """What a minidump holds. `taken` and `created` are seconds since 1970, 0 where not told; `blocks` addresses of
    thread blocks (TEB); `regions` is None where the dump has no list of them."""

    memory: Image
    whole: bool
    taken: int
    created: int
    process_id: int | None
    build: int
    machine: int
    modules: tuple[Loaded, ...]
    regions: tuple[Area, ...] | None
    blocks: tuple[int, ...]
    troubles: Counter[str]


class Flat:
    """One program's space, where the image's addresses are already virtual."""

    def __init__(self, memory: Image) -> None:
        self._memory = memory

    def read(self, address: int, size: int) -> bytes | None:
        """Return the bytes, None where any of them is not in the dump."""
        return self._memory.read(address, size) if 0 <= address <= HIGHEST - size else None

    def read_some(self, address: int, size: int) -> bytes:
        """Return the bytes up to the first that is not in the dump."""
        whole = self.read(address, size)
        if whole is not None:
            return whole
        got = b""
        while len(got) < size:
            there = min(size - len(got), PAGE - (address + len(got)) % PAGE)
            piece = self.read(address + len(got), there)
            if piece is None:
                break
            got += piece
        return got


def read(file: BinaryIO) -> Dump:
    """Return what a minidump holds. Raises RefusedError where not even its list of streams can be read."""
    size = file.seek(0, 2)
    troubles: Counter[str] = Counter()
    head = _at(file, 0, 32)
    if len(head) < 32:
        raise RefusedError("truncated", f"{len(head)} bytes: not even a minidump's header")
    count, place, _, taken, flags = struct.unpack_from("<IIIIQ", head, 8)
    if count > MOST_STREAMS:
        raise RefusedError("unparsed", f"a minidump of {count} streams")
    table = _at(file, place, 12 * count)
    if len(table) < 12 * count:
        troubles["the list of streams is cut"] += 1
    streams: dict[int, tuple[int, int]] = {}
    for at in range(0, len(table) - 11, 12):
        kind, length, offset = struct.unpack_from("<III", table, at)
        if offset + length > size:
            troubles["a stream reaches past the end of the file"] += 1
        streams.setdefault(kind, (offset, length))
    machine, build = _system(file, streams)
    process_id, created = _misc(file, streams)
    return Dump(
        memory=Image(file, _memory(file, streams), 1 << 64),
        whole=bool(flags & WHOLE) or MEMORY64 in streams,
        taken=taken,
        created=created,
        process_id=process_id,
        build=build,
        machine=machine,
        modules=tuple(_modules(file, streams, troubles)),
        regions=tuple(_regions(file, streams, troubles)) if REGIONS in streams else None,
        blocks=tuple(_blocks(file, streams)),
        troubles=troubles,
    )


def _at(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _system(file: BinaryIO, streams: dict[int, tuple[int, int]]) -> tuple[int, int]:
    raw = _at(file, streams[SYSTEM][0], 24) if SYSTEM in streams else b""
    return (
        (int.from_bytes(raw[:2], "little"), int.from_bytes(raw[16:20], "little"))
        if len(raw) == 24
        else (-1, 0)
    )


def _misc(file: BinaryIO, streams: dict[int, tuple[int, int]]) -> tuple[int | None, int]:
    raw = _at(file, streams[MISC][0], 24) if MISC in streams else b""
    if len(raw) < 24:
        return None, 0
    _, flags, process_id, created = struct.unpack_from("<IIII", raw)
    return process_id if flags & 1 else None, created if flags & 2 else 0


def _memory(file: BinaryIO, streams: dict[int, tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    if MEMORY64 in streams:
        raw = _at(file, streams[MEMORY64][0], 16)
        if len(raw) == 16:
            count, offset = struct.unpack("<QQ", raw)
            listed = file.read(16 * min(count, MOST_ENTRIES))
            for at in range(0, len(listed) - 15, 16):
                start, size = struct.unpack_from("<QQ", listed, at)
                yield start, size, offset
                offset += size
                if offset >> 63:
                    return
    elif MEMORY in streams:
        raw = _entries(file, streams[MEMORY], 16)
        for at in range(0, len(raw) - 15, 16):
            start, length, place = struct.unpack_from("<QII", raw, at)
            yield start, length, place


def _entries(file: BinaryIO, stream: tuple[int, int], size: int) -> bytes:
    """Return the entries of a list that begins with their count; some writers pad the count to eight bytes."""
    offset, length = stream
    count = int.from_bytes(_at(file, offset, 4), "little")
    count = min(count, MOST_ENTRIES)
    padded = length >= 8 + count * size
    return _at(file, offset + (8 if padded else 4), count * size)


def _modules(file: BinaryIO, streams: dict[int, tuple[int, int]], troubles: Counter[str]) -> Iterator[Loaded]:
    if MODULES not in streams:
        return
    offset, length = streams[MODULES]
    raw = _entries(file, streams[MODULES], MODULE_SIZE)
    first = offset + (8 if length >= 8 + len(raw) else 4)
    for at in range(0, len(raw) - MODULE_SIZE + 1, MODULE_SIZE):
        base, size, _, stamp, name = struct.unpack_from("<QIIII", raw, at)
        head = _at(file, name, 4)
        told = int.from_bytes(head, "little")
        text = file.read(min(told, 65_536)) if len(head) == 4 else b""
        if len(text) != told or not told:
            troubles["names of modules are not in the file"] += 1
        yield Loaded(
            first + at, base, size, text[: len(text) & ~1].decode("utf-16-le", "backslashreplace"), stamp
        )


def _regions(file: BinaryIO, streams: dict[int, tuple[int, int]], troubles: Counter[str]) -> Iterator[Area]:
    offset = streams[REGIONS][0]
    raw = _at(file, offset, 16)
    if len(raw) < 16:
        troubles["the list of regions is cut"] += 1
        return
    header, entry, count = struct.unpack("<IIQ", raw)
    if entry < 48 or entry > 4096 or header > 4096:
        troubles["the list of regions is of an unknown shape"] += 1
        return
    most = min(MOST_ENTRIES, MOST_LIST // entry)
    if count > most:
        troubles[f"more than {most} regions are told"] += 1
        count = most
    listed = _at(file, offset + header, entry * count)
    if len(listed) < entry * count:
        troubles["the list of regions is cut"] += 1
    for at in range(0, len(listed) - entry + 1, entry):
        base, _, _, size, state, protect, kind = struct.unpack_from("<QQI4xQIII", listed, at)
        if state == COMMIT:
            yield Area(
                offset + header + at, base, size, protection(protect), bool(protect & EXECUTABLE), kind == PRIVATE,
                kind == IMAGE,
            )  # fmt: skip


def protection(code: int) -> str:
    """Return a protection as Windows names it."""
    return PROTECTIONS.get(code & 0xFF, f"{code & 0xFF:#x}") + "".join(n for bit, n in MODES if code & bit)


def _blocks(file: BinaryIO, streams: dict[int, tuple[int, int]]) -> Iterator[int]:
    if THREADS in streams:
        raw = _entries(file, streams[THREADS], THREAD_SIZE)
        for at in range(0, len(raw) - THREAD_SIZE + 1, THREAD_SIZE):
            yield struct.unpack_from("<Q", raw, at + 16)[0]
