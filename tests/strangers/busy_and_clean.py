"""5: a clean server with what looks alike: an administrator's directories and export, a scan, an own page."""

import re
from datetime import datetime, timedelta

from tests.strangers import events, logs, web
from tests.strangers.ground import Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="PDX-MX-21",
    netbios="TIMBER",
    dns="timber.corp.example",
    address="192.0.2.121",
    seed=121,
    begins=at("03-01 00:00"),
    ends=at("03-10 18:00"),
    builds=((at("01-01 00:00"), (15, 1, 2176, 2)), (at("03-03 06:00"), (15, 1, 2176, 9))),
    zone=("Pacific Standard Time", 480),
    hours_a_file=1,
)
ADMIN, DESK = "adm.holt", "192.0.2.200"
SCANNER = "192.0.2.250"
SCANNER_AGENT = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0)"
OWN_PAGE = """<%@ Page Language="C#" %>
<%@ Import Namespace="System.IO" %>
<script runat="server">
    protected void Page_Load(object sender, EventArgs e)
    {
        Notice.Text = Server.HtmlEncode(File.ReadAllText(Server.MapPath("notice.txt")));
    }
</script>
<html><head><title>Mail status</title></head>
<body><form runat="server"><h1>Mail status</h1><asp:Label id="Notice" runat="server" /></form></body></html>
"""


def handed_in() -> HandIn:
    gathered = working(SERVER, sysmon=True)
    host = f"mail.{SERVER.dns}"
    changes = (
        (
            at("03-02 17:10:05"),
            "OWAVirtualDirectory",
            f"Set-OwaVirtualDirectory.InternalUrl='https://{host}/owa'"
            f".ExternalUrl='https://{host}/owa'.Identity='{SERVER.name}\\owa (Default Web Site)'",
        ),
        (
            at("03-02 17:12:40"),
            "OABVirtualDirectory",
            f"Set-OabVirtualDirectory.InternalUrl='https://{host}/OAB'"
            f".ExternalUrl='https://{host}/OAB'.Identity='{SERVER.name}\\OAB (Default Web Site)'",
        ),
        (
            at("03-02 17:14:11"),
            "EWSVirtualDirectory",
            f"Set-WebServicesVirtualDirectory.ExternalUrl='https://{host}/EWS/Exchange.asmx'"
            f".Identity='{SERVER.name}\\EWS (Default Web Site)'",
        ),
    )
    for when, schema, command in changes:
        url = f"/ecp/DDI/DDIService.svc/SetObject?msExchEcpCanary=b3f1tK&schema={schema}"
        web.visit(gathered, when - timedelta(minutes=1), "/ecp/", user=ADMIN, client=DESK)
        web.visit(
            gathered,
            when,
            "/ecp/DDI/DDIService.svc/SetObject",
            user=ADMIN,
            client=DESK,
            method="POST",
            query=f"msExchEcpCanary=b3f1tK&schema={schema}",
        )
        logs.panel(gathered, when, command, url, user=ADMIN)
        name, _, rest = command.partition(".")
        parameters = re.sub(r"(\w+)='([^']*)'\.?", r'-\1 "\2" ', rest).strip()
        events.cmdlet(gathered, when, name, parameters, user=ADMIN, pool="w3wp#MSExchangeECPAppPool")
    events.cmdlet(
        gathered,
        at("03-04 16:02"),
        "New-MailboxExportRequest",
        f'-Mailbox "poulsen@{SERVER.dns}" -FilePath "\\\\tim-fs-02\\leavers\\poulsen.pst" -Name "leaver poulsen"',
        user=ADMIN,
    )
    events.process(
        gathered,
        at("03-04 15:58"),
        "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
        '"C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe" -noexit -command '
        "\". 'C:\\Program Files\\Microsoft\\Exchange Server\\V15\\bin\\RemoteExchange.ps1'; "
        'Connect-ExchangeServer -auto -ClientApplication:ManagementShell "',
        "C:\\Windows\\explorer.exe",
        user=ADMIN,
        sysmon=True,
    )
    events.script(
        gathered,
        at("03-04 16:02"),
        f"New-MailboxExportRequest -Mailbox poulsen@{SERVER.dns} -FilePath \\\\tim-fs-02\\leavers\\poulsen.pst",
    )
    _scan(gathered, at("03-05 10:00"))
    own = f"{SERVER.inetpub}/wwwroot/status"
    gathered.put(f"{own}/default.aspx", OWN_PAGE.replace("\n", "\r\n").encode(), at("01-14 09:12"))
    gathered.put(f"{own}/notice.txt", b"All mail systems work.\r\n", at("03-01 07:00"))
    for hour in SERVER.hours():
        web.direct(
            gathered,
            hour + timedelta(minutes=11),
            "/status/default.aspx",
            client="192.0.2.77",
            agent="curl/7.55.1",
        )
    web.direct(gathered, at("03-03 16:20"), "/status/default.aspx", client=DESK, method="POST")
    return hand_in(gathered, "clear-since", "")


def _scan(gathered: Gathered, begun: datetime) -> None:
    """What the organisation's own scanner asks."""
    asked = (
        ("GET", "/owa/", "", 302),
        ("GET", "/owa/auth/logon.aspx", "url=https://mail.timber.corp.example/owa/&reason=0", 200),
        ("GET", "/ecp/", "", 302),
        ("GET", "/owa/auth/logon.aspx", "replaceCurrent=1&url=<script>alert(1)</script>", 200),
        ("GET", "/owa/auth/15.1.2176/scripts/premium/flogon.js", "", 200),
        ("GET", "/autodiscover/autodiscover.xml", "", 401),
        ("GET", "/EWS/Exchange.asmx", "", 401),
        ("GET", "/ecp/Current/exporttool/microsoft.exchange.ediscovery.exporttool.application", "", 200),
        ("OPTIONS", "/owa/", "", 302),
        ("POST", "/owa/auth.owa", "", 302),
        ("GET", "/ecp/nessus_is_probing_you", "", 302),
        ("GET", "/owa/../../windows/win.ini", "", 404),
        ("GET", "/rpc/", "", 401),
        ("GET", "/powershell", "", 401),
    )
    for number, (method, stem, query, status) in enumerate(asked):
        web.visit(
            gathered,
            begun + timedelta(seconds=3 * number),
            stem,
            client=SCANNER,
            agent=SCANNER_AGENT,
            method=method,
            query=query,
            status=status,
            proxied="exporttool" in stem,
            anchor="ServerVersion~Version 15.0 (Build 0.0)" if "exporttool" in stem else "",
        )
