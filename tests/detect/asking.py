"""Asking rules of rows: both readers of a plan have to give the same answer before a test hears it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from postvakt.detect import Matcher, Plan, RuleText, compile_plan, explain
from postvakt.tables.rows import schema, with_codes

from .tables import BY_NAME, TABLES

Row = Mapping[str, Any]

RULE_ID = "00000000-0000-4000-8000-000000000001"


def sigma(detection: str, logsource: str = "{product: windows}", rule: str = RULE_ID) -> str:
    """A Sigma rule's text around the lines of its detection."""
    lines = "\n".join(f"  {line}" for line in detection.strip("\n").splitlines())
    return f"title: a rule\nid: {rule}\nlogsource: {logsource}\ndetection:\n{lines}\n"


def indicator(pattern: str, **more: Any) -> str:
    """A STIX indicator's text around its pattern."""
    return json.dumps(
        {"type": "indicator", "id": "indicator--1", "pattern": pattern, "name": "an indicator", **more}
    )


def plan_of(*texts: str, origin: str = "pack") -> Plan:
    """Compile Sigma rules and indicators, told apart by how they begin."""
    named = [RuleText(path=f"text-{place}", text=text, origin=origin) for place, text in enumerate(texts)]
    stix = [text for text in named if text.text.startswith(("{", "["))]
    return compile_plan([text for text in named if text not in stix], [], stix, TABLES)


def event(channel: str | None, number: int | None, data: Any = (), **more: Any) -> dict[str, Any]:
    """An event; `data` is a mapping or a list of (name, value)."""
    listed = data.items() if isinstance(data, Mapping) else data
    pairs = [{"name": name, "value": value} for name, value in listed]
    return {"Channel": channel, "EventID": number, "EventData": pairs, **more}


def matching(plan: Plan, table: str, rows: Sequence[Row]) -> list[set[str]]:
    """The rules that match each row."""
    spec = BY_NAME[table]
    batch = pa.RecordBatch.from_pylist(list(rows), schema=schema(spec))
    found: list[set[str]] = [set() for _ in rows]
    hits = Matcher(plan, TABLES).match(table, batch)
    for hit in hits:
        found[hit.row].add(hit.rule)
    texts = {column.name for column in spec.columns if column.type == "string"}
    assert Matcher(plan, TABLES).match(table, with_codes(batch, texts)) == hits
    for row, rules in zip(batch.to_pylist(), found, strict=True):
        assert rules == {rule.id for rule in plan.rules if explain(plan, rule.id, spec, row).matches}
    return found


def is_matched(plan: Plan, table: str, *rows: Row) -> list[bool]:
    """Whether any rule matches each row."""
    return [bool(rules) for rules in matching(plan, table, rows)]
