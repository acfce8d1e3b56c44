"""Scratch space of a case: what must be unpacked to be read at random, made once and shared by all workers."""

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from postvakt.errors import EngineError
from postvakt.evidence.reading import BLOCK

UNFINISHED = ".unfinished-"


class Scratch:
    """The folder `root`. A folder in it is whole or absent; its name is made of what it was unpacked from,
    never of a name in the evidence."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, what: str, fill: Callable[[Path], None]) -> Path:
        """Return the folder for `what`, filled by the first who asks while the others wait.

        Raises EngineError where the disk is full, and what `fill` raises.
        """
        name = hashlib.sha256(what.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        made = self.root / "containers" / name
        if made.is_dir():
            return made
        with _disk(self.root), self._alone(name):
            if not made.is_dir():
                made.parent.mkdir(parents=True, exist_ok=True)
                unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=made.parent))
                try:
                    fill(unfinished)
                    os.rename(unfinished, made)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
        return made

    @contextlib.contextmanager
    def copy(self, stream: BinaryIO) -> Iterator[Path]:
        """Give a file that holds what a stream gives, gone when the context ends. Raises EngineError, OSError."""
        folder = self.root / "copies"
        with _disk(self.root):
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=UNFINISHED, dir=folder)
        path = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                pour(stream, out, self.root)
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Hold a lock that ends with the process, however that ends."""
        locks = self.root / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        with open(locks / name, "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Blocks(Protocol):
    """What can be read block by block."""

    def read(self, size: int, /) -> bytes: ...


def pour(stream: Blocks, out: BinaryIO, root: Path) -> int:
    """Copy a stream and return its bytes; reading may raise OSError, a full disk raises EngineError."""
    size = 0
    while block := stream.read(BLOCK):
        with _disk(root):
            # Memory that was never used is zeros for gigabytes; left out, they cost no room.
            if block.count(0) == len(block):
                out.seek(len(block), os.SEEK_CUR)
            else:
                out.write(block)
        size += len(block)
    with _disk(root):
        out.flush()
        out.truncate(out.tell())
    return size


@contextlib.contextmanager
def _disk(root: Path) -> Iterator[None]:
    """A full disk is for the user to mend and must not pass for bad evidence."""
    try:
        yield
    except OSError as why:
        if why.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            told = why.strerror or "cannot be written"
            raise EngineError(f"{root}: {told}; free some space and run the same command again") from why
        raise
