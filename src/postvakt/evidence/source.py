"""One member as a parser is given it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from postvakt.evidence import disk
from postvakt.evidence.opening import BORDER, Opener, unwrapped
from postvakt.evidence.reading import NotOpenedError
from postvakt.evidence.scratch import Scratch
from postvakt.model.evidence import Member


class MemberSource:
    """See `Source`. Nothing is opened before it is asked for."""

    def __init__(self, opener: Opener, scratch: Scratch, member: Member) -> None:
        self._opener = opener
        self._scratch = scratch
        self._member = member

    @property
    def member(self) -> Member:
        """The member whose bytes these are."""
        return self._member

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes from the start. Raises OSError where they cannot be read."""
        with self._opener.open(self._member.path) as stream:
            yield stream

    def siblings(self, *suffixes: str) -> Iterator["MemberSource"]:
        """Yield the members beside this one whose name is this name plus a suffix, in any case; `*.vmss` stands in
        place of its own ending."""
        path = self._member.path
        for suffix in suffixes:
            for found, size in self._beside(path, suffix.lower()):
                place = _named(self._member.windows_path, suffix)
                member = msgspec.structs.replace(
                    self._member,
                    path=found,
                    size=size,
                    sha256="",
                    windows_path=place,
                    artifact="",
                )
                yield MemberSource(self._opener, self._scratch, member)

    def _beside(self, path: str, suffix: str) -> Iterator[tuple[str, int]]:
        """Yield path and size of what lies beside a member; where it is wrapped, beside its wrapper."""
        outer, border, name = path.rpartition(BORDER)
        try:
            if border and self._opener.container(outer).container.wraps:
                yield from self._beside(outer, suffix)
                return
            folder, listed = self._listed(outer, border, name)
        except (OSError, NotOpenedError):
            return
        wanted = _named(unwrapped(name.rpartition("/")[2]), suffix).lower()
        for other, size in listed:
            if unwrapped(other).lower() == wanted:
                yield from self._as_member(f"{folder}{other}", other, wanted, size)

    def _listed(self, outer: str, border: str, name: str) -> tuple[str, list[tuple[str, int]]]:
        """Return the folder of a name, with its separator, and the files in it by name and size."""
        within, slash, _ = name.rpartition("/")
        if border:
            entries = self._opener.container(outer).by_folder.get(within, [])
            files = [(e.name.rpartition("/")[2], e.size) for e in entries if e.kind == "file"]
            return f"{outer}{border}{within}{slash}", files
        here = self._opener.on_disk(name).parent
        files = []
        for shown, _, path in disk.entries(here):
            if path.is_file() and not path.is_symlink():
                files.append((shown, path.stat().st_size))
        return f"{within}{slash}", files

    def _as_member(self, path: str, other: str, wanted: str, size: int) -> Iterator[tuple[str, int]]:
        if other.lower() == wanted:
            yield path, max(size, 0)
            return
        with contextlib.suppress(OSError, NotOpenedError):
            opened = self._opener.container(path)
            if opened.container.wraps:
                inner = f"{path}{BORDER}{opened.container.entries[0].name}"
                yield inner, self._measured(inner)

    def _measured(self, path: str) -> int:
        size = 0
        with self._opener.open(path) as stream:
            while block := stream.read(1 << 20):
                size += len(block)
        return size

    @contextlib.contextmanager
    def local_path(self) -> Iterator[Path]:
        """Give a path on disk that holds the bytes while the context lasts. Raises OSError, and EngineError where
        the disk is full."""
        path = self._member.path
        if BORDER not in path:
            yield self._opener.on_disk(path)
            return
        with self._opener.open(path) as stream, self._scratch.copy(stream) as copy:
            yield copy


def _named(name: str, suffix: str) -> str:
    """Return what a name becomes with a suffix, or with another ending where the suffix begins with `*`."""
    if suffix.startswith("*"):
        name, suffix = name[: len(name) - len(PurePosixPath(name).suffix)], suffix[1:]
    return f"{name}{suffix.lower()}" if name else ""
