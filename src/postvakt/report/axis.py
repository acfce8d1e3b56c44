"""A time axis: where an instant stands, and which ticks a reader can count by."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from postvakt.report.times import shifted

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_HALF_LABEL = 32
_STEPS = (
    *(HOUR * hours for hours in (1, 3, 6, 12)),
    *(DAY * days for days in (1, 2, 7, 14, 28, 91, 182, 365, 1825, 18250, 182500)),
)


class Tick(msgspec.Struct, frozen=True):
    """A label at `x`; `anchor` keeps those near an end of the axis from standing out beyond it."""

    x: float
    label: str
    anchor: Literal["start", "middle", "end"]


class Axis(msgspec.Struct, frozen=True):
    """An axis `width` units long. Instants outside are drawn at its ends."""

    start: datetime
    end: datetime
    width: float

    def x(self, instant: datetime) -> float:
        """Return where an instant stands, in units from the left, to a tenth."""
        share = (instant - self.start) / (self.end - self.start)
        return round(min(1.0, max(0.0, share)) * self.width, 1)

    def ticks(self, most: int = 7) -> tuple[Tick, ...]:
        """Return at most `most` + 1 ticks at whole hours or days, labelled with what changes between them."""
        span = self.end - self.start
        step = next((step for step in _STEPS if span / step <= most), _STEPS[-1])
        label = slice(5, 16) if step < DAY else slice(0, 10)
        at = _first_tick(self.start, step)
        ticks: list[Tick] = []
        while at <= self.end and len(ticks) <= most:
            ticks.append(self._tick(at, at.isoformat(sep=" ")[label]))
            if self.end - at < step:
                break
            at += step
        return tuple(ticks)

    def _tick(self, at: datetime, label: str) -> Tick:
        x = self.x(at)
        anchor: Literal["start", "middle", "end"] = "middle"
        if x < _HALF_LABEL:
            anchor = "start"
        elif x > self.width - _HALF_LABEL:
            anchor = "end"
        return Tick(x, label, anchor)


def padded(first: datetime, last: datetime, width: float) -> Axis:
    """Return an axis on which neither the first nor the last instant stands at the very edge."""
    pad = max((last - first) / 25, HOUR / 2)
    return Axis(shifted(first, -pad), shifted(last, pad), width)


def _first_tick(start: datetime, step: timedelta) -> datetime:
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    if step >= DAY:
        return midnight if midnight == start else shifted(midnight, DAY)
    steps = -((midnight - start) // step)
    return shifted(midnight, step * steps)
