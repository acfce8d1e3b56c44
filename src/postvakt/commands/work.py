"""What a worker does: the functions that tasks name. Here a batch is parsed, counted, matched and written while it
is still in cache; nothing else in the house touches evidence."""

import contextlib
import functools
import gc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from postvakt import detect, evidence
from postvakt.artifacts import files
from postvakt.commands import readers
from postvakt.commands.gathering import Gathered, gathering, plan_file, plan_of
from postvakt.commands.spreading import Pieces
from postvakt.model.clock import micros
from postvakt.model.evidence import Evidence, Member, Source
from postvakt.model.gap import Gap
from postvakt.model.rule import Match
from postvakt.model.task import ParseResult, PartRef, Span
from postvakt.tables.case import Case, key
from postvakt.tables.rows import BATCH_ROWS, Bounds, Rows, schema
from postvakt.tables.tally import Tally


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """One hand-in as it was taken in; its members lie as JSON lines in `file` under the case."""

    evidence: Evidence
    file: str
    members: int
    gaps: tuple[Gap, ...]


class Look(msgspec.Struct, frozen=True):
    """Specification: hash and look into these files of the folder at `path`, and leave what was met in `file`."""

    case: str
    path: str
    shown: tuple[str, ...]
    file: str


class TakeIn(msgspec.Struct, frozen=True):
    """Specification: take in what lies at `path`; `looked` are the files that looks into parts of it left."""

    case: str
    path: str
    looked: tuple[str, ...] = ()


class ReadRules(msgspec.Struct, frozen=True):
    """Specification: read a share of the Sigma rules, and leave what it came to in `file`."""

    case: str
    share: detect.Share
    file: str


class ReadSignatures(msgspec.Struct, frozen=True):
    """Specification: compile the YARA rules, and leave what they came to in `file`."""

    case: str
    texts: tuple[detect.RuleText, ...]
    file: str


class PutTogether(msgspec.Struct, frozen=True):
    """Specification: leave the plan of this hash in the case, made of indicators and of the files that were left of
    shares of the Sigma rules and of the YARA rules."""

    case: str
    plan: str
    sheaves: tuple[str, ...]
    signatures: str
    indicators: tuple[detect.RuleText, ...]


class Read(msgspec.Struct, frozen=True):
    """Specification: parse and ask these members of one hand-in. `plan` is empty where nothing is asked. With
    `between` only these bytes of one member are read."""

    case: str
    path: str
    members: tuple[Member, ...]
    plan: str
    between: Bounds | None = None


class List(msgspec.Struct, frozen=True):
    """Specification: write the `file` table of one hand-in."""

    case: str
    intake: str
    evidence: str
    plan: str


class Scan(msgspec.Struct, frozen=True):
    """Specification: scan file contents with YARA; each member comes with its row in the `file` part."""

    case: str
    path: str
    members: tuple[tuple[int, Member], ...]
    part: str
    plan: str


class Ask(msgspec.Struct, frozen=True):
    """Specification: ask the parts that an earlier parse left."""

    case: str
    parts: tuple[PartRef, ...]
    plan: str
    parse: str


ARTIFACTS = [reader.artifact for reader in readers.READERS]

YOUNG_OBJECTS = 100_000
"""Objects after which the collector of cycles looks; rows hold no cycles, and a look after every 700 costs a tenth."""


def perform(function: str, spec: dict[str, Any]) -> Any:
    """Run the function that a task names, on its specification; both ends are plain JSON values."""
    gc.set_threshold(YOUNG_OBJECTS, 20, 20)
    kind, run = FUNCTIONS.get(function) or _of_memory(function)
    return msgspec.to_builtins(run(msgspec.convert(spec, kind)))


def look(spec: Look) -> str:
    """Hash and look into files of one hand-in; return where what was met lies in the case."""
    case = Case(Path(spec.case))
    met = evidence.look(spec.path, spec.shown, ARTIFACTS, scratch=case.scratch)
    case.write(spec.file, msgspec.msgpack.encode(met))
    return spec.file


def take_in(spec: TakeIn) -> Intake:
    """List, hash and recognise everything in one hand-in. What a look did not leave is looked at now."""
    case = Case(Path(spec.case))
    looked: dict[str, evidence.Met] = {}
    for file in spec.looked:
        with contextlib.suppress(OSError, msgspec.DecodeError):
            looked |= msgspec.msgpack.decode(case.path(file).read_bytes(), type=dict[str, evidence.Met])
    taken = evidence.take_in(spec.path, ARTIFACTS, scratch=case.scratch, looked=looked)
    name = f"intake/{taken.evidence.id}.jsonl"
    case.write_lines(name, taken.members)
    return Intake(evidence=taken.evidence, file=name, members=len(taken.members), gaps=tuple(taken.gaps))


