"""What was read, from when to when, with which holes; and from when on a question can be answered."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from postvakt.model.clock import HOUR_MICROS, from_micros
from postvakt.model.directive import Alternative, Question
from postvakt.model.gap import Gap
from postvakt.model.report import CoverageRow, Hole, Window
from postvakt.model.table import TableSpec
from postvakt.model.task import Span

LATE = "nothing before"
"""How the gap of a log begins that starts after the window."""

CALLED = {"mem_image:system": "memory"}
"""Coverage under the name that directives have for it: an image of a machine's memory with that of its programs."""

CARVED = frozenset(("mem_carved", "mem_yara"))
"""Tables whose times are read off pieces of text: none of them says until when the host was running."""

END_TOLERANCE_HOURS = 24
"""A log may end this much (and its normal silence) before the acquisition and still reach up to it."""


class Reach(msgspec.Struct, frozen=True):
    """From when on a source answers without a hole up to the acquisition; None: it does not."""

    since: datetime | None
    basis: str


def rows(spans: Iterable[Span], specs: Mapping[str, TableSpec]) -> tuple[CoverageRow, ...]:
    """Return one row per table, one per split value and facet of it (`http_proxy`, `http_proxy:Ecp`), sorted by name.

    Record numbers run within one split value (an event log's channel), so they are compared only there.
    """
    grouped: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        if not span.split:
            grouped[span.table].append(span)
            continue
        name = f"{span.table}:{span.split}"
        grouped[CALLED.get(name, name)].append(span)
        if not span.facet:
            grouped[span.table].append(msgspec.structs.replace(span, sequences=()))
    return tuple(_row(name, grouped[name], specs.get(grouped[name][0].table)) for name in sorted(grouped))


def lost_gaps(coverage: Iterable[CoverageRow]) -> tuple[Gap, ...]:
    """Return a Gap for each source in which numbered records are missing, and for each hole in a whole table.

    One protocol or site may rest for a night; that is shown in its coverage and is no Gap by itself.
    """
    gaps: list[Gap] = []
    for row in coverage:
        if row.lost:
            detail = f"{row.lost} record numbers are missing between the first and the last"
            gaps.append(Gap(artifact=row.artifact, why="lost", detail=detail, count=row.lost))
        gaps += [
            Gap(artifact=row.artifact, why="hole", detail=f"nothing from {_minute(hole.first)} to {_minute(hole.last)}")
            for hole in row.holes
            if ":" not in row.artifact or row.lost
        ]  # fmt: skip
    return tuple(gaps)


def before_gaps(
    coverage: Iterable[CoverageRow], asked: Iterable[Question], window: Window
) -> tuple[Gap, ...]:
    """Return a Gap for each log that a question leans on and that begins after the window does.

    It may have rolled, been deleted or never been written: what stood there before is not known.
    """
    names = {name for q in asked for way in q.answered_by if not way.state for name in way.all_of}
    return tuple(
        Gap(
            artifact=row.artifact,
            why="hole",
            detail=f"{LATE} {_minute(row.first)}; what is asked about begins {_minute(window.start)}",
        )
        for row in coverage
        if row.artifact in names and row.first and row.first - window.start >= timedelta(days=1)
    )


def acquired(coverage: Iterable[CoverageRow]) -> datetime | None:
    """Return the latest instant that any source of the host tells of: at least until then it was running."""
    told = (row.last for row in coverage if row.last and row.artifact.partition(":")[0] not in CARVED)
    return max(told, default=None)


def reach(alternative: Alternative, coverage: Sequence[CoverageRow], window: Window) -> Reach:
    """Return from when on all sources of one alternative answer without a hole."""
    since = window.start
    bases: list[str] = []
    for name in alternative.all_of:
        found = next((row for row in coverage if row.artifact == name), None)
        if found is None or not (found.records or (alternative.state and found.files)):
            return Reach(None, f"{name} was not read")
        if alternative.state:
            bases.append(f"{name} as it was when collected")
            continue
        start, basis = _log_reach(name, found, window)
        if start is None:
            return Reach(None, basis)
        since = max(since, start)
        bases.append(basis)
    return Reach(since, "; ".join(bases))


def _log_reach(name: str, row: CoverageRow, window: Window) -> tuple[datetime | None, str]:
    if row.first is None or row.last is None:
        return None, f"{name} has no dated record"
    end = window.end or row.last
    if row.last < end - timedelta(hours=END_TOLERANCE_HOURS):
        return None, f"{name} ends at {_minute(row.last)}, before the acquisition at {_minute(end)}"
    holes = [hole for hole in row.holes if hole.last > window.start]
    start = max([row.first, *(hole.last for hole in holes)])
    basis = f"{name} from {_minute(row.first)} to {_minute(row.last)}"
    if start > row.first:
        basis += f", without a hole since {_minute(start)}"
    return max(start, window.start), basis


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z"


def _row(name: str, spans: Sequence[Span], spec: TableSpec | None) -> CoverageRow:
    hours: Counter[int] = Counter()
    for span in spans:
        hours.update({int(hour): count for hour, count in span.hours.items()})
    days: Counter[str] = Counter()
    for hour, count in hours.items():
        days[from_micros(hour * HOUR_MICROS).strftime("%Y-%m-%d")] += count
    lost, lost_holes = _missing_numbers(spans)
    quiet = spec.quiet_hours if spec else None
    holes = [*_silences(hours, quiet), *lost_holes]
    firsts = [span.first for span in spans if span.first is not None]
    lasts = [span.last for span in spans if span.last is not None]
    return CoverageRow(
        artifact=name,
        files=len({(span.evidence, span.source) for span in spans}),
        bytes=sum(span.bytes for span in spans),
        records=sum(span.records for span in spans),
        undated=sum(span.undated for span in spans),
        first=from_micros(min(firsts)) if firsts else None,
        last=from_micros(max(lasts)) if lasts else None,
        holes=tuple(sorted(holes, key=lambda hole: (hole.first, hole.last))),
        lost=lost,
        days=dict(sorted(days.items())),
    )


def _silences(hours: Mapping[int, int], quiet_hours: int | None) -> list[Hole]:
    if quiet_hours is None:
        return []
    present = sorted(hours)
    return [
        Hole(from_micros((before + 1) * HOUR_MICROS), from_micros(after * HOUR_MICROS))
        for before, after in pairwise(present)
        if after - before - 1 > quiet_hours
    ]


def _missing_numbers(spans: Iterable[Span]) -> tuple[int, list[Hole]]:
    """Count record numbers missing between runs; a hole lies between the last record before and the first after."""
    runs = sorted(run for span in spans for run in span.sequences)
    lost = 0
    holes: list[Hole] = []
    reached: int | None = None
    left_at: int | None = None
    for low, high, first, last in runs:
        if reached is not None and low > reached + 1:
            lost += low - reached - 1
            if left_at is not None and first is not None and first > left_at:
                holes.append(Hole(from_micros(left_at), from_micros(first)))
        if reached is None or high > reached:
            reached, left_at = high, last
    return lost, holes
