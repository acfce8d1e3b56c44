"""SQL over the tables of a case, for people. Rules never run here."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from postvakt import content
from postvakt.commands import readers, work
from postvakt.errors import EvidenceError, UsageError
from postvakt.model.conclusion import HostConclusion
from postvakt.model.evidence import Member
from postvakt.model.hunt import Hunt
from postvakt.reason.report import Owners
from postvakt.tables import views
from postvakt.tables.case import Case

WIDEST_CELL = 120
"""Characters of a cell that the console table shows; the other formats give all of it."""

CONCLUSIONS = {
    "matches": "matches.parquet",
    "gaps": "gaps.parquet",
    "coverage": "coverage.parquet",
}


def query(root: Path, sql: str, form: str) -> bytes:
    """Return the answer to a question in SQL as bytes. Raises UsageError for what DuckDB refuses."""
    writers = {"table": _as_table, "csv": _as_csv, "json": _as_json, "parquet": _as_parquet}
    if form not in writers:
        raise UsageError(f"--format {form}: choose one of {', '.join(writers)}")
    connection = _connect(Case.open(root))
    try:
        answer = connection.sql(sql).to_arrow_table()
    except duckdb.Error as why:
        raise UsageError(f"the question cannot be asked: {' '.join(str(why).split())}") from why
    finally:
        connection.close()
    return writers[form](answer)


def hunt(root: Path, name: str, form: str) -> bytes:
    """Return the answer to a saved question. Raises UsageError for a name that none has."""
    hunts = {one.id: one for one in content.load().hunts}
    if name not in hunts:
        raise UsageError(f"--hunt {name}: there is no such hunt; there are {', '.join(hunts)}")
    return query(root, hunts[name].sql, form)


def faults(one: Hunt) -> Iterator[str]:
    """Yield what is wrong with a saved question: it is asked of a case in which nothing was read."""
    connection = duckdb.connect(":memory:")
    try:
        views.register(connection, list(readers.TABLES.values()), None)
        columns = tuple(connection.sql(one.sql).columns)
    except duckdb.Error as why:
        yield f"the question cannot be asked: {' '.join(str(why).split())}"
        return
    finally:
        connection.close()
    if columns != one.columns:
        yield f"columns: says {', '.join(one.columns)}; the answer has {', '.join(columns)}"


def _connect(case: Case) -> duckdb.DuckDBPyConnection:
    """Open a database in memory that sees the case's tables and nothing else of this machine."""
    connection = duckdb.connect(":memory:")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set allowed_directories = [?]", [str(case.root.absolute())])
    connection.execute("set enable_external_access = false")
    known = [(spec.name, spec.title) for spec in readers.TABLES.values()] + list(views.VIEWS.items())
    connection.register(
        "tables",
        pa.table({"name": [name for name, _ in known], "title": [title for _, title in known]}),
    )
    views.register(connection, list(readers.TABLES.values()), case, _owners(case))
    for name, file in CONCLUSIONS.items():
        path = case.path(file)
        if not path.is_file():
            raise EvidenceError(
                f"{path}: is missing; run the same `postvakt triage` again to finish the case"
            )
        connection.execute(f"create view {name} as select * from read_parquet({views.quoted(path)})")
    _conclusions(connection, case)
    connection.execute("set lock_configuration = true")
    return connection


def _owners(case: Case) -> list[tuple[str, str, str]]:
    """Return whose each source is that was read, as (evidence, source, host)."""
    members = [
        member
        for intake in case.read_json("intake.json", list[work.Intake])
        for member in case.lines(intake.file, Member)
    ]
    root_of = {(member.evidence, member.path): member.root for member in members if member.rooted}
    owners = Owners(case.read_json("hosts.json", list[HostConclusion]), root_of)
    return [
        (member.evidence, member.path, host)
        for member in members
        for host in owners.of(member.evidence, member.path)[:1]
    ]


def _conclusions(connection: duckdb.DuckDBPyConnection, case: Case) -> None:
    found = case.read_json("findings.json", dict[str, list[dict[str, Any]]])
    rows = [
        {"host": host, **{k: v for k, v in row.items() if k not in ("sample", "acknowledged")}}
        for host, findings in found.items()
        for row in findings
    ]
    names = (
        "host",
        "id",
        "rule",
        "title",
        "level",
        "confidence",
        "stage",
        "count",
        "first",
        "last",
        "explain",
    )
    columns = {name: [row.get(name) for row in rows] for name in names}
    types = {"count": pa.int64()}
    connection.register(
        "findings", pa.table({name: pa.array(columns[name], types.get(name, pa.string())) for name in names})
    )


def _as_csv(answer: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    flat = pa.table({name: _text(answer.column(name)) for name in answer.column_names})
    pacsv.write_csv(flat, sink)
    return bytes(sink.getvalue())


def _as_json(answer: pa.Table) -> bytes:
    lines = (json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in answer.to_pylist())
    return "".join(lines).encode("utf-8", "backslashreplace")


def _as_parquet(answer: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(answer, sink, compression="zstd")
    return bytes(sink.getvalue())


def _as_table(answer: pa.Table) -> bytes:
    names = answer.column_names
    rows = [
        [_cell(value) for value in row]
        for row in zip(*(_text(c).to_pylist() for c in answer.columns), strict=True)
    ]
    widths = [max([len(name), *(len(row[i]) for row in rows)]) for i, name in enumerate(names)]
    return "".join(_table_lines(names, rows, widths)).encode("utf-8", "backslashreplace")


def _table_lines(names: list[str], rows: list[list[str]], widths: list[int]) -> Iterator[str]:
    yield "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip() + "\n"
    yield "  ".join("-" * width for width in widths) + "\n"
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
    yield f"{len(rows)} row{'' if len(rows) == 1 else 's'}\n"


def _text(column: Any) -> pa.Array:
    """Return a column as text: lists and structs as JSON, times in ISO 8601."""
    if (
        pa.types.is_string(column.type)
        or pa.types.is_integer(column.type)
        or pa.types.is_boolean(column.type)
    ):
        return column.cast(pa.string())
    return pa.array([None if value is None else _one(value) for value in column.to_pylist()], pa.string())


def _one(value: object) -> str:
    if hasattr(value, "isoformat"):
        return str(value.isoformat()).replace("+00:00", "Z")
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _cell(value: str | None) -> str:
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value or "")
    return shown if len(shown) <= WIDEST_CELL else shown[: WIDEST_CELL - 3] + "..."
