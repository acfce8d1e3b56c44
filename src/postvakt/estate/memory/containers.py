"""The formats in which memory is handed in, written from an image."""

import gzip
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import pyarrow as pa

from postvakt.estate.filetime import filetime
from postvakt.estate.memory.description import PAGE
from postvakt.estate.memory.image import Image, Run
from postvakt.estate.memory.layouts import layout
from postvakt.estate.memory.pe import X64

Format = Literal[
    "raw", "raw.gz", "raw.zst", "dump-full", "dump-bitmap", "dump-active", "dump-kernel", "dump-summary", "dump-triage",
    "dump-32", "lime", "elf",
]  # fmt: skip
"""Dumps: type 1, 5, 6; of type 6 and of the older type 2 with the kernel's pages alone; type 4, which has no
memory; the header of a 32-bit one."""

FULL, SUMMARY, TRIAGE, BITMAP, ACTIVE = 1, 2, 4, 5, 6
HEADER = 0x2000
RUNS_AT, MOST_RUNS = 0x88, 40
FREE_AT = 0x348
BITMAP_HEADER = 0x38
LIME = 0x4C694D45
VMWARE = 0xBED2BED2
ELF_CORE, ELF_X64, ELF_LOAD = 4, 62, 1


def write(image: Image, path: Path, form: Format = "raw") -> Path:
    """Write an image in a format and return the path. A raw image is written sparse. Raises OSError where it
    cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "raw":
        with path.open("wb") as file:
            for number, page in image.pages.items():
                file.seek(number * PAGE)
                file.write(page[: image.size - number * PAGE])
            file.truncate(image.size)
        return path
    with path.open("wb") as file:
        for part in WRITERS[form](image):
            file.write(part)
    return path


def contained(image: Image, form: Format) -> bytes:
    """Return an image in a format, whole."""
    return b"".join(WRITERS[form](image))


def _gzip(image: Image) -> Iterator[bytes]:
    yield gzip.compress(image.raw(), 6, mtime=0)


def _zstd(image: Image) -> Iterator[bytes]:
    target = pa.BufferOutputStream()
    with pa.CompressedOutputStream(target, "zstd") as stream:
        for page in image.stream():
            stream.write(page)
    yield target.getvalue().to_pybytes()


def dump_header(image: Image, kind: int, runs: tuple[Run, ...], size: int) -> bytes:
    """Return the two pages that begin a 64-bit crash dump."""
    head = bytearray(b"PAGE" * (HEADER // 4))
    head[:8] = b"PAGEDU64"
    struct.pack_into("<II", head, 8, 15, image.machine.build)
    struct.pack_into("<QQ", head, 0x10, image.root, 0xFFFF_FA80_0000_0000)
    struct.pack_into(
        "<QQ", head, 0x20, image.symbol("PsLoadedModuleList"), image.symbol("PsActiveProcessHead")
    )
    struct.pack_into("<III", head, 0x30, X64, 2, 0xDEADDEAD)
    head[0x40:0x80] = bytes(0x40)
    struct.pack_into("<Q", head, 0x80, image.symbol("KdDebuggerDataBlock"))
    if len(runs) > MOST_RUNS:
        raise ValueError(f"a dump's header has room for {MOST_RUNS} runs, not for {len(runs)}")
    struct.pack_into("<IIQ", head, RUNS_AT, len(runs), 0, sum(count for _, count in runs))
    for number, run in enumerate(runs):
        struct.pack_into("<QQ", head, RUNS_AT + 16 + 16 * number, *run)
    head[FREE_AT : FREE_AT + 3000] = bytes(3000)
    struct.pack_into("<I", head, 0xF98, kind)
    struct.pack_into("<QQ", head, 0xFA0, size, filetime(image.machine.taken))
    return bytes(head)


def _pages(image: Image, runs: tuple[Run, ...]) -> Iterator[bytes]:
    return (image.page(number) for first, count in runs for number in range(first, first + count))


def _full(image: Image) -> Iterator[bytes]:
    yield dump_header(image, FULL, image.runs, HEADER + _bytes(image.runs))
    yield from _pages(image, image.runs)


def _bytes(runs: tuple[Run, ...]) -> int:
    return PAGE * sum(count for _, count in runs)


def _by_bitmap(image: Image, kind: int, kept: Callable[[int], bool], signature: bytes) -> Iterator[bytes]:
    """A dump whose pages are those that a map of bits names."""
    last = image.size // PAGE
    numbers = [
        number for first, count in image.runs for number in range(first, first + count) if kept(number)
    ]
    bits = bytearray(-(-last // 8))
    for number in numbers:
        bits[number >> 3] |= 1 << (number & 7)
    first = -(-(HEADER + BITMAP_HEADER + len(bits)) // PAGE) * PAGE
    head = bytearray(BITMAP_HEADER)
    head[:8] = signature
    struct.pack_into("<QQQ", head, 0x20, first, len(numbers), last)
    yield dump_header(image, kind, image.runs, first + len(numbers) * PAGE)
    yield (bytes(head) + bytes(bits)).ljust(first - HEADER, b"\0")
    yield from (image.page(number) for number in numbers)


def _bitmap(image: Image) -> Iterator[bytes]:
    return _by_bitmap(image, BITMAP, lambda number: True, b"SDMPDUMP")


def _active(image: Image) -> Iterator[bytes]:
    """Without the pages that nobody uses."""
    return _by_bitmap(image, ACTIVE, lambda number: image.used(number) not in (None, "loose"), b"SDMPDUMP")


def _of_kernel(image: Image, number: int) -> bool:
    return image.used(number) in ("image", "kernel", "table")


def _kernel(image: Image) -> Iterator[bytes]:
    return _by_bitmap(image, ACTIVE, lambda number: _of_kernel(image, number), b"SDMPDUMP")


def _summary(image: Image) -> Iterator[bytes]:
    return _by_bitmap(image, SUMMARY, lambda number: _of_kernel(image, number), b"SDMPDUMP")


def _triage(image: Image) -> Iterator[bytes]:
    """The header of a small dump, a page of addresses, and no memory."""
    yield dump_header(image, TRIAGE, (), 0x10000)
    yield struct.pack("<4s12I", b"\0\0\0\0", *([0x10000] + [0] * 11)).ljust(0x10000 - HEADER, b"\0")


def write_vmware(image: Image, path: Path) -> tuple[Path, Path]:
    """Write an image as a virtual machine's: its runs one after another in a `.vmem`, and the `.vmss` beside it that
    says where each belongs. Return both paths. Raises OSError where they cannot be written."""
    with path.with_suffix(".vmem").open("wb") as file:
        for page in _pages(image, image.runs):
            file.write(page)
    tags, at = bytearray(_tag("regionsCount", (), len(image.runs))), 0
    for number, (first, count) in enumerate(image.runs):
        for name, value in (("regionPageNum", at), ("regionPPN", first), ("regionSize", count)):
            tags += _tag(name, (number,), value)
        at += count
    tags += b"\0\0"
    head = struct.pack("<III64sQQ", VMWARE, 8, 1, b"memory", 92, len(tags))
    path.with_suffix(".vmss").write_bytes(head + bytes(tags))
    return path.with_suffix(".vmem"), path.with_suffix(".vmss")


def _tag(name: str, indices: tuple[int, ...], value: int) -> bytes:
    """A named value of four bytes: in its first byte the number of indices above and the value's size below."""
    head = struct.pack("<BB", len(indices) << 6 | 4, len(name)) + name.encode()
    return head + struct.pack(f"<{len(indices) + 1}I", *indices, value)


