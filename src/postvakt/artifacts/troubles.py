"""What went wrong in one source, counted: thousands of bad rows become a few Gaps."""

from collections.abc import Iterator

from postvakt.model.gap import Gap, Why

MOST_KINDS = 40
"""Kinds of trouble told apart in one source; what comes after is counted together."""

FURTHER = "further troubles of other kinds"


class Troubles:
    """Counts of each kind of trouble, with the place of its first."""

    def __init__(self, artifact: str) -> None:
        self._artifact = artifact
        self._counts: dict[tuple[Why, str], tuple[int | None, int]] = {}

    def note(self, why: Why, detail: str, locator: int | None, count: int = 1) -> None:
        """Count trouble that was met first at `locator`."""
        key = (why, detail)
        if key not in self._counts and len(self._counts) >= MOST_KINDS:
            key = (why, FURTHER)
        first, before = self._counts.get(key, (locator, 0))
        self._counts[key] = (first, before + count)

    def has(self, why: Why, detail: str) -> bool:
        """Tell whether such trouble was met before."""
        return (why, detail) in self._counts

    def gaps(self) -> Iterator[Gap]:
        """Yield one Gap for each kind of trouble, in the order in which they were first met."""
        for (why, detail), (locator, count) in self._counts.items():
            yield Gap(artifact=self._artifact, why=why, locator=locator, detail=detail, count=count)
