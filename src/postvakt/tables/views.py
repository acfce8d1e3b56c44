"""The case as a database for people: its tables, and views over them that answer the usual questions.

The views are made from what each table says of its columns, so a new table is in them without a line here.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from postvakt.model.table import TableSpec
from postvakt.tables.case import Case
from postvakt.tables.rows import schema

COMMON: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("source.ip", ("ip",)),
    ("user.name", ("account", "email")),
    ("url.path", ("url_path", "url")),
    ("user_agent.original", ("user_agent",)),
    ("process.command_line", ("command_line",)),
    ("file.path", ("file_path", "file_name")),
    ("registry.path", ("registry_key",)),
    ("message", ("message",)),
)
"""Columns of the view `events` under their names in the Elastic Common Schema, and the kinds that fill them."""

PREFERRED = ("ClientIpAddress", "c-ip", "client-ip", "original-client-ip")
"""Of several addresses in a row the one that asked."""

PAIRED: Mapping[str, tuple[str, ...]] = {
    "source.ip": ("IpAddress", "SourceIp", "SourceAddress"),
    "user.name": ("TargetUserName", "User", "SubjectUserName"),
    "process.command_line": ("CommandLine", "ScriptBlockText", "ServiceFileName"),
    "file.path": ("NewProcessName", "Image", "TargetFilename", "ImagePath", "ProcessName"),
    "registry.path": ("TargetObject", "ObjectName"),
}
"""The same in the data of Windows events, first that is there."""

VIEWS: Mapping[str, str] = {
    "events": "every dated record of every table under common names (ECS), for a timeline",
    "web": "requests of IIS and of Exchange's front end side by side",
    "files": "files as they lie in the evidence, in the $MFT, the change journal and Prefetch",
    "registry": "keys and values of all hives together",
    "hosts": "which evidence and source belongs to which host",
}
"""What each view holds. `findings`, `matches`, `gaps` and `coverage` are what was concluded."""


def register(
    connection: duckdb.DuckDBPyConnection,
    specs: Sequence[TableSpec],
    case: Case | None,
    owners: Sequence[tuple[str, str, str]] = (),
) -> None:
    """Make tables and views known to a connection; empty ones without a case. `owners` are (evidence, source, host)."""
    for spec in specs:
        _table(connection, spec, case)
    columns = list(zip(*owners, strict=True)) or [(), (), ()]
    names = ("evidence", "source", "host")
    connection.register(
        "hosts",
        pa.table({name: pa.array(column, pa.string()) for name, column in zip(names, columns, strict=True)}),
    )
    for name, sql in _views({spec.name: spec for spec in specs}):
        connection.execute(f'create view "{name}" as {sql}')


def _table(connection: duckdb.DuckDBPyConnection, spec: TableSpec, case: Case | None) -> None:
    """A table of which nothing was read is there and empty: a question must not fail for want of evidence."""
    folder = case.path("tables", spec.name).absolute() if case else None
    if folder is not None and any(folder.rglob("*.parquet")):
        place = quoted(folder / "**" / "*.parquet")
        connection.execute(
            f'create view "{spec.name}" as select *{_made(spec)} from read_parquet({place}, union_by_name=true)'
        )
    else:
        connection.register(spec.name, schema(spec, stamped=True).empty_table())


def _made(spec: TableSpec) -> str:
    """Return what has columns that no part keeps made of those that they are made of."""
    made = [
        f'coalesce("{c.name}", nullif(concat_ws(\'?\', "{c.made_of[0]}", "{c.made_of[1]}"), \'\')) as "{c.name}"'
        for c in spec.columns
        if c.made_of
    ]
    return f" replace ({', '.join(made)})" if made else ""


def _views(specs: Mapping[str, TableSpec]) -> Iterator[tuple[str, str]]:
    dated = [_narrow(spec) for spec in specs.values() if spec.name != "file"]
    yield "events", _owned(" union all ".join(dated))
    yield "web", _owned(WEB)
    yield "files", _owned(FILES)
    yield "registry", _owned(REGISTRY)


def _owned(sql: str) -> str:
    return f"select h.host, v.* from ({sql}) v left join hosts h using (evidence, source)"


def _narrow(spec: TableSpec) -> str:
    """Return a table's rows under common names: of each the first column of its kinds that has a value."""
    columns = ", ".join(f'{_first(spec, name, kinds)} as "{name}"' for name, kinds in COMMON)
    action = f'"{spec.split}"' if spec.split else "null"
    code = '"EventID"' if spec.column("EventID") else "null::bigint"
    return (
        f'select time, \'{spec.name}\' as "event.dataset", {action}::varchar as "event.provider", '
        f'{code} as "event.code", {columns}, evidence, source, locator from "{spec.name}" where time is not null'
    )


def _first(spec: TableSpec, name: str, kinds: tuple[str, ...]) -> str:
    plain = [column.name for column in spec.columns if column.kind in kinds and column.type == "string"]
    plain.sort(key=lambda column: column not in PREFERRED)
    told = [f"nullif(\"{column}\", '')" for column in plain]
    for column in (c.name for c in spec.columns if c.type == "pairs"):
        told += [
            f"""list_filter("{column}", lambda p: p.name = '{paired}')[1].value"""
            for paired in PAIRED.get(name, ())
        ]
        if name == "message":
            told.append(f"""array_to_string(list_transform("{column}", lambda p: p.value), ' | ')""")
    return f"coalesce({', '.join(told)}, null)::varchar" if told else "null::varchar"


WEB = """
    select time, 'iis' as log, "c-ip" as ip, "cs-username" as account, "cs-method" as method,
           "cs-uri-stem" as path, "cs-uri-query" as query, "sc-status" as status, "cs(User-Agent)" as agent,
           null::varchar as target, "sc-bytes" as bytes_out, evidence, source, locator from iis
    union all
    select time, 'http_proxy', "ClientIpAddress", "AuthenticatedUser", "Method", "UrlStem", "UrlQuery",
           try_cast("HttpStatus" as bigint), "UserAgent", "TargetServer",
           try_cast("ResponseBytes" as bigint), evidence, source, locator from http_proxy
"""

FILES = """
    select time, 'file' as seen_in, path, size, sha256, null::varchar as what, evidence, source, locator from file
    union all
    select time, 'mft_entry', path, size, null, null, evidence, source, locator from mft_entry
    union all
    select time, 'usn_record', name, null, null, reason, evidence, source, locator from usn_record
    union all
    select time, 'prefetch', coalesce(path, executable), null, null, 'ran', evidence, source, locator from prefetch
"""

REGISTRY = """
    select time, hive, key, null::varchar as name, null::varchar as value, evidence, source, locator from registry_key
    union all
    select time, hive, key, name, value, evidence, source, locator from registry_value
"""


def quoted(path: Path) -> str:
    """Return a path as a text of SQL."""
    return "'" + str(path.absolute()).replace("'", "''") + "'"