def _thirty_two(image: Image) -> Iterator[bytes]:
    head = bytearray(b"PAGE" * (PAGE // 4))
    head[:8] = b"PAGEDUMP"
    struct.pack_into("<III", head, 8, 15, image.machine.build, 0x1A8000)
    struct.pack_into("<I", head, 0x20, 0x14C)
    struct.pack_into("<II", head, 0x64, 1, 16)
    struct.pack_into("<II", head, 0x6C, 1, 16)
    struct.pack_into("<I", head, 0xF88, FULL)
    yield bytes(head)
    yield bytes(16 * PAGE)


def _lime(image: Image) -> Iterator[bytes]:
    for first, count in image.runs:
        yield struct.pack("<IIQQQ", LIME, 1, first * PAGE, (first + count) * PAGE - 1, 0)
        yield from _pages(image, ((first, count),))


def _elf(image: Image) -> Iterator[bytes]:
    count = len(image.runs)
    first = -(-(64 + 56 * count) // PAGE) * PAGE
    rows = bytearray()
    at = first
    for page, pages in image.runs:
        size = pages * PAGE
        rows += struct.pack("<IIQQQQQQ", ELF_LOAD, 7, at, 0, page * PAGE, size, size, 0)
        at += size
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", ELF_CORE, ELF_X64, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0
    )
    yield (head + bytes(rows)).ljust(first, b"\0")
    yield from _pages(image, image.runs)


def thirty_two_bits(size: int = 1 << 20) -> bytes:
    """Return a raw image of a machine of 32 bits: what it shares with processes says so, and its page directory has the
    three levels of PAE."""
    data = bytearray(size)
    fields = layout(9600).structures["_KUSER_SHARED_DATA"].fields
    shared = 0x20000
    root = "C:\\Windows".encode("utf-16-le")
    data[shared + fields["NtSystemRoot"] : shared + fields["NtSystemRoot"] + len(root)] = root
    struct.pack_into("<I", data, shared + fields["NtMajorVersion"], 6)
    struct.pack_into("<I", data, shared + fields["NtMinorVersion"], 3)
    struct.pack_into("<H", data, shared + fields["NativeProcessorArchitecture"], 0)
    directory = 0x1A000
    for number in range(4):
        struct.pack_into("<Q", data, directory + 8 * number, 0x1B000 + number * PAGE | 1)
    # 0xC0600000, where such a machine maps its own tables.
    for number in range(4):
        struct.pack_into("<Q", data, 0x1B000 + 3 * PAGE + 8 * (3 + number), 0x1B000 + number * PAGE | 0x63)
    data[0x40000:0x40002] = b"MZ"
    struct.pack_into("<I", data, 0x4003C, 0x80)
    struct.pack_into("<4sH", data, 0x40080, b"PE\0\0", 0x14C)
    block = 0x60000
    struct.pack_into("<I4s", data, block, 0x0A000000, b"Proc")
    data[block + 0x170 : block + 0x176] = b"System"
    return bytes(data)


WRITERS: Mapping[Format, Callable[[Image], Iterator[bytes]]] = {
    "raw": Image.stream,
    "raw.gz": _gzip,
    "raw.zst": _zstd,
    "dump-full": _full,
    "dump-bitmap": _bitmap,
    "dump-active": _active,
    "dump-kernel": _kernel,
    "dump-summary": _summary,
    "dump-triage": _triage,
    "dump-32": _thirty_two,
    "lime": _lime,
    "elf": _elf,
}
