"""IIS logs of a synthetic server: the front end's site and the back end's, W3C in UTC."""

from collections.abc import Iterator
from datetime import datetime

from postvakt.estate import attack
from postvakt.estate.people import NETBIOS, machine
from postvakt.estate.placed import Made
from postvakt.estate.plans import ServerPlan
from postvakt.estate.text_log import Line, daily
from postvakt.estate.traffic import Visit, ordinary

HEADER = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "cs(Referer) sc-status sc-substatus sc-win32-status time-taken"
)
FIELDS = HEADER.split()
FRONT, BACK = (1, 443), (2, 444)
"""Number and port of the two sites."""


def iis_logs(server: ServerPlan) -> Iterator[Made]:
    """Yield the files of both sites; Exchange 2010 has one."""
    front, back = _lines(server)
    for (number, _), lines in ((FRONT, front), (BACK, back)):
        folder = f"{server.machine.drives.web_logs}/W3SVC{number}"
        yield from daily(
            server,
            lines,
            path=lambda day, folder=folder: f"{folder}/u_ex{day:%y%m%d}.log",  # type: ignore[misc]
            header=lambda first: _header(server, first),
        )


def _lines(server: ServerPlan) -> tuple[list[Line], list[Line]]:
    """Return the lines of the front end and of the back end, in no order."""
    front, back = [*_attack_front(server)], [*_attack_back(server)]
    for visit in ordinary(server):
        front.append(_visit(server, visit, FRONT[1]))
        if visit.protocol:
            back.append(_visit(server, visit, BACK[1]))
    return front, back if server.machine.release.has_front_end_proxy else []


def _header(server: ServerPlan, first: datetime) -> str:
    return (
        f"#Software: Microsoft Internet Information Services {server.machine.release.iis}\r\n#Version: 1.0\r\n"
        f"#Date: {first:%Y-%m-%d %H:%M:%S}\r\n#Fields: {HEADER}\r\n"
    )


def _row(server: ServerPlan, instant: datetime, **given: object) -> str:
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
    return " ".join([str(row.get(name, "-")).replace(" ", "+") for name in FIELDS])


NAMES = {"user_agent": "cs(User-Agent)"}


def _visit(server: ServerPlan, visit: Visit, port: int) -> Line:
    """The back end sees the request as the front end sent it on, in the name of who asked."""
    marks = f"&CorrelationID=<empty>;&cafeReqId={visit.request};" if visit.protocol else ""
    text = _row(
        server,
        visit.time,
        cs_method=visit.method,
        cs_uri_stem=visit.path,
        cs_uri_query=f"{visit.query}{marks}" or "-",
        s_port=port,
        cs_username="-" if visit.account is None else f"{NETBIOS}\\{visit.account.name}",
        c_ip=visit.client if port == FRONT[1] else server.address,
        user_agent=visit.agent,
        sc_status=visit.status,
        time_taken=11 + visit.request.int % 180,
    )
    return Line(visit.time, text)


def _attack_front(server: ServerPlan) -> Iterator[Line]:
    for step in attack.proxy_steps(server):
        text = _row(
            server,
            step.time,
            cs_method=step.method,
            cs_uri_stem=step.url,
            cs_uri_query="&CorrelationID=<empty>;&cafeReqId=0f3f6c0e-1111-4222-8333-944455556666;",
            c_ip=step.actor.address,
            user_agent=step.agent,
            sc_status=step.status,
        )
        yield Line(step.time, text, step.trace("iis", "front-end"))
    for request in attack.shell_requests(server):
        text = _row(
            server,
            request.time,
            cs_method="POST",
            cs_uri_stem=request.path,
            c_ip=request.actor.address,
            user_agent=request.agent,
            sc_status=request.status,
        )
        yield Line(request.time, text, request.trace("iis", "shell"))


def _attack_back(server: ServerPlan) -> Iterator[Line]:
    """The back end sees what the front end sent on, in the name of the server itself."""
    for step in attack.proxy_steps(server):
        if step.backend_status is None:
            continue
        stem, _, query = step.anchor.split(":444", 1)[1].rstrip("#").partition("?")
        text = _row(
            server,
            step.time,
            cs_method=step.method,
            cs_uri_stem=stem,
            cs_uri_query=query or "-",
            s_port=444,
            cs_username=f"{NETBIOS}\\{machine(server).name}",
            c_ip=server.address,
            user_agent=step.agent,
            sc_status=step.status,
        )
        yield Line(step.time, text, step.trace("iis", "back-end"))
