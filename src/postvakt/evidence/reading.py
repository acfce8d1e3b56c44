"""Bytes, opened to be read and never otherwise: files, stretches of files, and what comes out of a decoder."""

import errno
import io
import os
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from postvakt.model.gap import Why

BLOCK = 1 << 20
"""Bytes that are read, and that come out of a decoder, at a time."""

BUFFER = 256 * 1024


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a container or a member: the makings of a Gap. `count` places share it."""

    why: Why
    detail: str
    count: int = 1


class DamageError(Exception):
    """Raised where packed bytes end or make no sense; never leaves this room."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(why, detail)


class NotOpenedError(Exception):
    """A container that gives nothing at all; never leaves this room."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.fault = Fault(why, detail)


class Stretch(msgspec.Struct, frozen=True):
    """A run of bytes of a file on disk, to be read at random."""

    path: Path
    offset: int
    size: int

    def open(self) -> BinaryIO:
        """Open the bytes from the start. Raises OSError where they cannot be read."""
        handle = read_only(self.path)
        if self.offset == 0 and self.size == os.fstat(handle.fileno()).st_size:
            return io.BufferedReader(handle, _buffer(self.size))
        return io.BufferedReader(_Window(handle, self.offset, self.size), _buffer(self.size))

    def part(self, offset: int, size: int) -> "Stretch":
        """Return a run within this one; what reaches over its end is cut off."""
        offset = min(max(offset, 0), self.size)
        return Stretch(self.path, self.offset + offset, max(min(size, self.size - offset), 0))


def _buffer(size: int) -> int:
    """Return how large a buffer is worth its making for so many bytes: most members are small."""
    return min(max(size, 512), BUFFER)


def whole(path: Path) -> Stretch:
    """Return all bytes of a file. Raises OSError where there is no plain file."""
    about = os.stat(path, follow_symlinks=False)
    if not stat.S_ISREG(about.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return Stretch(path, 0, about.st_size)


def read_only(path: Path) -> io.FileIO:
    """Open a plain file for reading, links not followed; its access time stays as it is where that is allowed.

    Raises OSError.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:  # only a file's owner may ask for that
        handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    return io.FileIO(handle, "rb")


class _Window(io.RawIOBase):
    """A run of bytes of an open file, which it closes."""

    def __init__(self, handle: io.FileIO, offset: int, size: int) -> None:
        self._handle = handle
        self._offset = offset
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)[: max(self._size - self._at, 0)]
        count = os.preadv(self._handle.fileno(), [view], self._offset + self._at) if len(view) else 0
        self._at += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "seek before the start")
        self._at = base + offset
        return self._at

    def close(self) -> None:
        self._handle.close()
        super().close()


def at_random(stream: BinaryIO) -> bool:
    """Tell whether the bytes lie on disk as they are: going to any of them costs no unpacking."""
    return isinstance(getattr(stream, "raw", None), io.FileIO | _Window)


class Decoded(io.RawIOBase):
    """The bytes that come out of a decoder. Where the packed bytes are damaged they end, and `fault` says why.

    Seeking forward reads, seeking backward starts again.
    """

    def __init__(self, start: Callable[[], Iterator[bytes]]) -> None:
        self.fault: Fault | None = None
        self._start = start
        self._blocks = start()
        self._block = memoryview(b"")
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._block:
            self._block = memoryview(self._next())
        view = memoryview(buffer)
        count = min(len(view), len(self._block))
        view[:count] = self._block[:count]
        self._block = self._block[count:]
        self._at += count
        return count

    def _next(self) -> bytes:
        try:
            return next((block for block in self._blocks if block), b"")
        except DamageError as why:
            self.fault = why.fault
            return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            self._skip(None)
        target = offset + (0 if whence == os.SEEK_SET else self._at)
        if target < 0:
            raise OSError(errno.EINVAL, "seek before the start")
        if target < self._at:
            self._end()
            self._blocks = self._start()
            self._block = memoryview(b"")
            self._at = 0
        self._skip(target)
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._end()
        super().close()

    def _end(self) -> None:
        """Let go of the file that the decoder reads."""
        if isinstance(self._blocks, Generator):
            self._blocks.close()

    def _skip(self, target: int | None) -> None:
        while target is None or self._at < target:
            if not self._block:
                self._block = memoryview(self._next())
            if not self._block:
                return
            count = len(self._block) if target is None else min(len(self._block), target - self._at)
            self._block = self._block[count:]
            self._at += count


def decoded(start: Callable[[], Iterator[bytes]], size: int = BUFFER) -> io.BufferedReader:
    """Return a stream of what a decoder gives; `size` is how many bytes that may be."""
    return io.BufferedReader(Decoded(start), _buffer(size))


def fault_of(stream: BinaryIO) -> Fault | None:
    """Return what was wrong with a stream that has been read to its end."""
    raw = getattr(stream, "raw", None)
    return raw.fault if isinstance(raw, Decoded) else None
