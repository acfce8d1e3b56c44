"""What is true of a server: the verdict that its evidence supports, and each trace that was planted or is missing."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from postvakt.estate import responders, upkeep
from postvakt.estate.memory.truth import MemoryTruth
from postvakt.estate.placed import Made, Placed
from postvakt.estate.plans import WINDOW_START, ServerPlan
from postvakt.estate.stories import Scenario
from postvakt.estate.traces import Absent, Trace
from postvakt.estate.upkeep import MitigationTruth


class MissingTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A trace that was left and is not in the hand-in."""

    id: str
    step: str
    actor: str
    artifact: str
    time: datetime
    says: str
    why: str


class ActorTruth(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who came: the address, when, and the steps in order."""

    address: str
    began: datetime
    steps: tuple[str, ...]


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one server; it lies outside the hand-in."""

    host: str
    hand_in: str
    scenario: Scenario
    outcome: str
    grade: str
    since: datetime | None = None
    """From when on the logs can say that nothing happened, where that is what they say."""

    exchange: str = ""
    forbids: tuple[str, ...] = ()
    """Flaws that this server cannot have: no truthful finding names them."""

    culprits: tuple[str, ...] = ()
    """Who is planted by marks that tell actors apart, as `content/actors` calls them."""

    actors: tuple[ActorTruth, ...] = ()
    traces: tuple[Trace, ...] = ()
    absent: tuple[MissingTrace, ...] = ()
    mitigations: tuple[MitigationTruth, ...] = ()
    """What was done against the flaws besides the update, and the scans that were made."""

    memory: MemoryTruth | msgspec.UnsetType = msgspec.UNSET
    """What its memory holds, where an image of it was asked for."""


def truth(server: ServerPlan) -> Truth:
    """Return what a truthful verdict on a server is. Logs that begin after the window's start cannot say `clear`."""
    story = server.story
    outcome, since = story.outcome, None
    if outcome == "clear":
        since = max(server.kept, WINDOW_START)
        outcome = "clear-since" if server.kept >= WINDOW_START else "clear"
    release = server.machine.release
    return Truth(
        host=server.name,
        hand_in=server.hand_in,
        scenario=server.scenario,
        outcome=outcome,
        grade=story.grade,
        since=since,
        exchange=f"Exchange {release.year} {release.update}, {'.'.join(map(str, release.build))}",
        forbids=story.forbids,
        culprits=story.culprits,
        actors=tuple(
            ActorTruth(address=one.address, began=one.began, steps=one.steps) for one in server.actors
        ),
        mitigations=(*upkeep.truths(server), *responders.truths(server)) if story.exchange else (),
    )


def traced(told: Truth, made: Iterable[Made], stored: dict[str, str]) -> Truth:
    """Return a truth with the traces in what was made. `stored` is each file's path in the hand-in."""
    traces: list[Trace] = []
    absent: list[MissingTrace] = []
    for one in made:
        if isinstance(one, Placed):
            traces += [msgspec.structs.replace(t, source=stored[one.path]) for t in one.traces]
        else:
            absent.append(_missing(one))
    return msgspec.structs.replace(
        told,
        traces=tuple(sorted(traces, key=lambda trace: (trace.time, trace.id))),
        mitigations=tuple(
            msgspec.structs.replace(one, source=stored.get(one.source, "")) for one in told.mitigations
        ),
        absent=tuple(sorted(absent, key=lambda trace: (trace.time, trace.id))),
    )


def _missing(absent: Absent) -> MissingTrace:
    trace = absent.trace
    return MissingTrace(
        id=trace.id,
        step=trace.step,
        actor=trace.actor,
        artifact=trace.artifact,
        time=trace.time,
        says=trace.says,
        why=absent.why,
    )
