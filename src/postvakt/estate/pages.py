"""Web folders, configuration and loose files of a synthetic Exchange server."""

from collections.abc import Iterator
from datetime import datetime

from postvakt.estate import attack
from postvakt.estate.placed import Placed
from postvakt.estate.plans import INSTALLED_AT, PATCHED_AT, ServerPlan
from postvakt.estate.text_log import EXCHANGE

ASPNET = "C/Windows/Microsoft.NET/Framework64/v4.0.30319/Temporary ASP.NET Files"
OWA_AUTH = (
    "errorFE.aspx",
    "expiredpassword.aspx",
    "logoff.aspx",
    "logon.aspx",
    "OutlookCN.aspx",
    "RedirSuiteServiceProxy.aspx",
    "signout.aspx",
    "GetIdToken.htm",
    "frowny.aspx",
)
"""What Microsoft puts into owa/auth; ecp/auth holds TimeoutLogout.aspx alone (compared over 133 builds)."""

COMPILED = f"{ASPNET}/root/e22c2559/92c7e946/discover.aspx.cdcab7d2.compiled"
DUMP = "C/Windows/Temp/lsass.dmp"


def pages(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files that a web server hands out, its configuration, and what an attacker left."""
    for path, text in _installed():
        yield Placed(path, text.encode(), INSTALLED_AT)
    touched = server.patched or INSTALLED_AT
    yield Placed("C/ExchangeSetupLogs/ExchangeSetup.log", _setup_log(server).encode(), touched)
    if server.scenario in ("attacked", "shell-unused"):
        shell = "C/inetpub/wwwroot/aspnet_client/" + attack.SHELL_NAME
        yield Placed(shell, attack.oab_dump().encode(), attack.shell_written(server))
    if server.scenario == "attacked":
        yield Placed(COMPILED, _compiled().encode(), server.at(31))
        yield Placed(DUMP, _dump(server), server.at(33.4))


def _installed() -> Iterator[tuple[str, str]]:
    for name in OWA_AUTH:
        yield f"{EXCHANGE}/FrontEnd/HttpProxy/owa/auth/{name}", _page(name)
    yield f"{EXCHANGE}/FrontEnd/HttpProxy/ecp/auth/TimeoutLogout.aspx", _page("TimeoutLogout")
    yield "C/inetpub/wwwroot/iisstart.htm", "<!DOCTYPE html>\r\n<title>IIS</title>\r\n"
    yield "C/inetpub/wwwroot/aspnet_client/system_web/4_0_30319/readme.txt", "\r\n"
    yield "C/Windows/System32/inetsrv/config/applicationHost.config", _application_host()
    yield f"{EXCHANGE}/TransportRoles/Shared/agents.config", _agents()


def _page(name: str) -> str:
    inherits = "Microsoft.Exchange.Pages." + name.split(".")[0]
    return (
        f'<%@ Page language="c#" AutoEventWireup="false" Inherits="{inherits}" %>\r\n'
        "<html><head><title>Outlook</title></head><body></body></html>\r\n"
    )


def _compiled() -> str:
    page = attack.SHELL_PATH
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        f'<preserve resultType="3" virtualPath="{page}" hash="ffffffffb21c5b24" filehash="4d2a1b" '
        'flags="110000" assembly="App_Web_q1z3kd0v" type="ASP.discover_aspx">\r\n'
        f'    <filedeps><filedep name="{page}" /></filedeps>\r\n</preserve>\r\n'
    )


def _dump(server: ServerPlan) -> bytes:
    """Return the head of a minidump and noise; it holds nobody's secrets."""
    dice = server.random("dump")
    return b"MDMP\x93\xa7\x00\x00" + dice.randbytes(4096)


def _application_host() -> str:
    root = "%SystemDrive%\\inetpub\\wwwroot"
    sites = "".join(
        f'<site name="{name}" id="{number}"><application path="/">'
        f'<virtualDirectory path="/" physicalPath="{root}" /></application>'
        f'<bindings><binding protocol="https" bindingInformation="*:{port}:" /></bindings></site>\r\n'
        for name, number, port in (("Default Web Site", 1, 443), ("Exchange Back End", 2, 444))
    )
    logs = '<logFile logFormat="W3C" directory="%SystemDrive%\\inetpub\\logs\\LogFiles" />'
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<configuration><system.applicationHost>\r\n'
        '<applicationPools><add name="MSExchangeOWAAppPool" /><add name="MSExchangeECPAppPool" />'
        f"</applicationPools>\r\n<sites>{sites}<siteDefaults>{logs}</siteDefaults></sites>\r\n"
        "</system.applicationHost></configuration>\r\n"
    )


def _agents() -> str:
    assembly = (
        "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\TransportRoles\\agents\\Hygiene\\"
        "Microsoft.Exchange.Transport.Agent.Malware.dll"
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\r\n'
        "<configuration><mexRuntime><monitoring /><agentList>\r\n"
        '<agent name="Malware Agent" baseType="Microsoft.Exchange.Data.Transport.Routing.RoutingAgentFactory" '
        'classFactory="Microsoft.Exchange.Transport.Agent.Malware.MalwareAgentFactory" '
        f'assemblyPath="{assembly}" enabled="true" />\r\n'
        "</agentList><settings /></mexRuntime></configuration>\r\n"
    )


def _setup_log(server: ServerPlan) -> str:
    lines = [_setup_run(INSTALLED_AT, server.build)]
    if server.patched is not None:
        lines.append(_setup_run(PATCHED_AT, server.build_at(PATCHED_AT)))
    return "".join(lines)


def _setup_run(instant: datetime, build: tuple[int, int, int, int]) -> str:
    stamp = f"[{instant:%m/%d/%Y %H:%M:%S}.0412] [0]"
    version = ".".join(str(part) for part in build)
    return (
        f"{stamp} **********************************************\r\n"
        f"{stamp} Starting Microsoft Exchange Server 2016 Setup\r\n"
        f"{stamp} **********************************************\r\n"
        f"{stamp} Local time zone: (UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna.\r\n"
        f"{stamp} Operating system version: Microsoft Windows NT 10.0.14393.0.\r\n"
        f"{stamp} Setup version: {version}.\r\n"
        f"{stamp} The Exchange Server setup operation completed successfully.\r\n"
    )
