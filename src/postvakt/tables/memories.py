"""What memory images told, gathered from their tables: SQL over the parts, in a fixed order."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from postvakt.model.clock import from_micros
from postvakt.model.memory import EndpointRow, MemoryRow, PieceRow, ProcessRow
from postvakt.tables.measures import Measures, Piece

MOST_PROCESSES = 2000
MOST_ENDPOINTS = 500
MOST_PIECES = 500
LONGEST = 2000
"""Characters of a command line."""

IMAGES = """
    SELECT source, evidence, container, holds, epoch_us(time), build, build_text, build_from, product, bytes, processes,
           listed, scanned_processes, list_state, hidden, symbols, tier
    FROM read_parquet($parts) WHERE {mine} ORDER BY evidence, source, tier
"""
PROCESSES = f"""
    SELECT source, evidence, locator, ProcessId, ParentProcessId, coalesce(Image, name, ''),
           left(coalesce(CommandLine, ''), {LONGEST}), epoch_us(created), epoch_us(exited), flags
    FROM read_parquet($parts) WHERE {{mine}}
    ORDER BY evidence, source, created NULLS FIRST, ProcessId, locator
"""
ENDPOINTS = """
    SELECT source, evidence, ProcessId, coalesce(Image, ''), coalesce(Protocol, ''), SourceIp, SourcePort,
           DestinationIp, DestinationPort, coalesce(state, ''), epoch_us(time)
    FROM read_parquet($parts) WHERE {mine} ORDER BY evidence, source, time NULLS LAST, locator
"""
CARVED = """
    SELECT source, evidence, kind, process, count(*) FROM read_parquet($parts) WHERE {mine}
    GROUP BY ALL ORDER BY evidence, source, kind, count(*) DESC, process
"""
FOUND = """
    SELECT source, evidence, rule, process, count(*) FROM read_parquet($parts) WHERE {mine}
    GROUP BY ALL ORDER BY evidence, source, rule, count(*) DESC, process
"""

ODD = """
    SELECT source, evidence, ProcessId, count(*) FROM read_parquet($parts)
    WHERE {mine} AND ProcessId IS NOT NULL AND locator IN (SELECT unnest($at)) GROUP BY ALL ORDER BY ALL
"""

ADDED = """
    SELECT source, evidence, count(*) FROM read_parquet($parts) WHERE {mine} AND tier = 'memprocfs'
    GROUP BY ALL ORDER BY ALL
"""
SECOND = ("mem_process", "mem_module", "mem_netconn", "mem_service", "mem_registry", "mem_handle")
"""Tables that another engine adds to."""

Place = tuple[str, str]
"""Evidence and source: one image."""


def memories(
    measures: Measures,
    parts: Mapping[str, Sequence[Piece]],
    swept: Mapping[Place, int],
    matched: pa.Table,
    finding: Callable[[str], str],
) -> tuple[MemoryRow, ...]:
    """Return what the images of one host tell. `swept` are the bytes that were gone through, `matched` the host's
    matches of memory's tables; `finding` gives a finding's id by its rule."""
    images = measures.rows(IMAGES, parts.get("mem_image", ()))
    if not images:
        return ()
    running = _by_place(measures.rows(PROCESSES, parts.get("mem_process", ())))
    endpoints = _by_place(measures.rows(ENDPOINTS, parts.get("mem_netconn", ())))
    carved = _by_place(measures.rows(CARVED, parts.get("mem_carved", ())))
    found = _by_place(measures.rows(FOUND, parts.get("mem_yara", ())))
    of_row, odd = _findings(measures, parts, matched, finding)
    added: defaultdict[Place, dict[str, int]] = defaultdict(dict)
    for table in SECOND:
        for source, evidence, count in measures.rows(ADDED, parts.get(table, ())):
            added[evidence, source][table] = count
    told = []
    for row in images:
        place = (row[1], row[0])
        pieces = [
            *(PieceRow(kind=k, process=p or "", count=n, finding=finding(k)) for k, p, n in found[place]),
            *(PieceRow(kind=k or "", process=p or "", count=n) for k, p, n in carved[place]),
        ]
        lines = running[place]
        rows = [_process(one, of_row.get((place, one[0]), ()), odd[place]) for one in lines[:MOST_PROCESSES]]
        told.append(
            _image(
                row,
                swept.get(place, 0),
                running=_as_tree(rows),
                endpoints=tuple(_endpoint(one) for one in endpoints[place][:MOST_ENDPOINTS]),
                pieces=tuple(pieces[:MOST_PIECES]),
                added=added[place],
                left=max(0, len(lines) - MOST_PROCESSES)
                + max(0, len(endpoints[place]) - MOST_ENDPOINTS)
                + max(0, len(pieces) - MOST_PIECES),
            )
        )
    return tuple(told)


def _by_place(rows: Iterable[tuple[Any, ...]]) -> "defaultdict[Place, list[tuple[Any, ...]]]":
    """Group rows that begin with source and evidence."""
    grouped: defaultdict[Place, list[tuple[Any, ...]]] = defaultdict(list)
    for source, evidence, *rest in rows:
        grouped[evidence, source].append(tuple(rest))
    return grouped


def _findings(
    measures: Measures, parts: Mapping[str, Sequence[Piece]], matched: pa.Table, finding: Callable[[str], str]
) -> "tuple[dict[tuple[Place, int], tuple[str, ...]], defaultdict[Place, Counter[int]]]":
    """Return the findings of each process's row, and how many matched rows of other tables each process has."""
    of_row: dict[tuple[Place, int], set[str]] = defaultdict(set)
    rows: dict[str, set[int]] = defaultdict(set)
    for match in matched.to_pylist():
        if match["table"] == "mem_process":
            of_row[(match["evidence"], match["source"]), match["locator"]].add(finding(match["rule"]))
        else:
            rows[match["table"]].add(match["locator"])
    odd: defaultdict[Place, Counter[int]] = defaultdict(Counter)
    for table, locators in sorted(rows.items()):
        if table in ("mem_region", "mem_module", "mem_netconn"):
            asked = measures.rows(ODD, parts.get(table, ()), at=sorted(locators))
            for source, evidence, pid, count in asked:
                odd[evidence, source][pid] += count
    return {key: tuple(sorted(ids)) for key, ids in of_row.items()}, odd


