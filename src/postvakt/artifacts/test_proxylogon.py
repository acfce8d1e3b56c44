"""What Microsoft's Test-ProxyLogon.ps1 left: its CSVs and lists, each named by what it reports.

They are another tool's words and are taken as such: a list that is empty or missing proves nothing (it looks for
dumps and archives only after another hit).
"""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from postvakt.artifacts.log_lines import blocks
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

TEST_PROXYLOGON = TableSpec(
    name="test_proxylogon",
    title="Results of Test-ProxyLogon.ps1",
    locator="line",
    columns=(
        Column("report", about="which of its lists: Cve-2021-26855, Cve-2021-27065-ResetVDir, LogAgeDays, other, ..."),
        Column("server", kind="host", about="as the file's name has it"),
        Column("DateTime"),
        Column("RequestId"),
        Column("ClientIPAddress", kind="ip"),
        Column("UrlHost", kind="host"),
        Column("UrlStem", kind="url_path"),
        Column("RoutingHint"),
        Column("UserAgent", kind="user_agent"),
        Column("AnchorMailbox"),
        Column("HttpStatus"),
        Column("text", kind="message", about="the row or line as it stands"),
    ),
)  # fmt: skip

REPORTS = (
    r"logagedays|other|cve-2021-26855|cve-2021-26857|cve-2021-26858(?:-downloadpaths)?"
    r"|cve-2021-27065(?:-resetvdir)?"
)
ARTIFACT = Artifact(
    name="test_proxylogon",
    title="Results of Test-ProxyLogon.ps1",
    tables=("test_proxylogon",),
    where="Test-ProxyLogonLogs\\<server>-*.csv, *.log",
    paths=(rf"(^|/)[^/]+-({REPORTS})\.(csv|log)$",),
    heads=(rb'"DateTime","RequestId","ClientIP(Address)?","UrlHost"',),
    rank=20,
)
NAME = re.compile(rf"(?P<server>[^/\\]+?)-(?P<report>{REPORTS})\.(?:csv|log)$", re.IGNORECASE)
SPELLED = {
    name.lower(): name
    for name in (
        "Cve-2021-26855", "Cve-2021-26857", "Cve-2021-26858", "Cve-2021-26858-DownloadPaths", "Cve-2021-27065",
        "Cve-2021-27065-ResetVDir", "LogAgeDays", "other",
    )
}  # fmt: skip
TYPE_LINE = "#TYPE "


def parse(source: Source) -> Iterator[Read]:
    """Yield the rows of one list, whose it is, and what could not be read."""
    troubles = Troubles("test_proxylogon")
    yield from batches(TEST_PROXYLOGON, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any] | Clue]:
    path = source.member.path
    named = NAME.search(path)
    report = SPELLED[named["report"].lower()] if named else SPELLED["cve-2021-26855"]
    base = {"time": None, "report": report, "server": named["server"] if named else None}
    if named:
        yield Clue(kind="host", value=named["server"], weight=20, basis="test_proxylogon file name")
    lines = _lines(source, troubles)
    rows = _listed(lines) if path.lower().endswith(".log") else _tabled(lines, troubles)
    for row in rows:
        yield {**base, **row, "time": _instant(row.get("DateTime"))}


def _lines(source: Source, troubles: Troubles) -> Iterator[tuple[int, str]]:
    for piece in blocks(source, troubles):
        for index, number in enumerate(piece.numbers.tolist()):
            line = piece.line(index).decode()
            if line.strip() and not line.startswith(TYPE_LINE):
                yield number, line


def _listed(lines: Iterator[tuple[int, str]]) -> Iterator[dict[str, Any]]:
    for number, line in lines:
        yield {"locator": number, "text": line}


def _tabled(lines: Iterator[tuple[int, str]], troubles: Troubles) -> Iterator[dict[str, Any]]:
    """Yield the rows of a CSV by its own header; a quoted value does not go on over lines in these lists."""
    header: list[str] | None = None
    for number, line in lines:
        try:
            values = next(csv.reader([line]))
        except csv.Error as why:
            troubles.note("unparsed", f"no CSV row: {why}; kept as text", number)
            yield {"locator": number, "text": line}
            continue
        if header is None:
            header = ["ClientIPAddress" if name == "ClientIP" else name for name in values]
            continue
        if len(values) != len(header):
            troubles.note("unparsed", f"{len(values)} values under {len(header)} field names", number)
        row = {
            name: value for name, value in zip(header, values, strict=False) if value and name not in RESERVED
        }
        yield {**row, "locator": number, "text": ",".join(values)}


RESERVED = ("time", "locator", "report", "server", "text", "unmapped")


def _instant(written: str | None) -> datetime | None:
    """Return a row's time where it is the log's own UTC stamp; PowerShell's local renderings name no zone."""
    if not written or not written.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


READER = Reader(artifact=ARTIFACT, tables=(TEST_PROXYLOGON,), parse=parse)
