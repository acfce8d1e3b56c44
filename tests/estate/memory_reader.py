"""A small reader of memory images for the tests alone. It shares no code and no numbers with who builds the images:
where fields lie stands here a second time, as other tools publish it."""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

PAGE = 4096


class Row(NamedTuple):
    """Places in a process's block, by Windows build."""

    pid: int
    links: int
    parent: int
    name: int
    peb: int
    regions: int
    exited: int


ROWS = {
    9600: Row(0x2E0, 0x2E8, 0x3D0, 0x438, 0x3E8, 0x5D8, 0x640),
    14393: Row(0x2E8, 0x2F0, 0x3E0, 0x450, 0x3F8, 0x620, 0x690),
    17763: Row(0x2E0, 0x2E8, 0x3E0, 0x450, 0x3F8, 0x628, 0x690),
    20348: Row(0x440, 0x448, 0x540, 0x5A8, 0x550, 0x7D8, 0x840),
    26100: Row(0x1D0, 0x1D8, 0x2D0, 0x338, 0x2E0, 0x558, 0x5C0),
}


class NowhereError(Exception):
    """An address that leads nowhere."""


class Memory:
    """A raw image, read by address."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw

    def physical(self, address: int, length: int) -> bytes:
        data = self.raw[address : address + length]
        if len(data) != length:
            raise NowhereError(hex(address))
        return data

    def entry(self, address: int) -> int:
        return int.from_bytes(self.physical(address, 8), "little")

    def roots(self) -> list[int]:
        """Page directories: pages with an entry in their upper half that points to themselves."""
        return [
            page
            for page in range(0, len(self.raw) - PAGE + 1, PAGE)
            if any(
                entry & 0xFFFFFFFFFF001 == page | 1
                for entry in struct.unpack("<256Q", self.raw[page + 2048 : page + 4096])
            )
        ]

    def translate(self, root: int, address: int) -> int:
        """Walk the tables; follow pages in transition and those that a prototype entry names."""
        table = root
        for shift in (39, 30, 21, 12):
            entry = self.entry(table + 8 * (address >> shift & 511))
            if not entry & 1:
                return self._absent(root, entry, address) if shift == 12 else self._nowhere(address)
            if shift == 21 and entry & 0x80:
                return entry & 0xFFFFFFFE00000 | address & 0x1FFFFF
            table = entry & 0xFFFFFFFFFF000
        return table | address & 0xFFF

    def _nowhere(self, address: int) -> int:
        raise NowhereError(hex(address))

    def _absent(self, root: int, entry: int, address: int) -> int:
        if entry & 0x400:
            shared = entry >> 16 | 0xFFFF << 48
            if shared == 0xFFFFFFFFFFFF0000:
                raise NowhereError(f"{address:#x}: the region knows")
            entry = struct.unpack("<Q", self.virtual(root, shared, 8))[0]
            if not entry & 1:
                raise NowhereError(hex(address))
        elif not entry & 0x800:
            raise NowhereError(hex(address))
        return entry & 0xFFFFFFFFF000 | address & 0xFFF

    def virtual(self, root: int, address: int, length: int) -> bytes:
        data = b""
        while length:
            part = min(length, PAGE - address % PAGE)
            data += self.physical(self.translate(root, address), part)
            address += part
            length -= part
        return data

    def number(self, root: int, address: int) -> int:
        return int.from_bytes(self.virtual(root, address, 8), "little")

    def text(self, root: int, address: int) -> str:
        """The text of a UNICODE_STRING."""
        length, _, pointer = struct.unpack("<HH4xQ", self.virtual(root, address, 16))
        return self.virtual(root, pointer, length).decode("utf-16-le")


class Seen(NamedTuple):
    """A process as its block tells of it."""

    pid: int
    parent: int
    name: str
    root: int
    peb: int
    regions: int
    at: int


class Windows:
    """A Windows of one build in an image."""

    def __init__(self, raw: bytes, build: int) -> None:
        self.memory = Memory(raw)
        self.row = ROWS[build]
        self.root = min(self.memory.roots())
        self.build = build

    def block(self, at: int) -> Seen:
        """The process whose block lies at a physical address."""
        row, memory = self.row, self.memory
        (root,) = struct.unpack("<Q", memory.physical(at + 0x28, 8))
        numbers = [
            struct.unpack("<Q", memory.physical(at + place, 8))[0] for place in (row.pid, row.parent, row.peb)
        ]
        name = memory.physical(at + row.name, 15).split(b"\0")[0].decode()
        regions = struct.unpack("<Q", memory.physical(at + row.regions, 8))[0]
        return Seen(numbers[0], numbers[1], name, root, numbers[2], regions, at)

    def pool(self) -> Iterator[Seen]:
        """Every block of a process, by the tag of the pool; with or without a header for quota before the object's."""
        for found in re.finditer(rb"\x02Proc", self.memory.raw):
            block = found.start() + 1 - 4 + 0x10
            for body in (block + 0x30, block + 0x50):
                if self.memory.raw[body] == 3 and self.memory.raw[body + 2] == 0xB6:
                    yield self.block(body)
                    break

    def listed(self) -> list[int]:
        """The numbers of the processes in the kernel's list, from System on, as far as it leads to processes."""
        system = next(seen for seen in self.pool() if seen.pid == 4)
        start = self.memory.entry(system.at + self.row.links + 8)
        numbers: list[int] = []
        seen = {start}
        link = self.memory.number(self.root, start)
        while link not in seen:
            seen.add(link)
            numbers.append(self.memory.number(self.root, link - self.row.links + self.row.pid))
            link = self.memory.number(self.root, link)
        return numbers

    def parameters(self, seen: Seen) -> tuple[str, str]:
        """Path and command line, by the process's own block."""
        where = self.memory.number(seen.root, seen.peb + 0x20)
        return self.memory.text(seen.root, where + 0x60), self.memory.text(seen.root, where + 0x70)

    def environment(self, seen: Seen) -> dict[str, str]:
        where = self.memory.number(seen.root, seen.peb + 0x20)
        start, size = (self.memory.number(seen.root, where + at) for at in (0x80, 0x3F0))
        text = self.memory.virtual(seen.root, start, size).decode("utf-16-le")
        return dict(one.split("=", 1) for one in text.split("\0") if one)

    def modules(self, seen: Seen) -> list[tuple[int, int, str]]:
        """Base, size and path, in the order of loading."""
        loader = self.memory.number(seen.root, seen.peb + 0x18)
        found = []
        link = self.memory.number(seen.root, loader + 0x10)
        while link != loader + 0x10:
            base = self.memory.number(seen.root, link + 0x30)
            size = self.memory.number(seen.root, link + 0x40) & 0xFFFFFFFF
            found.append((base, size, self.memory.text(seen.root, link + 0x48)))
            link = self.memory.number(seen.root, link)
        return found

    def regions(self, seen: Seen) -> list[tuple[int, int, int]]:
        """Start, end and the word of flags of each region, in order."""
        return list(self._below(seen.regions))

    def _below(self, node: int) -> Iterator[tuple[int, int, int]]:
        if node:
            data = self.memory.virtual(self.root, node, 0x40)
            left, right = struct.unpack_from("<QQ", data, 0)
            first, last, high, highest = struct.unpack_from("<IIBB", data, 0x18)
            yield from self._below(left)
            yield (
                (first | high << 32) * PAGE,
                (last | highest << 32) * PAGE + PAGE,
                struct.unpack_from("<I", data, 0x30)[0],
            )
            yield from self._below(right)
