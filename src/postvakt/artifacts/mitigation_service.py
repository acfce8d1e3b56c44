"""Logs of the Exchange emergency mitigation service: which mitigations it fetched, applied, removed, and what failed.

No sample of a whole file was at hand: the fields are read by their names, and the items (`S:LogLevel=`, `S:Message=`)
as administrators have quoted them.
"""

from collections.abc import Iterator

from postvakt.artifacts.event_data import take_out
from postvakt.artifacts.exchange_csv import read
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

KEYS = {"LOGLEVEL": "LogLevel", "MESSAGE": "Message", "SOURCE": "Source"}

MITIGATION_SERVICE = TableSpec(
    name="mitigation_service",
    title="What the Exchange emergency mitigation service did",
    locator="line",
    columns=(
        Column("ServerName", kind="host", about="the server that writes the log"),
        Column("EventId"),
        Column("EventData", kind="message", about="all items, as they are written"),
        Column("LogLevel", about="Information, Warning, Error"),
        Column("Message", kind="message"),
        Column("Source"),
    ),
    host_column="ServerName",
)

ARTIFACT = Artifact(
    name="mitigation_service",
    title="Exchange emergency mitigation service logs",
    tables=("mitigation_service",),
    where="%ExchangeInstallPath%\\Logging\\MitigationService\\*.log",
    paths=(r"/logging/mitigationservice/[^/]+\.log$",),
    heads=(rb"(?im)^#Log-type:.*Mitigation",),
    rank=20,
)

ALSO = {"data": "EventData", "customdata": "EventData", "eventdata": "EventData", "machinename": "ServerName"}


def parse(source: Source) -> Iterator[Read]:
    """Yield the steps of one log and what could not be read of it."""
    yield from read(source, MITIGATION_SERVICE, _make, ALSO)


def _make(fitted: Fitted) -> None:
    given = {name: column for name, column in fitted.columns.items() if name in KEYS.values()}
    take_out(fitted, "EventData", KEYS)
    # Where the file has such a field of its own, that is the one.
    fitted.columns |= given


READER = Reader(artifact=ARTIFACT, tables=(MITIGATION_SERVICE,), parse=parse)
