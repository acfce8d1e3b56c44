"""A second engine for Sigma rules: pySigma's own conversion to SQLite, asked of the events that our reader gives.

It shares with ours the parser of rules and the table of log sources (which channels and ids a log source means), and
nothing of what a value, a field or a condition means. A field that an event has several times is one cell here, its
values line by line; names of other schemas are told by RENAMED, one value for each field.
"""

import functools
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.rule import SigmaRule

from docs.made_events import Data, made
from postvakt import artifacts, detect
from postvakt.artifacts import event_json, evtx
from postvakt.detect.logsources import VIEWS, View
from postvakt.model.evidence import Source
from postvakt.tables.rows import Rows, schema

Row = Mapping[str, Any]
Place = tuple[str, int]
Matched = dict[str, set[Place]]

SYSTEM = {name.casefold(): column for name, column in artifacts.TABLES["event"].fields} | {
    column.name.casefold(): column.name
    for column in artifacts.TABLES["event"].columns
    if column.type != "pairs"
}
PROCESS = {
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "ProcessId": "NewProcessId",
    "ParentProcessId": "ProcessId",
    "LogonId": "SubjectLogonId",
    "User": "SubjectUserName",
    "IntegrityLevel": "MandatoryLabel",
}
CONNECTION = {
    "Image": "Application",
    "SourceIp": "SourceAddress",
    "DestinationIp": "DestAddress",
    "DestinationPort": "DestPort",
    "Initiated": "Direction",
    "ProcessId": "ProcessID",
}
REGISTRY = {
    "TargetObject": "ObjectName",
    "Details": "NewValue",
    "Image": "ProcessName",
    "EventType": "OperationType",
}
FIREWALL = {
    "src_ip": "SourceAddress",
    "src_port": "SourcePort",
    "dst_ip": "DestAddress",
    "dst_port": "DestPort",
}
OPENED = {"FileName": "ObjectName", "Image": "ProcessName", "User": "SubjectUserName"}
RENAMED: Mapping[str, Mapping[str, str]] = {
    "process_creation/security": PROCESS,
    "network_connection/security": CONNECTION,
    "registry_delete/security": REGISTRY,
    "registry_event/security": REGISTRY,
    "registry_set/security": REGISTRY,
    "firewall/security": FIREWALL,
    "file_access/security": OPENED,
    "antivirus/defender": {"Signature": "Threat Name", "Filename": "Path"},
    "dns/sysmon": {"query": "QueryName"},
    "dns/client": {"query": "QueryName"},
}
"""What a rule's field is called in events of a view; the value stays as the event has it."""

VALUES = {
    "%%1904": "SetValue",
    "%%1905": "SetValue",
    "%%1906": "DeleteValue",
    "%%14592": "false",
    "%%14593": "true",
    "%%1936": "TokenElevationTypeDefault (1)",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
}
"""What values of renamed fields mean in the words of the other schema."""

TEXT = "every_text"
READERS = {reader.artifact.name: reader for reader in (evtx.READER, event_json.READER)}


class Query(msgspec.Struct, frozen=True):
    """A rule as one engine asks it: what it needs of a row, and the SQL."""

    rule: str
    fields: tuple[str, ...]
    sql: str


def matched(
    plan: detect.Plan, texts: Iterable[detect.RuleText], logs: Iterable[Source]
) -> tuple[Matched, Matched, int]:
    """Return what our engine and the second one match, and of how many events: for each rule, (log, place in it).

    `texts` are those of which the plan was made, each file with one rule.
    """
    ours: Matched = defaultdict(set)
    theirs: Matched = defaultdict(set)
    rows: list[Row] = []
    places: list[Place] = []
    matcher = detect.Matcher(plan, list(artifacts.TABLES.values()))
    for source in logs:
        read = 0
        for piece in READERS[source.member.artifact].parse(source):
            if isinstance(piece, Rows):
                for hit in matcher.match("event", piece.batch):
                    ours[hit.rule].add((source.member.path, read + hit.row))
                rows += piece.batch.to_pylist()
                places += ((source.member.path, read + row) for row in range(piece.batch.num_rows))
                read += piece.batch.num_rows
    for name, queries in sorted(_lanes(plan, texts).items()):
        shown = [(place, row) for place, row in enumerate(rows) if _is_shown(VIEWS[name], row)]
        if shown:
            for rule, place in _asked(VIEWS[name], queries, shown):
                theirs[rule].add(places[place])
    return dict(ours), dict(theirs), len(rows)


def matched_made(
    plan: detect.Plan, texts: Iterable[detect.RuleText]
) -> tuple[Matched, Matched, dict[Place, Row]]:
    """Return the same for events made of each rule's own words, and those events. The place begins with the view."""
    by_path = {text.path: text.text for text in texts}
    ours: Matched = defaultdict(set)
    theirs: Matched = defaultdict(set)
    events: dict[Place, Row] = {}
    paths = {rule.id: rule.path for rule in plan.rules}
    spec = artifacts.TABLES["event"]
    matcher = detect.Matcher(plan, [spec])
    for name, queries in sorted(_lanes(plan, texts).items()):
        view = VIEWS[name]
        rows: list[Row] = []
        owners: list[str] = []
        for query in queries:
            own = [row for data in made(_parsed(by_path[paths[query.rule]])) if (row := _event(view, data))]
            rows += own
            owners += [query.rule] * len(own)
        batch = pa.RecordBatch.from_pylist([dict(row) for row in rows], schema=schema(spec))
        told = batch.to_pylist()
        for hit in matcher.match("event", batch):
            if owners[hit.row] == hit.rule:
                ours[hit.rule].add((name, hit.row))
        for query in queries:
            shown = [(place, told[place]) for place, owner in enumerate(owners) if owner == query.rule]
            for rule, place in _asked(view, [query], [each for each in shown if _is_shown(view, each[1])]):
                theirs[rule].add((name, place))
        events |= {(name, place): row for place, row in enumerate(told)}
    return dict(ours), dict(theirs), events


