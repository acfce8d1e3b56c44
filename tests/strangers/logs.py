"""Files of text logs: IIS, HttpProxy, and what Exchange writes beside it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TypeVar

from tests.strangers.days import HEALTH
from tests.strangers.ground import Gathered, Server
from tests.strangers.web import stamp

PROXY_NAMES = """
DateTime RequestId MajorVersion MinorVersion BuildVersion RevisionVersion ClientRequestId Protocol UrlHost
UrlStem ProtocolAction AuthenticationType IsAuthenticated AuthenticatedUser Organization AnchorMailbox
UserAgent ClientIpAddress ServerHostName HttpStatus BackEndStatus ErrorCode Method ProxyAction TargetServer
TargetServerVersion RoutingType RoutingHint BackEndCookie ServerLocatorHost ServerLocatorLatency
RequestBytes ResponseBytes TargetOutstandingRequests AuthModulePerfContext HttpPipelineLatency
CalculateTargetBackEndLatency GlsLatencyBreakup TotalGlsLatency AccountForestLatencyBreakup
TotalAccountForestLatency ResourceForestLatencyBreakup TotalResourceForestLatency ADLatency
SharedCacheLatencyBreakup TotalSharedCacheLatency ActivityContextLifeTime ModuleToHandlerSwitchingLatency
ClientReqStreamLatency BackendReqInitLatency BackendReqStreamLatency BackendProcessingLatency
BackendRespInitLatency BackendRespStreamLatency ClientRespStreamLatency KerberosAuthHeaderLatency
HandlerCompletionLatency RequestHandlerLatency HandlerToModuleSwitchingLatency ProxyTime CoreLatency
RoutingLatency HttpProxyOverhead TotalRequestTime RouteRefresherLatency UrlQuery BackEndGenericInfo
GenericInfo GenericErrors EdgeTraceId DatabaseGuid UserADObjectGuid PartitionEndpointLookupLatency
RoutingStatus
"""
PROXY = PROXY_NAMES.split()
NEWER = {
    "UrlHost",
    "RoutingType",
    "EdgeTraceId",
    "DatabaseGuid",
    "UserADObjectGuid",
    "PartitionEndpointLookupLatency",
    "RoutingStatus",
}
"""Fields that Exchange 2013 does not have."""

EWS_NAMES = """
DateTime RequestId MajorVersion MinorVersion BuildVersion RevisionVersion Ring ClientRequestId
AuthenticationType IsAuthenticated AuthenticatedUser Organization UserAgent VersionInfo ClientIpAddress
ServerHostName FrontEndServer SoapAction HttpStatus RequestSize ResponseSize ErrorCode ImpersonatedUser
ProxyAsUser ActAsUser Cookie CorrelationGuid PrimaryOrProxyServer TaskType LocalMailboxCount
TotalRequestTime GenericInfo GenericErrors
"""
EWS = EWS_NAMES.split()
OAB = ("DateTime", "RecordType", "TraceId", "OabGuid", "AddressListGuid", "Message")
Row = TypeVar("Row")
Files = Iterator[tuple[str, bytes, datetime]]


def text_logs(gathered: Gathered, *, bare: bool = False) -> Files:
    """Yield path, content and last change of every text log. `bare` begins HttpProxy files with the names alone."""
    yield from _iis(gathered)
    yield from _proxy(gathered, bare=bare)
    logging = f"{gathered.server.install}/Logging"
    kinds = {
        "ECP/Server/ECPServer": ("ECP Server Log", ["TimeStamp", "ServerName", "EventId", "EventData"]),
        "ECP/Activity/ECPActivity_7344_": (
            "ECP Activity Context Log",
            ["TimeStamp", "ServerName", "EventId", "EventData"],
        ),
        "Ews/Ews_": ("EWS Logs", EWS),
        "OABGeneratorLog/OABGen": ("OAB Generator Log", OAB),
    }
    for start, rows in gathered.text.items():
        kind, fields = kinds[start]
        hour = "00" if start.startswith(("Ews", "OAB")) else ""
        for day, told in _by(rows, 24):
            content = _head(gathered.server, kind, fields, day) + "".join(_line(row) for _, row in told)
            yield f"{logging}/{start}{day:%Y%m%d}{hour}-1.LOG", content.encode(), told[-1][0]


def _by(
    rows: Iterable[tuple[datetime, Row]], hours: int
) -> Iterator[tuple[datetime, list[tuple[datetime, Row]]]]:
    def begun(row: tuple[datetime, Row]) -> datetime:
        return row[0].replace(hour=row[0].hour // hours * hours, minute=0, second=0, microsecond=0)

    for start, group in groupby(sorted(rows, key=lambda row: row[0]), key=begun):
        yield start, list(group)


def _line(values: Sequence[object]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue()


def _head(server: Server, kind: str, fields: Sequence[str], first: datetime) -> str:
    version = "{:02}.{:02}.{:04}.{:03}".format(*server.build(max(first, server.builds[0][0])))
    return (
        f"#Software: Microsoft Exchange Server\r\n#Version: {version}\r\n#Log-type: {kind}\r\n"
        f"#Date: {stamp(first)}\r\n#Fields: {','.join(fields)}\r\n"
    )


def _iis(gathered: Gathered) -> Files:
    server = gathered.server
    fields = server.fields.split()
    suffix = "_x" if "X-Forwarded-For" in fields else ""
    for site, rows in gathered.iis.items():
        for day, told in _by(rows, 24):
            content = (
                f"#Software: Microsoft Internet Information Services {server.iis}\r\n#Version: 1.0\r\n"
                f"#Date: {told[0][0]:%Y-%m-%d %H:%M:%S}\r\n#Fields: {server.fields}\r\n"
            ) + "".join(
                " ".join(str(row.get(name, "-")).replace(" ", "+") for name in fields) + "\r\n"
                for _, row in told
            )
            yield (
                f"{server.inetpub}/logs/LogFiles/W3SVC{site}/u_ex{day:%y%m%d}{suffix}.log",
                content.encode(),
                told[-1][0],
            )


def _proxy(gathered: Gathered, *, bare: bool) -> Files:
    server = gathered.server
    old = server.builds[0][1][1] == 0
    fields = [name for name in PROXY if not (old and name in NEWER)]
    for protocol, rows in gathered.proxy.items():
        for start, told in _by(rows, server.hours_a_file):
            head = _head(server, "HttpProxy Logs", fields, start)
            content = (f"{','.join(fields)}\r\n{head}" if bare else head) + "".join(
                # The product puts a space where a value has a comma.
                ",".join(str(row.get(name, "")).replace(",", " ") for name in fields) + "\r\n"
                for _, row in told
            )
            name = f"HttpProxy_{start:%Y%m%d%H}-1.LOG"
            yield f"{server.install}/Logging/HttpProxy/{protocol}/{name}", content.encode(), told[-1][0]


def panel(
    gathered: Gathered, when: datetime, command: str, url: str, *, user: str = HEALTH, quoted: str = "item"
) -> None:
    """Add what the control panel's server did. A command with quotes is wrapped, as a whole item or its value alone."""
    server = gathered.server
    build = ".".join(map(str, server.build(when)))
    item = f"S:CMD={command}"
    if "'" in command:
        doubled = command.replace("'", "''")
        item = f"'S:CMD={doubled}'" if quoted == "item" else f"S:CMD='{doubled}'"
    data = (
        f"S:TIME={gathered.dice.randrange(9, 900)};S:SID={gathered.guid()};{item};"
        f"S:REQID=;S:URL={url};S:REFERRER=;S:EX=;"
        f"S:ACTID={gathered.guid()};S:RS=0;S:BLD={build};S:TNAME=<null>;S:TID=;S:USID={gathered.guid()};S:EDOID=;S:ACID="
    )
    gathered.text["ECP/Server/ECPServer"].append(
        (when, (stamp(when), server.name.upper(), "ECP.Request", data))
    )
    activity = (
        f"S:PSA=<PII>{user}@{server.dns}</PII>;S:URL=https://{server.fqdn}:444{url};S:Bld={build};S:ActID={gathered.guid()};"
        "Dbl:WLM.TS=16"
    )
    told = (when, (stamp(when), server.name.upper(), "Request", activity))
    gathered.text["ECP/Activity/ECPActivity_7344_"].append(told)


