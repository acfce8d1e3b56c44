"""The proofs that stand with our content: rows and samples, and the tables' rows made of them."""

import functools
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa

from postvakt import content, detect
from postvakt.commands import readers
from postvakt.content import library
from postvakt.model.table import TableSpec
from postvakt.tables.rows import schema

NOTES = ("table", "note", "deciding")
ROOT = library.here()


class Proof(msgspec.Struct, frozen=True):
    """One line of a rule's hit.jsonl or miss.jsonl."""

    rule: str
    slug: str
    line: int
    table: str
    deciding: tuple[str, ...]
    row: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.slug}:{self.line}"


@functools.cache
def plan() -> detect.Plan:
    """Everything of ours, compiled once."""
    own = content.load()
    sigma, yara, indicators = (
        [detect.RuleText(text.path, text.text, "own") for text in texts]
        for texts in (own.rules, own.yara, own.indicators)
    )
    return detect.compile_plan(sigma, yara, indicators, list(readers.TABLES.values()))


@functools.cache
def matcher() -> detect.Matcher:
    """The matcher over everything of ours."""
    return detect.Matcher(plan(), list(readers.TABLES.values()))


def proofs(name: str) -> list[Proof]:
    """Return the lines of every rule's `hit.jsonl` or `miss.jsonl`."""
    return [proof for folder in library.children(ROOT / "rules") for proof in _lines(folder, name)]


def _lines(folder: Any, name: str) -> Iterator[Proof]:
    file = library.beside(folder, name)
    assert file is not None
    rule = library.parsed(library.text(folder / "rule.yml", folder.name))["id"]
    for number, line in enumerate(library.data(file, name).decode().splitlines(), 1):
        row = json.loads(line)
        yield Proof(rule, folder.name, number, row["table"], tuple(row.get("deciding", ())), fitted(row))


def fitted(row: dict[str, Any]) -> dict[str, Any]:
    """Return a line as a table's row: pairs as names and values, our notes left out."""
    return {name: _pairs(value) for name, value in row.items() if name not in NOTES}


def _pairs(value: Any) -> Any:
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return [{"name": name, "value": text} for name, text in value]
    return value


def mutants(proof: Proof) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the row with each deciding field emptied, and with another value in it."""
    for field in proof.deciding:
        column, _, pair = field.partition(".")
        before = proof.row[column]
        for kind, other in (
            ("emptied", None),
            ("another", before + 10_000 if isinstance(before, int) else "zz"),
        ):
            if isinstance(before, list) and isinstance(before[0], str):
                after: Any = other and [other]
            elif isinstance(before, list):
                after = [{**p, "value": other} if pair in ("", p["name"]) else p for p in before]
            else:
                after = other
            yield field, kind, {**proof.row, column: after}


def spec(table: str) -> TableSpec:
    """Return a table of the parsers."""
    return readers.TABLES[table]


def batch(table: str, row: dict[str, Any]) -> pa.RecordBatch:
    """Return one row as a part holds it."""
    return pa.RecordBatch.from_pylist([row], schema=schema(spec(table), stamped=True))


def matched(table: str, row: dict[str, Any]) -> set[str]:
    """Return the ids of the rules that the matcher finds in one row."""
    return {hit.rule for hit in matcher().match(table, batch(table, row))}


def explained(rule: str, table: str, row: dict[str, Any]) -> bool:
    """Tell whether `explain` says that a rule matches a row."""
    return detect.explain(plan(), rule, spec(table), batch(table, row).to_pylist()[0]).matches
