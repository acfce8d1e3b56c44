"""Registry hives: as much of SYSTEM and SOFTWARE as tells what server it is and how it keeps its secrets."""

from datetime import datetime

from postvakt.estate.regf_writer import EXPAND_SZ, Key, Value, dword, regf, text, texts
from tests.strangers.ground import Gathered

SERVICES = (
    ("MSExchangeHM", "Bin\\MSExchangeHMHost.exe"),
    ("MSExchangeIS", "Bin\\Microsoft.Exchange.Store.Service.exe"),
    ("MSExchangeTransport", "Bin\\MSExchangeTransport.exe"),
    ("W3SVC", ""),
)


def hives(gathered: Gathered, installed: datetime) -> None:
    """Place SYSTEM and SOFTWARE, quiet since the last start."""
    server = gathered.server

    def key(name: str, *values: Value, keys: tuple[Key, ...] = ()) -> Key:
        return Key(name=name, written=installed, values=values, keys=keys)

    install = f"{server.install[0]}:\\" + server.install[2:].replace("/", "\\")
    services = tuple(
        key(
            name,
            dword("Start", 2),
            dword("Type", 16),
            text(
                "ImagePath",
                f'"{install}\\{path}"' if path else "%windir%\\system32\\svchost.exe -k iissvcs",
                EXPAND_SZ,
            ),
        )
        for name, path in SERVICES
    )
    control = key(
        "Control",
        keys=(
            key("ComputerName", keys=(key("ComputerName", text("ComputerName", server.name.upper())),)),
            key(
                "TimeZoneInformation",
                text("TimeZoneKeyName", server.zone[0]),
                dword("ActiveTimeBias", server.zone[1] % 2**32),
                dword("Bias", server.zone[1] % 2**32),
            ),
            key(
                "Lsa",
                texts("Security Packages", '""'),
                texts("Authentication Packages", "msv1_0"),
                texts("Notification Packages", "rassfm", "scecli"),
                dword("LimitBlankPasswordUse", 1),
            ),
            key(
                "SecurityProviders",
                text("SecurityProviders", "credssp.dll"),
                keys=(key("WDigest", dword("Debuglevel", 0)),),
            ),
        ),
    )
    tcpip = key(
        "Tcpip",
        keys=(
            key(
                "Parameters",
                text("Hostname", server.name),
                text("Domain", server.dns),
                text("NV Hostname", server.name),
            ),
        ),
    )
    system = key(
        "ROOT",
        keys=(
            key("Select", dword("Current", 1), dword("Default", 1), dword("LastKnownGood", 1)),
            key("ControlSet001", keys=(control, key("Services", keys=(*services, tcpip)))),
        ),
    )
    build = server.builds[0][1]
    setup = key(
        "Setup",
        text("MsiInstallPath", f"{install}\\"),
        text("OwaVersion", ".".join(map(str, build))),
        dword("MsiProductMajor", build[0]),
        dword("MsiProductMinor", build[1]),
        dword("MsiBuildMajor", build[2]),
        dword("MsiBuildMinor", build[3]),
    )
    windows = key(
        "Windows NT",
        keys=(
            key(
                "CurrentVersion",
                text("ProductName", "Windows Server 2016 Standard"),
                text("CurrentBuild", "14393"),
                text("SystemRoot", "C:\\Windows"),
            ),
        ),
    )
    exchange = key("ExchangeServer", keys=(key("v15" if build[0] == 15 else "v14", keys=(setup,)),))
    software = key("ROOT", keys=(key("Microsoft", keys=(exchange, windows)),))
    for name, tree in (("SYSTEM", system), ("SOFTWARE", software)):
        hive = regf(tree, file_name=f"\\SystemRoot\\System32\\Config\\{name}", sequence=77)
        gathered.put(f"{server.windows}/System32/config/{name}", hive, server.ends)
