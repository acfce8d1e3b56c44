"""The list of Exchange servers by itself, for people, programs and spreadsheets."""

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from postvakt.model.clock import iso
from postvakt.model.inventory import ServerRow
from postvakt.report.csv_form import cell
from postvakt.report.text import spelled

HEADS = ("SERVER", "EXCHANGE", "HANDED IN", "BUILD", "INTERNET", "LAST SEEN", "NAMED BY")
COLUMNS = (
    "name", "exchange", "submitted", "host", "names", "addresses", "roles", "site", "group", "builds", "facing",
    "facing_basis", "sources", "first", "last", "told",
)  # fmt: skip
FACING = {"internet": "yes", "internal": "no", "unknown": "unknown"}


def as_text(rows: Sequence[ServerRow]) -> bytes:
    """Return a table with what is told of each server below it."""
    asked = [row for row in rows if row.exchange != "no"]
    handed_in = sum(row.submitted for row in asked)
    table = [HEADS, *(tuple(map(spelled, _cells(row))) for row in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(HEADS))]
    lines = [f"{handed_in} of {len(asked)} Exchange servers that the sources name were handed in.", ""]
    for row, line in zip((None, *rows), table, strict=True):
        lines.append("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        lines += [f"    {spelled(told)}" for told in (row.told if row else ())]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def as_json(rows: Sequence[ServerRow]) -> bytes:
    """Return the rows as the report's JSON form holds them, in an array."""
    return msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n"


def as_csv(rows: Sequence[ServerRow]) -> bytes:
    """Return a row for each server as UTF-8 with a byte order mark; several values of a cell are parted by bars."""
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = msgspec.structs.asdict(row) | {
            "submitted": "yes" if row.submitted else "no",
            "builds": [f"{source.build} ({source.says})" for source in row.sources if source.build],
            "sources": [f"{source.says}, {source.count}" for source in row.sources],
            "first": iso(row.first) or "",
            "last": iso(row.last) or "",
        }
        writer.writerow([cell(_joined(values[name])) for name in COLUMNS])
    return b"\xef\xbb\xbf" + written.getvalue().encode("utf-8", "backslashreplace")


FORMATS = {"text": as_text, "json": as_json, "csv": as_csv}


def _cells(row: ServerRow) -> tuple[str, ...]:
    return (
        row.name,
        row.exchange,
        "yes" if row.submitted else "no",
        max((source.build for source in row.sources), key=lambda build: build.count("."), default="")
        or "unknown",
        FACING[row.facing],
        f"{row.last:%Y-%m-%d %H:%M}" if row.last else "-",
        ", ".join(dict.fromkeys(source.kind for source in row.sources)),
    )


def _joined(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else " | ".join(value)
