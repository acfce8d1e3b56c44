"""Memory cut into stretches: windows of neighbours in memory, and of pages in the order in which a process has them.

Every page is in one stretch: as its first owner has it where it has one, and as a neighbour otherwise. Where most
pages hold nothing but zeros, those are left out.
"""

import mmap
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.lib.stride_tricks import as_strided

from postvakt.memory.carving.stretch import CONTEXT, PAGE, Owner, Stretch

WINDOW = 8 * 1024 * 1024
"""Bytes of a stretch without its context. More would leave the processor's cache."""

OVERLAP = 2 * CONTEXT + PAGE
"""Bytes by which windows overlap best: none of them is copied then."""

CONTEXT_PAGES = CONTEXT // PAGE
MOSTLY = 0.5
"""Share of pages of zeros from which on leaving them out costs less than going through them."""

Windows = Iterable[tuple[int, bytes]]
Gather = Callable[[Any], bytes]
"""Returns the pages at physical addresses (a numpy array), one after the other; zeros for what cannot be read."""


def of_windows(
    windows: Windows, taken: Any = None, *, sure: bool = False, only: tuple[int, int] | None = None
) -> Iterator[Stretch]:
    """Yield stretches of windows that come in the order of addresses, overlapping by any number of bytes or none.

    Windows without overlap are joined to the end of the one before. `taken` are the sorted physical page numbers that
    are gone through elsewhere. `sure`: neighbours are known to belong together, as in a program's own dump. `only`:
    the addresses between which rows may begin; what lies around them is context.
    """
    for start, data, owned in _owned(windows):
        own = owned
        if only is not None:
            own = max(owned[0], only[0] - start), min(owned[1], only[1] - start)
            if own[0] >= own[1]:
                continue
        stretch = Stretch(
            data=data,
            own=own,
            pages=np.arange(start // PAGE * PAGE, start + len(data), PAGE, dtype=np.int64),
            virtual=np.arange(start // PAGE * PAGE, start + len(data), PAGE, dtype=np.int64)
            if sure
            else None,
            skew=start % PAGE,
            sure=sure,
        )
        left = squeezed(stretch, _free(stretch, taken))
        if left is not None:
            yield left


def _owned(windows: Windows) -> Iterator[tuple[int, bytes, tuple[int, int]]]:
    """Yield bytes with their address and the part of them that nothing else owns; CONTEXT is on both sides of it."""
    held: tuple[int, bytes] | None = None
    first = 0
    for start, data in windows:
        if held is None or not held[0] <= start <= held[0] + len(held[1]):
            if held is not None:
                yield *held, (first - held[0], len(held[1]))
            held, first = (start, data), start
            continue
        before, kept = held
        end = before + len(kept)
        if start + len(data) <= end:
            continue
        split = (end - CONTEXT) // PAGE * PAGE
        if split > first:
            yield before, kept, (first - before, split - before)
            first = split
        begin = max(before, first - CONTEXT)
        # A window that reaches back far enough is taken as it is; joining copies it.
        held = (start, data) if start <= begin else (begin, kept[begin - before :] + data[end - start :])
    if held is not None:
        yield *held, (first - held[0], len(held[1]))


def _free(stretch: Stretch, taken: Any) -> Any:
    """Mark the pages that are to be gone through: not taken, and not zeros where most are."""
    marked = _holding(stretch)
    if taken is not None and len(taken):
        numbers = stretch.pages // PAGE
        place = np.minimum(np.searchsorted(taken, numbers), len(taken) - 1)
        marked &= taken[place] != numbers
    return marked


def _holding(stretch: Stretch) -> Any:
    """Mark all pages; where most hold nothing but zeros, only those that hold something and one page of zeros after.

    That page keeps what stands before it apart from what stands behind, as all of them would: no row depends on it.
    """
    marked = np.ones(len(stretch.pages), bool)
    low = 1 if stretch.skew else 0
    whole = (len(stretch.data) + stretch.skew) // PAGE
    if whole <= low:
        return marked
    words = np.frombuffer(stretch.data, np.uint64, (whole - low) * (PAGE // 8), low * PAGE - stretch.skew)
    pages = words.reshape(-1, PAGE // 8)
    # A page that has something almost always has some of it in one of these words.
    empty = np.flatnonzero(~pages[:, ::73].any(axis=1))
    if len(empty) < len(pages) * MOSTLY:
        return marked
    empty = empty[~pages[empty].any(axis=1)]
    marked[empty + low] = False
    if not marked.any():
        return marked
    after = np.zeros(len(marked), bool)
    after[1:] = marked[:-1]
    return marked | after


def squeezed(stretch: Stretch, keep: Any) -> Stretch | None:
    """Return a stretch without the pages that are not to be kept, with an edge at each place; None if none is left.

    A stretch of which all kept pages are context gives None too.
    """
    if keep.all():
        return stretch
    chosen = np.flatnonzero(keep)
    low, high = ((offset + stretch.skew) for offset in stretch.own)
    owned = chosen[(chosen * PAGE + PAGE > low) & (chosen * PAGE < high)]
    if not len(owned):
        return None
    groups = np.split(chosen, np.flatnonzero(np.diff(chosen) != 1) + 1)
    pieces: list[bytes] = []
    edges: list[int] = []
    size = 0
    own = [-1, 0]
    old = iter(sorted(stretch.edges))
    edge = next(old, None)
    for group in groups:
        start = max(0, int(group[0]) * PAGE - stretch.skew)
        end = min(len(stretch.data), (int(group[-1]) + 1) * PAGE - stretch.skew)
        if size:
            edges.append(size)
        while edge is not None and edge < end:
            if edge > start:
                edges.append(size + edge - start)
            edge = next(old, None)
        if own[0] < 0 and end > stretch.own[0]:
            own[0] = size + max(0, stretch.own[0] - start)
        if start < stretch.own[1]:
            own[1] = size + min(end, stretch.own[1]) - start
        pieces.append(stretch.data[start:end])
        size += end - start
    return Stretch(
        data=b"".join(pieces),
        own=(own[0], own[1]),
        pages=stretch.pages[chosen],
        virtual=None if stretch.virtual is None else stretch.virtual[chosen],
        skew=stretch.skew if chosen[0] == 0 else 0,
        edges=tuple(edges),
        sure=stretch.sure,
        owner=stretch.owner,
    )


class Held(msgspec.Struct, frozen=True):
    """Which process has which page: physical page numbers in order, and for each the owner, the virtual address and
    whether others have it too."""

    pages: Any
    owners: Any
    virtual: Any
    shared: Any
    names: tuple[Owner, ...]

    def is_shared(self, physical: int) -> bool:
        """Tell whether several processes have a page."""
        place = int(np.searchsorted(self.pages, physical // PAGE))
        return (
            place < len(self.pages)
            and int(self.pages[place]) == physical // PAGE
            and bool(self.shared[place])
        )


def held(spaces: Iterable[tuple[Owner, Iterable[tuple[int, int]]]]) -> Held:
    """Return who has which page, of each process's (virtual, physical) addresses of pages. The first one owns it."""
    names: list[Owner] = []
    physical, virtual, owners = [], [], []
    for owner, pages in spaces:
        pairs: Any = np.fromiter(pages, np.dtype((np.int64, 2)))
        if len(pairs):
            virtual.append(pairs[:, 0])
            physical.append(pairs[:, 1] // PAGE)
            owners.append(np.full(len(pairs), len(names), np.int32))
        names.append(owner)
    if not names or not physical:
        none = np.zeros(0, np.int64)
        return Held(none, none.astype(np.int32), none, none.astype(bool), tuple(names))
    numbers = np.concatenate(physical)
    order = np.argsort(numbers, kind="stable")
    whose, where = np.concatenate(owners), np.concatenate(virtual)
    return of_sorted(numbers[order], where[order], whose[order], tuple(names))


def of_sorted(pages: Any, virtual: Any, owners: Any, names: tuple[Owner, ...]) -> Held:
    """Return who has which page, of arrays sorted by physical page number, a row for each page of each process.

    `owners` are places in `names`. Of several rows of a page the first is its owner.
    """
    firsts = (
        np.flatnonzero(np.concatenate([[True], pages[1:] != pages[:-1]])) if len(pages) else np.zeros(0, int)
    )
    chosen = owners[firsts]
    # Several pages of one process may show the same memory; that is no sharing.
    shared = np.maximum.reduceat(owners, firsts) != chosen if len(firsts) else np.zeros(0, bool)
    shared |= np.minimum.reduceat(owners, firsts) != chosen if len(firsts) else False
    return Held(pages[firsts].astype(np.int64), chosen, virtual[firsts].astype(np.int64), shared, names)


def of_spaces(whose: Held, gather: Gather, part: tuple[int, int] = (0, 1)) -> Iterator[Stretch]:
    """Yield the pages that processes have, by process and virtual address; `part` is which of how many parts."""
    order = np.lexsort((whose.virtual, whose.owners))
    owners = whose.owners[order]
    starts: Any = np.flatnonzero(np.concatenate([[True], owners[1:] != owners[:-1]])) if len(owners) else []
    number = 0
    for low, high in pairwise([*(int(start) for start in starts), len(owners)]):
        for start in range(low, high, WINDOW // PAGE):
            number += 1
            if number % part[1] != part[0] % part[1]:
                continue
            end = min(start + WINDOW // PAGE, high)
            first, last = max(low, start - CONTEXT_PAGES), min(high, end + CONTEXT_PAGES)
            found = _of_pages(whose, order[first:last], (start - first, end - first), gather)
            if found is not None:
                yield found


def _of_pages(whose: Held, chosen: Any, own: tuple[int, int], gather: Gather) -> Stretch | None:
    physical = whose.pages[chosen] * PAGE
    virtual = whose.virtual[chosen]
    breaks = np.flatnonzero(np.diff(virtual) != PAGE) + 1
    stretch = Stretch(
        data=gather(physical),
        own=(own[0] * PAGE, own[1] * PAGE),
        pages=physical,
        virtual=virtual,
        edges=tuple(int(place) * PAGE for place in breaks),
        sure=True,
        owner=whose.names[int(whose.owners[chosen[0]])],
    )
    return squeezed(stretch, _holding(stretch))


def by_reading(read: Callable[[int, int], bytes | None]) -> Gather:
    """Return a way to gather pages by reading; pages that are neighbours are read in one go."""

    def gather(addresses: Any) -> bytes:
        breaks = [0, *(np.flatnonzero(np.diff(addresses) != PAGE) + 1).tolist(), len(addresses)]
        places = addresses.tolist()
        pieces = []
        for low, high in pairwise(breaks):
            piece = read(places[low], (high - low) * PAGE) if high > low else b""
            pieces.append(_one_by_one(read, places[low:high]) if piece is None else piece)
        return b"".join(pieces)

    return gather


def _one_by_one(read: Callable[[int, int], bytes | None], addresses: list[int]) -> bytes:
    return b"".join(read(address, PAGE) or bytes(PAGE) for address in addresses)


def by_mapping(
    descriptor: int, runs: Iterable[tuple[int, int, int]], read: Callable[[int, int], bytes | None]
) -> Gather:
    """Return a way to gather pages of an open file without a call for each: scattered pages come faster.

    `runs` are (address, size, offset in the file) by address. What does not lie in one of them is read. A file that
    shrinks or cannot be read on while it is mapped ends the process; a worker's end is survived, a task's is told.
    """
    told = np.array(list(runs), np.int64).reshape(-1, 3)
    mapped = mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
    view = np.frombuffer(mapped, np.uint8)
    starts, sizes, offsets = told[:, 0], told[:, 1], told[:, 2]
    slower = by_reading(read)
    if not len(told) or len(view) < PAGE:
        return slower
    rows = as_strided(view, (len(view) - PAGE + 1, PAGE), (1, 1), writeable=False)

    def gather(addresses: Any) -> bytes:
        place = np.maximum(np.searchsorted(starts, addresses, "right") - 1, 0)
        within = addresses - starts[place]
        at = offsets[place] + within
        if not ((within >= 0) & (within + PAGE <= sizes[place]) & (at + PAGE <= len(view))).all():
            return slower(addresses)
        return bytes(rows[at])

    return gather
