"""What MemProcFS did not give, or gave where it has no place: counted as it is told, and named in Gaps."""

from collections.abc import Iterator

from postvakt.memory import memprocfs_lines as told
from postvakt.memory.opening import ARTIFACT
from postvakt.model.gap import Gap, Why

MOST_NAMED = 100
"""Failures that are told one by one; more are counted."""
MOST_LOGS_NAMED = 5
LONGEST_DETAIL = 1000


class LeftOut:
    """Parts that failed, event logs that were cut, lines out of their order."""

    def __init__(self) -> None:
        self._failed: list[told.Failed] = []
        self._more = 0
        self._cut: list[str] = []
        self._logs = 0
        self.unused = 0

    @property
    def parts(self) -> frozenset[str]:
        """The parts that failed as a whole."""
        return frozenset(failed.part for failed in self._failed if not failed.count)

    def add(self, line: told.Line) -> None:
        """Count a line that is no row."""
        if isinstance(line, told.Failed):
            if len(self._failed) < MOST_NAMED:
                self._failed.append(line)
            else:
                self._more += 1
        elif isinstance(line, told.Log):
            if line.written < line.size:
                self._logs += 1
                self._cut += [line.name] if len(self._cut) < MOST_LOGS_NAMED else []
        elif not isinstance(line, told.Ended):
            self.unused += 1

    def gaps(self, name: str) -> Iterator[Gap]:
        """Yield a Gap for each kind of thing. `name` is the engine's."""
        for failed in self._failed:
            if failed.count:
                first = f", the first: {failed.first}" if failed.first else ""
                yield gap(
                    "unparsed",
                    f"{name}, {failed.part}: {failed.count} {failed.why}{first}",
                    max(failed.count, 1),
                )
            else:
                yield gap("unparsed", f"{name} gives no {failed.part}: {failed.why}")
        if self._more:
            yield gap("unparsed", f"{name}: {self._more} more parts failed", self._more)
        if self.unused:
            detail = f"{name}: {self.unused} lines out of their order, or too many, were not used"
            yield gap("unparsed", detail, self.unused)
        if self._logs:
            where = ", ".join(self._cut) + (", ..." if self._logs > len(self._cut) else "")
            detail = f"{name}: event logs in the file cache were not taken out whole: {where}"
            yield gap("limited", detail, self._logs)


def gap(why: Why, detail: str, count: int = 1) -> Gap:
    """Return a Gap of the image, its words cut where an engine told too many."""
    return Gap(artifact=ARTIFACT, why=why, detail=detail[:LONGEST_DETAIL], count=count)