def _process(row: tuple[Any, ...], findings: tuple[str, ...], odd: Counter[int]) -> ProcessRow:
    locator, pid, parent, image, command, created, exited, flags = row
    return ProcessRow(
        pid=pid,
        parent=parent,
        image=image,
        command=command,
        started=_instant(created),
        exited=_instant(exited),
        flags=tuple(flags or ()),
        locator=locator,
        findings=findings,
        odd=odd[pid] if pid is not None else 0,
    )


def _as_tree(rows: Sequence[ProcessRow]) -> tuple[ProcessRow, ...]:
    """Return processes with their children below them, in the order of their start; a circle is cut."""
    of_pid = {row.pid: place for place, row in enumerate(rows) if row.pid is not None}
    children: dict[int | None, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        led = row.parent is not None and "no-parent" not in row.flags
        above = of_pid.get(row.parent or 0) if led else None
        children[above if above is not None and above < place else None].append(place)
    ordered: list[ProcessRow] = []
    waiting = [(place, 0) for place in reversed(children[None])]
    while waiting:
        place, depth = waiting.pop()
        ordered.append(msgspec.structs.replace(rows[place], depth=depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(place, []))]
    return tuple(ordered)


def _image(row: tuple[Any, ...], swept: int, **more: Any) -> MemoryRow:
    source, evidence, container, holds, taken, build, words, by, product, size, *rest = row
    processes, listed, tagged, state, hidden, symbols, tier = rest
    return MemoryRow(
        source=source,
        evidence=evidence,
        container=container or "",
        holds=holds or "",
        taken=_instant(taken),
        windows=_windows(build, words, by, product),
        bytes=size or 0,
        swept=swept,
        processes=processes or 0,
        listed=listed,
        tagged=tagged,
        list_state=state or "",
        hidden={pair["name"]: int(pair["value"]) for pair in hidden or ()},
        symbols=symbols or "",
        tier=tier or "",
        **more,
    )


def _windows(build: int | None, words: str | None, by: str | None, product: str | None) -> str:
    if not build:
        return ""
    told = f"build {build}" + (f" ({words})" if words else "") + (f", {product}" if product else "")
    return f"{told}, by {by}" if by else told


def _endpoint(row: tuple[Any, ...]) -> EndpointRow:
    pid, image, protocol, here, port, there, to, state, time = row
    return EndpointRow(
        pid=pid,
        image=image,
        protocol=protocol,
        local=_pair(here, port),
        remote=_pair(there, to),
        state=state,
        time=_instant(time),
    )


def _pair(address: str | None, port: int | None) -> str:
    if address is None and port is None:
        return ""
    shown = f"[{address}]" if address and ":" in address else address or "*"
    return f"{shown}:{port}" if port is not None else shown


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
