"""From a member's path to its bytes: one container after the other is opened, at most once per process."""

import errno
import functools
import os
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import BinaryIO

import msgspec

from postvakt.evidence import disk, names, sevenzip
from postvakt.evidence.container import WRAPPERS, Container, Entry, kind_of
from postvakt.evidence.reading import Fault, NotOpenedError, Stretch, fault_of, whole
from postvakt.evidence.scratch import Scratch, pour
from postvakt.evidence.tararchive import Tar
from postvakt.evidence.wrapped import Wrapped
from postvakt.evidence.ziparchive import Zip

BORDER = "!/"
KEPT_OPEN = 16
"""Directories of containers that a process remembers; more than any nesting is deep."""

CONTENT, WRONG = "content", "fault.json"


class Opened:
    """A container with its entries by name and by folder. `lies` is the file its bytes lie in."""

    def __init__(self, container: Container, lies: Path, fault: Fault | None) -> None:
        self.container = container
        self.lies = lies
        self.faults = (*container.faults, *((fault,) if fault else ()))
        self.by_name = {entry.name: entry for entry in container.entries}

    @functools.cached_property
    def by_folder(self) -> dict[str, list[Entry]]:
        """Entries by the folder they lie in, in the container's order."""
        found = defaultdict(list)
        for entry in self.container.entries:
            found[entry.name.rpartition("/")[0]].append(entry)
        return found


class Opener:
    """Opens what lies in one hand-in, a folder or a file."""

    def __init__(self, hand_in: Path, scratch: Scratch) -> None:
        self._hand_in = hand_in
        self._scratch = scratch
        self._opened: OrderedDict[tuple[str, str], Opened] = OrderedDict()

    def on_disk(self, path: str) -> Path:
        """Return where the outermost file of a member's path lies. Raises OSError."""
        first = path.split(BORDER, 1)[0]
        if self._hand_in.is_dir():
            return disk.find(self._hand_in, first)
        if first != names.text(self._hand_in.name):
            raise FileNotFoundError(errno.ENOENT, "no such file in the evidence", first)
        return self._hand_in

    def open(self, path: str) -> BinaryIO:
        """Open a member's bytes. Raises OSError where there are none to be had."""
        outer, border, name = path.rpartition(BORDER)
        if not border:
            return whole(self.on_disk(path)).open()
        try:
            opened = self.container(outer)
        except NotOpenedError as why:
            raise OSError(errno.EIO, why.fault.detail, path) from None
        return opened.container.open(_readable(opened, name, path))

    def container(self, path: str) -> Opened:
        """Return the container that a member is. Raises NotOpenedError, OSError, EngineError on a full disk."""
        key = (path, self._stamp(path))
        opened = self._opened.get(key)
        if opened is None or not opened.lies.exists():  # scratch is emptied when a run ends
            opened = self._opened[key] = self._open_container(path)
        self._opened.move_to_end(key)
        while len(self._opened) > KEPT_OPEN:
            self._opened.popitem(last=False)
        return opened

    def stretch(self, path: str) -> tuple[Stretch, Fault | None]:
        """Return a member's bytes to be read at random, unpacked into scratch where they must be, and what was
        wrong on the way. Raises NotOpenedError, OSError, EngineError on a full disk."""
        outer, border, name = path.rpartition(BORDER)
        if not border:
            return whole(self.on_disk(path)), None
        opened = self.container(outer)
        entry = _readable(opened, name, path)
        lies = opened.container.stretch(entry)
        if lies is not None:
            return lies, None
        return self._unpacked(path, opened.container.open(entry))

    def _open_container(self, path: str) -> Opened:
        stretch, fault = self.stretch(path)
        with stretch.open() as stream:
            name = path.rpartition("/")[2]
            kind = kind_of(stream.read(512), name)
        if kind == "zip":
            return Opened(Zip(stretch), stretch.path, fault)
        if kind == "tar":
            return Opened(Tar(stretch), stretch.path, fault)
        if kind == "7z":
            what = self._what(path, "7z")
            folder = self._scratch.folder(what, lambda folder: sevenzip.unfold(stretch, folder))
            return Opened(sevenzip.SevenZip(folder), folder, fault)
        if not kind:
            raise NotOpenedError("unreadable", "no archive of a known kind")
        wrapped = Wrapped(stretch, kind, name)
        if not wrapped.holds_tar:
            return Opened(wrapped, stretch.path, fault)
        unpacked, damage = self._unpacked(f"{path}{BORDER}", wrapped.stream())
        return Opened(Tar(unpacked, f"tar.{kind}"), unpacked.path, damage or fault)

    def _unpacked(self, path: str, stream: BinaryIO) -> tuple[Stretch, Fault | None]:
        def fill(folder: Path) -> None:
            with (folder / CONTENT).open("wb") as out:
                pour(stream, out, folder)
            (folder / WRONG).write_bytes(msgspec.json.encode(fault_of(stream)))

        with stream:
            folder = self._scratch.folder(self._what(path, CONTENT), fill)
        return whole(folder / CONTENT), msgspec.json.decode((folder / WRONG).read_bytes(), type=Fault | None)

    def _stamp(self, path: str) -> str:
        about = os.stat(self.on_disk(path))
        return f"{about.st_size} {about.st_mtime_ns}"

    def _what(self, path: str, made: str) -> str:
        return "\0".join((str(self._hand_in), self._stamp(path), path, made))


def _readable(opened: Opened, name: str, path: str) -> Entry:
    entry = opened.by_name.get(name)
    if entry is None:
        raise FileNotFoundError(errno.ENOENT, "no such member in the evidence", path)
    if entry.kind != "file" or not entry.readable:
        detail = entry.fault.detail if entry.fault else "a link or device; never followed"
        raise OSError(errno.EACCES, detail, path)
    return entry


def unwrapped(name: str) -> str:
    """Return a file's name without the ending that a wrapper added."""
    low = name.lower()
    return next((name[: -len(ending)] for ending in WRAPPERS if low.endswith(ending)), name)


@functools.lru_cache(maxsize=4)
def opener(hand_in: Path, scratch: Path) -> Opener:
    """Return this process's opener of a hand-in."""
    return Opener(hand_in, Scratch(scratch))
