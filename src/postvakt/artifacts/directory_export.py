"""Objects exported from Active Directory: LDIF as ldifde writes it, CSV as csvde does.

An address that an attacker wrote into a virtual directory stands in its object when the file is long gone.
"""

import base64
import binascii
import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from postvakt.artifacts.log_lines import blocks
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader, batches

DIRECTORY_OBJECT = TableSpec(
    name="directory_object",
    title="Objects exported from Active Directory",
    locator="line",
    logsources=(LogSource(product="exchange", service="directory_object"),),
    columns=(
        Column("dn", about="distinguished name"),
        Column("objectClass", "strings"),
        Column("cn"),
        Column("msExchExternalHostName", kind="url", about="a virtual directory's address from outside"),
        Column("msExchInternalHostName", kind="url"),
        Column("serialNumber", about="of a server: its version and build in words"),
        Column("versionNumber"),
        Column("networkAddress", "strings"),
        Column("sAMAccountName", kind="account"),
        Column("whenCreated", "time"),
        Column("whenChanged", "time"),
    ),
)
"""`time` is whenChanged; every other attribute is in `unmapped` under its own name, values joined by a line feed."""

ARTIFACT = Artifact(
    name="directory_export",
    title="Active Directory exports",
    tables=("directory_object",),
    where="*.ldf, *.ldif of ldifde; CSV of csvde",
    paths=(r"\.ldif?$", r"\.ldf$"),
    heads=(
        rb"(?i)\A\s*(?:version: \d+\s+)?(?:#[^\n]*\n\s*)*dn::? \S",
        rb'(?i)\A"?DN"?,[^\n]{0,400}?"?objectClass"?,',
    ),
)
MOST_ATTRIBUTES = 2000
LONGEST = 1 << 20
"""Characters of one value that are kept."""

_LISTS = frozenset(("objectClass", "networkAddress"))
_TIMES = frozenset(("whenCreated", "whenChanged"))
_SPELLED = {column.name.lower(): column.name for column in DIRECTORY_OBJECT.columns}
_OPERATIONS = frozenset(("changetype", "version", "control"))

Line = tuple[int, str]
Values = dict[str, list[str]]


def parse(source: Source) -> Iterator[Read]:
    """Yield the objects, and what could not be read."""
    troubles = Troubles("directory_export")
    yield from batches(DIRECTORY_OBJECT, _records(_lines(source, troubles), troubles))
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(DIRECTORY_OBJECT,), parse=parse)


def _lines(source: Source, troubles: Troubles) -> Iterator[Line]:
    for piece in blocks(source, troubles):
        for index, number in enumerate(piece.numbers.tolist()):
            yield number, piece.line(index).decode()


def _records(lines: Iterator[Line], troubles: Troubles) -> Iterator[dict[str, Any]]:
    first = next(lines, None)
    if first is None:
        return
    if first[1].lower().replace('"', "").startswith("dn,"):
        yield from _of_csv(first, lines, troubles)
    else:
        yield from _of_ldif(first, lines, troubles)


def _of_csv(header: Line, lines: Iterator[Line], troubles: Troubles) -> Iterator[dict[str, Any]]:
    names = next(csv.reader([header[1]]))
    for number, line in lines:
        if not line.strip():
            continue
        values = next(csv.reader([line]), [])
        if len(values) != len(names):
            troubles.note("unparsed", f"{len(values)} values under {len(names)} names", number)
        # csvde joins several values by semicolons, and writes bytes as X'...'.
        told = {n: v.split(";") if n in _LISTS else [v] for n, v in zip(names, values, strict=False) if v}
        dn = next((told.pop(name) for name in ("DN", "dn") if name in told), None)
        if dn is not None:
            yield _object(number, dn, told, troubles)


def _of_ldif(first: Line, lines: Iterator[Line], troubles: Troubles) -> Iterator[dict[str, Any]]:
    started: int | None = None
    dn: list[str] = []
    told: Values = {}
    for number, line in _unfolded(first, lines, troubles):
        if not line.strip():
            if started is not None:
                yield _object(started, dn, told, troubles)
            started, dn, told = None, [], {}
            continue
        if line.startswith("#") or line == "-":
            continue
        name, value = _attribute(line, number, troubles)
        if not name or name.lower() in _OPERATIONS:
            continue
        if name.lower() == "dn":
            if started is not None:
                yield _object(started, dn, told, troubles)
            started, dn, told = number, [value], {}
        elif started is None:
            troubles.note("unparsed", "an attribute of no object", number)
        elif len(told) < MOST_ATTRIBUTES or name in told:
            told.setdefault(name, []).append(value)
    if started is not None:
        yield _object(started, dn, told, troubles)


def _unfolded(first: Line, lines: Iterator[Line], troubles: Troubles) -> Iterator[Line]:
    """Yield lines with those that begin with a space put back onto the one before."""
    number, parts, size = first[0], [first[1]], 0
    for at, line in lines:
        if line.startswith(" "):
            if size < LONGEST:
                parts.append(line[1:])
                size += len(line)
            continue
        if size >= LONGEST:
            troubles.note("limited", f"a value of more than {LONGEST} characters; the rest was left", number)
        yield number, "".join(parts)
        number, parts, size = at, [line], 0
    yield number, "".join(parts)


def _attribute(line: str, number: int, troubles: Troubles) -> tuple[str, str]:
    name, found, value = line.partition(":")
    if not found or not name or name != name.strip():
        troubles.note("unparsed", "no attribute and value", number)
        return "", ""
    if not value.startswith(":"):
        return name, value.lstrip(" ")
    try:
        raw = base64.b64decode(value[1:].strip(), validate=True)
    except (binascii.Error, ValueError):
        troubles.note("unparsed", f"{name}: no base64", number)
        return name, value[1:].strip()
    return name, raw.decode("utf-8", "backslashreplace")


def _object(number: int, dn: list[str], told: Values, troubles: Troubles) -> dict[str, Any]:
    row: dict[str, Any] = {"locator": number, "dn": "".join(dn)}
    for name, values in told.items():
        column = _SPELLED.get(name.lower(), name)
        if column in _LISTS:
            row[column] = values
        elif column in _TIMES:
            row[column] = _instant(values[0], column, number, troubles)
        else:
            row[column] = "\n".join(values)[:LONGEST]
    row["time"] = row.get("whenChanged")
    return row


def _instant(text: str, name: str, number: int, troubles: Troubles) -> datetime | None:
    """Return a generalized time (`20210303064953.0Z`), None for what is none."""
    try:
        return datetime.strptime(text.split(".")[0].rstrip("Z"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        troubles.note("unparsed", f"{name} is no time", number)
        return None
