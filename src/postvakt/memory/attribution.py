"""Whose a physical page is: what a scanner found in memory, led back to programs and their addresses."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np

from postvakt.memory.paging import FRAME, LARGE, TRANSITION, VALID, Tables

USER_TABLES = 256
"""Entries of the first table that are of the user's half."""
MOST_TABLES = 1 << 20
MOST_PAGES = 1 << 24
"""Pages of all programs together, shared ones as often as they are shared: 64 GiB."""
LARGE_PAGE = 1 << 21

Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint64]]
Small: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint32]]


class Owners:
    """The programs' pages by physical address. A shared page has several owners; the kernel's pages have none.

    `directories` are the physical addresses of the programs' page tables, `end` the first address after the image's
    last. `frames`, `addresses` and `ordinals` have a row for each page of each program, by physical page number: that,
    the virtual address, and the program's place among the directories. `cut` tells whether a bound was met, so that
    "nobody's" may be somebody's.
    """

    def __init__(self, tables: Tables, end: int, directories: Iterable[int]) -> None:
        self._tables = tables
        self._end = end
        self.cut = False
        self._budget = MOST_TABLES
        frames: list[Small] = []
        addresses: list[Numbers] = []
        ordinals: list[Small] = []
        held = 0
        for ordinal, directory in enumerate(directories):
            for found, at in self._pages(directory):
                held += len(found)
                if held > MOST_PAGES:
                    self.cut = True
                    break
                frames.append((found >> np.uint64(12)).astype(np.uint32))
                addresses.append(at)
                ordinals.append(np.full(len(found), ordinal, np.uint32))
        whole = np.concatenate(frames) if frames else np.empty(0, np.uint32)
        order = np.argsort(whole, kind="stable")
        self.frames = whole[order]
        self.addresses = np.concatenate(addresses)[order] if addresses else np.empty(0, np.uint64)
        self.ordinals = np.concatenate(ordinals)[order] if ordinals else np.empty(0, np.uint32)

    def of(self, physical: int) -> Iterator[tuple[int, int]]:
        """Yield the programs in whose memory a physical address lies, by their place, with its virtual address."""
        if physical >> 44:
            return
        page = np.uint32(physical >> 12)
        first, last = (
            np.searchsorted(self.frames, page, "left"),
            np.searchsorted(self.frames, page, "right"),
        )
        for index in range(int(first), int(last)):
            yield int(self.ordinals[index]), int(self.addresses[index]) | physical & 0xFFF

    def _pages(self, directory: int) -> Iterator[tuple[Numbers, Numbers]]:
        """Yield (physical, virtual) addresses of 4 KiB pages in the user's half, table by table."""
        for third, first in self._below(directory, 39, 0, USER_TABLES):
            for second, base in self._below(third, 30, first, 512):
                yield from self._last_two(second, base)

    def _below(self, table: int, shift: int, base: int, count: int) -> Iterator[tuple[int, int]]:
        entries = _entries(self._tables, table)
        self._budget -= 1
        if entries is None or self._budget < 0:
            self.cut |= entries is not None
            return
        there = np.flatnonzero(entries[:count] & np.uint64(VALID))
        for index in there.tolist():
            entry = int(entries[index])
            if not (shift == 30 and entry & LARGE):
                yield entry & FRAME, base + (index << shift)

    def _last_two(self, table: int, base: int) -> Iterator[tuple[Numbers, Numbers]]:
        entries = _entries(self._tables, table)
        if entries is None:
            return
        for index in np.flatnonzero(entries & np.uint64(VALID)).tolist():
            entry, at = int(entries[index]), base + (index << 21)
            self._budget -= 1
            if self._budget < 0:
                self.cut = True
                return
            if entry & LARGE:
                if entry & FRAME >= min(self._end, 1 << 44):
                    continue
                step = np.arange(0, LARGE_PAGE, 0x1000, dtype=np.uint64)
                yield step + np.uint64(entry & FRAME & ~(LARGE_PAGE - 1)), step + np.uint64(at)
                continue
            pages = _entries(self._tables, entry & FRAME)
            if pages is not None:
                yield self._present(pages, at)

    def _present(self, pages: Numbers, base: int) -> tuple[Numbers, Numbers]:
        """Return the pages of one table that are valid or in transition, as far as they lie in the image."""
        state = pages & np.uint64(VALID | TRANSITION | 0x400)
        frames = pages & np.uint64(FRAME)
        there = ((state & np.uint64(VALID)) != 0) | (state == np.uint64(TRANSITION))
        places = np.flatnonzero(there & (frames < np.uint64(min(self._end, 1 << 44))))
        return frames[places], np.uint64(base) + (places.astype(np.uint64) << np.uint64(12))


def _entries(tables: Tables, physical: int) -> Numbers | None:
    raw = tables.page(physical)
    return None if raw is None else np.frombuffer(raw, "<u8")
