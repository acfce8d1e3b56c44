"""What stands above every collector's input: what it closes, for whom, in which order, what it cannot take."""

import re
import uuid
from collections.abc import Iterator

from postvakt.model.collecting import Batch, Plan

NAMESPACE = uuid.UUID("6c1d2b0e-6d0c-5d0b-9a51-3b7a6f1f0a21")
HOSTS = 50
"""Hosts that are named; how many more there are is told."""

_UNSAFE = re.compile(r"[^\w .,:;()\[\]{}/\\%$#*+=~@!?'\"-]")


def lines(plan: Plan, batch: Batch) -> Iterator[str]:
    """Yield the heading without comment marks, one line of plain text each."""
    yield f"Postvakt: what to collect with {plan.collector.title} for {plan.title}"
    yield ""
    if batch.hosts:
        more = f" and {len(batch.hosts) - HOSTS} more" if len(batch.hosts) > HOSTS else ""
        yield f"For: {', '.join(batch.hosts[:HOSTS])}{more}"
    else:
        yield "For: any server that the directive asks about (no case was given)"
    yield from _part("How", plan.collector.use)
    yield from _part(
        "What it closes (the name in the report, then the questions and requirements)", batch.closes
    )
    yield from _part(
        "In this order, what is lost soonest first",
        [f"{n}. {s.title}: {s.kept}; {s.size}" for n, s in enumerate(batch.steps, 1)],
    )
    yield from _part(
        f"What {plan.collector.title} cannot take", [f"{one.name}: {one.why}" for one in batch.not_taken]
    )
    yield from _part(
        f"What the stock profiles of {plan.collector.title} leave out",
        [f"{one.what} (source: {one.source})" for one in plan.collector.leaves_out],
    )
    yield from _part(
        "What the server no longer has; look in shadow copies, backups and where logs are gathered",
        batch.gone,
    )


def commented(plan: Plan, batch: Batch, mark: str) -> list[str]:
    """Return the heading as comment lines; a line of evidence cannot end its comment."""
    return [f"{mark} {safe(line)}".rstrip() for line in lines(plan, batch)]


def safe(text: str) -> str:
    """Return text of one line in which nothing is left that could end a comment or a string."""
    return _UNSAFE.sub("?", text)


def identity(plan: Plan, batch: Batch) -> uuid.UUID:
    """Return an id that is the same for the same wants of the same hosts."""
    told = "\0".join((plan.directive, plan.collector.id, *batch.hosts, *batch.closes))
    return uuid.uuid5(NAMESPACE, told)


def _part(title: str, told: object) -> Iterator[str]:
    rows = list(told) if isinstance(told, (list, tuple)) else []
    if rows:
        yield ""
        yield f"{title}:"
        yield from (f"  {row}" for row in rows)
