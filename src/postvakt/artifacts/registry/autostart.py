"""Where Windows looks for what it should start by itself, as a table: key, values, and what it means.

Source: MITRE ATT&CK T1547, T1546, T1556, T1003.001 and the Sigma rules for registry persistence name the places.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import Value
from postvakt.artifacts.registry.trace import Node, program_of, trace

Row = dict[str, Any]


class Spot(msgspec.Struct, frozen=True):
    """Keys relative to the hive's root (a name may end with `*`) and the values that count there; none: all."""

    key: str
    values: tuple[str, ...] = ()
    trace: str = "autostart"
    means: str = ""


_WINDOWS = "Microsoft\\Windows\\CurrentVersion"
_NT = "Microsoft\\Windows NT\\CurrentVersion"


def _run_keys(prefix: str) -> tuple[Spot, ...]:
    return tuple(
        Spot(f"{prefix}{software}{_WINDOWS}\\{name}", trace="run_key")
        for software in ("", "Wow6432Node\\")
        for name in ("Run", "RunOnce", "RunOnce\\Setup", "RunOnceEx\\*", "RunServices", "RunServicesOnce",
                     "Policies\\Explorer\\Run")
    )  # fmt: skip


SOFTWARE = (
    *_run_keys(""),
    Spot(
        f"{_NT}\\Winlogon",
        ("Shell", "Userinit", "Taskman", "VmApplet", "GinaDLL", "AppSetup", "System"),
        means="Winlogon",
    ),
    Spot(f"{_NT}\\Winlogon\\Notify\\*", ("DLLName",), means="Winlogon notification"),
    Spot(f"{_NT}\\Windows", ("AppInit_DLLs", "LoadAppInit_DLLs", "IconServiceLib"), means="AppInit"),
    Spot(f"Wow6432Node\\{_NT}\\Windows", ("AppInit_DLLs",), means="AppInit"),
    Spot(
        f"{_NT}\\Image File Execution Options\\*",
        ("Debugger", "GlobalFlag", "VerifierDlls"),
        means="image file execution options",
    ),
    Spot(
        f"Wow6432Node\\{_NT}\\Image File Execution Options\\*",
        ("Debugger",),
        means="image file execution options",
    ),
    Spot(f"{_NT}\\SilentProcessExit\\*", means="silent process exit monitoring"),
    Spot("Microsoft\\Windows\\Windows Error Reporting\\LocalDumps", means="crash dumps kept"),
    Spot("Microsoft\\Windows\\Windows Error Reporting\\LocalDumps\\*", means="crash dumps kept"),
    Spot("Microsoft\\Active Setup\\Installed Components\\*", ("StubPath",), means="Active Setup"),
    Spot("Microsoft\\NetSh", means="netsh helper"),
    Spot("Microsoft\\Command Processor", ("AutoRun",), means="command processor"),
    Spot("Microsoft\\Office*\\Excel\\Options", ("OPEN",), means="Office add-in"),
    Spot(f"{_WINDOWS}\\Explorer\\ShellServiceObjects\\*", means="shell service object"),
    Spot(f"{_WINDOWS}\\ShellServiceObjectDelayLoad", means="shell service object"),
    Spot(
        f"{_WINDOWS}\\Group Policy\\Scripts\\*\\*\\*", ("Script", "Parameters"), means="group policy script"
    ),
    Spot("Microsoft\\AMSI\\Providers\\*", means="AMSI provider"),
)
SYSTEM = (
    Spot(
        "ControlSet*\\Control\\Lsa",
        ("Security Packages", "Authentication Packages", "Notification Packages", "RunAsPPL", "LmCompatibilityLevel",
         "DisableRestrictedAdmin"),
        means="LSA",
    ),
    Spot("ControlSet*\\Control\\Lsa\\OSConfig", ("Security Packages",), means="LSA"),
    Spot("ControlSet*\\Control\\SecurityProviders", ("SecurityProviders",), means="security providers"),
    Spot("ControlSet*\\Control\\SecurityProviders\\WDigest", ("UseLogonCredential",), means="WDigest keeps passwords"),
    Spot("ControlSet*\\Control\\Session Manager", ("BootExecute", "Execute", "SetupExecute"), means="session manager"),
    Spot("ControlSet*\\Control\\Session Manager\\AppCertDlls", means="AppCert DLL"),
    Spot("ControlSet*\\Control\\Print\\Monitors\\*", ("Driver",), means="print monitor"),
    Spot("ControlSet*\\Control\\NetworkProvider\\Order", ("ProviderOrder",), means="network providers"),
    Spot("ControlSet*\\Control\\Terminal Server\\Wds\\rdpwd", ("StartupPrograms",), means="RDP start-up program"),
    Spot(
        "ControlSet*\\Control\\Terminal Server\\WinStations\\RDP-Tcp",
        ("InitialProgram", "fInheritInitialProgram", "PortNumber"),
        means="RDP",
    ),
    Spot("ControlSet*\\Control\\Terminal Server", ("fDenyTSConnections",), means="RDP"),
    Spot("ControlSet*\\Control\\SafeBoot", ("AlternateShell",), means="safe mode shell"),
    Spot("ControlSet*\\Services\\NTDS", ("LsaDbExtPt", "DirectoryServiceExtPt"), means="LSASS extension"),
    Spot("ControlSet*\\Services\\WinSock2\\Parameters", ("AutodialDLL",), means="Winsock"),
    Spot("Setup", ("CmdLine",), means="Windows setup"),
)  # fmt: skip
USER = (
    *_run_keys("Software\\"),
    Spot(f"Software\\{_NT}\\Winlogon", ("Shell", "Userinit"), means="Winlogon"),
    Spot(f"Software\\{_NT}\\Windows", ("Load", "Run"), means="Windows load and run"),
    Spot("Software\\Microsoft\\Command Processor", ("AutoRun",), means="command processor"),
    Spot("Environment", ("UserInitMprLogonScript", "COR_PROFILER", "COR_PROFILER_PATH"), means="environment"),
    Spot("Control Panel\\Desktop", ("SCRNSAVE.EXE",), means="screen saver"),
    Spot(
        "Software\\Sysinternals\\*",
        ("EulaAccepted",),
        trace="sysinternals",
        means="a tool's licence was accepted",
    ),
)
SPOTS: dict[str, tuple[Spot, ...]] = {"SOFTWARE": SOFTWARE, "SYSTEM": SYSTEM, "NTUSER": USER, "DEFAULT": USER}
"""The spots of each kind of hive."""

COMMANDS = frozenset((1, 2))
"""Types of a value that holds one command; several packages stand in a list, switches are numbers."""


def traces(root: Node, place: Place) -> Iterator[Row]:
    """Yield each value that stands at one of the places where things start by themselves."""
    for spot in SPOTS.get(place.kind, ()):
        wanted = frozenset(name.casefold() for name in spot.values)
        for node in root.match(spot.key):
            for name, value in node.values().items():
                if not wanted or name in wanted:
                    yield _row(spot, place, node, value)


def _row(spot: Spot, place: Place, node: Node, value: Value) -> Row:
    told = node.told(value)
    return trace(
        spot.trace,
        place,
        node,
        cell=value.offset,
        name=value.name,
        path="" if value.type not in COMMANDS else program_of(told),
        command=told,
        detail={"means": spot.means, "of": node.key.name if spot.key.endswith("*") else ""},
    )
