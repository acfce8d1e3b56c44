"""Registry hives of a synthetic Exchange server: small, with the keys that tell who it is and what runs on it."""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from postvakt.estate import intruder, operators, upkeep
from postvakt.estate.accounts_hives import sam, security
from postvakt.estate.deeds import Deed
from postvakt.estate.filetime import filetime
from postvakt.estate.machines import Language, windows_path
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, DOMAIN, INSTALLED_AT, ServerPlan, kept_at
from postvakt.estate.regf_log import unsaved
from postvakt.estate.regf_writer import EXPAND_SZ, Value, binary, dword, qword, regf, text, texts
from postvakt.estate.registry_tree import Tree

CONFIG = "C/Windows/System32/config"
SAVED_AT = ACQUIRED - timedelta(minutes=41)
AUTOMATIC, DISABLED = 2, 4
SHARED, OWN = 0x20, 0x10
"""Types of a service: in a program shared with others, in one of its own."""

EULA = "Software\\Sysinternals\\PsExec"


class Service(NamedTuple):
    """A service that matters, as the registry tells it."""

    key: str
    name: str
    program: str
    kind: int
    years: tuple[int, ...] = ()
    """The years of Exchange that have it; empty where all have."""


SERVICES = (
    Service("EventLog", "Windows Event Log",
            "%SystemRoot%\\System32\\svchost.exe -k LocalServiceNetworkRestricted", SHARED),
    Service("LanmanServer", "Server", "%SystemRoot%\\system32\\svchost.exe -k netsvcs", SHARED),
    Service("MSExchangeFrontEndTransport", "Microsoft Exchange Frontend Transport",
            '"{bin}MSExchangeFrontendTransport.exe"', OWN, (2013, 2016, 2019)),
    Service("MSExchangeHM", "Microsoft Exchange Health Manager",
            '"{bin}MSExchangeHMHost.exe"', OWN, (2013, 2016, 2019)),
    Service("MSExchangeIS", "Microsoft Exchange Information Store",
            '"{bin}Microsoft.Exchange.Store.Service.exe"', OWN),
    Service("MSExchangeTransport", "Microsoft Exchange Transport", '"{bin}MSExchangeTransport.exe"', OWN),
    Service("MSExchangeUM", "Microsoft Exchange Unified Messaging", '"{bin}umservice.exe"', OWN, (2010, 2013, 2016)),
    Service("MSExchangeUMCR", "Microsoft Exchange Unified Messaging Call Router",
            '"{bin}Microsoft.Exchange.UM.CallRouter.exe"', OWN, (2013, 2016)),
    Service("Sysmon64", "Sysmon64", "C:\\Windows\\Sysmon64.exe", OWN),
    Service("W3SVC", "World Wide Web Publishing Service", "%windir%\\system32\\svchost.exe -k iissvcs", SHARED),
    Service("WinDefend", "Windows Defender Service",
            '"%ProgramFiles%\\Windows Defender\\MsMpEng.exe"', OWN, (2016, 2019)),
)  # fmt: skip


def hives(server: ServerPlan) -> Iterator[Placed]:
    """Yield the hives. SYSTEM lies as on a running server: its last change stands in LOG1 alone."""
    saved, current = (_regf(_system(server, seen), "SYSTEM") for seen in (SAVED_AT, ACQUIRED))
    primary, log = unsaved(saved, current)
    services = tuple(deed.trace("registry_value") for deed in intruder.service_installed(server))
    yield Placed(f"{CONFIG}/SYSTEM", primary, SAVED_AT, services)
    yield Placed(f"{CONFIG}/SYSTEM.LOG1", log, ACQUIRED)
    yield Placed(f"{CONFIG}/SOFTWARE", _regf(_software(server), "SOFTWARE"), SAVED_AT)
    yield Placed(f"{CONFIG}/SAM", _regf(sam(server.machine.language), "SAM"), SAVED_AT)
    yield Placed(f"{CONFIG}/SECURITY", _regf(security(), "SECURITY"), SAVED_AT)
    accepted = tuple(intruder.licence_accepted(server))
    yield Placed(
        f"{CONFIG}/DEFAULT",
        _regf(_person(server, "C:\\Windows\\system32\\config\\systemprofile", accepted), "DEFAULT"),
        SAVED_AT,
        tuple(deed.trace("registry_value") for deed in accepted),
    )
    profile = server.machine.profile
    home = windows_path(profile)
    person = regf(_person(server, home).root, file_name=f"\\??\\{home}\\ntuser.dat")
    yield Placed(f"{profile}/NTUSER.DAT", person, SAVED_AT)


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
    tree.add(f"{control}\\TimeZoneInformation", *_zone(server.machine.language))
    tree.add(f"{control}\\ProductOptions", text("ProductType", "ServerNT"))
    tree.add(f"{control}\\Lsa", texts("Security Packages", '""'), dword("LimitBlankPasswordUse", 1))
    stopped = server.patched or INSTALLED_AT
    shutdown = binary("ShutdownTime", struct.pack("<Q", filetime(stopped)))
    tree.add(f"{control}\\Windows", shutdown, written=stopped)
    for service in SERVICES:
        if service.key == "Sysmon64" and not server.machine.has_sysmon:
            continue
        if not service.years or server.machine.release.year in service.years:
            program = service.program.format(bin=server.machine.install_path + "Bin\\")
            off = service.key in upkeep.disabled(server)
            values = _service(service.name, program, service.kind, start=DISABLED if off else AUTOMATIC)
            written = kept_at(server) if off else INSTALLED_AT
            tree.add(f"{services}\\{service.key}", *values, written=written)
    for installed in operators.services_installed(server):
        name, program = operators.BACKUP
        key = f"{services}\\ExampleBackup"
        tree.add(key, *_service(name, program, OWN), written=installed)
    for deed in intruder.service_installed(server):
        key = f"{services}\\{intruder.SERVICE}"
        tree.add(key, *_service(intruder.SERVICE, intruder.ENCRYPTOR, OWN), written=deed.time)
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


