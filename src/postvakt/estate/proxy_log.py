"""HttpProxy logs of a synthetic server: what the front end sent where, a folder for each protocol."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack
from postvakt.estate.people import HEALTH_MAILBOX, NETBIOS, USERS
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ServerPlan
from postvakt.estate.text_log import EXCHANGE, Line, daily, exchange_header, hours, stamp

HEADER = (
    "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,Protocol,"
    "UrlHost,UrlStem,ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,Organization,"
    "AnchorMailbox,UserAgent,ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method,"
    "ProxyAction,TargetServer,TargetServerVersion,RoutingType,RoutingHint,BackEndCookie,"
    "ServerLocatorHost,ServerLocatorLatency,RequestBytes,ResponseBytes,TargetOutstandingRequests,"
    "TotalRequestTime,UrlQuery,BackEndGenericInfo,GenericInfo,GenericErrors"
)
FIELDS = HEADER.split(",")

PROBE_AGENT = "AMProbe/Local/ClientAccess"
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML  like Gecko) Chrome/88.0.4324.190 "
    "Safari/537.36"
)
PATHS = {
    "Owa": "/owa/",
    "Ecp": "/ecp/",
    "Ews": "/ews/exchange.asmx",
    "Autodiscover": "/autodiscover/autodiscover.xml",
    "Mapi": "/mapi/emsmdb/",
}
"""The protocols, and the path that probes and people ask of each."""

OFFICE_HOURS = range(6, 19)


def proxy_logs(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files of every protocol."""
    for protocol in PATHS:
        folder = f"{EXCHANGE}/Logging/HttpProxy/{protocol}"
        yield from daily(
            server,
            _lines(server, protocol),
            path=lambda day, folder=folder: f"{folder}/HttpProxy_{day:%Y%m%d}00-1.LOG",  # type: ignore[misc]
            header=lambda day: exchange_header("HttpProxy Logs", day, FIELDS, server.build_at(day)),
        )


def _lines(server: ServerPlan, protocol: str) -> Iterator[Line]:
    dice = server.random(f"proxy {protocol}")
    for hour in hours(server):
        yield _probe(server, protocol, hour + timedelta(seconds=dice.randrange(5, 900)), dice)
        if hour.hour in OFFICE_HOURS and hour.weekday() < 5:
            yield _visit(server, protocol, hour + timedelta(seconds=dice.randrange(900, 3600)), dice)
    for step in attack.proxy_steps(server):
        if step.protocol == protocol:
            yield _attack(server, step, dice)


def _row(server: ServerPlan, instant: datetime, dice: random.Random, **given: object) -> Line:
    major, minor, build, revision = server.build_at(instant)
    row: dict[str, object] = {
        "DateTime": stamp(instant),
        "RequestId": uuid.UUID(int=dice.getrandbits(128), version=4),
        "MajorVersion": major,
        "MinorVersion": minor,
        "BuildVersion": build,
        "RevisionVersion": revision,
        "ServerHostName": server.name,
        "ProxyAction": "Proxy",
        "TargetServer": server.fqdn,
        "TargetServerVersion": f"{major}.{minor:02}.{build}.000",
        "RoutingType": "IntraForest",
        "TargetOutstandingRequests": 0,
        "TotalRequestTime": dice.randrange(4, 60),
        "GenericInfo": f"BeginRequest={stamp(instant)};CorrelationID=<empty>;ProxyState-Run=None;",
        **given,
    }
    return instant, ",".join([str(row.get(name, "")) for name in FIELDS])


def _probe(server: ServerPlan, protocol: str, instant: datetime, dice: random.Random) -> Line:
    return _row(
        server,
        instant,
        dice,
        Protocol=protocol,
        UrlHost="localhost",
        UrlStem=PATHS[protocol],
        AuthenticationType="Negotiate",
        IsAuthenticated="true",
        AuthenticatedUser=f"{NETBIOS}\\{HEALTH_MAILBOX.name}",
        AnchorMailbox=f"Sid~{HEALTH_MAILBOX.sid}",
        UserAgent=PROBE_AGENT,
        ClientIpAddress="127.0.0.1",
        HttpStatus=200,
        Method="GET",
        RoutingHint="WindowsIdentity",
        RequestBytes=0,
        ResponseBytes=421,
    )


def _visit(server: ServerPlan, protocol: str, instant: datetime, dice: random.Random) -> Line:
    person = dice.choice(USERS)
    return _row(
        server,
        instant,
        dice,
        Protocol=protocol,
        UrlHost="mail.corp.example",
        UrlStem=PATHS[protocol],
        AuthenticationType="FBA" if protocol in ("Owa", "Ecp") else "NTLM",
        IsAuthenticated="true",
        AuthenticatedUser=f"{NETBIOS}\\{person.name}",
        AnchorMailbox=f"Sid~{person.sid}",
        UserAgent=BROWSER,
        ClientIpAddress=f"198.51.100.{dice.randrange(1, 200)}",
        HttpStatus=200,
        BackEndStatus=200,
        Method=dice.choice(("GET", "POST")),
        RoutingHint="WindowsIdentity",
        RequestBytes=dice.randrange(0, 900),
        ResponseBytes=dice.randrange(200, 40_000),
    )


def _attack(server: ServerPlan, step: attack.ProxyStep, dice: random.Random) -> Line:
    return _row(
        server,
        server.at(step.minute),
        dice,
        Protocol=step.protocol,
        UrlHost="mail.corp.example",
        UrlStem=step.url,
        IsAuthenticated="false",
        AnchorMailbox=step.anchor,
        UserAgent=step.agent,
        ClientIpAddress=server.attacker,
        HttpStatus=step.status,
        BackEndStatus="" if step.backend_status is None else step.backend_status,
        Method=step.method,
        RoutingHint="X-BEResource-Cookie",
        RequestBytes=step.received,
        ResponseBytes=1290,
    )
