"""What is measured over a whole case once its matches are known, host by host, for the story of each."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from postvakt import engines
from postvakt.commands import looking_back, plans, second_reading, work
from postvakt.commands.spreading import Answers, Wanted, answered, spread
from postvakt.memory import memprocfs
from postvakt.memory.slips import symbol_path
from postvakt.model.baseline import BaselineRow
from postvakt.model.conclusion import HostConclusion
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.model.inventory import Naming
from postvakt.model.memory import MemoryRow
from postvakt.model.report import Sample
from postvakt.model.rule import LEVELS, Match, Rule
from postvakt.model.story import Trace
from postvakt.model.task import Outcome, ParseResult, PartRef
from postvakt.reason import actors, namings
from postvakt.reason import baseline as reasoning
from postvakt.reason.findings import identity
from postvakt.reason.hosts import UNASSIGNED
from postvakt.reason.report import Owners
from postvakt.reason.story import Seen
from postvakt.tables import matches, settings
from postvakt.tables.baseline import Baselines, product_files
from postvakt.tables.case import Case
from postvakt.tables.measures import Measures, Piece
from postvakt.tables.memories import memories
from postvakt.tables.named import LISTED, QUESTIONS
from postvakt.tables.traces import joined


class NamedServers(msgspec.Struct, frozen=True):
    """Every word on a server in the case, by host who asked through its front end, and what was left."""

    words: tuple[Naming, ...]
    askers: dict[str, tuple[str, ...]]
    gaps: tuple[Gap, ...]


class Looked(msgspec.Struct, frozen=True):
    """What was looked at again: each host's tables beyond its findings, rows of findings, and the servers that are
    named; and Gaps for what could not be."""

    seen: dict[str, Seen]
    samples: dict[matches.Key, list[Sample]]
    named: NamedServers
    gaps: tuple[Gap, ...]


def look(
    case: Case,
    engine: engines.Engine,
    prepared: plans.Prepared,
    found: pa.Table,
    results: Sequence[ParseResult],
    owners: Owners,
    members: Iterable[Member],
) -> Looked:
    """Look again at what was read, now that the matches of the case and the hosts are known."""
    rows, tables = list(_rows(found, prepared)), list(_tables(results, owners))
    told, servers = spread(
        engine,
        case,
        prepared.hash,
        (
            Wanted("read_back", looking_back.read_back, rows, _sizes(case, ([r.part] for r in rows)), 8),
            Wanted(
                "name_servers", looking_back.name_servers, tables, _sizes(case, (t.parts for t in tables))
            ),
        ),
    )
    gaps: list[Gap] = []
    back = answered(told, looking_back.Back, lambda place, why: gaps.extend(_unread(rows[place], why)))
    named = _named(tables, servers)
    of_host: dict[str, list[Trace]] = defaultdict(list)
    for trace in (trace for one in back if one for trace in one.traces):
        for name in owners.of(trace.evidence, trace.source):
            of_host[name].append(trace)
    hosts = list(_hosts(results, owners, of_host))
    sizes = _sizes(case, ([piece.path for of in h.parts.values() for piece in of] for h in hosts))
    (counted,) = spread(engine, case, "", [Wanted("measure", looking_back.measure, hosts, sizes)])
    measured = answered(
        counted, looking_back.Measured, lambda place, why: gaps.extend(_uncounted(hosts[place], why))
    )
    written = {(m.evidence, m.path): m.modified for m in members if m.modified}
    return Looked(
        seen={
            host.host: _seen(written, of_host.get(host.host, ()), one)
            for host, one in zip(hosts, measured, strict=True)
        },
        samples=matches.by_key(sample for one in back if one for sample in one.samples),
        named=named,
        gaps=tuple(gaps),
    )


def _rows(found: pa.Table, prepared: plans.Prepared) -> Iterator[looking_back.Rows]:
    """Yield the rows that are read back, part by part: samples of every rule, traces of the rules of a stage."""
    staged = frozenset(rule.id for rule in prepared.plan.rules if rule.stage)
    samples, chosen = _by_part(matches.sampled(found)), _by_part(joined(found, staged))
    for part in sorted({*samples, *chosen}):
        yield looking_back.Rows(part, tuple(samples.get(part, ())), tuple(chosen.get(part, ())))


def _by_part(chosen: Iterable[Match]) -> dict[str, list[Match]]:
    parts: dict[str, list[Match]] = defaultdict(list)
    for match in chosen:
        parts[match.part].append(match)
    return parts


def _hosts(
    results: Iterable[ParseResult], owners: Owners, traced: Mapping[str, Sequence[Trace]]
) -> Iterator[looking_back.OfHost]:
    """Yield the hosts that something was read of, with the parts that are counted over."""
    parts: dict[str, dict[str, list[Piece]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        for part in result.parts:
            for name, piece in _pieces(part, owners) if part.rows and part.table != "file" else ():
                parts[name][part.table].append(piece)
    for name in sorted({*traced, *parts}):
        counted = {t: tuple(of) for t, of in parts.get(name, {}).items() if t in COUNTED}
        yield looking_back.OfHost(name, counted, tuple(sorted(actors.asked_for(traced.get(name, ())))))


def _sizes(case: Case, parts: Iterable[Iterable[str]]) -> list[int]:
    return [sum(case.path(part).stat().st_size for part in of) for of in parts]


def _unread(rows: looking_back.Rows, why: Outcome) -> Iterator[Gap]:
    """Yield a Gap for each source whose matched rows could not be read back."""
    places = {(m.table, m.evidence, m.source) for m in (*rows.samples, *rows.traces)}
    for table, evidence, source in sorted(places):
        detail = f"rows that rules matched could not be read back: {why.detail}"
        yield _gap(table, why, detail, evidence, source)


def _uncounted(host: looking_back.OfHost, why: Outcome) -> Iterator[Gap]:
    """Yield a Gap for each table that could not be counted over, in each hand-in."""
    for table, of in sorted(host.parts.items()):
        first = {piece.evidence: piece.sources[0] for piece in reversed(of) if piece.sources}
        for evidence, source in sorted(first.items()):
            detail = f"this source and all others of the server could not be counted over: {why.detail}"
            yield _gap(table, why, detail, evidence, source)


def _gap(table: str, why: Outcome, detail: str, evidence: str = "", source: str = "") -> Gap:
    reason = msgspec.convert(why.why, type=_WHY)
    return Gap(artifact=table, why=reason, detail=detail, evidence=evidence, source=source)


_WHY: Any = Gap.__annotations__["why"]
COUNTED = frozenset(("iis", "event", *settings.ASKED))
"""Tables that are counted over host by host."""


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
    told: Sequence[Trace],
    counted: looking_back.Measured | None,
) -> Seen:
    if counted is None:
        return Seen(traces=tuple(told))
    return Seen(
        traces=tuple(told),
        settings=tuple(
            msgspec.structs.replace(one, changed=written.get((one.evidence, one.source)))
            for one in counted.settings
        ),
        asking=counted.asking,
        own=counted.own,
        pages=counted.pages,
        moved=counted.moved,
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


def _tables(results: Iterable[ParseResult], owners: Owners) -> Iterator[looking_back.OfTable]:
    """Yield the tables that may name servers, with whose each of their sources is."""
    parts: dict[str, list[str]] = defaultdict(list)
    whose: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for result in results:
        for part in result.parts:
            if part.rows:
                parts[part.table].append(part.path)
            for source in part.sources:
                held = owners.of(part.evidence, source)
                owner = held[0] if len(held) == 1 and held[0] != UNASSIGNED else ""
                whose[part.table][part.evidence, source] = owner
    for table in ASKED_FOR_NAMES:
        if table in parts:
            places = tuple((*place, host) for place, host in sorted(whose[table].items()))
            yield looking_back.OfTable(table, tuple(parts[table]), places)


def _named(tables: Sequence[looking_back.OfTable], servers: Answers) -> NamedServers:
    """Put together what each table says of servers."""
    lost: list[Gap] = []
    detail = "it could not be asked which servers it names: {}"
    told = answered(
        servers,
        looking_back.Servers,
        lambda place, why: lost.append(_gap(tables[place].table, why, detail.format(why.detail))),
    )
    found = [one for one in told if one]
    most = (
        "the inventory takes the first {} names or rows; what more there is names servers that are not in it"
    )
    limited = {table: count for one in found for table, count in one.limited.items()}
    left = (
        Gap(artifact=table, why="limited", detail=most.format(count))
        for table, count in sorted(limited.items())
    )
    logs = (naming for one in found for naming in one.logs)
    listed = [row for one in found for row in one.listed]
    askers = {host: asked for one in found for host, asked in one.askers.items()}
    return NamedServers((*logs, *namings.namings(listed)), askers, (*left, *lost))


ASKED_FOR_NAMES = tuple(dict.fromkeys((*(question.table for question in QUESTIONS), *LISTED)))
"""Tables that may name servers, in the order in which what they say is told."""
