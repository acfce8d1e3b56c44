"""HttpProxy logs of a synthetic server: what the front end sent where, a folder for each protocol."""

import random
import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from postvakt.estate import attack, traffic
from postvakt.estate.deeds import ProxyStep
from postvakt.estate.people import NETBIOS
from postvakt.estate.placed import Made
from postvakt.estate.plans import ServerPlan
from postvakt.estate.text_log import Line, daily, exchange_header, stamp

HEADER = (
    "DateTime,RequestId,MajorVersion,MinorVersion,BuildVersion,RevisionVersion,ClientRequestId,Protocol,"
    "UrlHost,UrlStem,ProtocolAction,AuthenticationType,IsAuthenticated,AuthenticatedUser,Organization,"
    "AnchorMailbox,UserAgent,ClientIpAddress,ServerHostName,HttpStatus,BackEndStatus,ErrorCode,Method,"
    "ProxyAction,TargetServer,TargetServerVersion,RoutingType,RoutingHint,BackEndCookie,"
    "ServerLocatorHost,ServerLocatorLatency,RequestBytes,ResponseBytes,TargetOutstandingRequests,"
    "TotalRequestTime,UrlQuery,BackEndGenericInfo,GenericInfo,GenericErrors"
)
FIELDS = HEADER.split(",")
NOT_IN_2013 = ("RoutingType",)
"""A field that older builds do not write: a row's values are known by the header's names, never by their place."""


def proxy_logs(server: ServerPlan) -> Iterator[Made]:
    """Yield the files of every protocol. Exchange 2010 has none."""
    if not server.machine.release.has_front_end_proxy:
        return
    fields = [name for name in FIELDS if server.machine.release.year > 2013 or name not in NOT_IN_2013]
    lines = _lines(server, fields)
    for protocol in traffic.protocols(server):
        folder = f"{server.machine.exchange}/Logging/HttpProxy/{protocol}"
        yield from daily(
            server,
            lines[protocol],
            path=lambda day, folder=folder: f"{folder}/HttpProxy_{day:%Y%m%d}00-1.LOG",  # type: ignore[misc]
            header=lambda day: exchange_header("HttpProxy Logs", day, fields, server.build_at(day)),
        )


def _lines(server: ServerPlan, fields: list[str]) -> dict[str, list[Line]]:
    """Return the lines of each protocol."""
    dice = server.random("proxy")
    lines: dict[str, list[Line]] = defaultdict(list)
    for visit in traffic.ordinary(server):
        if visit.protocol:
            lines[visit.protocol].append(_visit(server, visit, fields, dice))
    for step in attack.proxy_steps(server):
        lines[step.protocol].append(_attack(server, step, fields, dice))
    return lines


def _row(
    server: ServerPlan, instant: datetime, fields: list[str], dice: random.Random, **given: object
) -> str:
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
    return ",".join([str(row.get(name, "")) for name in fields])


def _agent(agent: str) -> str:
    """The log separates its values by commas and writes an agent's own as spaces."""
    return agent.replace(",", " ")


def _visit(server: ServerPlan, visit: traffic.Visit, fields: list[str], dice: random.Random) -> Line:
    account = visit.account
    text = _row(
        server,
        visit.time,
        fields,
        dice,
        RequestId=visit.request,
        Protocol=visit.protocol,
        UrlHost=visit.host,
        UrlStem=visit.path,
        AuthenticationType=visit.authentication,
        IsAuthenticated="false" if account is None else "true",
        AuthenticatedUser="" if account is None else f"{NETBIOS}\\{account.name}",
        AnchorMailbox="" if account is None else f"Sid~{account.sid}",
        UserAgent=_agent(visit.agent),
        ClientIpAddress=visit.client,
        HttpStatus=visit.status,
        BackEndStatus=visit.status,
        Method=visit.method,
        RoutingHint="WindowsIdentity",
        RequestBytes=dice.randrange(0, 900),
        ResponseBytes=dice.randrange(200, 40_000),
        UrlQuery=visit.query,
    )
    return Line(visit.time, text)


def _attack(server: ServerPlan, step: ProxyStep, fields: list[str], dice: random.Random) -> Line:
    text = _row(
        server,
        step.time,
        fields,
        dice,
        Protocol=step.protocol,
        UrlHost=traffic.HOST,
        UrlStem=step.url,
        IsAuthenticated="false",
        AnchorMailbox=step.anchor,
        UserAgent=_agent(step.agent),
        ClientIpAddress=step.actor.address,
        HttpStatus=step.status,
        BackEndStatus="" if step.backend_status is None else step.backend_status,
        Method=step.method,
        RoutingHint="X-BEResource-Cookie",
        RequestBytes=step.received,
        ResponseBytes=1290,
    )
    return Line(step.time, text, step.trace("http_proxy"))