def read_rules(spec: ReadRules) -> str:
    """Read Sigma rules; return where what they came to lies in the case."""
    return _left(spec, detect.read_rules(spec.share, list(readers.TABLES.values())))


def read_signatures(spec: ReadSignatures) -> str:
    """Compile YARA rules, with the anchors of what is carved of memory; return where they lie in the case."""
    # One task of a case needs the carvers' anchors, so not every worker loads them.
    from postvakt.memory.carving import anchors

    return _left(spec, detect.read_signatures(spec.texts, anchors.source()))


def _left(spec: ReadRules | ReadSignatures, found: detect.Sheaf | detect.Signatures) -> str:
    Case(Path(spec.case)).write(spec.file, msgspec.msgpack.encode(found))
    return spec.file


def put_together(spec: PutTogether) -> str:
    """Make a plan of what rules came to; return its hash."""
    case = Case(Path(spec.case))
    sheaves = [
        msgspec.msgpack.decode(case.path(file).read_bytes(), type=detect.Sheaf) for file in spec.sheaves
    ]
    signatures = msgspec.msgpack.decode(case.path(spec.signatures).read_bytes(), type=detect.Signatures)
    plan = detect.put_together(sheaves, signatures, spec.indicators, list(readers.TABLES.values()))
    case.write(plan_file(spec.plan), plan.to_bytes())
    return spec.plan


def read(spec: Read) -> ParseResult:
    """Parse members, match every batch, write parts."""
    case = Case(Path(spec.case))
    piece = map(str, spec.between or ())
    name = key(*(f"{m.evidence}{m.path}" for m in spec.members), *piece)
    with gathering(case, spec.plan, name) as gathered:
        for member in spec.members:
            _read_one(evidence.source(spec.path, member, scratch=case.scratch), gathered, spec.between)
    return gathered.result()


def _read_one(source: Source, gathered: Gathered, between: Bounds | None) -> None:
    member = source.member
    reader = readers.BY_NAME[member.artifact]
    size = between[1] - between[0] if between else member.size
    tallies: dict[str, Tally] = {}
    try:
        for piece in reader.between(source, between) if between else reader.parse(source):
            if isinstance(piece, Rows):
                table = piece.spec.name
                if table not in tallies:
                    tallies[table] = Tally(piece.spec)
                tallies[table].add(piece.batch)
                gathered.rows(piece.spec, piece.batch, member)
            elif isinstance(piece, Gap):
                gathered.gap(piece, member)
            else:
                gathered.clues.append(
                    msgspec.structs.replace(piece, source=member.path, evidence=member.evidence)
                )
    except OSError as why:
        detail = f"{type(why).__name__}: {why.strerror or 'cannot be read any further'}"
        gathered.gap(Gap(artifact=member.artifact, why="unreadable", detail=detail), member)
    for tally in tallies.values():
        gathered.count(tally, member, size)
    main = reader.tables[0].name if reader.tables else ""
    if main and main not in tallies:
        gathered.spans.append(
            Span(
                table=main,
                split="",
                source=member.path,
                evidence=member.evidence,
                records=0,
                bytes=size,
            )
        )


def list_files(spec: List) -> ParseResult:
    """Write the `file` table of one hand-in: a row for each member, in the members' order."""
    case = Case(Path(spec.case))
    members = list(case.lines(spec.intake, Member))
    path = file_part(spec.evidence)
    target = schema(files.FILE, stamped=True)
    name = key("file", spec.evidence)
    with gathering(case, spec.plan, name) as gathered, case.part(path, target) as writer:
        for start in range(0, len(members), BATCH_ROWS):
            chosen = members[start : start + BATCH_ROWS]
            rows = ({**row, "evidence": spec.evidence} for row in files.rows(chosen))
            batch = pa.RecordBatch.from_pylist(list(rows), schema=target)
            ref = PartRef(table="file", path=path, evidence=spec.evidence, rows=0)
            gathered.ask("file", batch, ref, start)
            writer.write(batch)
    gathered.parts.append(PartRef(table="file", path=path, evidence=spec.evidence, rows=len(members)))
    gathered.spans += _file_spans(members)
    return gathered.result()


