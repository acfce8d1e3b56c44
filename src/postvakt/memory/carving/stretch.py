"""Bytes that are carved together: where each of their pages lies in memory, and which pages are known to go on."""

from bisect import bisect_left, bisect_right
from typing import Any

import msgspec

PAGE = 4096
CONTEXT = 10 * PAGE
"""Bytes that a carver may look at before and after a place; no row reaches further."""


class Owner(msgspec.Struct, frozen=True):
    """Whose memory it is. `process` is the program's name; `shared` where other processes have the page too."""

    pid: int
    process: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes, the part of them that rows may begin in (`own`), and what is known of their pages.

    The rest of the bytes is context: another stretch owns what begins there. `skew` is how far into its page the
    first byte lies. `pages` are the physical addresses of the pages; `virtual` their virtual ones, None where they
    are unknown. `edges` are offsets at which what follows belongs to something else. `sure`: between edges, pages
    go on in the next; otherwise they may, as neighbours in physical memory may.
    """

    data: bytes
    own: tuple[int, int]
    pages: Any  # numpy array of int64
    virtual: Any = None
    skew: int = 0
    edges: tuple[int, ...] = ()
    sure: bool = False
    owner: Owner | None = None

    def physical(self, offset: int) -> int:
        """Return the physical address of a byte."""
        page, within = divmod(offset + self.skew, PAGE)
        return int(self.pages[page]) + within

    def address(self, offset: int) -> int | None:
        """Return the virtual address of a byte, None where it is unknown."""
        if self.virtual is None:
            return None
        page, within = divmod(offset + self.skew, PAGE)
        return int(self.virtual[page]) + within

    def owns(self, offset: int) -> bool:
        """Tell whether a row may begin at a byte."""
        return self.own[0] <= offset < self.own[1]

    def reach(self, offset: int, *, across: bool = True) -> tuple[int, int]:
        """Return the offsets between which bytes may belong with the one at `offset`.

        `across`: also what stands on neighbouring pages that only may go on.
        """
        place = bisect_right(self.edges, offset)
        low = self.edges[place - 1] if place else 0
        high = self.edges[place] if place < len(self.edges) else len(self.data)
        if not across and not self.sure:
            start = (offset + self.skew) // PAGE * PAGE - self.skew
            low, high = max(low, start), min(high, start + PAGE)
        return max(low, offset - CONTEXT), min(high, offset + CONTEXT)

    def is_edge(self, offset: int) -> bool:
        """Tell whether what stands on both sides of an offset is not known to belong together."""
        if offset <= 0 or offset >= len(self.data):
            return True
        if not self.sure and (offset + self.skew) % PAGE == 0:
            return True
        place = bisect_left(self.edges, offset)
        return place < len(self.edges) and self.edges[place] == offset

    def crosses(self, start: int, end: int) -> bool:
        """Tell whether bytes stand on pages of which it is not known that they belong together."""
        if self.sure or end <= start:
            return False
        return (start + self.skew) // PAGE != (end - 1 + self.skew) // PAGE
