"""A full minidump of one process, as the task manager and procdump write it, from a process of an image."""

import struct
from collections.abc import Mapping
from datetime import datetime

from postvakt.estate.memory.description import PAGE, Protection
from postvakt.estate.memory.image import Image
from postvakt.estate.memory.processes import Built
from postvakt.estate.memory.regions import Laid

THREADS, MODULES, SYSTEM, COMMENT, MISC, MEMORY, REGIONS = 3, 4, 7, 10, 15, 9, 16
FLAGS = 0x2 | 0x4 | 0x20 | 0x800 | 0x1000
"""Full memory, handles, unloaded modules, regions, thread times."""

COMMITTED, FREE = 0x1000, 0x10000
PRIVATE, MAPPED, IMAGE = 0x20000, 0x40000, 0x1000000
VALUES: Mapping[Protection, int] = {
    "none": 1, "r": 2, "x": 0x10, "rx": 0x20, "rw": 4, "rw-copy": 8, "rwx": 0x40, "rwx-copy": 0x80,
}  # fmt: skip
AMD64, SERVER, NT = 9, 3, 2
MODULE = 108


def minidump(image: Image, pid: int) -> bytes:
    """Return the full minidump of a process. Raises ValueError where it has no memory of its own."""
    built = image.process(pid)
    if built.space is None or not built.process.path:
        raise ValueError(f"process {pid} has no memory that could be dumped")
    fixed = {
        SYSTEM: _system(image),
        THREADS: struct.pack("<I", 0),
        MISC: struct.pack("<IIIIII", 24, 0x3, pid, int(built.process.created.timestamp()), 0, 0),
        REGIONS: _regions(built),
    }
    stamp = int(image.machine.taken.timestamp())
    numbers = (*fixed, MODULES, MEMORY)
    head = struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, len(numbers), 32, 0, stamp, FLAGS)
    at = len(head) + 12 * len(numbers)
    directory, body = bytearray(), bytearray()
    for number, stream in fixed.items():
        directory += struct.pack("<III", number, len(stream), at + len(body))
        body += stream.ljust(-(-len(stream) // 8) * 8, b"\0")
    modules, names = _modules(built, at + len(body))
    directory += struct.pack("<III", MODULES, len(modules), at + len(body))
    body += modules + names
    body += bytes(-len(body) % 8)
    listed, memory = _memory(built, at + len(body))
    directory += struct.pack("<III", MEMORY, len(listed), at + len(body))
    return head + bytes(directory) + bytes(body) + listed + memory


def bare(path: str, pid: int, build: int, taken: datetime, content: bytes) -> bytes:
    """Return the dump of a program of which one range of memory is all that there is: what an intruder left behind."""
    base, text = 0x7FF7_0000_0000, path.encode("utf-16-le")
    stamp = int(taken.timestamp())
    fixed = {
        SYSTEM: _versions(build),
        THREADS: struct.pack("<I", 0),
        MISC: struct.pack("<IIIIII", 24, 0x3, pid, stamp, 0, 0),
        REGIONS: struct.pack("<IIQ", 16, 48, 0),
    }
    at = 32 + 12 * (len(fixed) + 2)
    places = {}
    for number, stream in fixed.items():
        places[number] = (len(stream), at)
        at += len(stream)
    module = struct.pack("<IQIIII", 1, base, 0x11000, 0, 0x5F000000, at + 4 + MODULE) + bytes(MODULE - 24)
    module += struct.pack("<I", len(text)) + text + b"\0\0"
    places[MODULES] = (4 + MODULE, at)
    at += len(module)
    memory = struct.pack("<QQQQ", 1, at + 32, base + 0x10000, len(content))
    places[MEMORY] = (len(memory), at)
    directory = b"".join(struct.pack("<III", number, *place) for number, place in places.items())
    head = struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, len(places), 32, 0, stamp, FLAGS)
    return head + directory + b"".join(fixed.values()) + module + memory + content


def _system(image: Image) -> bytes:
    return _versions(image.machine.build)


def _versions(build: int) -> bytes:
    major, minor = (6, 3) if build == 9600 else (10, 0)
    return struct.pack("<HHHBBIIIIIHH", AMD64, 6, 0, 2, SERVER, major, minor, build, NT, 0, 0, 0) + bytes(24)


def _modules(built: Built, at: int) -> tuple[bytes, bytes]:
    """Return the list of modules that lies at a place in the file, and their names behind it."""
    linked = [module for module in built.modules if module.linked]
    rows, names = bytearray(struct.pack("<I", len(linked))), bytearray()
    behind = at + 4 + MODULE * len(linked)
    for module in linked:
        text = module.path.encode("utf-16-le")
        rows += struct.pack("<QIIII", module.base, module.size, 0, 0x5F000000, behind + len(names))
        rows += bytes(MODULE - 24)
        names += struct.pack("<I", len(text)) + text + b"\0\0"
    return bytes(rows), bytes(names)


def _kind(region: Laid) -> int:
    if region.image:
        return IMAGE
    return PRIVATE if region.private else MAPPED


def _regions(built: Built) -> bytes:
    """Return the list of regions, the free ones between them too."""
    rows, before = [], 0x10000
    for region in built.regions:
        if region.start > before:
            rows.append(struct.pack("<QQIIQIIII", before, 0, 0, 0, region.start - before, FREE, 1, 0, 0))
        value = VALUES[region.protection]
        rows.append(
            struct.pack(
                "<QQIIQIIII",
                region.start,
                region.start,
                value,
                0,
                region.end - region.start,
                COMMITTED,
                value,
                _kind(region),
                0,
            )
        )
        before = region.end
    return struct.pack("<IIQ", 16, 48, len(rows)) + b"".join(rows)


def _memory(built: Built, at: int) -> tuple[bytes, bytes]:
    """Return the list of ranges that lies at a place in the file, and the bytes of all ranges behind it."""
    assert built.space is not None
    ranges: list[tuple[int, int]] = []
    for page in sorted(built.space.frames):
        if ranges and sum(ranges[-1]) == page * PAGE:
            ranges[-1] = (ranges[-1][0], ranges[-1][1] + PAGE)
        else:
            ranges.append((page * PAGE, PAGE))
    head = struct.pack("<QQ", len(ranges), at + 16 + 16 * len(ranges))
    listed = head + b"".join(struct.pack("<QQ", *one) for one in ranges)
    return listed, b"".join(built.space.read(start, size) for start, size in ranges)