def _service(name: str, program: str, kind: int, start: int = AUTOMATIC) -> tuple[Value, ...]:
    return (
        text("DisplayName", name),
        text("ImagePath", program, EXPAND_SZ),
        text("ObjectName", "LocalSystem"),
        dword("Start", start),
        dword("Type", kind),
    )


def _zone(words: Language) -> tuple[Value, ...]:
    """A zone of Europe in winter: daylight saving from the last Sunday of March to the last of October."""
    return (
        dword("ActiveTimeBias", words.bias % 2**32),
        dword("Bias", words.bias % 2**32),
        dword("DaylightBias", -60 % 2**32),
        text("DaylightName", "@tzres.dll,-321"),
        binary("DaylightStart", struct.pack("<8H", 0, 3, 5, 2, 0, 0, 0, 0)),
        dword("DynamicDaylightTimeDisabled", 0),
        dword("StandardBias", 0),
        text("StandardName", "@tzres.dll,-322"),
        binary("StandardStart", struct.pack("<8H", 0, 10, 5, 3, 0, 0, 0, 0)),
        text("TimeZoneKeyName", words.zone),
    )


def _software(server: ServerPlan) -> Tree:
    tree = Tree(INSTALLED_AT)
    release = server.machine.release
    major, minor, number = release.windows_version.split(".")
    tree.add(
        "Microsoft\\Windows NT\\CurrentVersion",
        text("ProductName", release.windows),
        text("EditionID", "ServerStandard"),
        text("InstallationType", "Server"),
        text("CurrentVersion", "6.3" if major == "10" else f"{major}.{minor}"),
        text("CurrentBuild", number),
        text("CurrentBuildNumber", number),
        *((text("ReleaseId", release.windows_release),) if release.windows_release else ()),
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
        dword("MajorVersion", int(release.iis.split(".")[0])),
        dword("MinorVersion", int(release.iis.split(".")[1])),
        text("SetupString", f"IIS {release.iis}"),
        text("PathWWWRoot", "%SystemDrive%\\inetpub\\wwwroot", EXPAND_SZ),
    )
    _exchange(tree, server)
    if server.patched is not None:
        _patch(tree, server, server.patched)
    return tree


def _exchange(tree: Tree, server: ServerPlan) -> None:
    release = server.machine.release
    tree.add(
        f"Microsoft\\ExchangeServer\\{release.version.lower()}\\Setup",
        dword("MsiProductMajor", release.build[0]),
        dword("MsiProductMinor", release.build[1]),
        dword("MsiBuildMajor", release.msi[0]),
        dword("MsiBuildMinor", release.msi[1]),
        text("OwaVersion", ".".join(map(str, release.build))),
        text("MsiInstallPath", server.machine.install_path),
    )


def _patch(tree: Tree, server: ServerPlan, patched: datetime) -> None:
    """The two places that tell of an installed security update; Exchange 2010 has the second alone."""
    release = server.machine.release
    patch = release.patch
    title = f"Security Update for Exchange Server {release.year} {release.update} ({patch})"
    if release.year > 2010:
        tree.add(
            f"Microsoft\\Updates\\Exchange {release.year}\\{patch}",
            text("PackageName", title),
            text("InstalledDate", f"{patched:{server.machine.language.date}}"),
            written=patched,
        )
    else:
        title = f"Update Rollup 32 for Exchange Server 2010 Service Pack 3 ({patch})"
    tree.add(
        f"Microsoft\\Windows\\CurrentVersion\\Uninstall\\{{CD981244-E9B8-405A-9026-6AEB9DCEF1F1}}.{patch}",
        text("DisplayName", title),
        text("DisplayVersion", ".".join(map(str, release.build[:3]))),
        text("Publisher", "Microsoft Corporation"),
        written=patched,
    )


def _person(server: ServerPlan, profile: str, accepted: Iterable[Deed] = ()) -> Tree:
    """The hive of a profile in which nobody did much; `accepted` is who accepted PsExec's licence there."""
    tree = Tree(INSTALLED_AT)
    tree.add("Control Panel\\International", text("LocaleName", server.machine.language.locale))
    tree.add("Environment", text("TEMP", "%USERPROFILE%\\AppData\\Local\\Temp", EXPAND_SZ))
    tree.add("Software\\Microsoft\\Windows\\CurrentVersion\\Run")
    for deed in accepted:
        tree.add(EULA, dword("EulaAccepted", 1), written=deed.time)
    tree.add("Volatile Environment", text("USERPROFILE", profile))
    return tree
