"""The ordinary requests to a synthetic server: health probes, people and their phones, administrators, passers-by.

Told once, so that the front end's proxy log and the web logs of both sites say the same.
"""

import functools
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate.people import HEALTH_MAILBOX, OPERATOR, USERS, Account
from postvakt.estate.plans import ACQUIRED, ServerPlan

HOST = "mail.corp.example"
PROBE_AGENT = "AMProbe/Local/ClientAccess"
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/88.0.4324.190 "
    "Safari/537.36"
)
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.13628; Pro)"
PHONE = "Apple-iPhone12C1/1804.17"
CLIENT = "ExchangeServicesClient/15.00.0913.015"
OFFICE_HOURS = range(6, 19)


class Kind(msgspec.Struct, frozen=True):
    """One kind of request that people's programs send, and how often among a hundred."""

    protocol: str
    method: str
    path: str
    query: str
    agent: str
    share: int
    authentication: str = "NTLM"


KINDS = (
    Kind("Owa", "POST", "/owa/service.svc", "action=FindItem&EP=1&UA=0", BROWSER, 18, "FBA"),
    Kind("Owa", "GET", "/owa/", "", BROWSER, 6, "FBA"),
    Kind("Ecp", "GET", "/ecp/", "rfr=owa&p=Account", BROWSER, 2, "FBA"),
    Kind("Mapi", "POST", "/mapi/emsmdb/", "MailboxId=3f1c{number}@corp.example", OUTLOOK, 24),
    Kind("RpcHttp", "RPC_IN_DATA", "/rpc/rpcproxy.dll", "mail.corp.example:6001", "MSRPC", 8),
    Kind("Ews", "POST", "/EWS/Exchange.asmx", "", "MacOutlook/16.46.210", 6),
    Kind("Ews", "POST", "/EWS/Exchange.asmx", "", CLIENT, 4),
    Kind("Eas", "POST", "/Microsoft-Server-ActiveSync/default.eas",
         "Cmd=Ping&User={user}&DeviceId=APPL{number}&DeviceType=iPhone", PHONE, 20, "Basic"),
    Kind("Autodiscover", "POST", "/autodiscover/autodiscover.xml", "", OUTLOOK, 8),
    Kind("Oab", "GET", "/OAB/5d2c0f6e-7a11-4d55-9b4c-2a6c7f0e8d19/oab.xml", "", "Microsoft BITS/7.8", 4),
)  # fmt: skip
PROBED = {
    "Owa": "/owa/",
    "Ecp": "/ecp/",
    "Ews": "/ews/exchange.asmx",
    "Autodiscover": "/autodiscover/autodiscover.xml",
    "Mapi": "/mapi/emsmdb/",
    "Eas": "/Microsoft-Server-ActiveSync/default.eas",
    "Oab": "/OAB/",
    "PowerShell": "/powershell/",
    "RpcHttp": "/rpc/rpcproxy.dll",
}
"""The protocols, and the path that the health probes ask of each."""

PASSING = (
    ("GET", "/", 302),
    ("GET", "/robots.txt", 404),
    ("GET", "/favicon.ico", 404),
    ("GET", "/owa/auth/logon.aspx", 200),
    ("OPTIONS", "/", 200),
)
"""What crawlers and passers-by ask of any server on the Internet."""

BALANCER = "192.0.2.5"


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One ordinary request. Without a protocol only the web log tells of it; without an account nobody signed in."""

    time: datetime
    protocol: str
    method: str
    path: str
    query: str
    account: Account | None
    client: str
    agent: str
    status: int
    authentication: str
    host: str
    request: uuid.UUID


def protocols(server: ServerPlan) -> tuple[str, ...]:
    """Return the protocols that a server's version has."""
    return tuple(name for name in PROBED if name != "Mapi" or server.machine.release.has_front_end_proxy)


@functools.lru_cache(maxsize=2)
def ordinary(server: ServerPlan) -> tuple[Visit, ...]:
    """Return the ordinary requests of all hours that a server's busy logs cover, told once for the logs that ask."""
    hour = server.kept
    every: list[Visit] = []
    while hour < ACQUIRED:
        every += visits(server, hour)
        hour += timedelta(hours=1)
    return tuple(every)


def visits(server: ServerPlan, hour: datetime) -> Iterator[Visit]:
    """Yield the ordinary requests of one hour, the same whenever they are asked for."""
    dice = server.random(f"traffic {hour:%Y%m%d%H}")
    known = protocols(server)
    for protocol in known:
        yield _probe(protocol, _within(hour, dice), dice)
    busy = hour.hour in OFFICE_HOURS and hour.weekday() < 5
    kinds = [kind for kind in KINDS if kind.protocol in known]
    for kind in dice.choices(kinds, [kind.share for kind in kinds], k=dice.randrange(14, 26) if busy else 4):
        yield _visit(kind, dice.choice(USERS), _within(hour, dice), dice)
    if busy and hour.hour % 4 == 0:
        shell = Kind("PowerShell", "POST", "/powershell", "clientApplication=ManagementShell;PSVersion=5.1",
                     "Microsoft WinRM Client", 1, "Kerberos")  # fmt: skip
        yield _visit(shell, OPERATOR, _within(hour, dice), dice)
    for minute in (9, 29, 49):
        yield _unsigned(
            hour + timedelta(minutes=minute), "GET", "/owa/healthcheck.htm", 200, BALANCER, "-", dice
        )
    method, path, status = dice.choice(PASSING)
    client = f"198.51.100.{dice.randrange(1, 200)}"
    yield _unsigned(_within(hour, dice), method, path, status, client, BROWSER, dice)


def _within(hour: datetime, dice: random.Random) -> datetime:
    return hour + timedelta(seconds=dice.randrange(5, 3600))


def _request(dice: random.Random) -> uuid.UUID:
    return uuid.UUID(int=dice.getrandbits(128), version=4)


def _probe(protocol: str, instant: datetime, dice: random.Random) -> Visit:
    return Visit(
        time=instant,
        protocol=protocol,
        method="GET",
        path=PROBED[protocol],
        query="",
        account=HEALTH_MAILBOX,
        client="127.0.0.1",
        agent=PROBE_AGENT,
        status=200,
        authentication="Negotiate",
        host="localhost",
        request=_request(dice),
    )


def _visit(kind: Kind, person: Account, instant: datetime, dice: random.Random) -> Visit:
    number = person.sid.rpartition("-")[2]
    return Visit(
        time=instant,
        protocol=kind.protocol,
        method=kind.method,
        path=kind.path,
        query=kind.query.format(user=person.name, number=number),
        account=person,
        client=f"198.51.100.{dice.randrange(1, 200)}",
        agent=kind.agent,
        status=200,
        authentication=kind.authentication,
        host=HOST,
        request=_request(dice),
    )


def _unsigned(
    instant: datetime, method: str, path: str, status: int, client: str, agent: str, dice: random.Random
) -> Visit:
    return Visit(
        time=instant,
        protocol="",
        method=method,
        path=path,
        query="",
        account=None,
        client=client,
        agent=agent,
        status=status,
        authentication="",
        host=HOST,
        request=_request(dice),
    )
