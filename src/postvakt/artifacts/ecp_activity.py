"""ECP activity logs: each request to the Exchange control panel with who asked and what it cost."""

from collections.abc import Iterator

import pyarrow.compute as pc

from postvakt.artifacts.event_data import take_out
from postvakt.artifacts.exchange_csv import read
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

KEYS = {name: name for name in ("PSA", "URL", "BLD", "ACTID")}

ECP_ACTIVITY = TableSpec(
    name="ecp_activity",
    title="Requests to the Exchange control panel",
    locator="line",
    fields=(*((f"S:{name}", name) for name in KEYS), ("S:Bld", "BLD"), ("S:ActID", "ACTID")),
    columns=(
        Column("ServerName", kind="host", about="the server that writes the log"),
        Column("EventId", about="Request, GlobalActivity, ..."),
        Column("EventData", kind="message", about="all items, as they are written"),
        Column("PSA", kind="email", about="the mailbox, without the <PII> marks around it"),
        Column("URL", kind="url"),
        Column("BLD", about="the server's build"),
        Column("ACTID", about="activity, the same in the server log"),
    ),
    host_column="ServerName",
    quiet_hours=24,
)

ARTIFACT = Artifact(
    name="ecp_activity",
    title="Exchange ECP activity logs",
    tables=("ecp_activity",),
    where="%ExchangeInstallPath%\\Logging\\ECP\\Activity\\ECPActivity_*.LOG",
    paths=(r"/logging/ecp/activity/[^/]+\.log$", r"(^|[/_])ecpactivity_[^/]*\.log$"),
    heads=(rb"(?im)^#Log-type:[ \t]*ECP Activity Context Log",),
    rank=20,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the requests of one log, the builds it tells of, and what could not be read of it."""
    yield from read(source, ECP_ACTIVITY, _make)


def _make(fitted: Fitted) -> None:
    take_out(fitted, "EventData", KEYS)
    addresses = fitted.texts("PSA")
    if addresses is not None:
        fitted.columns["PSA"] = pc.replace_substring_regex(addresses, "</?PII>", "")


READER = Reader(artifact=ARTIFACT, tables=(ECP_ACTIVITY,), parse=parse)
