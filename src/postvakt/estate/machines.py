"""What a synthetic server is: its Exchange with build and update, its Windows and language, the drives its logs lie on.

Builds and updates are those of Microsoft's build table; what Windows calls things in a language, Windows itself.
"""

from typing import Literal

import msgspec

Build = tuple[int, int, int, int]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One Exchange as it was installed, the March 2021 update for it, and the Windows that it runs on."""

    year: int
    update: str
    """Cumulative update or rollup, as the security update's title names it."""

    build: Build
    patched: Build
    windows: str
    windows_version: str
    windows_release: str
    iis: str
    powershell: str
    defender: bool = True
    unified_messaging: bool = True

    @property
    def version(self) -> str:
        """The name of the version's folder and registry key: V14, V15."""
        return f"V{self.build[0]}"

    @property
    def has_front_end_proxy(self) -> bool:
        """Exchange 2010 has no front end that sends requests on: no HttpProxy log, no second site."""
        return self.year > 2010

    @property
    def msi(self) -> tuple[int, int]:
        """Build and revision as the installer noted them: a rollup of Exchange 2010 does not change them."""
        return self.build[2:] if self.year > 2010 else (123, 4)

    @property
    def patch(self) -> str:
        """The number of the March 2021 update."""
        return "KB5000871" if self.year > 2010 else "KB5000978"


EXCHANGE_2016 = Release(
    year=2016,
    update="Cumulative Update 18",
    build=(15, 1, 2106, 2),
    patched=(15, 1, 2106, 13),
    windows="Windows Server 2016 Standard",
    windows_version="10.0.14393",
    windows_release="1607",
    iis="10.0",
    powershell="5.1.14393.3866",
)
EXCHANGE_2016_CU19 = msgspec.structs.replace(
    EXCHANGE_2016, update="Cumulative Update 19", build=(15, 1, 2176, 2), patched=(15, 1, 2176, 9)
)
EXCHANGE_2019 = Release(
    year=2019,
    update="Cumulative Update 7",
    build=(15, 2, 721, 2),
    patched=(15, 2, 721, 13),
    windows="Windows Server 2019 Standard",
    windows_version="10.0.17763",
    windows_release="1809",
    iis="10.0",
    powershell="5.1.17763.1490",
    unified_messaging=False,
)
EXCHANGE_2019_CU8 = msgspec.structs.replace(
    EXCHANGE_2019, update="Cumulative Update 8", build=(15, 2, 792, 3), patched=(15, 2, 792, 10)
)
EXCHANGE_2013 = Release(
    year=2013,
    update="Cumulative Update 23",
    build=(15, 0, 1497, 2),
    patched=(15, 0, 1497, 12),
    windows="Windows Server 2012 R2 Standard",
    windows_version="6.3.9600",
    windows_release="",
    iis="8.5",
    powershell="4.0",
    defender=False,
)
EXCHANGE_2010 = Release(
    year=2010,
    update="Service Pack 3",
    build=(14, 3, 509, 0),
    patched=(14, 3, 513, 0),
    windows="Windows Server 2008 R2 Standard",
    windows_version="6.1.7601",
    windows_release="",
    iis="7.5",
    powershell="2.0",
    defender=False,
)
RELEASES = (EXCHANGE_2016_CU19, EXCHANGE_2019, EXCHANGE_2013, EXCHANGE_2016, EXCHANGE_2019_CU8)
"""The releases that servers have in turn; Exchange 2010 has scenarios of its own."""


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """What Windows calls things in one language. Paths such as `C:\\Users` and `C:\\inetpub` are the same in all."""

    locale: str
    administrator: str
    guest: str
    default_account: str
    administrators: str
    remote_desktop_users: str
    system: str
    """The account of the system, with its authority."""

    running: str
    stopped: str
    severe: str
    zone: str
    """The zone's key; `zone_name` is what texts call it."""

    zone_name: str
    bias: int
    """Minutes that standard time lies behind UTC."""

    date: str
    """How a short date is written, for strftime."""

    time: str


