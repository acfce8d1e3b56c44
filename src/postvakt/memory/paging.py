"""x64 translation: from virtual addresses to bytes of an image, with what paging hides counted.

Source: the processor manuals for valid entries (4 levels, pages of 4 KiB, 2 MiB and 1 GiB); for what Windows writes
into entries that are not valid, its public symbols (_MMPTE_TRANSITION, _MMPTE_PROTOTYPE, _MMPTE_SOFTWARE).
"""

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import msgspec

from postvakt.memory.physical import PAGE, Physical

FRAME = 0x000F_FFFF_FFFF_F000
LARGE = 0x80
VALID, WRITABLE, SWIZZLED, PROTOTYPE, TRANSITION = 0x1, 0x2, 0x10, 0x400, 0x800
NO_EXECUTE = 1 << 63
LEVELS = (39, 30, 21, 12)
LARGE_LEVELS = (30, 21)
CACHED_TABLES = 8192
CACHED_PAGES = 8192
LOWEST_KERNEL = 0xFFFF_8000_0000_0000
HIGHEST_USER = 0x0000_7FFF_FFFF_FFFF
HIGHEST = (1 << 64) - 1

Hidden = Literal["paged out", "demand zero", "in a file", "not in the image", "not mapped"]
"""Why a page could not be read."""


class Page(msgspec.Struct, frozen=True):
    """A page that is present: where it lies, and what may be done with it."""

    address: int
    physical: int
    size: int
    executable: bool
    writable: bool


class Tables:
    """The page tables of an image, each read once while it is in use."""

    def __init__(self, memory: Physical) -> None:
        self.memory = memory
        self._held: dict[int, bytes | None] = {}

    def page(self, physical: int) -> bytes | None:
        """Return a page table, None where it is not in the image."""
        try:
            return self._held[physical]
        except KeyError:
            if len(self._held) >= CACHED_TABLES:
                self._held.clear()
            table = self._held[physical] = self.memory.read(physical, PAGE)
            return table


