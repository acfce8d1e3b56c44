"""The list of Exchange servers: of a case, or of sources that are read into one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from postvakt import engines
from postvakt.commands import reports, triage
from postvakt.errors import EvidenceError, PostvaktError, UsageError
from postvakt.model.report import Report
from postvakt.report import inventory_form
from postvakt.tables.case import Case, CaseFile


def inventory(
    sources: Sequence[str], root: Path, *, form: str, started: str, jobs: int, watch: engines.Watch
) -> bytes:
    """Return the servers that a case and these sources name.

    Sources are read as evidence is, into the case: one that is there then holds them too, and its report is written
    anew. Raises UsageError for a format that is not there, EvidenceError for what cannot be read.
    """
    if form not in inventory_form.FORMATS:
        raise UsageError(f"--format {form}: choose one of {', '.join(inventory_form.FORMATS)}")
    report = _read(sources, root, started, jobs, watch) if sources else reports.load(root)
    return inventory_form.FORMATS[form](report.inventory)


def _read(sources: Sequence[str], root: Path, started: str, jobs: int, watch: engines.Watch) -> Report:
    case = Case(root)
    for path in sources:
        if not Path(path).exists():
            raise EvidenceError(f"{path}: no such file or folder")
    before = case.about() if case.path("case.json").is_file() else None
    if before is None:
        request = triage.Request(evidence=tuple(sources), case=str(root), started=started, jobs=jobs)
        return triage.triage(request, watch)
    added = {str(Path(path).absolute()) for path in sources}
    held = msgspec.structs.replace(before, evidence=tuple(sorted({*before.evidence, *added})))
    case.write_json("case.json", held)
    try:
        return triage.triage(_again(held, root, jobs), watch)
    except PostvaktError:
        case.write_json("case.json", before)
        raise


def _again(about: CaseFile, root: Path, jobs: int) -> triage.Request:
    """Return the request that made a case, so that only its evidence changes."""
    packs: dict[str, Any] = about.options.get("packs") or {}
    return triage.Request(
        evidence=about.evidence,
        case=str(root),
        started=about.created,
        directive=about.directive,
        rules=tuple(packs.get("rules") or ()),
        yara=tuple(packs.get("yara") or ()),
        indicators=tuple(packs.get("indicators") or ()),
        host=about.options.get("host"),
        since=about.options.get("since"),
        until=about.options.get("until"),
        jobs=jobs,
    )
