"""Everything that is carved out of one stretch, each thing once; and what is kept of it over a whole image."""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, groupby

from postvakt.memory.carving import lines, programs, requests, structures
from postvakt.memory.carving.item import ByMark, ByPage, Item
from postvakt.memory.carving.stretch import Stretch
from postvakt.model.gap import Gap
from postvakt.model.marks import Mark

BY_MARK: Mapping[str, ByMark] = {
    "http_proxy": lines.http_proxy,
    "iis": lines.iis,
    "ecp_server": lines.ecp_server,
    "http_request": requests.http_request,
    "cookie": requests.cookie,
    "url_path": requests.url_path,
    "url": requests.url,
    "app_web": requests.app_web,
    "script": programs.script,
    "command_line": programs.command_line,
    "evtx_record": structures.event,
}
"""Carvers by the kind of anchor that leads them."""

BY_PAGE: tuple[ByPage, ...] = (
    structures.cells,
    structures.file_records,
    structures.programs,
)

MOST: Mapping[str, int] = {
    "http_proxy": 400_000, "iis": 400_000, "ecp_server": 200_000, "http_request": 100_000, "cookie": 50_000,
    "url_path": 50_000, "url": 50_000, "app_web": 20_000, "script": 20_000, "command_line": 50_000,
    "evtx_record": 400_000, "registry_key": 100_000, "registry_value": 100_000, "mft_record": 200_000,
    "program": 50_000,
}  # fmt: skip
"""Rows of a kind that are kept of one image; what comes after is counted."""

LINES = frozenset(("http_proxy", "iis", "ecp_server"))
PARTS_OF_LINES = frozenset(("url_path", "url"))
"""Kinds that a line of a log is full of: its own fields have them."""

ONCE = frozenset(("url", "url_path", "cookie", "app_web", "command_line", "script"))
"""Kinds that memory holds many copies of: of equal texts in one process the first is kept, the others are counted."""


def carve(
    stretch: Stretch, anchors: Mapping[str, list[Mark]], skip: frozenset[str] = frozenset()
) -> Iterator[Item]:
    """Yield what begins in the part that a stretch owns, in the order of offsets; `skip` names kinds left out.

    What stands inside of another of its kind is left out, and so are addresses and paths inside of a log's line.
    """
    found: list[Item] = []
    for kind, carver in BY_MARK.items():
        if kind in skip:
            continue
        marks = anchors.get(kind, ())
        if kind in PARTS_OF_LINES and marks and found:
            marks = _outside(marks, [item for item in found if item.kind in LINES])
        for mark in marks:
            found += carver(stretch, mark)
    found += [item for carver in BY_PAGE for item in carver(stretch) if item.kind not in skip]
    found.sort(key=lambda item: (item.kind, item.start, -item.end))
    kept: list[Item] = []
    for _, items in groupby(found, key=lambda item: item.kind):
        end = -1
        for item in items:
            if item.end > end:
                end = item.end
                if stretch.owns(item.start):
                    kept.append(item)
    yield from sorted(kept, key=lambda item: (item.start, item.kind))


def _outside(marks: Sequence[Mark], lines: Sequence[Item]) -> list[Mark]:
    """Return the places that stand in none of these lines."""
    if not lines:
        return list(marks)
    ordered = sorted((line.start, line.end) for line in lines)
    starts = [start for start, _ in ordered]
    reached = list(accumulate((end for _, end in ordered), max))
    left = []
    for mark in marks:
        place = bisect_right(starts, mark.offset) - 1
        if place < 0 or reached[place] <= mark.offset:
            left.append(mark)
    return left


class Keeper:
    """Which items of an image become rows, and how many did not."""

    def __init__(self, most: Mapping[str, int] = MOST) -> None:
        self._most = most
        self._kept: Counter[str] = Counter()
        self._seen: set[bytes] = set()
        self.surplus: Counter[str] = Counter()
        self.repeated: Counter[str] = Counter()
        self.full: Counter[str] = Counter()

    @property
    def done(self) -> frozenset[str]:
        """The kinds of which no more is kept, and which are no longer looked for."""
        return frozenset(kind for kind, count in self._kept.items() if count >= self._most[kind])

    def keeps(self, item: Item, pid: int | None) -> bool:
        """Tell whether an item becomes a row."""
        kind = item.kind
        if kind in ONCE:
            name = hashlib.blake2b(f"{kind}\0{pid}\0{item.text}".encode(), digest_size=8).digest()
            if name in self._seen:
                self.repeated[kind] += 1
                return False
            self._seen.add(name)
        if self._kept[kind] >= self._most[kind]:
            self.surplus[kind] += 1
            return False
        self._kept[kind] += 1
        return True

    def gaps(self) -> Iterator[Gap]:
        """Yield what was not kept."""
        for kind, count in sorted(self.surplus.items()):
            detail = f"more than {self._most[kind]} of kind {kind} were carved; the rest is not kept"
            yield Gap(artifact="mem_carved", why="limited", detail=detail, count=count)
        for kind in sorted(self.done):
            if kind not in self.surplus:
                detail = f"{self._most[kind]} of kind {kind} were carved; no more are looked for"
                yield Gap(artifact="mem_carved", why="limited", detail=detail)
        for kind, count in sorted(self.full.items()):
            detail = f"places of kind {kind} stand closer than are looked at in one window"
            yield Gap(artifact="mem_carved", why="limited", detail=detail, count=count)
