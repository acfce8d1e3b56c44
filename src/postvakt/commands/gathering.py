"""What a task gathers: rows on their way into parts, asked while in cache; what was counted; matches and Gaps."""

import contextlib
import functools
import gc
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from postvakt import detect
from postvakt.commands import readers
from postvakt.model.evidence import Member
from postvakt.model.gap import Clue, Gap
from postvakt.model.rule import Match
from postvakt.model.table import TableSpec
from postvakt.model.task import ParseResult, PartRef, Span
from postvakt.tables import matches
from postvakt.tables.case import Case, PartWriter
from postvakt.tables.rows import BATCH_ROWS, ENOUGH_ROWS, repeats, schema, together, under, with_codes
from postvakt.tables.tally import Tally


def plan_file(plan: str) -> str:
    """Return where a compiled plan of that hash lies in the case."""
    return f"plan/{plan[:32]}.bin"


@functools.lru_cache(maxsize=2)
def plan_of(case: str, plan: str) -> detect.Plan:
    """Return a compiled plan of a case. Raises ContentError where it is not readable."""
    return detect.Plan.from_bytes(Path(case, plan_file(plan)).read_bytes())


@functools.lru_cache(maxsize=2)
def _matcher(case: str, plan: str) -> detect.Matcher:
    matcher = detect.Matcher(plan_of(case, plan), list(readers.TABLES.values()))
    # A plan is some hundred thousand objects that live as long as the worker: no use to look through them for cycles.
    gc.freeze()
    return matcher


@contextlib.contextmanager
def gathering(case: Case, plan: str, name: str) -> Iterator["Gathered"]:
    """Gather what a task gives; its parts and matches are published when the context ends well. Nothing is asked where
    no plan is named."""
    with contextlib.ExitStack() as published:
        matcher = _matcher(str(case.root), plan) if plan else None
        gathered = Gathered(case, plan, name, matcher, published)
        yield gathered
        gathered.finish()


class Gathered:
    """What a task has gathered so far. Matches are written as they come: a log may have millions."""

    def __init__(
        self,
        case: Case,
        plan: str,
        name: str,
        matcher: detect.Matcher | None,
        published: contextlib.ExitStack,
    ) -> None:
        self._case = case
        self._matcher = matcher
        self._plan = plan
        self._task = name
        self.parts: list[PartRef] = []
        self.spans: list[Span] = []
        self.gaps: list[Gap] = []
        self.clues: list[Clue] = []
        self._name = f"matches/{plan[:16]}/{name}.parquet"
        self._published = published
        self._waiting: list[Match] = []
        self._matches: PartWriter | None = None
        self._tables: dict[str, Part] = {}

    def rows(self, spec: TableSpec, batch: pa.RecordBatch, member: Member) -> None:
        """Take in rows of a member; a task's rows of one table share a part."""
        if spec.name not in self._tables:
            path = f"tables/{spec.name}/{member.evidence}/{self._task}.parquet"
            writer = self._published.enter_context(self._case.part(path, schema(spec, stamped=True)))
            self._tables[spec.name] = Part(spec, path, member.evidence, writer, self)
        self._tables[spec.name].add(batch, member.path)

    def gap(self, gap: Gap, member: Member) -> None:
        """Keep a Gap, with where it was met."""
        self.gaps.append(
            msgspec.structs.replace(
                gap,
                source=member.path,
                evidence=member.evidence,
                artifact=gap.artifact or member.artifact,
            )
        )

    def count(self, tally: Tally, member: Member, size: int | None = None) -> None:
        """Keep what was counted of a member's rows of one table, that were read from `size` bytes: all of it."""
        self.spans += tally.spans(member.path, member.evidence, member.size if size is None else size)
        self.clues += [
            msgspec.structs.replace(clue, source=member.path, evidence=member.evidence)
            for clue in tally.clues()
        ]

    def ask(self, table: str, batch: pa.RecordBatch, part: PartRef, offset: int) -> None:
        """Ask a stamped batch whose first row is row `offset` of a part."""
        if self._matcher is None:
            return
        hits = [*self._matcher.match(table, batch), *self._told(table, batch)]
        if not hits:
            return
        places = pa.array([hit.row for hit in hits], pa.int64())
        chosen = batch.select(["time", "locator", "source"]).take(places)
        times = matches.times_of(chosen)
        locators, sources = (chosen.column(name).to_pylist() for name in ("locator", "source"))
        for hit, time, locator, source in zip(hits, times, locators, sources, strict=True):
            self.match(
                Match(
                    rule=hit.rule,
                    table=table,
                    evidence=part.evidence,
                    source=source,
                    locator=locator,
                    part=part.path,
                    row=offset + hit.row,
                    time=time,
                    detail=hit.detail,
                )
            )

    def _told(self, table: str, batch: pa.RecordBatch) -> list[detect.Hit]:
        """Return the rows that name the rule which found them; a rule that is asked no more finds nothing."""
        columns = readers.TABLES[table].told_by
        if columns is None:
            return []
        asked = {rule.id for rule in plan_of(str(self._case.root), self._plan).rules}
        told = zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
        return [detect.Hit(rule, row, said or "") for row, (rule, said) in enumerate(told) if rule in asked]

    def match(self, match: Match) -> None:
        """Keep a match."""
        self._waiting.append(match)
        if len(self._waiting) >= BATCH_ROWS:
            self.write()

    def finish(self) -> None:
        """Ask and write what still waits."""
        for part in self._tables.values():
            part.finish()
        self.write()

    def write(self) -> None:
        """Write the matches that wait."""
        if not self._waiting:
            return
        if self._matches is None:
            self._matches = self._published.enter_context(self._case.part(self._name, matches.SCHEMA))
        self._matches.write(matches.batch(self._waiting))
        self._waiting = []

    def result(self) -> ParseResult:
        """Return what the task gave, once its matches are published."""
        return ParseResult(
            parts=tuple(self.parts),
            spans=tuple(self.spans),
            gaps=tuple(self.gaps),
            clues=tuple(self.clues),
            plan=self._plan,
            matches=self._name if self._matches else "",
            matched=self._matches.rows if self._matches else 0,
        )


