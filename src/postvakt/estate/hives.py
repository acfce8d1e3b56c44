"""Registry hives of a synthetic Exchange server: small, with the keys that tell who it is and what runs on it."""

import struct
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate.accounts_hives import sam, security
from postvakt.estate.filetime import filetime
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, DOMAIN, INSTALLED_AT, ServerPlan
from postvakt.estate.regf_log import unsaved
from postvakt.estate.regf_writer import EXPAND_SZ, Value, binary, dword, qword, regf, text, texts
from postvakt.estate.registry_tree import Tree

CONFIG = "C/Windows/System32/config"
PROFILE = "C/Users/Administrator"
EXCHANGE_BIN = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Bin\\"
SAVED_AT = ACQUIRED - timedelta(minutes=41)
PATCH = "KB5000871"
SHARED, OWN = 0x20, 0x10
"""Types of a service: in a program shared with others, in one of its own."""

SERVICES = (
    ("EventLog", "Windows Event Log", "%SystemRoot%\\System32\\svchost.exe -k LocalServiceNetworkRestricted", SHARED),
    ("LanmanServer", "Server", "%SystemRoot%\\system32\\svchost.exe -k netsvcs", SHARED),
    ("MSExchangeFrontEndTransport", "Microsoft Exchange Frontend Transport",
     f'"{EXCHANGE_BIN}MSExchangeFrontendTransport.exe"', OWN),
    ("MSExchangeHM", "Microsoft Exchange Health Manager", f'"{EXCHANGE_BIN}MSExchangeHMHost.exe"', OWN),
    ("MSExchangeIS", "Microsoft Exchange Information Store",
     f'"{EXCHANGE_BIN}Microsoft.Exchange.Store.Service.exe"', OWN),
    ("MSExchangeTransport", "Microsoft Exchange Transport", f'"{EXCHANGE_BIN}MSExchangeTransport.exe"', OWN),
    ("MSExchangeUM", "Microsoft Exchange Unified Messaging", f'"{EXCHANGE_BIN}umservice.exe"', OWN),
    ("Sysmon64", "Sysmon64", "C:\\Windows\\Sysmon64.exe", OWN),
    ("W3SVC", "World Wide Web Publishing Service", "%windir%\\system32\\svchost.exe -k iissvcs", SHARED),
    ("WinDefend", "Windows Defender Service", '"%ProgramFiles%\\Windows Defender\\MsMpEng.exe"', OWN),
)  # fmt: skip
"""Key, name, program and type of the services that matter."""


def hives(server: ServerPlan) -> Iterator[Placed]:
    """Yield the hives. SYSTEM lies as on a running server: its last change stands in LOG1 alone."""
    saved, current = (_regf(_system(server, seen), "SYSTEM") for seen in (SAVED_AT, ACQUIRED))
    primary, log = unsaved(saved, current)
    yield Placed(f"{CONFIG}/SYSTEM", primary, SAVED_AT)
    yield Placed(f"{CONFIG}/SYSTEM.LOG1", log, ACQUIRED)
    yield Placed(f"{CONFIG}/SOFTWARE", _regf(_software(server), "SOFTWARE"), SAVED_AT)
    yield Placed(f"{CONFIG}/SAM", _regf(sam(), "SAM"), SAVED_AT)
    yield Placed(f"{CONFIG}/SECURITY", _regf(security(), "SECURITY"), SAVED_AT)
    yield Placed(
        f"{CONFIG}/DEFAULT",
        _regf(_person("C:\\Windows\\system32\\config\\systemprofile"), "DEFAULT"),
        SAVED_AT,
    )
    person = regf(
        _person("C:\\Users\\Administrator").root, file_name="\\??\\C:\\Users\\Administrator\\ntuser.dat"
    )
    yield Placed(f"{PROFILE}/NTUSER.DAT", person, SAVED_AT)


def _regf(tree: Tree, name: str) -> bytes:
    return regf(tree.root, file_name=f"\\SystemRoot\\System32\\Config\\{name}", sequence=1183)


