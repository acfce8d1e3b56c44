"""Every byte of a memory image, gone through by rules and carvers: a share of it a task, once its tables are read."""

import contextlib
import functools
import ntpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from postvakt import detect, evidence, memory
from postvakt.commands import readers
from postvakt.commands.gathering import Gathered, gathering, plan_of
from postvakt.memory.attribution import Owners
from postvakt.memory.carving import (
    OVERLAP,
    WINDOW,
    Held,
    Owner,
    Stretch,
    by_mapping,
    finder,
    of_sorted,
    of_spaces,
    of_windows,
)
from postvakt.memory.paging import Tables
from postvakt.memory.sweep import Region, Row, Sweep
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.model.marks import Finder
from postvakt.model.task import ParseResult, PartRef, Span
from postvakt.tables.case import Case, key
from postvakt.tables.rows import Rows, batches
from postvakt.tables.tally import Tally

WAITING = 8192
"""Rows of one table that wait to become a batch."""


class GoThrough(msgspec.Struct, frozen=True, kw_only=True):
    """Specification: go through share `share` of `of` of a memory image. `parts` hold what was read of its processes
    and regions; `program` says that it is one program's dump, whose addresses are virtual."""

    case: str
    path: str
    member: Member
    share: int
    of: int
    parts: tuple[PartRef, ...]
    plan: str
    program: bool = False


Values: TypeAlias = dict[str, Any]


class ImageRow(msgspec.Struct, frozen=True):
    """What the reading of an image left that says how to go on with it: bytes of memory, whose, and which Windows."""

    size: int
    program: bool
    machine: bool
    build: int


def image_of(case: Case, member: Member, parts: Iterable[PartRef]) -> ImageRow | None:
    """Return what was read of an image; None where it could not be opened."""
    told = next(_rows(case, member, parts, "mem_image", ("bytes", "holds", "build")), None)
    if told is None:
        return None
    holds = told["holds"]
    return ImageRow(told["bytes"] or 0, holds == "program", holds in ("system", "kernel"), told["build"] or 0)


class Standing:
    """An image that is held open from share to share, with whose its pages are."""

    def __init__(self, spec: GoThrough) -> None:
        with contextlib.ExitStack() as files:
            case = Case(Path(spec.case))
            source = evidence.source(spec.path, spec.member, scratch=case.scratch)
            self.image = files.enter_context(memory.opened(source))
            self._learn(spec, functools.partial(_rows, case, spec.member, spec.parts))
            # What is learned may fail; only what stands stays open.
            self._files = files.pop_all()

    def _learn(self, spec: GoThrough, rows: Callable[[str, tuple[str, ...]], Iterator[Values]]) -> None:
        """Learn whose the pages are."""
        processes = list(rows("mem_process", ("ProcessId", "Image", "name", "directory", "exited")))
        self.regions = _regions(rows("mem_region", ("ProcessId", "start", "size", "protection")))
        self.owner = _name(processes[0]) if spec.program and processes else None
        alive = [told for told in processes if told["directory"] and not told["exited"]]
        owners = Owners(
            Tables(self.image.memory),
            self.image.memory.size,
            [] if spec.program else [p["directory"] for p in alive],
        )
        self.cut = owners.cut
        names = tuple(_name(told) for told in alive)
        self.whose: Held = of_sorted(owners.frames, owners.addresses, owners.ordinals.astype("int32"), names)

    def stretches(self, spec: GoThrough) -> Iterator[Stretch]:
        """Yield the stretches of a share: pages as processes have them, then what nobody has, as neighbours."""
        image = self.image.memory
        low, high = self.between(spec)
        if not spec.program:
            runs = ((run.start, run.size, run.offset) for run in image.runs)
            gather = by_mapping(self.image.file.fileno(), runs, image.read)
            yield from of_spaces(self.whose, gather, (spec.share, spec.of))
        windows = image.windows(WINDOW, OVERLAP, (max(0, low - OVERLAP), high + OVERLAP))
        for stretch in of_windows(windows, self.whose.pages, sure=spec.program, only=(low, high)):
            yield msgspec.structs.replace(stretch, owner=self.owner) if self.owner else stretch

    def between(self, spec: GoThrough) -> tuple[int, int]:
        """Return the addresses between which a share lies; nothing lies between those of a share too many."""
        ranges = self.image.memory.shares(spec.of)
        return ranges[spec.share] if spec.share < len(ranges) else (0, 0)

    def close(self) -> None:
        """Let the image go."""
        self._files.close()


