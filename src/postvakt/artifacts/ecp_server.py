"""ECP server logs: what the Exchange control panel was told to do, cmdlet by cmdlet.

`CMD` is where CVE-2021-27065 shows: `Set-OabVirtualDirectory.ExternalUrl='<script ...'`.
"""

from collections.abc import Iterator

from postvakt.artifacts.event_data import take_out
from postvakt.artifacts.exchange_csv import read
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

KEYS = {
    name: name
    for name in (
        "TIME",
        "SID",
        "CMD",
        "REQID",
        "URL",
        "REFERRER",
        "EX",
        "ACTID",
        "BLD",
        "TNAME",
        "TID",
        "USID",
    )
}

ECP_SERVER = TableSpec(
    name="ecp_server",
    title="What the Exchange control panel was told to do",
    locator="line",
    fields=tuple((f"S:{name}", name) for name in KEYS),
    columns=(
        Column("ServerName", kind="host", about="the server that writes the log"),
        Column("EventId", about="ECP.Request, ECP.LongRunning, ..."),
        Column("EventData", kind="message", about="all items, as they are written"),
        Column("TIME", about="milliseconds that it took"),
        Column("SID", about="session"),
        Column("CMD", kind="command_line", about="cmdlet and parameters"),
        Column("REQID"),
        Column("URL", kind="url", about="what the browser asked for"),
        Column("REFERRER", kind="url"),
        Column("EX", kind="message", about="exception"),
        Column("ACTID", about="activity, the same in the activity log"),
        Column("BLD", about="the server's build"),
        Column("TNAME"),
        Column("TID"),
        Column("USID"),
    ),
    host_column="ServerName",
    # Health probes ask the panel on working servers, not on all of them every hour.
    quiet_hours=24,
)

ARTIFACT = Artifact(
    name="ecp_server",
    title="Exchange ECP server logs",
    tables=("ecp_server",),
    where="%ExchangeInstallPath%\\Logging\\ECP\\Server\\ECPServer*.LOG",
    paths=(r"/logging/ecp/server/[^/]+\.log$", r"(^|[/_])ecpserver\d{8}-\d+\.log$"),
    heads=(rb"(?im)^#Log-type:[ \t]*ECP Server Log",),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the commands of one log, the builds it tells of, and what could not be read of it."""
    yield from read(source, ECP_SERVER, _make)


def _make(fitted: Fitted) -> None:
    take_out(fitted, "EventData", KEYS)


READER = Reader(artifact=ARTIFACT, tables=(ECP_SERVER,), parse=parse)
