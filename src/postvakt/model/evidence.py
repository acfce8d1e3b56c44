"""What was handed in, and what lies in it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import PurePath
from typing import BinaryIO, Protocol

import msgspec


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One handed-in thing: a file, an archive or a folder.

    `id` is the first 16 hex digits of `sha256`; for a folder `sha256` is that of its manifest (the sorted
    lines `sha256  size  path` of its members). `path` is what the user typed, made absolute.
    """

    id: str
    path: str
    kind: str
    sha256: str
    bytes: int
    recognised_as: str = ""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file within the evidence.

    `path` is its place as stored, `!/` standing between a container and what lies in it
    (`a.zip!/uploads/auto/C%3A/Windows/win.ini`). `windows_path` is the lower-case path on the server with
    `/` between parts (`c:/windows/win.ini`), empty where the layout does not tell. `root` is the part of
    `path` before the server's drive: members of one root come from one machine; `rooted` says whether a
    drive or a known top folder marked it. `artifact` is what it was recognised as, empty for what is not
    relevant. `beside` members are read with another one, never alone: transaction logs with their hive.
    """

    evidence: str
    path: str
    size: int
    sha256: str = ""
    modified: datetime | None = None
    created: datetime | None = None
    windows_path: str = ""
    root: str = ""
    rooted: bool = False
    artifact: str = ""
    beside: bool = False


class Source(Protocol):
    """What a parser is given: one member, to be read from the start as often as needed.

    A parser never opens a file by itself. `local_path` is for readers that want a file on disk; it holds a
    read-only copy in bounded scratch space, or the evidence itself where it already is a plain file.
    """

    @property
    def member(self) -> Member: ...

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Open the bytes from the start. Raises OSError where they cannot be read."""
        ...

    def siblings(self, *suffixes: str) -> Iterator["Source"]:
        """Yield the members beside this one whose name is this name plus a suffix, in any case (`.LOG1`), or has
        another ending in place of its own (`*.vmss`)."""
        ...

    def local_path(self) -> AbstractContextManager[PurePath]:
        """Give a path on disk that holds the bytes while the context lasts."""
        ...