def _event(view: View, data: Data) -> Row:
    """Return made data as an event that a view shows; what System holds becomes a column."""
    spec = artifacts.TABLES["event"]
    numbers = {column.name for column in spec.columns if column.type == "int"}
    renamed = RENAMED.get(view.name, {})
    row: dict[str, Any] = {
        "Channel": view.channels[0] if view.channels else "System",
        "EventID": view.ids[0] if view.ids else 1,
        "Computer": "EX01.corp.example",
    }
    pairs = [{"name": renamed.get(name or "", name), "value": value} for name, value in data]
    if view.guard is not None and view.guard[0] not in (name for name, _ in data):
        pairs.append({"name": renamed.get(view.guard[0], view.guard[0]), "value": view.guard[1][0]})
    for pair in list(pairs):
        if pair["name"] == "ObjectName" and renamed is REGISTRY:
            pair["value"], _, value = (pair["value"] or "").rpartition("\\")
            pairs.append({"name": "ObjectValueName", "value": value})
        column = SYSTEM.get((pair["name"] or "").casefold())
        if column is not None:
            pairs.remove(pair)
            if column not in numbers:
                row[column] = pair["value"]
            elif (pair["value"] or "").isdecimal():
                row[column] = int(pair["value"] or "")
    return {**row, "EventData": pairs}


def _lanes(plan: detect.Plan, texts: Iterable[detect.RuleText]) -> dict[str, list[Query]]:
    by_path = {text.path: text.text for text in texts}
    made: dict[str, list[Query]] = defaultdict(list)
    for asked in plan.asked:
        rule = plan.rules[asked.rule]
        views = [route.view for route in asked.routes if route.table == "event"]
        if views:
            query = _query(rule.id, by_path[rule.path])
            for view in views:
                made[view].append(query)
    return made


@functools.cache
def _query(rule: str, text: str) -> Query:
    backend = sqliteBackend(fulltext_field=TEXT, collate_nocase=True)
    parsed = _parsed(text)
    sql = " UNION ".join(f"SELECT place FROM ({one})" for one in backend.convert_rule(parsed))
    return Query(rule, tuple(backend.required_fields(parsed)), sql)


@functools.cache
def _parsed(text: str) -> SigmaRule:
    parsed = SigmaCollection.from_yaml(text).rules[0]
    assert isinstance(parsed, SigmaRule)
    return parsed


def _is_shown(view: View, row: Row) -> bool:
    if view.channels and str(row["Channel"] or "").casefold() not in (c.casefold() for c in view.channels):
        return False
    if view.ids and row["EventID"] not in view.ids:
        return False
    if view.guard is None:
        return True
    field, values = view.guard
    cell = _cell(view, _flat(row), field)
    return cell is not None and cell.casefold() in (value.casefold() for value in values)


def _asked(view: View, queries: list[Query], shown: list[tuple[int, Row]]) -> Iterator[tuple[str, int]]:
    """Yield the rules with the places of the rows that they match, of rows that a view shows."""
    fields = sorted({field.casefold(): field for query in queries for field in query.fields}.values())
    names = [field for field in fields if field != TEXT]
    columns = ", ".join('"' + name.replace('"', '""') + '" TEXT COLLATE NOCASE' for name in names)
    logs = sqlite3.connect(":memory:")
    logs.create_function("regexp", 2, _searched, deterministic=True)
    logs.execute(f"CREATE TABLE logs (place INTEGER, {TEXT} TEXT{', ' + columns if columns else ''})")
    flat = [(place, _flat(row)) for place, row in shown]
    logs.executemany(
        f"INSERT INTO logs VALUES (?, ?{', ?' * len(names)})",
        ([place, cells[TEXT], *(_cell(view, cells, name) for name in names)] for place, cells in flat),
    )
    for query in queries:
        for (place,) in logs.execute(query.sql):
            yield query.rule, place
    logs.close()


def _searched(pattern: str, value: str | None) -> bool:
    return value is not None and re.search(pattern, value) is not None


def _flat(row: Row) -> dict[str, str]:
    """Return a row's cells by their folded names, those of one name line by line, and all texts as one cell."""
    cells: dict[str, list[str]] = defaultdict(list)
    texts: list[str] = []
    for value in row.values():
        if isinstance(value, list):
            for pair in value:
                if pair["value"] is not None:
                    cells[_squashed(pair["name"] or "Data")].append(pair["value"])
                    texts.append(pair["value"])
        elif isinstance(value, str):
            texts.append(value)
    flat = {name: "\n".join(values) for name, values in cells.items()}
    system = {f"@{name}": str(value) for name, value in row.items() if isinstance(value, str | int)}
    return {**flat, **system, TEXT: "\n".join(texts)}


def _cell(view: View, cells: Mapping[str, str], field: str) -> str | None:
    names = RENAMED.get(view.name, {})
    renamed = names.get(field)
    if renamed is not None:
        value = cells.get(_squashed(renamed))
        if renamed == "ObjectName" and names is REGISTRY and value is not None:
            value = f"{value}\\{cells.get('objectvaluename', '')}"
        return None if value is None else VALUES.get(value, value)
    if field.casefold() in SYSTEM:
        value = cells.get(f"@{SYSTEM[field.casefold()]}")
        return value if value is not None else cells.get(_squashed(field))
    return cells.get(_squashed(field))


def _squashed(name: str) -> str:
    return name.casefold().replace(" ", "").replace("_", "")
