"""Files in memory as the Sources that parsers are given, and what a parser makes of one."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from postvakt.model.evidence import Member
from postvakt.model.gap import Clue, Gap
from postvakt.tables.rows import Reader, Rows

Row = dict[str, Any]


class Held:
    """One of several files held in memory, by its path."""

    def __init__(self, files: Mapping[str, bytes], path: str) -> None:
        self.files = files
        self.member = Member(evidence="held", path=path, size=len(files[path]))

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes from the start."""
        yield io.BytesIO(self.files[self.member.path])

    def siblings(self, *suffixes: str) -> Iterator["Held"]:
        """Yield the files whose path is this one plus a suffix, in any case."""
        wanted = {(self.member.path + suffix).casefold() for suffix in suffixes}
        for path in sorted(self.files):
            if path.casefold() in wanted:
                yield Held(self.files, path)


def alone(content: bytes, path: str) -> Held:
    """Return a file with nothing beside it."""
    return Held({path: content}, path)


def on_disk(path: Path) -> Held:
    """Return a file on disk with nothing beside it."""
    return alone(path.read_bytes(), path.name)


def pieces(reader: Reader, source: Held) -> tuple[dict[str, list[Row]], list[Gap], list[Clue]]:
    """Return the rows by table, the gaps and the clues that a reader gives."""
    rows: dict[str, list[Row]] = {spec.name: [] for spec in reader.tables}
    gaps, clues = [], []
    for piece in reader.parse(source):
        if isinstance(piece, Rows):
            piece.batch.validate(full=True)
            rows[piece.spec.name] += piece.batch.to_pylist()
        else:
            (gaps if isinstance(piece, Gap) else clues).append(piece)
    return rows, gaps, clues
