"""A small estate made, triaged, and each verdict set beside its truth."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from postvakt import engines, estate
from postvakt.commands import estates, triage
from postvakt.errors import EvidenceError, UsageError
from postvakt.estate.memory import snapshots
from postvakt.model.report import Report

HOSTS, SEED, DAYS = 6, 1, 10
CASE = "case"
MARK = ".postvakt-demo"
"""Says that a folder was made by a demo, so that the next one may make it anew."""

HEADINGS = ("server", "hand-in", "verdict", "truth", "")


class Shown(msgspec.Struct, frozen=True):
    """What the demo shows, and whether every verdict is the truth."""

    lines: tuple[str, ...]
    right: bool


def demo(output: Path, *, started: str, jobs: int, watch: engines.Watch) -> Shown:
    """Make an estate of one server of each scenario, triage it as one case, compare.

    Raises UsageError where the folder holds something that no demo made, EvidenceError where it cannot be written.
    """
    _clear(output)
    written = list(estates.write_into(output, hosts=HOSTS, seed=SEED, days=DAYS, memory=True))
    truths = msgspec.json.decode((output / estates.TRUTH).read_bytes(), type=list[estate.Truth])
    request = triage.Request(
        evidence=tuple(map(str, _handed_in(output / estates.EVIDENCE, truths))),
        case=str(output / CASE),
        started=started,
        jobs=jobs,
    )
    report = triage.triage(request, watch)
    rows = tuple(compare(report, truths))
    right = all(row[-1] == "" for row in rows)
    summary = "Every verdict is the truth." if right else "Not every verdict is the truth."
    place = f"The report: {output / CASE / 'report' / 'report.html'}"
    return Shown(lines=(*written, "", *table((HEADINGS, *rows)), "", summary, place), right=right)


def _handed_in(folder: Path, truths: Iterable[estate.Truth]) -> Iterator[Path]:
    """Yield each server's hand-in with its memory, but where traces were wiped: memory knows more than that truth."""
    for one in truths:
        yield folder / one.hand_in
        image = folder / f"{one.hand_in.removesuffix('.zip')}{snapshots.ENDING}"
        if image.is_file() and not one.absent:
            yield image


def compare(report: Report, truths: Iterable[estate.Truth]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each server of the estate, and one for each host that is none of them; the last cell says
    what is wrong and is empty where nothing is."""
    found = {host.host: _told(host.verdict.outcome, host.verdict.grade) for host in report.hosts}
    for one in truths:
        verdict, true = found.pop(one.host, "(no such host)"), _told(one.outcome, one.grade)
        yield one.host, one.hand_in, verdict, true, "" if verdict == true else "differs"
    for host, verdict in sorted(found.items()):
        yield host, "", verdict, "(no server of the estate)", "differs"


def _told(outcome: str, grade: str) -> str:
    return f"{outcome} ({grade})" if grade else outcome


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _clear(output: Path) -> None:
    """Take away what an earlier demo made, and nothing else."""
    mark = output / MARK
    try:
        if output.exists() and not output.is_dir():
            raise UsageError(f"{output}: is a file; choose a folder for the demo")
        if output.is_dir() and any(output.iterdir()) and not mark.is_file():
            raise UsageError(f"{output}: holds something that no demo made; choose a new folder")
        output.mkdir(parents=True, exist_ok=True)
        mark.touch()
        for name in (
            estates.EVIDENCE,
            estates.ORGANISATION,
            CASE,
            estates.TRUTH,
            estates.INVENTORY,
            estates.LABEL,
        ):
            _remove(output / name)
    except OSError as why:
        raise EvidenceError(f"{why.filename or output}: cannot be made anew: {why.strerror}") from why


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
