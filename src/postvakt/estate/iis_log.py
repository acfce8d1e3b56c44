"""IIS logs of a synthetic server: the front end's site and the back end's, W3C in UTC."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack
from postvakt.estate.people import HEALTH_MAILBOX, NETBIOS, machine
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ServerPlan
from postvakt.estate.proxy_log import PATHS, PROBE_AGENT
from postvakt.estate.text_log import Line, daily, hours

FOLDER = "C/inetpub/logs/LogFiles"
HEADER = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
)
FIELDS = HEADER.split()
FRONT, BACK = (1, 443), (2, 444)
"""Number and port of the two sites."""

ANSWERED = (200, 241)


def iis_logs(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files of both sites."""
    for number, port in (FRONT, BACK):
        folder = f"{FOLDER}/W3SVC{number}"
        lines = [*_visits(server, port), *(_attack_front(server) if port == 443 else _attack_back(server))]
        yield from daily(
            server,
            lines,
            path=lambda day, folder=folder: f"{folder}/u_ex{day:%y%m%d}.log",  # type: ignore[misc]
            header=_header,
        )


def _header(first: datetime) -> str:
    return (
        "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n"
        f"#Date: {first:%Y-%m-%d %H:%M:%S}\r\n#Fields: {HEADER}\r\n"
    )


def _row(server: ServerPlan, instant: datetime, **given: object) -> Line:
    """Field names that are no identifiers are given by `user_agent` for `cs(User-Agent)`, `_` for `-` elsewhere."""
    row: dict[str, object] = {
        "date": f"{instant:%Y-%m-%d}",
        "time": f"{instant:%H:%M:%S}",
        "s-ip": server.address,
        "s-port": 443,
        "sc-status": 200,
        "sc-substatus": 0,
        "sc-win32-status": 0,
        "time-taken": 15,
        **{NAMES.get(name, name.replace("_", "-")): value for name, value in given.items()},
    }
    return instant, " ".join([str(row.get(name, "-")).replace(" ", "+") for name in FIELDS])


NAMES = {"user_agent": "cs(User-Agent)"}


def _visits(server: ServerPlan, port: int) -> Iterator[Line]:
    dice = server.random(f"iis {port}")
    for hour in hours(server):
        for path in PATHS.values():
            yield _visit(server, hour + timedelta(seconds=dice.randrange(5, 3600)), path, port, dice)


def _visit(server: ServerPlan, instant: datetime, path: str, port: int, dice: random.Random) -> Line:
    request = uuid.UUID(int=dice.getrandbits(128), version=4)
    return _row(
        server,
        instant,
        cs_method="GET",
        cs_uri_stem=path,
        cs_uri_query=f"&CorrelationID=<empty>;&cafeReqId={request};",
        s_port=port,
        cs_username=f"{NETBIOS}\\{HEALTH_MAILBOX.name}",
        c_ip="127.0.0.1" if port == 443 else server.address,
        user_agent=PROBE_AGENT,
    )


def _attack_front(server: ServerPlan) -> Iterator[Line]:
    for step in attack.proxy_steps(server):
        yield _row(
            server,
            server.at(step.minute),
            cs_method=step.method,
            cs_uri_stem=step.url,
            cs_uri_query="&CorrelationID=<empty>;&cafeReqId=0f3f6c0e-1111-4222-8333-944455556666;",
            c_ip=server.attacker,
            user_agent=step.agent,
            sc_status=step.status,
        )
    for minute in attack.shell_requests(server):
        yield _row(
            server,
            server.at(minute),
            cs_method="POST",
            cs_uri_stem=attack.SHELL_PATH,
            c_ip=server.attacker,
            user_agent=attack.AGENTS[1],
        )


def _attack_back(server: ServerPlan) -> Iterator[Line]:
    """The back end sees what the front end sent on, in the name of the server itself."""
    for step in attack.proxy_steps(server):
        if step.status not in ANSWERED:
            continue
        stem, _, query = step.anchor.split(":444", 1)[1].rstrip("#").partition("?")
        yield _row(
            server,
            server.at(step.minute),
            cs_method=step.method,
            cs_uri_stem=stem,
            cs_uri_query=query or "-",
            s_port=444,
            cs_username=f"{NETBIOS}\\{machine(server).name}",
            c_ip=server.address,
            user_agent=step.agent,
            sc_status=step.status,
        )
