"""The story as the page draws it: for each party a line of time with its steps, then the steps one by one."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import msgspec

from postvakt.model.report import HostRow
from postvakt.model.story import ActorRow, StoryStep
from postvakt.report.axis import Tick, padded

WIDTH = 620
PARTIES = 12
"""Parties that are drawn; the others are counted."""

POINT = 5


class StepView(msgspec.Struct, frozen=True, kw_only=True):
    """A step; `x` and `width` are None where it was not seen or has no time. `links` are (text, target) pairs."""

    row: StoryStep
    x: float | None
    width: float | None
    links: tuple[tuple[str, str], ...]


class PartyView(msgspec.Struct, frozen=True, kw_only=True):
    """One party with its steps and the ticks of the line of time that all parties share."""

    row: ActorRow
    steps: tuple[StepView, ...]


class Tale(msgspec.Struct, frozen=True, kw_only=True):
    """All parties of a host on one line of time."""

    parties: tuple[PartyView, ...]
    more: int
    ticks: tuple[Tick, ...]
    width: int


def tale(host: HostRow, targets: Mapping[str, str], titles: Mapping[str, str]) -> Tale | None:
    """Return the drawing of a host's story; None where nothing was done. `targets`, `titles` are by finding."""
    actors = host.story.actors
    if not actors:
        return None
    times = [t for actor in actors for step in actor.steps for t in (step.first, step.last) if t]
    axis = padded(min(times), max(times), WIDTH) if times else None
    drawn = actors[:PARTIES]
    return Tale(
        parties=tuple(
            PartyView(
                row=actor,
                steps=tuple(
                    _step(step, _place(step, axis.x) if axis else (None, None), targets, titles)
                    for step in actor.steps
                ),
            )
            for actor in drawn
        ),
        more=len(actors) - len(drawn),
        ticks=axis.ticks() if axis else (),
        width=WIDTH,
    )


def _place(step: StoryStep, x: Callable[[datetime], float]) -> tuple[float | None, float | None]:
    if step.first is None or step.last is None:
        return None, None
    first, last = x(step.first), x(step.last)
    return round(first - POINT / 2, 1), round(max(0.0, last - first) + POINT, 1)


def _step(
    step: StoryStep,
    place: tuple[float | None, float | None],
    targets: Mapping[str, str],
    titles: Mapping[str, str],
) -> StepView:
    links: Sequence[tuple[str, str]] = [(titles.get(f, f), targets.get(f, "")) for f in step.findings]
    return StepView(row=step, x=place[0], width=place[1], links=tuple(links))
