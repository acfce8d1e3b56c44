"""Every byte, once: rules of YARA and carvers over all present memory, each row told whose memory it stands in."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from postvakt.memory.carving import Held, Item, Keeper, Stretch, carve
from postvakt.memory.found import MEM_CARVED, MEM_YARA
from postvakt.model.gap import Gap
from postvakt.model.marks import Finder, Mark, RuleMarks

UNATTRIBUTED = "unattributed"
EXCERPT = 80
MOST_OF_A_PATTERN = 16
"""Rows of one rule's pattern in one stretch."""
MOST_OF_A_RULE = 1000
"""Rows of one rule in one image; what comes after is counted."""


class Region(msgspec.Struct, frozen=True):
    """A process's region: first address, the address after it, protection as Windows tells it."""

    start: int
    end: int
    protection: str


class Row(msgspec.Struct, frozen=True):
    """A row of `mem_carved` or `mem_yara`, by column names."""

    table: str
    values: Mapping[str, Any]


class Seen(msgspec.Struct):
    """Bytes gone through: as processes have them, as neighbours; and stretches that a pass did not finish."""

    in_spaces: int = 0
    as_neighbours: int = 0
    unfinished: int = 0


class Sweep:
    """Goes through stretches and keeps count of what was seen and what was left out."""

    def __init__(
        self,
        finder: Finder,
        whose: Held | None = None,
        regions: Mapping[int, Sequence[Region]] | None = None,
        keeper: Keeper | None = None,
        offset: Callable[[int], int | None] | None = None,
        program: bool = False,
    ) -> None:
        """`offset` leads from an address to the place in the file; `program`: addresses are one program's."""
        self._finder = finder
        self._whose = whose
        self._regions = {
            pid: sorted(some, key=lambda region: region.start) for pid, some in (regions or {}).items()
        }
        self._starts = {pid: [region.start for region in some] for pid, some in self._regions.items()}
        self._keeper = keeper or Keeper()
        self._offset = offset
        self._program = program
        self._rules: Counter[str] = Counter()
        self._close: Counter[str] = Counter()
        self._faults: Counter[tuple[str, int]] = Counter()
        self.seen = Seen()

    def rows(self, stretches: Iterable[Stretch]) -> Iterator[Row]:
        """Yield the rows of every stretch in the order of its bytes: rules first, then what is carved."""
        for stretch in stretches:
            self._count(stretch)
            marks = self._finder(stretch.data)
            if marks.fault:
                self.seen.unfinished += 1
                self._faults[marks.fault, stretch.physical(stretch.own[0])] += 1
            self._keeper.full.update(marks.full)
            for rule in marks.rules:
                yield from self._matched(stretch, rule)
            for item in carve(stretch, marks.anchors, self._keeper.done):
                pid = stretch.owner.pid if stretch.owner else None
                if self._keeper.keeps(item, pid):
                    yield self._carved(stretch, item)

    def _count(self, stretch: Stretch) -> None:
        size = stretch.own[1] - stretch.own[0]
        if stretch.owner is None:
            self.seen.as_neighbours += size
        else:
            self.seen.in_spaces += size

    def _matched(self, stretch: Stretch, found: RuleMarks) -> Iterator[Row]:
        owned = [
            (name, [mark for mark in marks if stretch.owns(mark.offset) and _holds_together(stretch, mark)])
            for name, marks in found.patterns
        ]
        told = [(name, marks) for name, marks in owned if marks]
        if not told:
            return
        name, marks = min(told, key=lambda pattern: len(pattern[1]))
        others = ", ".join(other for other, _ in told if other != name)
        self._close[found.rule] += max(0, len(marks) - MOST_OF_A_PATTERN)
        for mark in marks[:MOST_OF_A_PATTERN]:
            self._rules[found.rule] += 1
            if self._rules[found.rule] > MOST_OF_A_RULE:
                continue
            raw = stretch.data[mark.offset : mark.offset + min(mark.length, EXCERPT)]
            text, place = shown(raw), self._place(stretch, mark.offset)
            beside = f", with {others}" if others else ""
            yield Row(
                MEM_YARA.name,
                {
                    "rule": found.rule,
                    "pattern": name,
                    "text": text,
                    "size": mark.length,
                    "also": others or None,
                    "told": f"{name} is `{text}`{beside}; in {_whose(place)}",
                    **place,
                },
            )

    def _carved(self, stretch: Stretch, item: Item) -> Row:
        return Row(
            MEM_CARVED.name,
            {
                "time": item.time,
                "kind": item.kind,
                "encoding": item.encoding,
                "text": item.text,
                "size": item.end - item.start,
                "page_fragment": item.fragment,
                **self._place(stretch, item.start),
                **{name: value for name, value in item.fields.items() if value is not None},
            },
        )

    def _place(self, stretch: Stretch, offset: int) -> dict[str, Any]:
        physical = stretch.physical(offset)
        locator = self._offset(physical) if self._offset else physical
        place: dict[str, Any] = {"locator": locator, "process": UNATTRIBUTED}
        place["physical"] = None if self._program else physical
        if stretch.owner is None:
            return place
        address = stretch.address(offset)
        place |= {"pid": stretch.owner.pid, "process": stretch.owner.process, "virtual": address}
        if self._whose is not None:
            place["shared"] = self._whose.is_shared(physical)
        region = self._region(stretch.owner.pid, address)
        if region is not None:
            place |= {"region": f"{region.start:#x}", "protection": region.protection}
        return place

    def _region(self, pid: int, address: int | None) -> Region | None:
        starts = self._starts.get(pid)
        if not starts or address is None:
            return None
        index = bisect_right(starts, address) - 1
        region = self._regions[pid][index] if index >= 0 else None
        return region if region is not None and address < region.end else None

    def gaps(self) -> Iterator[Gap]:
        """Yield what was not kept and what was not finished."""
        yield from self._keeper.gaps()
        for rule, count in sorted(self._rules.items()):
            if count > MOST_OF_A_RULE:
                detail = f"{rule} matched in {count} places; {MOST_OF_A_RULE} are kept"
                yield Gap(artifact=MEM_YARA.name, why="limited", detail=detail, count=count - MOST_OF_A_RULE)
        for rule, count in sorted(self._close.items()):
            if count:
                detail = (
                    f"{rule} matched closer than {MOST_OF_A_PATTERN} times in one stretch; the rest is no row"
                )
                yield Gap(artifact=MEM_YARA.name, why="limited", detail=detail, count=count)
        for (fault, address), count in sorted(self._faults.items()):
            yield Gap(artifact=MEM_YARA.name, why="timed-out", locator=address, detail=fault, count=count)


def _holds_together(stretch: Stretch, mark: Mark) -> bool:
    """Tell whether a match stands in memory as it was found: not over a place where pages were left out."""
    return mark.offset + mark.length <= stretch.reach(mark.offset)[1]


def _whose(place: Mapping[str, Any]) -> str:
    """Say in whose memory a row stands."""
    if place["process"] == UNATTRIBUTED:
        return "memory that no process is known to have"
    protection = f", {place['protection']}" if place.get("protection") else ""
    return f"the memory of {place['process']} ({place['pid']}){protection}"


def shown(found: bytes) -> str:
    """Return bytes as text, with escapes for what would not print."""
    text = found[:EXCERPT].decode("ascii", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
