"""What should have been read and was not, and what a source tells about its host besides its rows."""

from typing import Literal

import msgspec

Why = Literal[
    "missing", "truncated", "unreadable", "unparsed", "crashed", "timed-out", "out-of-memory",
    "limited", "encrypted", "unsupported", "conflict", "empty", "cleared", "hole", "lost",
]  # fmt: skip


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was not read, and why.

    `source` is the member's path and `locator` the line, record or offset, None where the whole source is
    meant; `count` tells how many such places one Gap stands for (the first is the one located).
    """

    artifact: str
    why: Why
    source: str = ""
    locator: int | None = None
    detail: str = ""
    count: int = 1
    evidence: str = ""


ClueKind = Literal[
    "host", "domain", "role", "zone", "log_directory", "install_path", "build", "os", "acquired"
]


class Clue(msgspec.Struct, frozen=True, kw_only=True):
    """What a source tells about its server: its name, zone, role, moved folders, build.

    `weight` ranks clues of one kind against each other: 100 a SYSTEM hive's ComputerName, 60 a log's own
    server column, 40 an event's Computer, 10 a path.
    """

    kind: ClueKind
    value: str
    weight: int = 10
    basis: str = ""
    count: int = 1
    source: str = ""
    evidence: str = ""
