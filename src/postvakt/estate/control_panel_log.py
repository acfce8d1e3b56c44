"""Logs of the control panel's server side and of the address book's generator."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, operators
from postvakt.estate.placed import Made
from postvakt.estate.plans import ServerPlan
from postvakt.estate.text_log import Line, daily, exchange_header, hours, stamp
from postvakt.estate.traces import Trace

ECP_FIELDS = ("TimeStamp", "ServerName", "EventId", "EventData")
OAB_FIELDS = ("DateTime", "ThreadId", "LogLevel", "Organization", "Message")
LIST = "/ecp/RulesEditor/InboxRules.svc/GetList?msExchEcpCanary=x"
OAB_FINISHED = "Offline address book generation finished; 1 address list; 0 changes"


def control_panel_logs(server: ServerPlan) -> Iterator[Made]:
    """Yield the files of both logs. Exchange 2010 has neither."""
    if not server.machine.release.has_front_end_proxy:
        return
    logging = f"{server.machine.exchange}/Logging"
    yield from daily(
        server,
        _ecp_lines(server),
        path=lambda day: f"{logging}/ECP/Server/ECPServer{day:%Y%m%d}-1.LOG",
        header=lambda day: exchange_header("ECP Server Log", day, ECP_FIELDS, (15, 0, 0, 0)),
    )
    yield from daily(
        server,
        _oab_lines(server),
        path=lambda day: f"{logging}/OABGeneratorLog/OABGen{day:%Y%m%d}-1.LOG",
        header=lambda day: exchange_header("OABGenerator Log", day, OAB_FIELDS, server.build_at(day)),
    )


def _ecp_lines(server: ServerPlan) -> Iterator[Line]:
    dice = server.random("ecp")
    for hour in hours(server):
        yield _request(server, hour + timedelta(seconds=dice.randrange(60, 3000)), "Get-InboxRule", LIST)
    for administered in operators.cmdlets(server):
        if administered.panel is not None:
            yield _request(server, administered.time, *administered.panel)
    for request in attack.control_panel_requests(server):
        yield _request(server, request.time, request.command, request.url, request.trace("ecp_server"))


def _request(
    server: ServerPlan, instant: datetime, command: str, url: str, trace: Trace | None = None
) -> Line:
    build = ".".join(str(part) for part in server.build_at(instant))
    told = (
        f"S:TIME=13;S:SID=5c1d;S:CMD={command};S:REQID=;S:URL={url};S:EX=;S:RS=0;S:BLD={build};S:TNAME=<null>"
    )
    quoted = '"' + told.replace('"', '""') + '"' if '"' in told or "," in told else told
    return Line(instant, f"{stamp(instant)},{server.name},ECP.Request,{quoted}", trace)


def _oab_lines(server: ServerPlan) -> Iterator[Line]:
    for hour in hours(server):
        if hour.hour % 8 == 0:
            yield Line(hour, f"{stamp(hour)},17,Information,corp.example,{OAB_FINISHED}")
