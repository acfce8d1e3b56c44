"""What the process that runs MemProcFS tells: JSON, one line each, of bounded length."""

from collections.abc import Iterator
from typing import Annotated

import msgspec

LONGEST_TEXT = 32_768
"""Characters of one text; Windows itself allows no longer command line."""
LONGEST_LINE = 4 << 20
"""Bytes of a line: texts at their longest, each character escaped, and an environment."""
MOST_VARIABLES = 200
LOGS = "/sys/eventlog/eventlog_repaired/"
"""Where MemProcFS has the event logs that it finds in the file cache."""
LONGEST_NAME = 300
"""Characters of the name of what could not be read."""

Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


class Opened(msgspec.Struct, frozen=True, tag_field="line", tag="opened"):
    """The image was opened. `build` is what the engine holds the kernel for, 0 for not known."""

    version: Text
    build: int


class Process(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="process"):
    """A process. Times as `2021-03-02 03:17:30 UTC`, empty for none; `physical` is None where it has no place."""

    pid: int
    parent: int
    name: Text
    path: Text
    kernel_path: Text
    command: Text
    folder: Text
    environment: Annotated[list[tuple[Text, Text]], msgspec.Meta(max_length=MOST_VARIABLES)]
    created: Text
    exited: Text
    virtual: int
    physical: int | None
    directory: int
    wow64: bool
    state: int


class Checked(msgspec.Struct, frozen=True, tag_field="line", tag="checked"):
    """All processes were told."""


class Module(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="module"):
    """A module of a process; those of the process 4 are the kernel's. `physical` is its first byte's place."""

    pid: int
    name: Text
    path: Text
    base: int
    size: int
    physical: int | None


class Connection(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="connection"):
    """An endpoint. `time` is a FILETIME, `pool` the tag's four letters in either order."""

    pid: int
    pool: Text
    state: int
    local: Text
    local_port: int
    remote: Text
    remote_port: int
    time: int
    virtual: int
    physical: int | None


class Handle(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="handle"):
    """An open handle."""

    pid: int
    handle: int
    type: Text
    object: Text
    access: int
    virtual: int
    physical: int | None


class Service(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="service"):
    """A service, as the service control manager's memory has it."""

    pid: int
    name: Text
    display: Text
    state: int
    start: int
    type: int
    account: Text
    path: Text
    command: Text


class Value(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="value"):
    """A registry value; `time` is its key's last write, a FILETIME, 0 for not told."""

    key: Text
    name: Text
    type: int
    data: Text
    time: int


class Log(msgspec.Struct, frozen=True, tag_field="line", tag="log"):
    """An event log in the file cache: bytes that it has, and bytes that were written out (0 where none were asked)."""

    name: Text
    size: int
    written: int


class Failed(msgspec.Struct, frozen=True, tag_field="line", tag="failed"):
    """A part that the engine could not give, in its own words; with a `count`, only so many things of it, the `first`
    by its name."""

    part: Text
    why: Text
    count: int = 0
    first: Text = ""


class Ended(msgspec.Struct, frozen=True, tag_field="line", tag="ended"):
    """Everything was told."""


Line = Opened | Process | Checked | Module | Connection | Handle | Service | Value | Log | Failed | Ended


class Missed:
    """Things of one part that could not be read, or were too many: counted by what befell them, the first by name."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._told: dict[str, tuple[int, str]] = {}
        self._seen: set[tuple[str, str]] = set()

    def add(self, why: str, name: str, count: int = 1) -> None:
        """Count what is told as `{count} {why}` (`values could not be read`); what is told again counts once."""
        if count <= 0 or (name and (why, name) in self._seen):
            return
        self._seen.add((why, name))
        before, first = self._told.get(why, (0, name[:LONGEST_NAME]))
        self._told[why] = (before + count, first)

    def lines(self) -> Iterator[Failed]:
        """Yield a line for each kind of loss."""
        for why, (count, first) in self._told.items():
            yield Failed(self._part, why, count, first.encode("utf-8", "replace").decode("utf-8"))