_STANDING: dict[tuple[str, ...], Standing] = {}
"""The image that this worker went through last; shares of one image come one after the other."""


def _standing(spec: GoThrough) -> Standing:
    name = (spec.case, spec.path, spec.member.path, spec.member.sha256, *(part.path for part in spec.parts))
    if name not in _STANDING:
        for before in _STANDING.values():
            before.close()
        _STANDING.clear()
        _STANDING[name] = Standing(spec)
    return _STANDING[name]


def go_through(spec: GoThrough) -> ParseResult:
    """Ask the rules of a share of an image, carve it, match what was carved, write parts."""
    case = Case(Path(spec.case))
    name = key("sweep", f"{spec.member.evidence}{spec.member.path}", str(spec.share), str(spec.of))
    with gathering(case, spec.plan, name) as gathered:
        try:
            standing = _standing(spec)
        except (OSError, memory.RefusedError) as why:
            # The reading of its tables met the same and has told it in full.
            gathered.gap(
                Gap(artifact="mem_yara", why="unreadable", detail=f"not gone through: {why}"), spec.member
            )
        else:
            _share(spec, standing, gathered)
    return gathered.result()


def _share(spec: GoThrough, standing: Standing, gathered: Gathered) -> None:
    image, member = standing.image.memory, spec.member
    before = image.unreadable
    sweep = Sweep(
        _finder(spec.case, spec.plan),
        standing.whose,
        standing.regions,
        offset=image.offset,
        program=spec.program,
    )
    tallies: dict[str, Tally] = {}
    for piece in _batched(sweep.rows(standing.stretches(spec))):
        tallies.setdefault(piece.spec.name, Tally(piece.spec)).add(piece.batch)
        gathered.rows(piece.spec, piece.batch, member)
    for tally in tallies.values():
        gathered.count(tally, member, size=0)
    lost = image.unreadable - before
    size = image.within(*standing.between(spec)) - lost
    for table in ("mem_carved", "mem_yara"):
        gathered.spans.append(
            Span(
                table=table,
                split="",
                source=member.path,
                evidence=member.evidence,
                records=0,
                bytes=max(size, 0),
            )
        )
    for gap in sweep.gaps():
        gathered.gap(gap, member)
    if lost:
        detail = f"{lost} bytes could not be read from disk and were not gone through"
        gathered.gap(Gap(artifact="mem_yara", why="unreadable", detail=detail), member)
    if standing.cut and spec.share == 0:
        detail = (
            "more page tables or pages than are looked at: some of what is unattributed may be a process's"
        )
        gathered.gap(Gap(artifact="mem_yara", why="limited", detail=detail), member)


@functools.lru_cache(maxsize=2)
def _finder(case: str, plan: str) -> Finder:
    if not plan:
        return finder()
    loaded = plan_of(case, plan)
    return detect.memory_finder(loaded.memory, detect.yara_ids(loaded))


def _batched(rows: Iterable[Row]) -> Iterator[Rows]:
    """Yield the rows of each table in batches, in their order."""
    waiting: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        held = waiting[row.table]
        held.append(row.values)
        if len(held) == WAITING:
            yield from _batch(row.table, waiting.pop(row.table))
    for table in sorted(waiting):
        yield from _batch(table, waiting[table])


def _batch(table: str, values: list[Any]) -> Iterator[Rows]:
    for piece in batches(readers.TABLES[table], values):
        if isinstance(piece, Rows):
            yield piece


def _rows(
    case: Case, member: Member, parts: Iterable[PartRef], table: str, columns: tuple[str, ...]
) -> Iterator[Values]:
    """Yield the rows of one table that an image gave."""
    for part in parts:
        if part.table != table:
            continue
        with pq.ParquetFile(case.path(part.path)) as file:
            for batch in file.iter_batches(columns=[*columns, "source"], use_threads=False):
                mine = batch.filter(pc.equal(batch.column("source"), member.path))
                yield from mine.to_pylist()


def _regions(rows: Iterable[Values]) -> dict[int, list[Region]]:
    found: dict[int, list[Region]] = defaultdict(list)
    for told in rows:
        pid, start, size = told["ProcessId"], told["start"], told["size"]
        if None not in (pid, start, size):
            found[pid].append(Region(start, start + size, told["protection"] or ""))
    return found


def _name(process: Values) -> Owner:
    return Owner(process["ProcessId"] or 0, ntpath.basename(process["Image"] or "") or process["name"] or "")
