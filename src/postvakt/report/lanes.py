"""The timeline: a lane for each dated finding, and the sampled records in the order of their times."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from postvakt.model.report import FindingRow, Sample, Window
from postvakt.report.axis import Axis, Tick, padded
from postvakt.report.times import LATEST, utc

WIDTH = 620
EVENTS = 80
POINT = 5
"""How wide an instant is drawn."""


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """A finding's first to last as a bar (`x`, `width`) and its dated samples as marks."""

    row: FindingRow
    target: str
    x: float
    width: float
    marks: tuple[float, ...]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A sampled record on its day (UTC)."""

    day: str
    time: datetime
    row: FindingRow
    target: str
    sample: Sample


class Lanes(msgspec.Struct, frozen=True, kw_only=True):
    """The drawing and the list. What is left away of either is counted; `undated` records stand in neither.

    `outside` findings reach beyond the drawn time and are drawn to its edge.
    """

    lanes: tuple[Lane, ...]
    more_lanes: int
    outside: int
    ticks: tuple[Tick, ...]
    width: int
    events: tuple[Event, ...]
    more_events: int
    undated: int


class _Dated(msgspec.Struct, frozen=True):
    first: datetime
    last: datetime
    row: FindingRow
    target: str


def lanes(findings: Sequence[tuple[FindingRow, str]], window: Window, most: int) -> Lanes | None:
    """Return the timeline of (finding, link target) pairs by first time; None where no finding has a time."""
    dated = sorted(
        (_Dated(row.first, row.last or row.first, row, target) for row, target in findings if row.first),
        key=lambda lane: (lane.first, lane.row.id),
    )
    if not dated:
        return None
    axis = _axis(dated, window)
    events = _events(dated)
    return Lanes(
        lanes=tuple(_lane(lane, axis) for lane in dated[:most]),
        more_lanes=max(0, len(dated) - most),
        outside=sum(lane.first < axis.start or lane.last > axis.end for lane in dated[:most]),
        ticks=axis.ticks(),
        width=WIDTH,
        events=tuple(events[:EVENTS]),
        more_events=max(0, len(events) - EVENTS),
        undated=sum(row.undated for row, _ in findings),
    )


def _axis(dated: Sequence[_Dated], window: Window) -> Axis:
    """Return an axis over what lies in the window that is asked about, else over everything.

    One record with a forged or broken time, years away, would press all others into one point.
    """
    end = window.end or LATEST
    inside = [
        (max(lane.first, window.start), min(lane.last, end))
        for lane in dated
        if lane.last >= window.start and lane.first <= end
    ] or [(lane.first, lane.last) for lane in dated]
    return padded(min(first for first, _ in inside), max(last for _, last in inside), WIDTH)


def _lane(lane: _Dated, axis: Axis) -> Lane:
    first, last = axis.x(lane.first), axis.x(lane.last)
    return Lane(
        row=lane.row,
        target=lane.target,
        x=round(first - POINT / 2, 1),
        width=round(max(0.0, last - first) + POINT, 1),
        marks=tuple(sorted({axis.x(sample.time) for sample in lane.row.sample if sample.time})),
    )


def _events(dated: Sequence[_Dated]) -> list[Event]:
    return sorted(
        (
            Event(
                day=utc(sample.time)[:10], time=sample.time, row=lane.row, target=lane.target, sample=sample
            )
            for lane in dated
            for sample in lane.row.sample
            if sample.time
        ),
        key=lambda event: (event.time, event.row.id, event.sample.source, event.sample.locator),
    )
