"""What MemProcFS did not give, or gave where it has no place: counted as it is told, and named in Gaps."""

from collections.abc import Iterator

from postvakt.memory import memprocfs_lines as told
from postvakt.memory.opening import ARTIFACT
from postvakt.model.gap import Gap, Why

MOST_NAMED = 100
"""Failures that are told one by one; more are counted."""
MOST_COUNTED = (1 << 63) - 1
MOST_LOGS_NAMED = 5
LONGEST_LOG_NAME = 100
LONGEST_DETAIL = 1000
TAKE_OUT = (
    f"mount the image with MemProcFS, copy the .evtx files from its folder {told.LOGS.strip('/')} and hand them in with"
    " the rest"
)


class Named:
    """A count of things with the names of the first."""

    def __init__(self) -> None:
        self.count = 0
        self._names: list[str] = []

    def add(self, name: str) -> None:
        """Count one."""
        self.count += 1
        if len(self._names) < MOST_LOGS_NAMED:
            self._names.append(name[:LONGEST_LOG_NAME])

    def __str__(self) -> str:
        return ", ".join(self._names) + (", ..." if self.count > len(self._names) else "")


class LeftOut:
    """Parts that failed, event logs that were cut, lines out of their order."""

    def __init__(self) -> None:
        self._failed: list[told.Failed] = []
        self._more = 0
        self._unread, self._cut = Named(), Named()
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
                (self._cut if line.written else self._unread).add(line.name)
        elif not isinstance(line, told.Ended):
            self.unused += 1

    def gaps(self, name: str) -> Iterator[Gap]:
        """Yield a Gap for each kind of thing. `name` is the engine's."""
        for failed in self._failed:
            if failed.count:
                first = f", the first: {failed.first}" if failed.first else ""
                count = min(max(failed.count, 1), MOST_COUNTED)
                yield gap("unparsed", f"{name}, {failed.part}: {count} {failed.why}{first}", count)
            else:
                yield gap("unparsed", f"{name} gives no {failed.part}: {failed.why}")
        if self._more:
            yield gap("unparsed", f"{name}: {self._more} more parts failed", self._more)
        if self.unused:
            detail = f"{name}: {self.unused} lines out of their order, or too many, were not used"
            yield gap("unparsed", detail, self.unused)
        for logs, what in ((self._unread, "are named and not read"), (self._cut, "were not taken out whole")):
            if logs.count:
                detail = f"{name}: event logs in the file cache {what}: {logs}; {TAKE_OUT}"
                yield gap("limited", detail, logs.count)


def gap(why: Why, detail: str, count: int = 1) -> Gap:
    """Return a Gap of the image, its words cut where an engine told too many."""
    return Gap(artifact=ARTIFACT, why=why, detail=detail[:LONGEST_DETAIL], count=count)