def _system(server: ServerPlan, seen: datetime) -> Tree:
    """`seen` is when the time service last noted the time: what a running server changes all day."""
    tree = Tree(INSTALLED_AT)
    control, services = "ControlSet001\\Control", "ControlSet001\\Services"
    tree.add(
        "Select", dword("Current", 1), dword("Default", 1), dword("Failed", 0), dword("LastKnownGood", 1)
    )
    tree.add(f"{control}\\ComputerName\\ComputerName", text("ComputerName", server.name))
    tree.add(f"{control}\\TimeZoneInformation", *_zone())
    tree.add(f"{control}\\ProductOptions", text("ProductType", "ServerNT"))
    tree.add(f"{control}\\Lsa", texts("Security Packages", '""'), dword("LimitBlankPasswordUse", 1))
    stopped = server.patched or INSTALLED_AT
    shutdown = binary("ShutdownTime", struct.pack("<Q", filetime(stopped)))
    tree.add(f"{control}\\Windows", shutdown, written=stopped)
    for key, name, program, kind in SERVICES:
        tree.add(
            f"{services}\\{key}",
            text("DisplayName", name),
            text("ImagePath", program, EXPAND_SZ),
            text("ObjectName", "LocalSystem"),
            dword("Start", 2),
            dword("Type", kind),
        )
    tree.add(
        f"{services}\\Tcpip\\Parameters",
        text("Hostname", server.name.lower()),
        text("NV Hostname", server.name.lower()),
        text("Domain", DOMAIN),
        text("NV Domain", DOMAIN),
    )
    tree.add(f"{services}\\EventLog\\Security", dword("MaxSize", 0x14000000))
    tree.add(
        f"{services}\\W32Time\\SecureTimeLimits",
        qword("SecureTimeEstimated", filetime(seen)),
        written=seen,
    )
    return tree


def _zone() -> tuple[Value, ...]:
    """The zone of Western Europe: daylight saving from the last Sunday of March to the last of October."""
    return (
        dword("ActiveTimeBias", -60 % 2**32),
        dword("Bias", -60 % 2**32),
        dword("DaylightBias", -60 % 2**32),
        text("DaylightName", "@tzres.dll,-321"),
        binary("DaylightStart", struct.pack("<8H", 0, 3, 5, 2, 0, 0, 0, 0)),
        dword("DynamicDaylightTimeDisabled", 0),
        dword("StandardBias", 0),
        text("StandardName", "@tzres.dll,-322"),
        binary("StandardStart", struct.pack("<8H", 0, 10, 5, 3, 0, 0, 0, 0)),
        text("TimeZoneKeyName", "W. Europe Standard Time"),
    )


def _software(server: ServerPlan) -> Tree:
    tree = Tree(INSTALLED_AT)
    tree.add(
        "Microsoft\\Windows NT\\CurrentVersion",
        text("ProductName", "Windows Server 2016 Standard"),
        text("EditionID", "ServerStandard"),
        text("InstallationType", "Server"),
        text("CurrentVersion", "6.3"),
        text("CurrentBuild", "14393"),
        text("CurrentBuildNumber", "14393"),
        text("ReleaseId", "1607"),
        dword("UBR", 3930),
        dword("InstallDate", int(INSTALLED_AT.timestamp())),
        text("SystemRoot", "C:\\Windows"),
    )
    tree.add(
        "Microsoft\\Windows NT\\CurrentVersion\\ProfileList\\S-1-5-18",
        text("ProfileImagePath", "%systemroot%\\system32\\config\\systemprofile", EXPAND_SZ),
    )
    tree.add(
        "Microsoft\\Windows\\CurrentVersion\\Run",
        text("SecurityHealth", "%windir%\\system32\\SecurityHealthSystray.exe", EXPAND_SZ),
    )
    tree.add(
        "Microsoft\\InetStp",
        dword("MajorVersion", 10),
        dword("MinorVersion", 0),
        text("SetupString", "IIS 10.0"),
        text("PathWWWRoot", "%SystemDrive%\\inetpub\\wwwroot", EXPAND_SZ),
    )
    major, minor, build, revision = server.build
    tree.add(
        "Microsoft\\ExchangeServer\\v15\\Setup",
        dword("MsiProductMajor", major),
        dword("MsiProductMinor", minor),
        dword("MsiBuildMajor", build),
        dword("MsiBuildMinor", 2),
        text("OwaVersion", f"{major}.{minor}.{build}.{revision}"),
        text("MsiInstallPath", "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\"),
    )
    if server.patched is not None:
        _patch(tree, server.patched)
    return tree


def _patch(tree: Tree, patched: datetime) -> None:
    """The two places that tell of an installed security update."""
    title = f"Security Update for Exchange Server 2016 Cumulative Update 18 ({PATCH})"
    day = f"{patched.month}/{patched.day}/{patched.year}"
    tree.add(
        f"Microsoft\\Updates\\Exchange 2016\\{PATCH}",
        text("PackageName", title),
        text("InstalledDate", day),
        written=patched,
    )
    tree.add(
        f"Microsoft\\Windows\\CurrentVersion\\Uninstall\\{{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}.{PATCH}",
        text("DisplayName", title),
        text("DisplayVersion", "15.1.2106"),
        text("Publisher", "Microsoft Corporation"),
        written=patched,
    )


def _person(profile: str) -> Tree:
    """The hive of a profile in which nobody did much."""
    tree = Tree(INSTALLED_AT)
    tree.add("Control Panel\\International", text("LocaleName", "en-GB"))
    tree.add("Environment", text("TEMP", "%USERPROFILE%\\AppData\\Local\\Temp", EXPAND_SZ))
    tree.add("Software\\Microsoft\\Windows\\CurrentVersion\\Run")
    tree.add("Volatile Environment", text("USERPROFILE", profile))
    return tree
