"""A read-only PowerShell script: it copies, hashes and asks, and writes only below the folder that it is given."""

from collections.abc import Iterator
from importlib.resources import files

from postvakt.model.collecting import Batch, Plan, Step
from postvakt.report.collectors import heading
from postvakt.report.collectors.places import DEFAULTS

HEADING, PLACES, INSTALLED, DIRECTORY = "#heading#", "#places#", "#installed#", "#directory#"
DIRECTORY_STEP = "directory"


def write(plan: Plan, batch: Batch) -> bytes:
    """Return a script of Windows PowerShell 3 or later, with a byte order mark: without it Windows reads it as ANSI."""
    script = files("postvakt.report.collectors").joinpath("collect.ps1").read_text("utf-8")
    asked = any(step.id == DIRECTORY_STEP for step in batch.steps)
    filled = (
        script.replace(HEADING, "\n".join(heading.commented(plan, batch, "#")))
        .replace(PLACES, "\n".join(row for step in batch.steps for row in _rows(step)))
        .replace(INSTALLED, _quoted(batch.install_path or DEFAULTS["%ExchangeInstallPath%"]))
        .replace(DIRECTORY, "$true" if asked else "$false")
    )
    return b"\xef\xbb\xbf" + filled.replace("\n", "\r\n").encode()


def _rows(step: Step) -> Iterator[str]:
    for spot in step.spots:
        yield (
            f"    @{{ Id = {_quoted(step.id)}; Folder = {_quoted(spot.folder)}; Mask = {_quoted(spot.mask)}; "
            f"Recursive = {_truth(spot.recursive)}; Locked = {_truth(spot.locked)} }}"
        )


def _truth(fact: bool) -> str:
    return "$true" if fact else "$false"


def _quoted(text: str) -> str:
    """A single-quoted string; PowerShell takes curly quotes for quotes as well, and `safe` leaves none of them."""
    return "'" + heading.safe(text).replace("'", "''") + "'"
