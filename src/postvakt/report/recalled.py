"""A memory image as the page tells it: the processes that stand out with those that started them, then all of them."""

from collections.abc import Mapping, Sequence

import msgspec

from postvakt.model.memory import MemoryRow, PieceRow, ProcessRow
from postvakt.report.words import count, size

DEEPEST = 8
"""Levels of indentation; what lies deeper stands below the last."""

SPEAKING = frozenset(("hidden", "unlisted", "name-differs", "path-differs"))
"""Flags of a process that make it stand out by themselves; the others are common on a busy server."""


class ProcessView(msgspec.Struct, frozen=True):
    """A process, the links to its findings, and whether it stands out or only leads to one that does."""

    row: ProcessRow
    links: tuple[tuple[str, str], ...]
    stands_out: bool

    @property
    def indent(self) -> int:
        return min(self.row.depth, DEEPEST)


class Pieces(msgspec.Struct, frozen=True):
    """What was carved of one kind or found by one rule, by program."""

    kind: str
    count: int
    where: tuple[PieceRow, ...]
    target: str = ""


class MemoryView(msgspec.Struct, frozen=True, kw_only=True):
    """One image. `what` says what it is, `seen` how far it was seen; `unswept` are bytes that were not gone through."""

    row: MemoryRow
    what: str
    seen: str
    telling: tuple[ProcessView, ...]
    more_telling: int
    running: tuple[ProcessView, ...]
    more_running: int
    found: tuple[Pieces, ...]
    carved: tuple[Pieces, ...]
    unswept: int


def recalled(
    rows: Sequence[MemoryRow], targets: Mapping[str, str], titles: Mapping[str, str], most: int
) -> tuple[MemoryView, ...]:
    """Return the images of a host; `targets` and `titles` are those of its findings, `most` bounds each list."""
    return tuple(_view(row, targets, titles, most) for row in rows)


def described(row: MemoryRow) -> tuple[str, str]:
    """Return what an image is, and how far it was seen."""
    return _what(row), _seen(row)


def _view(row: MemoryRow, targets: Mapping[str, str], titles: Mapping[str, str], most: int) -> MemoryView:
    processes = [_process(one, targets, titles) for one in row.running]
    telling = _telling(processes)
    return MemoryView(
        row=row,
        what=_what(row),
        seen=_seen(row),
        telling=tuple(telling[:most]),
        more_telling=max(0, len(telling) - most),
        running=tuple(processes[: 5 * most]),
        more_running=max(0, row.processes - min(len(processes), 5 * most)),
        found=_pieces([p for p in row.pieces if p.finding], targets, titles),
        carved=_pieces([p for p in row.pieces if not p.finding], targets, titles),
        unswept=max(0, row.bytes - row.swept),
    )


HOLDS = {
    "system": "the memory of a machine with its programs",
    "kernel": "the kernel's memory alone: no program's memory is in it",
    "program": "the memory of one program",
    "unknown": "bytes in which no machine was recognised",
}
"""What an image holds."""


def _what(row: MemoryRow) -> str:
    told = f"{HOLDS.get(row.holds, row.holds)} ({row.container}, {size(row.bytes)})"
    return f"{told}, Windows {row.windows}." if row.windows else f"{told}."


def _seen(row: MemoryRow) -> str:
    """Say what was looked at, by which way, and what paging hides: a negative holds only for what was seen."""
    told = []
    if row.listed is not None and row.tagged is not None:
        told.append(
            f"{count(row.processes, 'process')}: {row.listed:,} stand in Windows' list ({row.list_state}), "
            f"{row.tagged:,} were found by their pool tags."
        )
    if row.swept:
        told.append(f"Rules and carvers went through {size(row.swept)} of {size(row.bytes)}.")
    hidden = [f"{number:,} {reason}" for reason, number in sorted(row.hidden.items())]
    if hidden:
        told.append(f"Pages that were asked for and are not to be had: {', '.join(hidden)}.")
    if row.symbols:
        told.append(f"For other tools, the kernel's symbols lie at {row.symbols} of a symbol server.")
    if row.added:
        rows = ", ".join(f"{number:,} in {table}" for table, number in sorted(row.added.items()))
        told.append(f"MemProcFS read it too and told more: rows {rows}.")
    if row.beside:
        told.append(f"{row.beside}.")
    return " ".join(told)


def _process(row: ProcessRow, targets: Mapping[str, str], titles: Mapping[str, str]) -> ProcessView:
    links = tuple((titles[one], targets.get(one, "")) for one in row.findings if one in titles)
    return ProcessView(row, links, bool(links or row.odd or SPEAKING & set(row.flags)))


def _telling(processes: Sequence[ProcessView]) -> list[ProcessView]:
    """Return the processes that stand out, each below those that lead to it."""
    kept: list[ProcessView] = []
    above: list[ProcessView] = []
    for one in processes:
        del above[one.row.depth :]
        above.append(one)
        if one.stands_out:
            kept += [led for led in above if led not in kept]
    return kept


def _pieces(
    rows: Sequence[PieceRow], targets: Mapping[str, str], titles: Mapping[str, str]
) -> tuple[Pieces, ...]:
    grouped: dict[str, list[PieceRow]] = {}
    for row in rows:
        grouped.setdefault(row.kind, []).append(row)
    return tuple(
        Pieces(
            titles.get(group[0].finding, kind),
            sum(row.count for row in group),
            tuple(group),
            targets.get(group[0].finding, ""),
        )
        for kind, group in grouped.items()
    )
