"""A member as it was met, before its place is known; and what a Gap is of that no artifact claims."""

from datetime import datetime

import msgspec

from postvakt.evidence.reading import Fault
from postvakt.evidence.recognise import Look
from postvakt.model.gap import Gap

ARCHIVE = "archive"
"""What a Gap of a container as a whole is of: anything may have been in it."""

FILE = "file"
"""What a Gap of a member is of that no artifact claims."""

LINK, SPECIAL = "link", "special"


class Seen(msgspec.Struct, kw_only=True):
    """A member as it was met, before its place is known. `plain` is its path without the mark of a duplicate."""

    path: str
    plain: str
    size: int
    sha256: str = ""
    modified: datetime | None = None
    created: datetime | None = None
    look: Look | None = None
    faults: list[Fault] = []
    opened: bool = False


class Met(msgspec.Struct):
    """Everything that was met in a hand-in. `containers` are the opened ones, and whether each merely wraps a file."""

    seen: list[Seen] = []
    gaps: list[Gap] = []
    containers: dict[str, bool] = {}

    def add(self, other: "Met") -> None:
        """Take over what was met elsewhere in the same hand-in."""
        self.seen += other.seen
        self.gaps += other.gaps
        self.containers |= other.containers
