"""Any other log with a `#Fields` header: Exchange's protocol and service logs, FTP, Windows Firewall, CloudFront.

Rows are kept whole: what has no column is in `unmapped` under its own name. The columns are those that hold addresses,
accounts and commands in the logs of POP, IMAP, SMTP, agents and the audit queue, so that indicators reach them.
"""

from collections.abc import Iterator

import pyarrow as pa

from postvakt.artifacts.delimited import segments
from postvakt.artifacts.exchange_csv import STAMPS, texts
from postvakt.artifacts.fitting import Fields, Fitting, Stamps
from postvakt.artifacts.log_records import Header
from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.w3c import DayAndTime
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, Kind, TableSpec
from postvakt.tables.rows import Read, Reader

KINDS: dict[str, Kind] = {
    "c-ip": "ip", "s-ip": "ip", "src-ip": "ip", "dst-ip": "ip", "cIp": "ip", "sIp": "ip", "ClientIpAddress": "ip",
    "ClientIP": "ip", "remote-endpoint": "ip", "local-endpoint": "ip", "RemoteEndpoint": "ip", "LocalEndpoint": "ip",
    "EnteredOrgFromIP": "ip", "cs-username": "account", "user": "account", "AuthenticatedUser": "account",
    "UserKey": "account", "UserAgent": "user_agent", "cs(User-Agent)": "user_agent", "cs-uri-stem": "url_path",
    "UrlStem": "url_path", "P1FromAddress": "email", "Recipient": "email", "data": "message",
}  # fmt: skip

EXCHANGE_LOG = TableSpec(
    name="exchange_log",
    title="Other logs with a #Fields header",
    locator="line",
    columns=(
        Column("log_type", about="`#Log-type`, or `#Software` where there is none"),
        *texts(" ".join(KINDS), KINDS),
        *texts("command parameters context event Server Operation Workload"),
    ),
    split="log_type",
)

ARTIFACT = Artifact(
    name="exchange_log",
    title="Other Exchange logs and logs with a #Fields header",
    tables=("exchange_log",),
    where="%ExchangeInstallPath%\\Logging\\**\\*.LOG and TransportRoles\\Logs\\**\\*.LOG",
    paths=(r"/exchange server/v1[45]/(logging|transportroles/logs)/.+\.log$",),
    heads=(rb"(?i)\A#Software:[ \t]*Microsoft Exchange", rb"(?im)^#Fields:[ \t]*\S", rb"(?i)\A#Fields"),
    needs_content=True,
    rank=-10,
)


class _Either:
    """Stamps with a zone in Exchange's own logs, date and time in W3C's."""

    def __init__(self) -> None:
        self._stamps = Stamps(*STAMPS)
        self._days = DayAndTime()

    def read(self, header: Header, fields: Fields) -> tuple[pa.Array | None, tuple[str, ...]]:
        return (self._stamps if header.delimiter == "," else self._days).read(header, fields)


def parse(source: Source) -> Iterator[Read]:
    """Yield the rows of one log and what could not be read of it."""
    troubles = Troubles("exchange_log")
    fitting = Fitting(EXCHANGE_LOG, _Either(), troubles)
    is_exchange = False
    for segment in segments(source, troubles, fitting.wanted, STAMPS):
        fitted = fitting.fit(segment)
        told = segment.header.directives
        log_type = told.get("log-type") or told.get("software")
        fitted.columns["log_type"] = pa.repeat(pa.scalar(log_type, pa.string()), len(fitted.lines))
        is_exchange = is_exchange or told.get("software", "").startswith("Microsoft Exchange")
        yield from fitted.rows()
    if is_exchange:
        yield Clue(kind="role", value="exchange", basis="exchange_log")
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(EXCHANGE_LOG,), parse=parse)
