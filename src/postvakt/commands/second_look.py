"""What is measured over a whole case once its matches are known, host by host, for the story of each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.commands import readers, second_reading, work
from postvakt.memory import memprocfs
from postvakt.memory.slips import symbol_path
from postvakt.model.baseline import BaselineRow
from postvakt.model.conclusion import HostConclusion
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.model.inventory import Naming
from postvakt.model.memory import MemoryRow
from postvakt.model.rule import LEVELS, Rule
from postvakt.model.story import Trace
from postvakt.model.task import ParseResult, PartRef
from postvakt.reason import actors, joining, namings
from postvakt.reason import baseline as reasoning
from postvakt.reason.findings import identity
from postvakt.reason.hosts import UNASSIGNED
from postvakt.reason.report import Owners
from postvakt.reason.story import Seen
from postvakt.tables import settings
from postvakt.tables.baseline import Baselines, product_files
from postvakt.tables.case import Case
from postvakt.tables.measures import Measures, Piece
from postvakt.tables.memories import memories
from postvakt.tables.named import Named
from postvakt.tables.traces import traces


def look(
    case: Case,
    found: pa.Table,
    results: Iterable[ParseResult],
    rules: Mapping[str, Rule],
    owners: Owners,
    members: Iterable[Member],
) -> dict[str, Seen]:
    """Return what each host's tables tell beyond its findings."""
    written = {(m.evidence, m.path): m.modified for m in members if m.modified}
    staged = frozenset(rule.id for rule in rules.values() if rule.stage)
    of_host: dict[str, list[Trace]] = defaultdict(list)
    for trace in traces(case, found, staged, readers.TABLES, joining.trace_of):
        for name in owners.of(trace.evidence, trace.source):
            of_host[name].append(trace)
    parts: dict[str, dict[str, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for part in result.parts:
            for name, piece in _pieces(part, owners) if part.rows and part.table != "file" else ():
                parts[name][part.table].append(piece)
    with Measures(case) as measures:
        return {
            name: _seen(written, measures, of_host.get(name, ()), parts.get(name, {}))
            for name in sorted({*of_host, *parts})
        }


def _pieces(part: PartRef, owners: Owners) -> Iterator[tuple[str, Piece]]:
    """Yield what of a part is whose; small files of several hosts may lie in one."""
    of_host: dict[str, list[str]] = defaultdict(list)
    for source in part.sources:
        for name in owners.of(part.evidence, source):
            of_host[name].append(source)
    for name, sources in of_host.items():
        yield name, Piece(part.path, part.evidence, tuple(sources), len(sources) == len(part.sources))


def _seen(
    written: Mapping[tuple[str, str], datetime],
    measures: Measures,
    told: Sequence[Trace],
    parts: Mapping[str, Sequence[Piece]],
) -> Seen:
    web = parts.get("iis", ())
    return Seen(
        traces=tuple(told),
        settings=tuple(
            msgspec.structs.replace(one, changed=written.get((one.evidence, one.source)))
            for one in settings.observed(measures, parts)
        ),
        asking=measures.asked(web),
        own=measures.own(web),
        pages=measures.used(web, actors.asked_for(told)),
        moved=measures.moved(parts.get("event", ())),
    )


def remembered(
    case: Case,
    found: pa.Table,
    results: Sequence[ParseResult],
    rules: Mapping[str, Rule],
    owners: Owners,
) -> dict[str, tuple[MemoryRow, ...]]:
    """Return what each host's memory images tell. What only a low rule matched stands out nowhere."""
    parts: dict[str, dict[str, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    swept: dict[tuple[str, str], int] = defaultdict(int)
    for result in results:
        for part in result.parts:
            for name, piece in _pieces(part, owners) if part.rows and part.table.startswith("mem_") else ():
                parts[name][part.table].append(piece)
        for span in result.spans:
            swept[span.evidence, span.source] += span.bytes if span.table == "mem_yara" else 0
    if not parts:
        return {}
    grave = [rule.id for rule in rules.values() if LEVELS.index(rule.level) >= LEVELS.index("medium")]
    told = pc.is_in(found.column("rule"), value_set=pa.array(grave, pa.string()))
    matched = found.filter(pc.and_(told, pc.starts_with(found.column("table"), "mem_")))
    whose: dict[str, list[int]] = defaultdict(list)
    for row, place in enumerate(
        zip(*(matched.column(n).to_pylist() for n in ("evidence", "source")), strict=True)
    ):
        for name in owners.of(*place):
            whose[name].append(row)
    with Measures(case) as measures:
        return {
            name: _beside(
                memories(
                    measures,
                    parts[name],
                    swept,
                    matched.take(pa.array(whose.get(name, []), pa.int64())),
                    partial(identity, host=name),
                )
            )
            for name in sorted(parts)
        }


def _beside(rows: Iterable[MemoryRow]) -> tuple[MemoryRow, ...]:
    """Say where the kernel's symbols are found, and what another engine would have told where there is none."""
    none = "" if second_reading.engine() else memprocfs.missing()
    return tuple(
        msgspec.structs.replace(
            row,
            symbols=symbol_path(row.symbols) or "",
            beside=none if row.holds in ("system", "kernel") else "",
        )
        for row in rows
    )


def held_against(
    case: Case, intakes: Iterable[str], hosts: Iterable[HostConclusion], owners: Owners
) -> dict[str, BaselineRow]:
    """Return how each host's product files compare with the lists that the case holds; `intakes` are evidence ids."""
    lists = Baselines(case)
    files: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    if lists.builds:
        parts = [work.file_part(evidence) for evidence in intakes]
        for row in product_files(case, [part for part in parts if case.path(part).is_file()]):
            for name in owners.of(row["evidence"], row["source"]):
                files[name].append(row)
    return {
        host.name: reasoning.baseline(
            host.builds,
            lists.builds,
            partial(lists.compare, files=files[host.name]) if files.get(host.name) else None,
        )
        for host in hosts
    }


class NamedServers(msgspec.Struct, frozen=True):
    """Every word on a server in the case, by host who asked through its front end, and what was left."""

    words: tuple[Naming, ...]
    askers: dict[str, tuple[str, ...]]
    gaps: tuple[Gap, ...]


def named(case: Case, results: Iterable[ParseResult], owners: Owners) -> NamedServers:
    """Return which servers the whole case names: logs, directory exports, exported objects, scans, certificates."""
    parts: dict[str, list[str]] = defaultdict(list)
    whose: dict[tuple[str, str], str] = {}
    for result in results:
        for part in result.parts:
            if part.rows:
                parts[part.table].append(part.path)
            for source in part.sources:
                held = owners.of(part.evidence, source)
                whose[part.evidence, source] = held[0] if len(held) == 1 and held[0] != UNASSIGNED else ""
    with Named(case, parts, [(*place, host) for place, host in sorted(whose.items())]) as tables:
        words = (*tables.logs(), *namings.namings(tables.listed()))
        askers = tables.askers()
        detail = "the inventory takes the first {} names or rows; what more there is names servers that are not in it"
        left = (
            Gap(artifact=table, why="limited", detail=detail.format(most))
            for table, most in sorted(tables.limited.items())
        )
        return NamedServers(words, askers, tuple(left))
