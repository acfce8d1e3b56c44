"""Physical memory as pages, and address spaces over it: the page tables of x64 with four levels."""

import random
import struct
from collections.abc import Iterator
from typing import Literal

from postvakt.estate.memory.description import PAGE, PROTECTIONS, Protection, Residence
from postvakt.estate.memory.layouts import Layout

Use = Literal["image", "table", "kernel", "user", "loose"]
"""What a page is used for: the kernel's own image, page tables, the kernel's data, a process's memory, nothing any
more."""

LARGE = 2 << 20
LEVELS = (39, 30, 21)
PRESENT, WRITABLE, USER, TOUCHED, LARGE_PAGE = 0x1, 0x2, 0x4, 0x60, 0x80
NO_EXECUTE = 1 << 63
FRAME = 0x000F_FFFF_FFFF_F000
BY_REGION = 0xFFFF_FFFF_0000
"""The address in a prototype entry that says: look into the region's own list."""


class Physical:
    """The pages of a machine that hold anything. Pages are handed out in an order that the seed decides."""

    def __init__(self, size: int, dice: random.Random, *, reserved: int) -> None:
        self.size = size
        self.reserved = reserved
        self.pages: dict[int, bytearray] = {}
        self.use: dict[int, Use] = {}
        self._free = list(range(reserved // PAGE, size // PAGE))
        dice.shuffle(self._free)

    def take(self, use: Use) -> int:
        """Return the address of a page that nobody has. Raises MemoryError where the machine has no more."""
        if not self._free:
            raise MemoryError(f"the machine of {self.size >> 20} MiB is full")
        return self.claim(self._free.pop() * PAGE, use)

    def claim(self, address: int, use: Use) -> int:
        """Take the page at an address and return the address."""
        self.pages[address // PAGE] = bytearray(PAGE)
        self.use[address // PAGE] = use
        return address

    def write(self, address: int, data: bytes) -> None:
        """Write into pages that are taken; those of the kernel's image need not be.

        Raises KeyError where one is not.
        """
        while data:
            at = address % PAGE
            if address < self.reserved and address // PAGE not in self.pages:
                self.claim(address - at, "image")
            part = data[: PAGE - at]
            self.pages[address // PAGE][at : at + len(part)] = part
            address += len(part)
            data = data[len(part) :]

    def read(self, address: int, length: int) -> bytes:
        """Return bytes of one page."""
        at = address % PAGE
        if address < self.reserved and address // PAGE not in self.pages:
            return bytes(length)
        return bytes(self.pages[address // PAGE][at : at + length])

    def number(self, address: int) -> int:
        return int.from_bytes(self.read(address, 8), "little")


class AddressSpace:
    """What one page directory maps. It remembers each page's frame, so that what is not present can be written too."""

    def __init__(self, physical: Physical, layout: Layout, root: int, *, user: bool) -> None:
        self.physical = physical
        self.layout = layout
        self.root = root
        self.user = user
        self.frames: dict[int, int] = {}

    def _table(self, address: int, levels: tuple[int, ...]) -> int:
        table = self.root
        for shift in levels:
            at = table + 8 * (address >> shift & 511)
            entry = self.physical.number(at)
            if not entry & PRESENT:
                entry = (
                    self.physical.take("table") | PRESENT | WRITABLE | TOUCHED | (USER if self.user else 0)
                )
                self.physical.write(at, struct.pack("<Q", entry))
            table = entry & FRAME
        return table

    def enter(self, address: int, entry: int) -> None:
        """Write the entry of a page of 4 KiB."""
        table = self._table(address, LEVELS)
        self.physical.write(table + 8 * (address >> 12 & 511), struct.pack("<Q", entry))

    def map_large(self, address: int, frame: int) -> None:
        """Map 2 MiB of the kernel."""
        table = self._table(address, LEVELS[:2])
        entry = frame | PRESENT | WRITABLE | TOUCHED | LARGE_PAGE | 0x100
        self.physical.write(table + 8 * (address >> 21 & 511), struct.pack("<Q", entry))
        for part in range(0, LARGE, PAGE):
            self.frames[(address + part) // PAGE] = frame + part

    def map(self, address: int, frame: int, protection: Protection) -> None:
        self.frames[address // PAGE] = frame
        self.enter(address, self.valid(frame, protection))

    def valid(self, frame: int, protection: Protection) -> int:
        """Return the entry of a page that is present."""
        entry = frame | PRESENT | TOUCHED | (USER if self.user else 0)
        if protection.startswith("rw") and not protection.endswith("copy"):
            entry |= WRITABLE
        return entry if "x" in protection else entry | NO_EXECUTE

    def place(
        self, address: int, frame: int, protection: Protection, residence: Residence, prototype: int = 0
    ) -> None:
        """Enter a page as it resides. `prototype` is where the entry that it shares lies in the kernel."""
        number, bits = PROTECTIONS.index(protection), self.layout.bits
        if residence in ("valid", "transition", "prototype", "by-region"):
            self.frames[address // PAGE] = frame
        if residence == "valid":
            self.enter(address, self.valid(frame, protection))
        elif residence == "transition":
            self.enter(address, transition(self.layout, frame, protection))
        elif residence in ("prototype", "by-region"):
            where = BY_REGION if residence == "by-region" else prototype & 0xFFFF_FFFF_FFFF
            entry = bits["_MMPTE_PROTOTYPE.Prototype"].set(0, 1)
            self.enter(address, bits["_MMPTE_PROTOTYPE.ProtoAddress"].set(entry, where))
        elif residence == "paged-out":
            entry = bits["_MMPTE_SOFTWARE.Protection"].set(0, number)
            entry = bits["_MMPTE_SOFTWARE.PageFileHigh"].set(entry, 0x1000 + (address >> 12 & 0xFFFF))
            self.enter(address, entry)

    def frame(self, address: int) -> int:
        """Return the physical address of a byte. Raises KeyError where nothing lies."""
        return self.frames[address // PAGE] + address % PAGE

    def write(self, address: int, data: bytes) -> None:
        """Write where pages lie. Raises KeyError where none does."""
        while data:
            part = data[: PAGE - address % PAGE]
            self.physical.write(self.frame(address), part)
            address += len(part)
            data = data[len(part) :]

    def read(self, address: int, length: int) -> bytes:
        """Return bytes that pages hold. Raises KeyError where one is missing."""
        return b"".join(self.physical.read(self.frame(at), size) for at, size in _parts(address, length))


def transition(layout: Layout, frame: int, protection: Protection) -> int:
    """Return the entry of a page that was trimmed and not yet used for anything else."""
    entry = layout.bits["_MMPTE_TRANSITION.Transition"].set(0, 1)
    entry = layout.bits["_MMPTE_TRANSITION.Protection"].set(entry, PROTECTIONS.index(protection))
    return layout.bits["_MMPTE_TRANSITION.PageFrameNumber"].set(entry, frame // PAGE)


def _parts(address: int, length: int) -> Iterator[tuple[int, int]]:
    while length:
        size = min(length, PAGE - address % PAGE)
        yield address, size
        address += size
        length -= size
