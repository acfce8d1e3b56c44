"""What the reader makes of an image on disk."""

from pathlib import Path
from typing import Any

from postvakt.memory import READER
from postvakt.model.gap import Clue, Gap
from tests.artifacts.sources import pieces
from tests.memory.windows import OnDisk

Row = dict[str, Any]


class Told:
    """Rows by table, gaps and clues of one image."""

    def __init__(self, path: Path) -> None:
        self.rows: dict[str, list[Row]]
        self.gaps: list[Gap]
        self.clues: list[Clue]
        self.rows, self.gaps, self.clues = pieces(READER, OnDisk(path))

    @property
    def image(self) -> Row:
        """The image's own row."""
        (row,) = self.rows["mem_image"]
        return row

    def process(self, pid: int) -> Row:
        """The one process of that id."""
        (row,) = [row for row in self.rows["mem_process"] if row["ProcessId"] == pid]
        return row

    def pids(self) -> list[int]:
        """The ids of all processes."""
        return sorted(row["ProcessId"] for row in self.rows["mem_process"])

    def gap(self, words: str) -> Gap:
        """The one gap whose words these are part of."""
        (gap,) = [gap for gap in self.gaps if words in gap.detail]
        return gap
