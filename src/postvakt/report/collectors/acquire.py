"""Command lines of dissect's acquire, one for each thing, in order."""

from postvakt.model.collecting import Batch, Plan, Spot, Step
from postvakt.report.collectors import heading, places

PROGRAM = "acquire.exe local --profile none"
PROFILES = r"C:\Users\*"
QUIET, TALKING = "--volatile-profile none", "--volatile-profile default"


def write(plan: Plan, batch: Batch) -> bytes:
    """Return a batch file of Windows: comments, then one line of acquire for each thing."""
    rows = ["@echo off", *heading.commented(plan, batch, "rem"), "setlocal", 'cd /d "%~dp0"']
    done: set[str] = set()
    for step in batch.steps:
        told = arguments(step)
        if told and told not in done:
            rows += [f"rem {step.title}", f"{PROGRAM} {told}"]
            done.add(told)
    return ("\r\n".join(rows) + "\r\n").encode()


def arguments(step: Step) -> str:
    """Return acquire's arguments for one thing; a `%` is doubled, as a batch file wants it.

    Processes and connections are asked for with the memory: they are gone as soon.
    """
    if step.by:
        volatile = TALKING if step.id == "memory" else QUIET
        return f"{volatile} --output . {step.by}"
    wanted = dict.fromkeys(_wanted(spot) for spot in step.spots)
    return " ".join([QUIET, "--output .", *wanted]) if wanted else ""


def _wanted(spot: Spot) -> str:
    """A whole folder by its path; else a pattern, in which `**` stands for the folder itself as well."""
    place = _spelled(places.folder(spot, PROFILES))
    if spot.recursive and spot.mask == "*":
        return f'--path "{place}"'
    return f'--glob "{place}/{"**/" if spot.recursive else ""}{_spelled(spot.mask)}"'


def _spelled(path: str) -> str:
    """acquire's own way: `/`, and the system drive by its name there; other drives by a small letter."""
    told = path.replace("\\", "/").replace("%", "%%")
    if told[1:2] != ":":
        return told
    return "sysvol" + told[2:] if told[0].lower() == "c" else told[0].lower() + told[1:]
