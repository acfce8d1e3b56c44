"""A finished report, read back from its case and rendered; nothing is concluded again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from postvakt import engines, report
from postvakt.commands import looking_back
from postvakt.commands.spreading import Wanted, spread
from postvakt.content import library
from postvakt.errors import EvidenceError, UsageError
from postvakt.model.report import FindingRow, HostRow, Report
from postvakt.model.task import Outcome
from postvakt.report import filled
from postvakt.report.filled import Filled
from postvakt.tables.case import Case

CONCLUDED = "report/concluded.msgpack"
"""The report as a value, kept for the formats that are asked for later."""


def keep(case: Case, made: Report, engine: engines.Engine | None = None) -> None:
    """Keep a report as a value and in every format that a triage writes, each written by a worker where there are some.

    A format that a worker gives up is written here: there is no report without it, and so nothing to tell a Gap in.
    """
    case.write(CONCLUDED, msgspec.msgpack.encode(made, order="sorted"))
    forms = [form for form in report.FORMATS.values() if form.kept]
    for form in forms if engine is None else _given_up(case, made, engine, forms):
        case.write(f"report/report.{form.suffix}", form.render(made))


def _given_up(
    case: Case, made: Report, engine: engines.Engine, forms: Sequence[report.Form]
) -> list[report.Form]:
    """Have workers write these formats; return those that they did not."""
    # Fields stand in a report in the order of their row, so the value is handed over as it is, and not sorted.
    content = msgspec.msgpack.encode(made)
    stamp = hashlib.sha256(content).hexdigest()
    case.write(HANDED_OVER, content)
    pages = [looking_back.Page(form.name, HANDED_OVER, stamp) for form in forms]
    wanted = Wanted("write", looking_back.write, pages, [len(content)] * len(pages))
    (written,) = spread(engine, case, "", [wanted])
    case.path(HANDED_OVER).unlink(missing_ok=True)
    return [form for form, answer in zip(forms, written, strict=True) if isinstance(answer, Outcome)]


HANDED_OVER = "scratch/report.msgpack"


def load(root: Path) -> Report:
    """Return the report of a case. Raises EvidenceError where the case was never concluded."""
    case = Case.open(root)
    path = case.path(CONCLUDED)
    if not path.is_file():
        raise EvidenceError(f"{root}: has no report yet; run the same `postvakt triage` again to finish it")
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Report)
    except msgspec.DecodeError as why:
        raise EvidenceError(f"{path}: {why}; run `postvakt reask {root}` to write it anew") from why


def render(root: Path, form: str) -> tuple[Report, bytes]:
    """Return a case's report and its rendering. Raises UsageError for a format that is not there."""
    if form not in report.FORMATS:
        raise UsageError(f"--format {form}: choose one of {', '.join(report.FORMATS)}")
    made = load(root)
    return made, report.FORMATS[form].render(made)


def fill(root: Path, form: str, template: Path) -> tuple[Report, tuple[Filled, ...]]:
    """Return a case's report and somebody's workbook filled from it; several where one has no place for all servers.

    Raises UsageError where the format takes no template, EvidenceError for one that cannot be filled.
    """
    if form != "workbook":
        raise UsageError(f"--template {template}: only --format workbook takes one")
    made = load(root)
    try:
        content = template.read_bytes()
    except OSError as why:
        raise EvidenceError(f"{template}: cannot be read: {why.strerror}") from why
    return made, filled.fill(made, template.name, content, library.workbooks())


def beside(path: Path, number: int) -> Path:
    """Return where the n-th part of a rendering goes: `status.xlsx`, `status-2.xlsx`."""
    return path if number == 1 else path.with_stem(f"{path.stem}-{number}")


def save(path: Path, content: bytes) -> None:
    """Write a rendering where the user wants it. Raises EvidenceError where that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as why:
        raise EvidenceError(f"{path}: cannot be written: {why.strerror}") from why


def find(made: Report, finding: str) -> tuple[HostRow, FindingRow]:
    """Return a finding with its host, by its id or the start of it. Raises UsageError where none or several fit."""
    found = [(host, row) for host in made.hosts for row in host.findings if row.id.startswith(finding)]
    if not found:
        raise UsageError(f"{finding}: no finding of that id; the report and `findings.json` list them")
    if len(found) > 1 and not any(row.id == finding for _, row in found):
        raise UsageError(
            f"{finding}: fits {len(found)} findings: {', '.join(row.id for _, row in found[:5])}"
        )
    return next((pair for pair in found if pair[1].id == finding), found[0])
