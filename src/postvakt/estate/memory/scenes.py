"""The memory of a server of the estate, as a machine that an image can be built from."""

from datetime import datetime, timedelta

import msgspec

from postvakt.estate.attack import proxy_steps
from postvakt.estate.memory import cached, intrusion, ordinary
from postvakt.estate.memory.description import Loose, Machine, Process
from postvakt.estate.memory.layouts import BUILDS
from postvakt.estate.memory.networks import NETWORKS
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, PATCHED_AT, ServerPlan
from postvakt.estate.servers import SOURCES

AFTERWARDS = timedelta(minutes=18)
"""How long after the last deed memory is taken: as a snapshot of a virtual machine has it that was made that night."""

SIZE = 32 << 20


def windows_build(server: ServerPlan) -> int | None:
    """Return the Windows build that a server runs; None where no layout of it is known."""
    build = int(server.machine.release.windows_version.split(".")[2])
    return build if build in BUILDS else None


def taken(server: ServerPlan) -> datetime:
    """Return when the memory of a server is taken: soon after an intruder, else with all other evidence."""
    last = intrusion.after(server)
    return ACQUIRED if last is None else min(last + AFTERWARDS, ACQUIRED)


def clean_twin(server: ServerPlan) -> ServerPlan:
    """Return the same server, to which nobody came."""
    return msgspec.structs.replace(server, scenario="clean", patched=PATCHED_AT, wiped=None, rolled=None)


def machine(
    server: ServerPlan,
    *,
    build: int | None = None,
    variant: str = "",
    size: int = SIZE,
    more: bool = False,
) -> Machine:
    """Return a server's memory. `build` stands for the server's own; `more` adds to an attack what no log tells of.

    Raises ValueError where the build has no layout.
    """
    build = build or windows_build(server)
    if build is None:
        raise ValueError(f"{server.machine.release.windows}: how its memory is laid out is not known")
    when = taken(server)
    lives = intrusion.into_workers(server, ordinary.processes(server, build, when))
    came = intrusion.processes(server)
    added = list(intrusion.more(server, when)) if more and intrusion.used(server) else []
    if added:
        lives = [intrusion.package(one) for one in lives]
    everything = [*lives, *came, *added]
    connections = (*ordinary.endpoints(server, when), *intrusion.endpoints(server, when))
    return Machine(
        build=build,
        variant=variant,
        host=server.name,
        taken=when,
        seed=server.seed * 1000 + server.index,
        size=size,
        processes=tuple(everything),
        endpoints=connections if build in NETWORKS else (),
        drivers=ordinary.DRIVERS,
        loose=tuple(_loose(server, build, came, when)),
    )


def _loose(server: ServerPlan, build: int, came: list[Process], when: datetime) -> list[Loose]:
    # The cache still has what was in the logs before they were wiped or rolled over, and what no collector took.
    whole = msgspec.structs.replace(server, wiped=None, rolled=None)
    placed = [one for source in SOURCES for one in source(whole) if isinstance(one, Placed)]
    placed.sort(key=lambda one: one.path)
    ended = [(one.line, one.step) for one in came if one.exited is not None]
    # Of the requests that came every third lies in a buffer that was freed; the workers' heaps hold them all.
    freed = [(intrusion.forged(one), one.step) for one in list(proxy_steps(server))[::3]]
    return [
        *cached.pages(whole, placed, when),
        *cached.left_behind(ended),
        *cached.requests(server, when, freed),
        *cached.programs_read(build),
    ]