def ews(
    gathered: Gathered, when: datetime, action: str, *, user: str, client: str, agent: str, **given: object
) -> None:
    """Add one answered request to the log of Exchange Web Services."""
    server = gathered.server
    build = server.build(when)
    row: dict[str, object] = {
        "DateTime": stamp(when),
        "RequestId": gathered.guid(),
        "MajorVersion": build[0],
        "MinorVersion": build[1],
        "BuildVersion": build[2],
        "RevisionVersion": build[3],
        "Ring": "Unknown",
        "AuthenticationType": "Negotiate",
        "IsAuthenticated": "true",
        "AuthenticatedUser": user,
        "Organization": server.dns.upper(),
        "UserAgent": agent,
        "VersionInfo": "Target=None;Req=Exchange2013_SP1/Exchange2013_SP1;",
        "ClientIpAddress": client,
        "ServerHostName": server.name.upper(),
        "FrontEndServer": server.fqdn.upper(),
        "SoapAction": action,
        "HttpStatus": 200,
        "RequestSize": gathered.dice.randrange(500, 1900),
        "ResponseSize": gathered.dice.randrange(500, 90000),
        "ActAsUser": user,
        "CorrelationGuid": gathered.guid(),
        "PrimaryOrProxyServer": "PrimaryServer",
        "TaskType": "LocalTask",
        "LocalMailboxCount": 1,
        "TotalRequestTime": gathered.dice.randrange(4, 400),
        **given,
    }
    gathered.text["Ews/Ews_"].append((when, [row.get(name, "") for name in EWS]))