class Space:
    """One virtual address space. `kernel` is asked where prototype entries point into it.

    `hidden` counts the pages that were asked for and could not be read, by reason; `restored` those that were
    found although their entry was not valid.
    """

    def __init__(self, tables: Tables, directory: int, kernel: "Space | None" = None) -> None:
        self.directory = directory & FRAME
        self._tables = tables
        self._kernel = kernel
        self._pages: dict[int, int | None] = {}
        self.hidden: Counter[Hidden] = Counter()
        self.restored: Counter[str] = Counter()

    def translate(self, address: int) -> int | None:
        """Return the physical address, None where the page is hidden (counted once for each page)."""
        number = address >> 12
        try:
            page = self._pages[number]
        except KeyError:
            if len(self._pages) >= CACHED_PAGES:
                self._pages.clear()
            page = self._pages[number] = self._walk(address)
        return None if page is None else page | (address & 0xFFF)

    def forget(self) -> None:
        """Let go of what was translated: a machine has hundreds of spaces. The counts stay."""
        self._pages.clear()

    def read(self, address: int, size: int) -> bytes | None:
        """Return the bytes, None where any of them is hidden."""
        got = self.read_some(address, size)
        return got if len(got) == size else None

    def read_some(self, address: int, size: int) -> bytes:
        """Return the bytes up to the first that is hidden."""
        pieces: list[bytes] = []
        while size > 0 and 0 <= address <= HIGHEST:
            there = min(size, PAGE - (address & 0xFFF))
            physical = self.translate(address)
            piece = None if physical is None else self._tables.memory.read(physical, there)
            if piece is None:
                break
            pieces.append(piece)
            address += there
            size -= there
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def word(self, address: int) -> int | None:
        """Return the 64-bit number at an address."""
        raw = self.read(address, 8)
        return None if raw is None else int.from_bytes(raw, "little")

    def present(self, start: int, end: int, most: int = 1 << 20) -> Iterator[Page]:
        """Yield the pages that are present from `start` up to `end` (of one half of the space), large ones as one.

        At most `most` pages and as many tables are looked at: tables that lead to each other end there.
        """
        sign = start >> 48 << 48 if start > HIGHEST_USER else 0
        budget = [most]
        found = self._below(self.directory, 0, 0, (start - sign, end - sign), (False, True), budget)
        for page in itertools.islice(found, most):
            yield page if not sign else msgspec.structs.replace(page, address=page.address | sign)

    def _below(
        self,
        table: int,
        level: int,
        base: int,
        within: tuple[int, int],
        bits: tuple[bool, bool],
        budget: list[int],
    ) -> Iterator[Page]:
        """Yield the pages under one table; `bits` are (no execute, writable) as the levels above tell."""
        budget[0] -= 1
        raw = self._tables.page(table)
        if raw is None or budget[0] < 0:
            return
        shift = LEVELS[level]
        first = max(0, (within[0] - base) >> shift)
        last = min(511, (within[1] - 1 - base) >> shift)
        entries = memoryview(raw).cast("Q")
        for index in range(first, last + 1):
            entry = entries[index]
            frame = self._frame(entry) if entry else None
            if frame is None:
                continue
            address = base + (index << shift)
            sealed = bits[0] or bool(entry & NO_EXECUTE and entry & VALID)
            writable = bits[1] and bool(entry & WRITABLE)
            if shift == 12 or (shift in LARGE_LEVELS and entry & VALID and entry & LARGE):
                size = 1 << shift
                yield Page(address, frame & ~(size - 1), size, not sealed, writable)
            else:
                yield from self._below(frame, level + 1, address, within, (sealed, writable), budget)

    def _walk(self, address: int) -> int | None:
        if not (address <= HIGHEST_USER or LOWEST_KERNEL <= address <= HIGHEST):
            self.hidden["not mapped"] += 1
            return None
        table = self.directory
        for shift in LEVELS:
            raw = self._tables.page(table)
            if raw is None:
                self.hidden["not in the image"] += 1
                return None
            index = (address >> shift & 511) * 8
            entry = int.from_bytes(raw[index : index + 8], "little")
            frame = self._frame(entry)
            if frame is None:
                self.hidden[_reason(entry)] += 1
                return None
            if shift in LARGE_LEVELS and entry & VALID and entry & LARGE:
                inside = (1 << shift) - 1
                return (frame & ~inside) | (address & inside & ~0xFFF)
            if not entry & VALID:
                self.restored["prototype" if entry & PROTOTYPE else "transition"] += 1
            table = frame
        if table + PAGE > self._tables.memory.size:
            self.hidden["not in the image"] += 1
            return None
        return table

    def _frame(self, entry: int) -> int | None:
        """Return the page that an entry points at, None where it is not in memory."""
        if entry & VALID:
            return entry & FRAME
        if entry & PROTOTYPE:
            return self._through_prototype(entry)
        if entry & TRANSITION:
            return self._unswizzled(entry)
        return None

    def _unswizzled(self, entry: int) -> int:
        """Return the page of an entry in transition.

        Since 2018 Windows inverts an address bit beyond the memory's end in such entries, against reads by
        speculation; the bit is not known here, but no page lies beyond the memory's end.
        """
        frame = entry & FRAME
        if frame >= self._tables.memory.size and not entry & SWIZZLED:
            frame &= (1 << self._tables.memory.size.bit_length()) - 1
        return frame

    def _through_prototype(self, entry: int) -> int | None:
        address = entry >> 16
        if self._kernel is None or not address >> 47:
            return None
        told = self._kernel.word(address | 0xFFFF << 48)
        if told is None:
            return None
        if told & VALID:
            return told & FRAME
        if told & TRANSITION and not told & PROTOTYPE:
            return self._unswizzled(told)
        return None


def _reason(entry: int) -> Hidden:
    if not entry:
        return "not mapped"
    if entry & PROTOTYPE:
        return "in a file"
    return "paged out" if entry >> 32 else "demand zero"


def is_kernel(address: int) -> bool:
    """Tell whether an address is in the kernel's half and may be that of a structure."""
    return LOWEST_KERNEL <= address <= HIGHEST and not address & 7