def _file_spans(members: list[Member]) -> Iterator[Span]:
    """Count listed files by the root they lie under, web folders apart: coverage goes by host."""
    counted: dict[tuple[str, str, bool], list[Member]] = {}
    for member in members:
        counted.setdefault(
            (member.root, "web" if files.in_web_folder(member) else "", member.rooted), []
        ).append(member)
    for (_, split, _), group in sorted(counted.items(), key=lambda entry: entry[0]):
        yield Span(
            table="file",
            split=split,
            source=group[0].path,
            evidence=group[0].evidence,
            records=len(group),
            undated=len(group),
        )


def file_part(evidence_id: str) -> str:
    """Return where the `file` part of a hand-in lies in the case."""
    return f"tables/file/{evidence_id}/members.parquet"


def scan(spec: Scan) -> ParseResult:
    """Scan the contents of files with YARA."""
    case = Case(Path(spec.case))
    name = key("scan", *(f"{m.evidence}{m.path}" for _, m in spec.members))
    with gathering(case, spec.plan, name) as gathered:
        for row, member in spec.members:
            for hit in _scan_one(spec, case, member, gathered):
                gathered.match(
                    Match(
                        rule=hit.rule,
                        table="file",
                        evidence=member.evidence,
                        source=member.path,
                        locator=row,
                        part=spec.part,
                        row=row,
                        time=None if member.modified is None else micros(member.modified),
                        detail=hit.detail,
                    )
                )
    return gathered.result()


def _scan_one(spec: Scan, case: Case, member: Member, gathered: Gathered) -> list[detect.ScanHit]:
    if member.size > files.SCAN_LIMIT:
        detail = f"{member.size} bytes; contents are scanned up to {files.SCAN_LIMIT}"
        gathered.gap(Gap(artifact="file:web", why="limited", detail=detail), member)
        return []
    try:
        with evidence.source(spec.path, member, scratch=case.scratch).open() as stream:
            content = stream.read(files.SCAN_LIMIT + 1)
    except OSError as why:
        gathered.gap(Gap(artifact="file:web", why="unreadable", detail=str(why.strerror)), member)
        return []
    return _scanner(spec.case, spec.plan).scan(content, (member.windows_path or member.path).lower())


def ask(spec: Ask) -> ParseResult:
    """Ask parts that were written before; the evidence is not touched."""
    case = Case(Path(spec.case))
    with gathering(case, spec.plan, key("ask", spec.parse)) as gathered:
        for part in spec.parts:
            offset = 0
            with pq.ParquetFile(case.path(part.path)) as file:
                for batch in file.iter_batches(BATCH_ROWS, use_threads=False):
                    gathered.ask(part.table, batch, part, offset)
                    offset += batch.num_rows
    return msgspec.structs.replace(gathered.result(), parse=spec.parse)


@functools.lru_cache(maxsize=2)
def _scanner(case: str, plan: str) -> detect.Scanner:
    return detect.Scanner(plan_of(case, plan))


def _looking_back(name: str) -> Callable[[Pieces], list[Any]]:
    """Return a function that looks back at what was read. What it stands on is met by no worker that only reads."""

    def run(spec: Pieces) -> list[Any]:
        from postvakt.commands import looking_back

        function: Callable[[Pieces], list[Any]] = getattr(looking_back, name)
        return function(spec)

    return run


FUNCTIONS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "look": (Look, look),
    "take_in": (TakeIn, take_in),
    "read_rules": (ReadRules, read_rules),
    "read_signatures": (ReadSignatures, read_signatures),
    "put_together": (PutTogether, put_together),
    "read": (Read, read),
    "list": (List, list_files),
    "scan": (Scan, scan),
    "ask": (Ask, ask),
    "read_back": (Pieces, _looking_back("read_back")),
    "measure": (Pieces, _looking_back("measure")),
    "name_servers": (Pieces, _looking_back("name_servers")),
    "write": (Pieces, _looking_back("write")),
}
"""What a task may name, and what `_of_memory` knows; anything else in a ledger is refused."""


def _of_memory(function: str) -> tuple[Any, Callable[[Any], Any]]:
    """Return what is done with images of memory. Few hand-ins hold one: what it takes is loaded when it is asked for.

    Raises KeyError for what no task may name.
    """
    from postvakt.commands import second_reading, sweeping

    found: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "sweep": (sweeping.GoThrough, sweeping.go_through),
        "read_again": (second_reading.ReadAgain, second_reading.read_again),
    }
    return found[function]
