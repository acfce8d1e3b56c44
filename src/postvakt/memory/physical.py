"""Memory as an image holds it: runs of bytes by address, read at random and window by window, never whole."""

import contextlib
import errno
import os
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol

import msgspec

from postvakt.model.gap import Why

PAGE = 0x1000
HIGHEST_PHYSICAL = 1 << 52
"""What a processor of this kind can address at most."""
PIECE = 1 << 20
"""Bytes read at a time where a window cannot be read as one."""


class Run(msgspec.Struct, frozen=True):
    """Bytes that lie together in memory and in the file: address, size, place in the file."""

    start: int
    size: int
    offset: int


class Physical(Protocol):
    """What scanners, carvers and translation read. The addresses of a program's own dump are virtual."""

    @property
    def runs(self) -> Iterator[Run]: ...

    @property
    def size(self) -> int:
        """The first address after the last run."""
        ...

    def read(self, address: int, size: int) -> bytes | None:
        """Return the bytes, or None where any of them is not in the image."""
        ...

    def windows(self, size: int, overlap: int) -> Iterator[tuple[int, bytes]]:
        """Yield every present byte in windows of at most `size` bytes with the address of each."""
        ...


class RefusedError(Exception):
    """An image that is not read: why, and what to do instead."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why: Why = why
        self.detail = detail


class Image:
    """Runs over an open file; see `Physical`.

    Runs that reach past the file's end are cut, those that overlap an earlier address are left out; both are counted
    (`cut`, `overlapping`: bytes), as are those that no processor could reach: `end` is the last that may be.
    `unreadable` counts bytes that the disk would not give.
    """

    def __init__(
        self, file: BinaryIO, runs: Iterable[tuple[int, int, int]], end: int = HIGHEST_PHYSICAL
    ) -> None:
        self._file = file
        self._descriptor = file.fileno()
        length = os.fstat(self._descriptor).st_size
        self._starts = array("Q")
        self._sizes = array("Q")
        self._offsets = array("Q")
        self.cut = self.overlapping = self.unreadable = self.present = 0
        reached = 0
        for start, size, offset in sorted(runs):
            there = max(0, min(size, length - offset, end - start))
            self.cut += size - there
            if start < reached:
                self.overlapping += there
                continue
            if there:
                self._starts.append(start)
                self._sizes.append(there)
                self._offsets.append(offset)
                self.present += there
                reached = start + there
        self._end = reached

    @property
    def runs(self) -> Iterator[Run]:
        """The runs by address."""
        return map(Run, self._starts, self._sizes, self._offsets)

    @property
    def size(self) -> int:
        """The first address after the last run."""
        return self._end

    def offset(self, address: int) -> int | None:
        """Return where a byte lies in the file, None where it is not in the image."""
        index = bisect_right(self._starts, address) - 1
        if index < 0 or address - self._starts[index] >= self._sizes[index]:
            return None
        return self._offsets[index] + address - self._starts[index]

    def read(self, address: int, size: int) -> bytes | None:
        """Return the bytes, or None where any of them is not in the image."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        within = address - self._starts[index]
        if within + size <= self._sizes[index]:
            return self._pread(size, self._offsets[index] + within)
        return self._read_across(index, within, size)

    def _read_across(self, index: int, within: int, size: int) -> bytes | None:
        if within >= self._sizes[index]:
            return None
        pieces: list[bytes] = []
        while size:
            there = min(size, self._sizes[index] - within)
            piece = self._pread(there, self._offsets[index] + within)
            if piece is None:
                return None
            pieces.append(piece)
            size -= there
            if size and not self._adjoins(index):
                return None
            index, within = index + 1, 0
        return b"".join(pieces)

    def _adjoins(self, index: int) -> bool:
        following = index + 1
        if following >= len(self._starts):
            return False
        return self._starts[following] == self._starts[index] + self._sizes[index]

    def _pread(self, size: int, offset: int) -> bytes | None:
        try:
            piece = os.pread(self._descriptor, size, offset)
        except OSError:
            self.unreadable += size
            return None
        if len(piece) != size:
            self.unreadable += size
            return None
        return piece

    def shares(self, count: int) -> list[tuple[int, int]]:
        """Return the image cut into ranges of addresses that hold about as many bytes each, a page at the least."""
        goal, held, low = max(PAGE, -(-self.present // count)), 0, 0
        bounds: list[int] = []
        for start, size in zip(self._starts, self._sizes, strict=True):
            at = start
            while held + start + size - at > goal and len(bounds) < count - 1:
                at = max(at, (at + goal - held) // PAGE * PAGE)
                bounds.append(at)
                held = 0
            held += start + size - at
        ranges = []
        for bound in (*bounds, self._end):
            if bound > low:
                ranges.append((low, bound))
                low = bound
        return ranges

    def within(self, low: int, high: int) -> int:
        """Return how many bytes of a range of addresses are present."""
        pairs = zip(self._starts, self._sizes, strict=True)
        return sum(max(0, min(start + size, high) - max(start, low)) for start, size in pairs)

    def windows(
        self, size: int, overlap: int, between: tuple[int, int] = (0, HIGHEST_PHYSICAL)
    ) -> Iterator[tuple[int, bytes]]:
        """Yield every present byte between two addresses in windows of at most `size` bytes with the address of each.

        Windows of one stretch overlap by `overlap` bytes. Holes of a sparse file, which read as zeros, are left out.
        """
        if not 0 <= overlap < size:
            raise ValueError(f"windows of {size} bytes cannot overlap by {overlap}")
        for first, last in self._stretches():
            start, end = max(first, between[0]), min(last, between[1])
            at = start
            while at < end:
                at = max(at, self._to_data(at, end))
                length = min(size, end - at)
                if length <= 0:
                    break
                yield from self._window(at, length)
                if at + length >= end:
                    break
                at += length - overlap

    def _window(self, at: int, length: int) -> Iterator[tuple[int, bytes]]:
        whole = self.read(at, length)
        if whole is not None:
            yield at, whole
            return
        for place in range(at, at + length, PIECE):
            piece = self.read(place, min(PIECE, at + length - place))
            if piece is not None:
                yield place, piece

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Yield what lies together in memory, be it in one run or several."""
        start = end = -1
        for run_start, run_size in zip(self._starts, self._sizes, strict=True):
            if run_start != end:
                if start >= 0:
                    yield start, end
                start = run_start
            end = run_start + run_size
        if start >= 0:
            yield start, end

    def _to_data(self, at: int, end: int) -> int:
        """Return the page of the next address that the file does not leave out as a hole."""
        while at < end:
            index = bisect_right(self._starts, at) - 1
            offset = self._offsets[index] + at - self._starts[index]
            after = self._starts[index] + self._sizes[index]
            try:
                data = os.lseek(self._descriptor, offset, os.SEEK_DATA)
            except OSError as why:
                if why.errno != errno.ENXIO:
                    # A disk that cannot tell its holes: everything is data, nothing is passed over.
                    return at
                # Nothing but a hole to the end of the file. Other runs may lie before it.
                at = after
                continue
            if data == offset:
                return at
            if at + data - offset < after:
                return (at + data - offset) // PAGE * PAGE
            at = after
        return end


@contextlib.contextmanager
def closing(image: Image) -> Iterator[Image]:
    """Close an image's file when the context ends."""
    try:
        yield image
    finally:
        image._file.close()