WAITING_ROWS = 16_384
WAITING_BYTES = 32 * 1024 * 1024
"""Rows of small files wait until there are so many: asking and writing cost as much for one row as for thousands. Few
rows may be large, so their bytes are bounded as well."""


class Part:
    """One part being written while its rows are asked, of as many members as the task reads."""

    def __init__(
        self, spec: TableSpec, path: str, evidence_id: str, writer: PartWriter, gathered: Gathered
    ) -> None:
        self._spec = spec
        self._path = path
        self._evidence = evidence_id
        self._writer = writer
        self._gathered = gathered
        self._sources: list[str] = []
        self._plain = schema(spec)
        self._waiting: list[pa.RecordBatch] = []
        self._read_from: list[str] = []
        self._rows = self._bytes = 0
        self._codes: frozenset[str] | None = None

    def _ref(self) -> PartRef:
        return PartRef(
            table=self._spec.name,
            path=self._path,
            evidence=self._evidence,
            rows=self._writer.rows,
            sources=tuple(self._sources),
        )

    def add(self, batch: pa.RecordBatch, source: str) -> None:
        """Take in one batch of a member."""
        if source not in self._sources[-1:]:
            self._sources.append(source)
        if not batch.schema.equals(self._plain):
            batch = under(batch, self._plain)
        self._waiting.append(batch)
        self._read_from.append(source)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes + _stamp_bytes(batch.num_rows, self._evidence, source)
        if self._rows >= WAITING_ROWS or self._bytes >= WAITING_BYTES:
            self._settle()

    def _settle(self) -> None:
        """Ask and write what waits."""
        if not self._waiting:
            return
        batch = together(self._waiting)
        rows = [one.num_rows for one in self._waiting]
        batch = stamped(self._spec, batch, self._evidence, list(zip(self._read_from, rows, strict=True)))
        batch = self._coded(batch)
        self._waiting, self._read_from, self._rows, self._bytes = [], [], 0, 0
        self._gathered.ask(self._spec.name, batch, self._ref(), self._writer.rows)
        self._writer.write(batch)

    def _coded(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch with the columns as codes of which the first batch shows that their texts repeat, none where
        there are few rows."""
        if self._codes is None:
            large = batch.num_rows >= ENOUGH_ROWS
            named = zip(batch.schema.names, batch.columns, strict=True)
            self._codes = frozenset(name for name, column in named if large and _repeats(column))
        return with_codes(batch, self._codes)

    def finish(self) -> None:
        """Ask and write the last rows, and hand over where they lie."""
        self._settle()
        self._gathered.parts.append(self._ref())


def _repeats(column: pa.Array) -> bool:
    # Nothing at all is neither numbered nor worth it.
    texts = pa.types.is_string(column.type) and column.null_count < len(column)
    return pa.types.is_dictionary(column.type) or (texts and repeats(column))


def stamped(
    spec: TableSpec, batch: pa.RecordBatch, evidence_id: str, sources: Sequence[tuple[str, int]]
) -> pa.RecordBatch:
    """Return a batch with the columns that say where it was read: sources, each with its number of rows."""
    read_from: dict[str, int] = {}
    numbers = [read_from.setdefault(source, len(read_from)) for source, _ in sources]
    places = np.repeat(numbers, [rows for _, rows in sources])
    told = {
        "evidence": ([evidence_id], pa.repeat(0, batch.num_rows)),
        "source": (list(read_from), pa.array(places)),
    }
    constant = {
        name: pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), pa.array(texts, pa.string()))
        for name, (texts, codes) in told.items()
    }
    held = dict(zip(batch.schema.names, batch.columns, strict=True)) | constant
    names = schema(spec, stamped=True).names
    return pa.RecordBatch.from_arrays([held[name] for name in names], names=names)


def _stamp_bytes(rows: int, *texts: str) -> int:
    """Return the bytes that texts take in so many rows, each with its place in its column."""
    return sum((len(text.encode()) + 4) * rows for text in texts)
