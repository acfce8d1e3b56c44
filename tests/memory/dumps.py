"""Containers around memory, and programs' dumps, written from their published layouts."""

import struct

PAGE = 0x1000
PRIVATE, IMAGE_FILE, COMMIT = 0x20000, 0x1000000, 0x1000


def crash_dump(
    memory: bytes, runs: list[tuple[int, int]], *, kind: int = 1, directory: int = PAGE, **bent: int
) -> bytes:
    """Return a 64-bit crash dump of (first page, pages); `bent` replaces machine, count or build."""
    head = bytearray(b"PAGE" * 0x800)
    head[:8] = b"PAGEDU64"
    struct.pack_into("<II", head, 8, 15, bent.get("build", 17763))
    struct.pack_into("<QQQQ", head, 0x10, directory, 0, 0, 0)
    struct.pack_into("<I", head, 0x30, bent.get("machine", 0x8664))
    struct.pack_into("<IIQ", head, 0x88, bent.get("count", len(runs)), 0, sum(pages for _, pages in runs))
    for index, run in enumerate(runs):
        struct.pack_into("<QQ", head, 0x98 + 16 * index, *run)
    struct.pack_into("<I", head, 0xF98, kind)
    struct.pack_into("<Q", head, 0xFA8, 132_591_600_000_000_000)
    body = b"".join(memory[first * PAGE : (first + pages) * PAGE] for first, pages in runs)
    if kind in (5, 6, 7):
        return bytes(head) + bitmap(memory, runs) + body
    return bytes(head) + body


def bitmap(memory: bytes, runs: list[tuple[int, int]]) -> bytes:
    """Return the second header of a bitmap dump with its bits, up to where the pages begin."""
    pages = len(memory) // PAGE
    bits = bytearray((pages + 7) // 8)
    for first, count in runs:
        for page in range(first, first + count):
            bits[page >> 3] |= 1 << (page & 7)
    begin = (0x2000 + 0x38 + len(bits) + PAGE - 1) // PAGE * PAGE
    head = b"SDMPDUMP" + bytes(0x18) + struct.pack("<QQQ", begin, sum(count for _, count in runs), pages)
    return (head + bits).ljust(begin - 0x2000, b"\0")


def lime(memory: bytes, ranges: list[tuple[int, int]]) -> bytes:
    """Return a LiME image of (start, end) ranges."""
    return b"".join(
        struct.pack("<4sIQQQ", b"EMiL", 1, start, end - 1, 0) + memory[start:end] for start, end in ranges
    )


def elf(
    memory: bytes, ranges: list[tuple[int, int]], *, kind: int = 4, machine: int = 62, physical: bool = True
) -> bytes:
    """Return an ELF core of (start, end) ranges."""
    begin = 64 + 56 * len(ranges)
    heads, body = b"", b""
    for start, end in ranges:
        place = begin + len(body)
        heads += struct.pack("<IIQQQQQQ", 1, 7, place, start, start * physical, end - start, end - start, 0)
        body += memory[start:end]
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56, len(ranges), 0, 0, 0)
    return head + heads + body


def snapshot(regions: list[tuple[int, int, int]]) -> bytes:
    """Return a VMware snapshot that tells of regions: first page of memory, page in the file, pages."""

    def tag(name: bytes, value: int, *indices: int) -> bytes:
        head = struct.pack("<BB", len(indices) << 6 | 4, len(name)) + name
        return head + b"".join(struct.pack("<I", index) for index in indices) + struct.pack("<I", value)

    tags = tag(b"regionsCount", len(regions))
    for index, (first, page, pages) in enumerate(regions):
        tags += (
            tag(b"regionPPN", first, index)
            + tag(b"regionPageNum", page, index)
            + tag(b"regionSize", pages, index)
        )
    group = b"memory".ljust(64, b"\0") + struct.pack("<QQ", 12 + 80, 0)
    return struct.pack("<III", 0xBED2BED2, 8, 1) + group + tags + b"\0\0"


class Minidump:
    """A program's dump, stream by stream."""

    def __init__(self, flags: int = 2) -> None:
        self.flags = flags
        self.streams: list[tuple[int, bytes]] = []
        self.texts: list[tuple[int, str]] = []

    def add(self, kind: int, content: bytes) -> "Minidump":
        self.streams.append((kind, content))
        return self

    def system(self, machine: int = 9, build: int = 17763) -> "Minidump":
        return self.add(7, struct.pack("<HHHBBIII", machine, 6, 0, 1, 3, 10, 0, build).ljust(56, b"\0"))

    def misc(self, pid: int, created: int) -> "Minidump":
        return self.add(15, struct.pack("<IIII", 24, 3, pid, created).ljust(24, b"\0"))

    def threads(self, *blocks: int) -> "Minidump":
        content = struct.pack("<I", len(blocks))
        for index, block in enumerate(blocks):
            content += struct.pack("<IIIIQ", index, 0, 0, 0, block).ljust(48, b"\0")
        return self.add(3, content)

    def modules(self, *modules: tuple[int, int, str]) -> "Minidump":
        content = struct.pack("<I", len(modules))
        for index, (base, size, path) in enumerate(modules):
            self.texts.append((len(content) + 20, path))
            content += struct.pack("<QIIII", base, size, 0, 0x5C000000 + index, 0).ljust(108, b"\0")
        return self.add(4, content)

    def regions(self, *regions: tuple[int, int, int, int]) -> "Minidump":
        content = struct.pack("<IIQ", 16, 48, len(regions))
        for base, size, protect, kind in regions:
            content += struct.pack("<QQIIQIIII", base, base, protect, 0, size, COMMIT, protect, kind, 0)
        return self.add(16, content)

    def bytes(self, memory: dict[int, bytes] | None = None) -> bytes:
        """Return the file, with what lies at each address as its Memory64List."""
        count = len(self.streams) + (memory is not None)
        place = 32 + 12 * count
        table, body = b"", b""
        for kind, content in self.streams:
            filled = bytearray(content)
            start = place + len(body)
            extra = b""
            for at, path in self.texts if kind == 4 else ():
                raw = path.encode("utf-16-le")
                struct.pack_into("<I", filled, at, start + len(filled) + len(extra))
                extra += struct.pack("<I", len(raw)) + raw + b"\0\0"
            table += struct.pack("<III", kind, len(content), start)
            body += bytes(filled) + extra
        if memory is not None:
            start, held = place + len(body), sorted(memory.items())
            head = struct.pack("<QQ", len(held), start + 16 + 16 * len(held))
            head += b"".join(struct.pack("<QQ", at, len(data)) for at, data in held)
            table += struct.pack("<III", 9, len(head), start)
            body += head + b"".join(data for _, data in held)
        return (
            struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, count, 32, 0, 1_614_762_000, self.flags) + table + body
        )
