"""A memory image read a second time by MemProcFS, where that is installed; what both tell is told once."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow.compute as pc
import pyarrow.parquet as pq

from postvakt import evidence, memory
from postvakt.commands import readers
from postvakt.commands.gathering import Gathered, gathering
from postvakt.memory import memprocfs
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.model.task import ParseResult, PartRef
from postvakt.tables.case import Case, key
from postvakt.tables.rows import Rows
from postvakt.tables.tally import Tally

TOLD = ("mem_process", "mem_module", "mem_netconn")
"""Tables in which both may tell the same."""


class ReadAgain(msgspec.Struct, frozen=True, kw_only=True):
    """Specification: read an image again. `parts` hold what our own reader told of it, `build` is its Windows."""

    case: str
    path: str
    member: Member
    parts: tuple[PartRef, ...]
    plan: str
    build: int = 0


def engine() -> str:
    """Return name and version of the engine, empty where it is not installed: they belong to a task's identity."""
    if not memprocfs.available():
        return ""
    # It loads a reader of mail and one of zips.
    from importlib.metadata import version

    return f"{memprocfs.PACKAGE} {version(memprocfs.PACKAGE)}"


def read_again(spec: ReadAgain) -> ParseResult:
    """Read an image with the other engine, match its rows, write parts."""
    case = Case(Path(spec.case))
    name = key("again", f"{spec.member.evidence}{spec.member.path}", engine())
    source = evidence.source(spec.path, spec.member, scratch=case.scratch)
    with gathering(case, spec.plan, name) as gathered:
        try:
            with memory.opened(source) as image:
                _read(spec, Path(image.file.name), image, memprocfs.Known(_told(case, spec)), gathered)
        except (OSError, memory.RefusedError) as why:
            detail = f"not read by {engine()}: {why}"
            gathered.gap(Gap(artifact=memory.ARTIFACT, why="unreadable", detail=detail), spec.member)
    return gathered.result()


def _read(
    spec: ReadAgain, path: Path, image: memory.Opened, known: memprocfs.Known, gathered: Gathered
) -> None:
    tallies: dict[str, Tally] = {}
    for piece in memprocfs.read(path, known=known, build=spec.build, offset=image.memory.offset):
        if isinstance(piece, Rows):
            tallies.setdefault(piece.spec.name, Tally(piece.spec)).add(piece.batch)
            gathered.rows(piece.spec, piece.batch, spec.member)
        elif isinstance(piece, Gap):
            gathered.gap(piece, spec.member)
    for tally in tallies.values():
        gathered.count(tally, spec.member, size=0)


def _told(case: Case, spec: ReadAgain) -> Iterator[Rows]:
    """Yield what our own reader told of the image."""
    for part in spec.parts:
        if part.table not in TOLD:
            continue
        with pq.ParquetFile(case.path(part.path)) as file:
            for batch in file.iter_batches(use_threads=False):
                mine = batch.filter(pc.equal(batch.column("source"), spec.member.path))
                yield Rows(readers.TABLES[part.table], mine)