ENGLISH = Language(
    locale="en-GB",
    administrator="Administrator",
    guest="Guest",
    default_account="DefaultAccount",
    administrators="Administrators",
    remote_desktop_users="Remote Desktop Users",
    system="NT AUTHORITY\\SYSTEM",
    running="running",
    stopped="stopped",
    severe="Severe",
    zone="W. Europe Standard Time",
    zone_name="W. Europe Standard Time",
    bias=-60,
    date="%-m/%-d/%Y",
    time="%-I:%M:%S %p",
)
GERMAN = Language(
    locale="de-DE",
    administrator="Administrator",
    guest="Gast",
    default_account="DefaultAccount",
    administrators="Administratoren",
    remote_desktop_users="Remotedesktopbenutzer",
    system="NT-AUTORIT\u00c4T\\SYSTEM",
    running="Ausgef\u00fchrt",
    stopped="Beendet",
    severe="Schwerwiegend",
    zone="W. Europe Standard Time",
    zone_name="Mitteleurop\u00e4ische Zeit",
    bias=-60,
    date="%d.%m.%Y",
    time="%H:%M:%S",
)
SWEDISH = Language(
    locale="sv-SE",
    administrator="Administrat\u00f6r",
    guest="G\u00e4st",
    default_account="DefaultAccount",
    administrators="Administrat\u00f6rer",
    remote_desktop_users="Anv\u00e4ndare av fj\u00e4rrskrivbord",
    system="NT INSTANS\\SYSTEM",
    running="k\u00f6rs",
    stopped="stoppad",
    severe="Allvarlig",
    zone="W. Europe Standard Time",
    zone_name="V\u00e4steuropa, normaltid",
    bias=-60,
    date="%Y-%m-%d",
    time="%H:%M:%S",
)
ENGLISH_UTC = msgspec.structs.replace(
    ENGLISH, zone="GMT Standard Time", zone_name="GMT Standard Time", bias=0
)
LANGUAGES = (GERMAN, SWEDISH, ENGLISH_UTC)


class Drives(msgspec.Struct, frozen=True):
    """Where Exchange and the web logs lie, with slashes and the drive's letter first."""

    exchange: str
    web_logs: str


USUAL = Drives("C/Program Files/Microsoft/Exchange Server", "C/inetpub/logs/LogFiles")
DRIVES = (
    Drives("D/Program Files/Microsoft/Exchange Server", "C/inetpub/logs/LogFiles"),
    Drives("C/Program Files/Microsoft/Exchange Server", "E/IISLogs"),
    USUAL,
    Drives("E/Exchange Server", "D/Logs/IIS"),
)


Watch = Literal["both", "sysmon", "audit"]
"""What tells of started processes: Sysmon, the audit of the Security log, or both."""

WATCHES: tuple[Watch, ...] = ("both", "sysmon", "audit")


class Machine(msgspec.Struct, frozen=True):
    """One server's Exchange, language and drives, and what watches over it."""

    release: Release
    language: Language
    drives: Drives
    watch: Watch = "both"

    @property
    def has_sysmon(self) -> bool:
        return self.watch != "audit"

    @property
    def audits_processes(self) -> bool:
        return self.watch != "sysmon"

    @property
    def exchange(self) -> str:
        """The install path of Exchange, as a path of a file that is placed."""
        return f"{self.drives.exchange}/{self.release.version}"

    @property
    def install_path(self) -> str:
        """The install path of Exchange as Windows writes it, with the backslash that ends it."""
        return windows_path(self.exchange) + "\\"

    @property
    def profile(self) -> str:
        """The administrator's profile, as a path of a file that is placed."""
        return f"C/Users/{self.language.administrator}"


USUAL_MACHINE = Machine(EXCHANGE_2016, ENGLISH, USUAL)


def machine(turn: int, *, only: Release | None = None) -> Machine:
    """Return the machine whose turn it is; the numbers of releases, languages and drives share no divisor, so that
    sixty turns bring each with each. `only` is the release where a scenario wants one."""
    return Machine(
        only or RELEASES[turn % len(RELEASES)],
        LANGUAGES[turn % len(LANGUAGES)],
        DRIVES[turn % len(DRIVES)],
        WATCHES[turn // len(DRIVES) % len(WATCHES)],
    )


def windows_path(path: str) -> str:
    """Return the path of a placed file as Windows writes it."""
    return f"{path[0]}:{path[1:]}".replace("/", "\\")
