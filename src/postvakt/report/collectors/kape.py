"""A target of KAPE (.tkape)."""

from collections.abc import Iterator

from postvakt.model.collecting import Batch, Plan, Spot, Step
from postvakt.report.collectors import heading, places

STREAM = ":"
PROFILE = r"C:\Users\%user%"
"""KAPE's own variable for each user's folder."""


def write(plan: Plan, batch: Batch) -> bytes:
    """Return a KAPE target as UTF-8 YAML."""
    head = heading.commented(plan, batch, "#")
    about = [
        f"Description: {_quoted('What Postvakt asks for: ' + plan.directive)}",
        "Author: Postvakt",
        "Version: 1.0",
        f"Id: {heading.identity(plan, batch)}",
        "RecreateDirectories: true",
        "Targets:",
    ]
    rows = [row for step in batch.steps for spot in step.spots for row in _target(step, spot)]
    return ("\n".join([*head, *about, *rows]) + "\n").encode()


def _target(step: Step, spot: Spot) -> Iterator[str]:
    folder = places.folder(spot, PROFILE) + "\\"
    yield "    -"
    yield f"        Name: {_quoted(step.title + ' ' + spot.mask)}"
    yield f"        Category: {_quoted('Postvakt')}"
    yield f"        Path: {_quoted(folder)}"
    yield f"        FileMask: {_quoted(spot.mask)}"
    if spot.recursive:
        yield "        Recursive: true"
    if spot.locked:
        yield "        AlwaysAddToQueue: true"
    if STREAM in spot.mask:
        # The name of a stream is no file name where the copy goes.
        yield f"        SaveAsFileName: {_quoted(spot.mask.rpartition(STREAM)[2])}"
    yield f"        Comment: {_quoted('kept ' + step.kept)}"


def _quoted(text: str) -> str:
    return "'" + heading.safe(text).replace("'", "''") + "'"
