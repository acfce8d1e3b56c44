"""Where the pages lie in LiME images, ELF cores and VMware's memory files.

Sources: the LiME format's documentation, the ELF specification, and the snapshot layout that public readers share.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

from postvakt.memory.physical import PAGE, RefusedError
from postvakt.model.unread import SNAPSHOT

Place = tuple[int, int, int]

LIME = b"EMiL"
LIME_HEADER = 32
MOST_RANGES = 1 << 20
ELF_CORE = 4
AMD64 = 62
LOAD = 1
MANY_SEGMENTS = 0xFFFF

SNAPSHOT_GROUP = 80
MOST_GROUPS = 1024
MOST_TAGS = 1 << 20
REGION_TAGS = (b"regionPPN", b"regionPageNum", b"regionSize")


def lime(file: BinaryIO, size: int) -> Iterator[Place]:
    """Yield the ranges of a LiME image. Raises RefusedError at the first header that is none."""
    offset = 0
    for index in range(MOST_RANGES):
        file.seek(offset)
        raw = file.read(LIME_HEADER)
        if not raw.strip(b"\x00"):
            return
        if len(raw) < LIME_HEADER:
            raise RefusedError("truncated", f"the image ends within the header of range {index}")
        magic, version, first, last, _ = struct.unpack("<4sIQQQ", raw)
        if magic != LIME or version != 1 or last < first:
            raise RefusedError("unparsed", f"no header of a range at {offset:#x}")
        length = last - first + 1
        yield first, length, offset + LIME_HEADER
        offset += LIME_HEADER + length
        if offset >= size:
            return


def elf(file: BinaryIO) -> Iterator[Place]:
    """Yield the loaded segments of an ELF core by physical address. Raises RefusedError, at the end where the table of
    segments is cut."""
    file.seek(0)
    raw = file.read(64)
    if len(raw) < 64:
        raise RefusedError("truncated", "the core ends within its header")
    if raw[4] != 2 or raw[5] != 1:
        raise RefusedError("unsupported", "an ELF core of a 32-bit or big-endian machine")
    kind, machine = struct.unpack_from("<HH", raw, 16)
    (table, sections) = struct.unpack_from("<QQ", raw, 32)
    entry, count = struct.unpack_from("<HH", raw, 54)
    if kind != ELF_CORE or machine != AMD64 or entry < 56:
        raise RefusedError("unsupported", f"an ELF file of type {kind} for machine {machine}: no x64 memory")
    size = file.seek(0, 2)
    if max(table, sections if count == MANY_SEGMENTS else 0) >= size:
        raise RefusedError("truncated", "the table of the core's segments is not in the file")
    if count == MANY_SEGMENTS:
        file.seek(sections + 44)
        count = int.from_bytes(file.read(4), "little")
    if not 0 < count <= MOST_RANGES:
        raise RefusedError("unparsed", f"an ELF core of {count} segments")
    places: list[Place] = []
    cut = None
    try:
        places.extend(_segments(file, table, entry, count))
    except RefusedError as why:
        cut = why
    if len(places) > 1 and not any(start for start, _, _ in places):
        raise RefusedError(
            "unsupported", "an ELF core without physical addresses: of one program, not of a machine"
        )
    yield from places
    if cut:
        raise cut


def _segments(file: BinaryIO, table: int, entry: int, count: int) -> Iterator[Place]:
    for index in range(count):
        file.seek(table + entry * index)
        raw = file.read(56)
        if len(raw) < 56:
            raise RefusedError(
                "truncated", f"the table of the core's segments ends at the {index + 1}. of {count}"
            )
        kind, _, offset, _, physical, size, _, _ = struct.unpack("<IIQQQQQQ", raw)
        if kind == LOAD and size:
            yield physical, size, offset


def vmware(snapshot: BinaryIO, size: int) -> list[Place]:
    """Return where a .vmem file of `size` bytes lies in memory, as the snapshot beside it tells.

    Raises RefusedError where the snapshot does not tell, or tells of another file.
    """
    values: dict[tuple[bytes, int], int] = {}
    for name, index, value in _tags(snapshot):
        values[name, index] = value
    count = values.get((b"regionsCount", 0), 0)
    if not count:
        return [(0, size, 0)]
    places = []
    for index in range(min(count, MOST_RANGES)):
        region = [values.get((tag, index)) for tag in REGION_TAGS]
        if None in region:
            raise RefusedError("unparsed", f"the snapshot does not tell where region {index} lies")
        first, page, pages = (value or 0 for value in region)
        places.append((first * PAGE, pages * PAGE, page * PAGE))
    told = sum(length for _, length, _ in places)
    if told != size:
        raise RefusedError("conflict", f"the snapshot tells of {told} bytes of memory; the file has {size}")
    return places


def _tags(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield (name, first index, value) of the tags of a snapshot's memory group."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    if head[:4] not in SNAPSHOT.starts or len(head) < 12:
        raise RefusedError("unparsed", "the snapshot does not begin as one")
    (groups,) = struct.unpack_from("<I", head, 8)
    for group in range(min(groups, MOST_GROUPS)):
        file.seek(12 + SNAPSHOT_GROUP * group)
        raw = file.read(SNAPSHOT_GROUP)
        if len(raw) == SNAPSHOT_GROUP and raw[:64].rstrip(b"\x00") == b"memory":
            place = int.from_bytes(raw[64:72], "little")
            if place < size:
                file.seek(place)
                yield from _group(file, size)


def _group(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(MOST_TAGS):
        head = file.read(2)
        if len(head) < 2 or head == b"\x00\x00":
            return
        name = file.read(head[1])
        indices = file.read(4 * (head[0] >> 6))
        length = head[0] & 0x3F
        if length >= 62:
            sizes = file.read(16)
            padding = int.from_bytes(file.read(2), "little")
            after = file.tell() + int.from_bytes(sizes[:8], "little") + padding
            if after >= size:
                return
            file.seek(after)
            continue
        yield name, int.from_bytes(indices[:4], "little"), int.from_bytes(file.read(length), "little")
