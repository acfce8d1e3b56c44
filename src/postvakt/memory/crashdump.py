"""64-bit crash dumps of Windows: the header and where the pages lie.

Source: the layouts of DUMP_HEADER64 and of the bitmap header as public readers of crash dumps agree on them.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec
import numpy as np

from postvakt.memory.physical import PAGE, RefusedError

HEADER = 0x2000
MOST_RUNS = (0x348 - 0x98) // 16
FULL, KERNEL, TRIAGE, BITMAP_FULL, BITMAP_KERNEL, AUTOMATIC = 1, 2, 4, 5, 6, 7
KERNEL_ONLY = (KERNEL, BITMAP_KERNEL, AUTOMATIC)
BITMAP_SIGNATURES = (b"SDMPDUMP", b"FDMPDUMP")
MOST_PAGES = 1 << 32
"""Pages that a bitmap may tell of: 16 TiB of memory."""
BITMAP_PIECE = 1 << 20
AMD64 = 0x8664


class Header(msgspec.Struct, frozen=True):
    """What a dump's header tells; addresses are virtual but for `directory`."""

    build: int
    directory: int
    loaded_modules: int
    active_processes: int
    kind: int
    taken: int
    machine: int


def header(file: BinaryIO) -> Header:
    """Return the header of a 64-bit dump. Raises RefusedError where it is cut or of another machine."""
    file.seek(0)
    raw = file.read(HEADER)
    if len(raw) < HEADER:
        raise RefusedError("truncated", f"{len(raw)} bytes: not even a crash dump's header")
    (build,) = struct.unpack_from("<I", raw, 0xC)
    directory, _, modules, processes = struct.unpack_from("<4Q", raw, 0x10)
    (machine,) = struct.unpack_from("<I", raw, 0x30)
    (kind,) = struct.unpack_from("<I", raw, 0xF98)
    (taken,) = struct.unpack_from("<Q", raw, 0xFA8)
    if machine != AMD64:
        raise RefusedError("unsupported", f"a crash dump of another machine than x64 ({machine:#x})")
    return Header(build, directory & ~0xFFF, modules, processes, kind, taken, machine)


def runs(file: BinaryIO, told: Header) -> Iterator[tuple[int, int, int]]:
    """Yield (address, size, offset) of the pages in a dump. Raises RefusedError where it holds none."""
    if told.kind == TRIAGE:
        raise RefusedError(
            "unsupported",
            "a triage dump (type 4): no w3wp memory in this file, nor of any other program;"
            " ask for a complete memory dump",
        )
    file.seek(HEADER)
    if file.read(8) in BITMAP_SIGNATURES:
        return _of_bitmap(file)
    if told.kind == FULL:
        return _of_list(file)
    what = "a kernel-only dump: no w3wp memory in this file;" if told.kind == KERNEL else "a dump"
    raise RefusedError(
        "unsupported", f"{what} of type {told.kind} is not read; ask for a complete memory dump"
    )


def _of_list(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    file.seek(0x88)
    raw = file.read(16 + 16 * MOST_RUNS)
    count, _, _ = struct.unpack_from("<IIQ", raw, 0)
    if not 0 < count <= MOST_RUNS:
        raise RefusedError("unparsed", f"the header tells of {count} runs of memory; at most {MOST_RUNS} fit")
    offset = HEADER
    for index in range(count):
        first, pages = struct.unpack_from("<QQ", raw, 16 + 16 * index)
        if first + pages > MOST_PAGES:
            raise RefusedError("unparsed", f"run {index} of memory ends at page {first + pages:#x}")
        yield first * PAGE, pages * PAGE, offset
        offset += pages * PAGE


def _of_bitmap(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    file.seek(HEADER + 0x20)
    raw = file.read(24)
    if len(raw) < 24:
        raise RefusedError("truncated", "the dump ends within the header of its bitmap")
    offset, _, pages = struct.unpack("<QQQ", raw)
    if pages > MOST_PAGES:
        raise RefusedError("unparsed", f"the bitmap tells of {pages} pages")
    base, left = 0, (pages + 7) // 8
    while left and (piece := file.read(min(BITMAP_PIECE, left))):
        left -= len(piece)
        bits = np.unpackbits(np.frombuffer(piece, np.uint8), bitorder="little")
        bits = bits[: max(0, pages - base)]
        edges = np.flatnonzero(np.diff(bits, prepend=0, append=0))
        for first, after in edges.reshape(-1, 2).tolist():
            size = (after - first) * PAGE
            yield (base + first) * PAGE, size, offset
            offset += size
        base += 8 * len(piece)
