"""The coverage heat map: one row for each artifact, one cell for each day or run of days, as SVG paths.

Five things must never look alike: read with records, read and none there, read without days, a hole inside what was
read, and not read at all. They differ in form, not only in colour.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from math import sqrt
from typing import Literal

import msgspec

from postvakt.model.report import CoverageRow, HostRow, Window
from postvakt.report.axis import Axis, Tick
from postvakt.report.times import minute, shifted
from postvakt.report.words import count

HEIGHT = 16
WIDTH = 400
SHADES = 4
_BIN_DAYS = (1, 2, 7, 14, 28, 91, 182, 365)
_DAY = timedelta(days=1)

Cell = Literal["s1", "s2", "s3", "s4", "none", "state", "hole", "unread"]


class Strip(msgspec.Struct, frozen=True):
    """Cells of one kind as one SVG path."""

    kind: str
    path: str


class HeatRow(msgspec.Struct, frozen=True, kw_only=True):
    """One artifact. `coverage` is None where nothing of it was in the evidence."""

    artifact: str
    coverage: CoverageRow | None
    strips: tuple[Strip, ...]
    told: str


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """The whole map. `days` is the width of one cell in days."""

    rows: tuple[HeatRow, ...]
    ticks: tuple[Tick, ...]
    width: int
    days: int
    first: date
    last: date


def heat(host: HostRow, window: Window, most: int) -> Heat | None:
    """Return the map of a host over the window, at most `most` cells wide; None where there is nothing to map."""
    read = host.coverage
    missing = sorted(
        {gap.artifact for gap in host.gaps if gap.why == "missing"} - {row.artifact for row in read}
    )
    if not read and not missing:
        return None
    first = window.start.astimezone(UTC).date()
    ends = [window.end] if window.end else [row.last for row in read if row.last]
    last = max([end.astimezone(UTC).date() for end in ends if end], default=first)
    last = max(first, last)
    span = (last - first).days + 1
    days = next((days for days in _BIN_DAYS if span <= days * most), -(-span // most))
    bins = -(-span // days)
    step = max(4, WIDTH // bins)
    grid = _Grid(first, days, bins, min(step, 24))
    rows = [_read_row(row, grid) for row in read]
    rows += [_missing_row(name, grid) for name in missing]
    return Heat(
        rows=tuple(sorted(rows, key=lambda row: row.artifact)),
        ticks=_ticks(grid),
        width=grid.bins * grid.step,
        days=days,
        first=first,
        last=last,
    )


class _Grid(msgspec.Struct, frozen=True):
    """Cells of `days` days, `step` units wide, from `first` on."""

    first: date
    days: int
    bins: int
    step: int

    def cell(self, day: date) -> int:
        """Return the number of a day's cell; it lies outside the grid where the day does."""
        return (day - self.first).days // self.days

    def clipped(self, first: date, last: date) -> range:
        """Return the cells from one day to another, as far as they lie in the grid."""
        return range(max(0, self.cell(first)), min(self.bins - 1, self.cell(last)) + 1)


def _read_row(row: CoverageRow, grid: _Grid) -> HeatRow:
    counts = [0] * grid.bins
    for day, number in row.days.items():
        place = grid.cell(date.fromisoformat(day))
        if 0 <= place < grid.bins:
            counts[place] += number
    # What tells of no day (files, settings) was read as it stood when it was collected.
    undated = row.records > 0 and not row.days
    cells: list[Cell] = ["state" if undated else "unread"] * grid.bins
    if row.first and row.last:
        for place in grid.clipped(row.first.date(), row.last.date()):
            cells[place] = "none"
    partly = set()
    for hole in row.holes:
        for place in grid.clipped(hole.first.date(), hole.last.date()):
            cells[place] = "hole"
            partly.add(place)
    top = max(counts)
    for place, number in enumerate(counts):
        if number:
            cells[place] = _shade(number, top)
    notches = sorted(place for place in partly if counts[place])
    return HeatRow(
        artifact=row.artifact,
        coverage=row,
        strips=(*_strips(cells, grid.step), *_notches(notches, grid.step)),
        told=_told(row),
    )


def _missing_row(name: str, grid: _Grid) -> HeatRow:
    cells: list[Cell] = ["unread"] * grid.bins
    return HeatRow(
        artifact=name,
        coverage=None,
        strips=tuple(_strips(cells, grid.step)),
        told=f"{name}: not read, nothing of it was in the evidence",
    )


def _shade(number: int, top: int) -> Cell:
    shades: tuple[Cell, ...] = ("s1", "s2", "s3", "s4")
    return shades[min(SHADES - 1, int(SHADES * sqrt(number / top)))]


def _strips(cells: Sequence[Cell], step: int) -> list[Strip]:
    paths: dict[str, list[str]] = {}
    at = 0
    for kind, run in groupby(cells):
        length = len(list(run))
        paths.setdefault(kind, []).append(_box(at * step, length * step, kind))
        at += length
    return [Strip(kind, "".join(paths[kind])) for kind in sorted(paths)]


def _box(x: int, width: int, kind: str) -> str:
    if kind == "state":
        # Two thin lines: it was read, and its time is now.
        return f"M{x} 4h{width}v1h-{width}zM{x} 11h{width}v1h-{width}z"
    if kind == "none":
        # A thin line in the middle: someone looked, and nothing was there.
        return f"M{x} 7h{width}v2h-{width}z"
    return f"M{x} 0h{width}v{HEIGHT}h-{width}z"


def _notches(places: Sequence[int], step: int) -> list[Strip]:
    """Mark cells that hold records and a hole beside them with a bar along the bottom."""
    if not places:
        return []
    return [Strip("notch", "".join(f"M{place * step} 12h{step}v4h-{step}z" for place in places))]


def _told(row: CoverageRow) -> str:
    dated = row.first and row.last
    span = f"{minute(row.first)} to {minute(row.last)}" if dated else "no dated record"
    return f"{row.artifact}: {count(row.records, 'record')}, {span}, {count(len(row.holes), 'hole')}"


def _ticks(grid: _Grid) -> tuple[Tick, ...]:
    start = datetime(grid.first.year, grid.first.month, grid.first.day, tzinfo=UTC)
    end = shifted(start, _DAY * grid.days * grid.bins)
    width = grid.bins * grid.step
    return Axis(start, end, width).ticks(max(1, width // 90))