def book(gathered: Gathered, when: datetime, kind: str, message: str) -> None:
    """Add a line of the address book's generator."""
    row = (stamp(when), kind, gathered.guid(), "6c0d2f1e-77d1-4a40-8a0c-5b2f1f6c9a11", "", message)
    gathered.text["OABGeneratorLog/OABGen"].append((when, row))


def quiet(gathered: Gathered, begins: datetime | None = None) -> None:
    """Add what Exchange's own logs say every hour."""
    dice = gathered.server.dice("quiet")

    def ticks(hour: datetime) -> datetime:
        return hour + timedelta(seconds=dice.randrange(3599))

    for hour in gathered.server.hours(begins):
        panel(
            gathered,
            ticks(hour),
            "Get-InboxRule",
            "/ecp/RulesEditor/InboxRules.svc/GetList?msExchEcpCanary=x1f",
        )
        probe = f"{HEALTH}@{gathered.server.dns}"
        ews(
            gathered,
            ticks(hour),
            "GetFolder",
            user=probe,
            client="::1",
            agent="Ews_AM_Probe/Local (ExchangeServicesClient/15.01.2106.002)",
        )
        user = dice.choice(("mberg", "lsvens", "kholm"))
        mailbox = f"{user}@{gathered.server.dns}"
        ews(
            gathered,
            ticks(hour),
            dice.choice(("SyncFolderItems", "GetItem", "FindItem")),
            user=mailbox,
            client="203.0.113.77",
            agent="MacOutlook/16.46.21021202 (Intelx64 Mac OS X)",
        )
        if hour.hour % 8 == 4:
            path = "C:\\" + gathered.server.install[2:].replace("/", "\\")
            book(
                gathered,
                ticks(hour),
                "DebugTrace",
                f"Generating OAB files in {path}\\ClientAccess\\OAB\\Temp",
            )
        else:
            book(gathered, ticks(hour), "DebugTrace", "OABGeneratorAssistant: no mailbox is due")
