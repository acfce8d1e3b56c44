"""What an installed Exchange server has in its web folders, its configuration and its logs of setup."""

from collections.abc import Iterator
from datetime import datetime

from postvakt.estate import upkeep
from postvakt.estate.machines import Build, windows_path
from postvakt.estate.placed import Placed
from postvakt.estate.plans import INSTALLED_AT, PATCHED_AT, ServerPlan, kept_at

OWA_AUTH = (
    "errorFE.aspx",
    "expiredpassword.aspx",
    "logoff.aspx",
    "logon.aspx",
    "OutlookCN.aspx",
    "RedirSuiteServiceProxy.aspx",
    "signout.aspx",
    "GetIdToken.htm",
)
"""What Microsoft puts into owa/auth; ecp/auth holds TimeoutLogout.aspx alone (compared over 133 builds)."""

OF_ITS_OWN = {2013: "SvmFeedback.aspx", 2016: "frowny.aspx", 2019: "frowny.aspx"}
"""The page in owa/auth that not every version has."""

OWA_AUTH_2010 = ("error.aspx", "expiredpassword.aspx", "logoff.aspx", "logon.aspx")
ROOT = "%SystemDrive%\\inetpub\\wwwroot"


def installed(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files of the installation, in no order."""
    for path, text in _files(server):
        changed = path == upkeep.CONFIG and "pools-stopped" in server.upkeep
        yield Placed(path, text.encode(), kept_at(server) if changed else INSTALLED_AT)
    touched = server.patched or INSTALLED_AT
    yield Placed("C/ExchangeSetupLogs/ExchangeSetup.log", _setup_log(server).encode(), touched)


def _files(server: ServerPlan) -> Iterator[tuple[str, str]]:
    exchange = server.machine.exchange
    release = server.machine.release
    if release.has_front_end_proxy:
        for name in (*OWA_AUTH, OF_ITS_OWN[release.year]):
            yield f"{exchange}/FrontEnd/HttpProxy/owa/auth/{name}", _page(name)
        yield f"{exchange}/FrontEnd/HttpProxy/ecp/auth/TimeoutLogout.aspx", _page("TimeoutLogout")
    else:
        for name in OWA_AUTH_2010:
            yield f"{exchange}/ClientAccess/Owa/auth/{name}", _page(name)
    yield "C/inetpub/wwwroot/iisstart.htm", "<!DOCTYPE html>\r\n<title>IIS</title>\r\n"
    yield "C/inetpub/wwwroot/aspnet_client/system_web/4_0_30319/readme.txt", "\r\n"
    yield upkeep.CONFIG, _application_host(server)
    yield f"{exchange}/TransportRoles/Shared/agents.config", _agents(server)


def _page(name: str) -> str:
    inherits = "Microsoft.Exchange.Pages." + name.split(".")[0]
    return (
        f'<%@ Page language="c#" AutoEventWireup="false" Inherits="{inherits}" %>\r\n'
        "<html><head><title>Outlook</title></head><body></body></html>\r\n"
    )


def _application_host(server: ServerPlan) -> str:
    ports = (("Default Web Site", 1, 443), ("Exchange Back End", 2, 444))
    sites = "".join(
        f'<site name="{name}" id="{number}"><application path="/">'
        f'<virtualDirectory path="/" physicalPath="{ROOT}" /></application>'
        f'<bindings><binding protocol="https" bindingInformation="*:{port}:" /></bindings></site>\r\n'
        for name, number, port in (ports if server.machine.release.has_front_end_proxy else ports[:1])
    )
    stopped = ' autoStart="false" startMode="OnDemand"' if "pools-stopped" in server.upkeep else ""
    folder = windows_path(server.machine.drives.web_logs)
    folder = folder.replace("C:\\inetpub", "%SystemDrive%\\inetpub")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<configuration><system.applicationHost>\r\n'
        f'<applicationPools><add name="MSExchangeOWAAppPool" /><add name="MSExchangeECPAppPool"{stopped} />'
        f'<add name="MSExchangeOABAppPool"{stopped} /></applicationPools>\r\n<sites>{sites}<siteDefaults>'
        f'<logFile logFormat="W3C" directory="{folder}" /></siteDefaults></sites>\r\n'
        "</system.applicationHost></configuration>\r\n"
    )


def _agents(server: ServerPlan) -> str:
    assembly = (
        f"{server.machine.install_path}TransportRoles\\agents\\Hygiene\\"
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
    lines = [_setup_run(server, INSTALLED_AT, server.build)]
    if server.patched is not None:
        lines.append(_setup_run(server, PATCHED_AT, server.build_at(PATCHED_AT)))
    return "".join(lines)


def _setup_run(server: ServerPlan, instant: datetime, build: Build) -> str:
    stamp = f"[{instant:%m/%d/%Y %H:%M:%S}.0412] [0]"
    release = server.machine.release
    return (
        f"{stamp} **********************************************\r\n"
        f"{stamp} Starting Microsoft Exchange Server {release.year} Setup\r\n"
        f"{stamp} **********************************************\r\n"
        f"{stamp} Local time zone: {server.machine.language.zone_name}.\r\n"
        f"{stamp} Operating system version: Microsoft Windows NT {release.windows_version}.0.\r\n"
        f"{stamp} Setup version: {'.'.join(map(str, build))}.\r\n"
        f"{stamp} The Exchange Server setup operation completed successfully.\r\n"
    )
