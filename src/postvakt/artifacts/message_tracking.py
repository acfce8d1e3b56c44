"""Message tracking logs: every message on its way through the server.

`server-hostname` names where a message went, which may be another server; only in RECEIVE events is it the one that
writes the log. So it is told as a clue of little weight and never mixes hosts.
"""

from collections import Counter
from collections.abc import Iterator

import pyarrow.compute as pc

from postvakt.artifacts.exchange_csv import read
from postvakt.artifacts.fitting import Fitted
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

MESSAGE_TRACKING = TableSpec(
    name="message_tracking",
    title="Messages on their way through the server",
    locator="line",
    columns=(
        Column("client-ip", kind="ip"),
        Column("client-hostname", kind="host"),
        Column("server-ip", kind="ip"),
        Column("server-hostname", kind="host", about="where the message went; the log's own server in RECEIVE events"),
        Column("source-context"),
        Column("connector-id"),
        Column("message-source", about="`source` of the log: SMTP, STOREDRIVER, ROUTING, ..."),
        Column("event-id", about="RECEIVE, SEND, DELIVER, FAIL, ..."),
        Column("internal-message-id", "int"),
        Column("message-id"),
        Column("network-message-id"),
        Column("recipient-address", "strings", kind="email"),
        Column("recipient-status"),
        Column("total-bytes", "int", unit="bytes", low=0),
        Column("recipient-count", "int", low=0),
        Column("related-recipient-address", kind="email"),
        Column("reference"),
        Column("message-subject"),
        Column("sender-address", kind="email"),
        Column("return-path", kind="email"),
        Column("message-info"),
        Column("directionality"),
        Column("tenant-id"),
        Column("original-client-ip", kind="ip"),
        Column("original-server-ip", kind="ip"),
        Column("custom-data"),
        Column("transport-traffic-type"),
        Column("log-id"),
        Column("schema-version"),
    ),
    fields=(("source", "message-source"),),
    # Probe messages pass every few minutes on a mailbox server, not on every other.
    quiet_hours=24,
)  # fmt: skip

ARTIFACT = Artifact(
    name="message_tracking",
    title="Exchange message tracking logs",
    tables=("message_tracking",),
    where="%ExchangeInstallPath%\\TransportRoles\\Logs\\MessageTracking\\MSGTRK*.LOG",
    paths=(r"/messagetracking/[^/]+\.log$", r"(^|[/_])msgtrk(m[ads])?\d{8,10}-\d+\.log$"),
    heads=(
        rb"(?im)^#Log-type:[ \t]*Message Tracking Log",
        rb"(?i)\A\"?date-time\"?,\"?client-ip\"?,\"?client-hostname\b",
    ),
    rank=20,
)


ALSO = {"source": "message-source"}
"""Every table has a `source` already: where the row was read."""


def parse(source: Source) -> Iterator[Read]:
    """Yield the events of one log, the servers that received messages, and what could not be read of it."""
    receivers = _Receivers()
    yield from read(source, MESSAGE_TRACKING, receivers.add, ALSO, {"recipient-address": ";"})
    yield from receivers.clues()


class _Receivers:
    """Servers that took messages in, by name."""

    most = 20

    def __init__(self) -> None:
        self._names: Counter[str] = Counter()

    def add(self, fitted: Fitted) -> None:
        events, servers = fitted.texts("event-id"), fitted.texts("server-hostname")
        if events is None or servers is None:
            return
        received = servers.filter(pc.fill_null(pc.equal(events, "RECEIVE"), False))
        for told in pc.value_counts(received.drop_null()).to_pylist():
            if told["values"] in self._names or len(self._names) < self.most:
                self._names[told["values"]] += told["counts"]

    def clues(self) -> Iterator[Clue]:
        basis = "message_tracking server-hostname of RECEIVE events"
        for name, count in sorted(self._names.items()):
            yield Clue(kind="host", value=name, weight=40, basis=basis, count=count)


READER = Reader(artifact=ARTIFACT, tables=(MESSAGE_TRACKING,), parse=parse)
