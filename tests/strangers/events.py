"""Windows event logs: what a quiet server logs every hour, and single events by name."""

import uuid
from datetime import datetime, timedelta

from postvakt.estate import event_kinds
from postvakt.estate.binxml import GUID, SID, STRING, UINT32
from postvakt.estate.event_kinds import AUDIT_SUCCESS, AUDITING, AUDITING_GUID, SUBJECT, named
from postvakt.estate.evtx_writer import Event, Log, evtx
from tests.strangers.days import HEALTH, PEOPLE
from tests.strangers.ground import Gathered
from tests.strangers.logs import Files

SECURITY, SYSTEM, APPLICATION = "Security", "System", "Application"
MANAGEMENT = "MSExchange Management"
CLASSIC_POWERSHELL = "Windows PowerShell"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
TASKS = "Microsoft-Windows-TaskScheduler/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
LOCAL_SYSTEM = "S-1-5-18"
POWERSHELL_GUID = uuid.UUID("a0c1853b-5c40-4b15-8766-3cf1c58f985a")
TASKS_GUID = uuid.UUID("de7b24ea-73c8-4a09-985d-5bdadcfa9017")


def _texts(names: str) -> list[tuple[str, int]]:
    return [(name, STRING) for name in names.split()]


_AUDIT = {"level": 0, "keywords": AUDIT_SUCCESS}
TASK_CREATED = named(
    AUDITING, AUDITING_GUID, 4698, [*SUBJECT, *_texts("TaskName TaskContent")], task=12804, **_AUDIT
)
USER_CREATED = named(
    AUDITING,
    AUDITING_GUID,
    4720,
    [
        *_texts("TargetUserName TargetDomainName"),
        ("TargetSid", SID),
        *SUBJECT,
        *_texts(
            "PrivilegeList SamAccountName DisplayName UserPrincipalName HomeDirectory HomePath ScriptPath ProfilePath"
        ),
        *_texts(
            "UserWorkstations PasswordLastSet AccountExpires PrimaryGroupId AllowedToDelegateTo OldUacValue"
        ),
        *_texts("NewUacValue UserAccountControl UserParameters SidHistory LogonHours"),
    ],
    task=13824,
    **_AUDIT,
)
MEMBER_ADDED = named(
    AUDITING,
    AUDITING_GUID,
    4732,
    [
        ("MemberName", STRING),
        ("MemberSid", SID),
        *_texts("TargetUserName TargetDomainName"),
        ("TargetSid", SID),
        *SUBJECT,
        ("PrivilegeList", STRING),
    ],
    task=13826,
    **_AUDIT,
)
SCRIPT = named(
    "Microsoft-Windows-PowerShell",
    POWERSHELL_GUID,
    4104,
    [("MessageNumber", UINT32), ("MessageTotal", UINT32), *_texts("ScriptBlockText ScriptBlockId Path")],
    version=1,
    level=5,
    task=2,
    opcode=15,
    keywords=0,
)
TASK_REGISTERED = named(
    "Microsoft-Windows-TaskScheduler", TASKS_GUID, 106, _texts("TaskName UserContext"), task=106
)
TASK_STARTED = named(
    "Microsoft-Windows-TaskScheduler",
    TASKS_GUID,
    200,
    [("TaskName", STRING), ("ActionName", STRING), ("TaskInstanceId", GUID)],
    version=1,
    task=200,
)
UM_FAILED = event_kinds.classic("MSExchange Unified Messaging", 1438, level=2, task=4, qualifiers=49156)
APPLICATION_ERROR = event_kinds.classic("Application Error", 1000, level=2, task=100)


def process(
    gathered: Gathered,
    when: datetime,
    image: str,
    line: str,
    parent: str,
    *,
    parent_line: str = "",
    user: str = "",
    audited: bool = True,
    sysmon: bool = False,
) -> None:
    """Log a process that began. `user` is an account of the domain; empty is SYSTEM."""
    server, dice = gathered.server, gathered.dice
    sid = f"{server.domain_sid}-1107" if user else LOCAL_SYSTEM
    number = dice.randrange(800, 60000, 4)
    if audited:
        gathered.events[SECURITY].append(
            Event(
                when,
                event_kinds.AUDITED_PROCESS,
                (
                    sid,
                    user or f"{server.name}$",
                    server.netbios,
                    0x3E7,
                    number,
                    image,
                    "%%1936",
                    dice.randrange(800, 9000, 4),
                    line,
                    "S-1-0-0",
                    "-",
                    "-",
                    0,
                    parent,
                    "S-1-16-16384",
                ),
            )
        )
    if sysmon:
        account = f"{server.netbios}\\{user}" if user else "NT AUTHORITY\\SYSTEM"
        name = image.rsplit("\\", 1)[1]
        moment = f"{when:%Y-%m-%d %H:%M:%S}.{when.microsecond // 1000:03}"
        own, above, logon = (uuid.UUID(int=dice.getrandbits(128)) for _ in range(3))
        gathered.events[SYSMON].append(
            Event(
                when,
                event_kinds.PROCESS,
                (
                    "-",
                    moment,
                    own,
                    number,
                    image,
                    "10.0.14393.0 (rs1_release.160715-1616)",
                    name,
                    "Microsoft® Windows® Operating System",
                    "Microsoft Corporation",
                    name,
                    line,
                    "C:\\Windows\\system32\\",
                    account,
                    logon,
                    0x3E7,
                    0,
                    "System",
                    f"SHA256={dice.getrandbits(256):064X}",
                    above,
                    dice.randrange(800, 9000, 4),
                    parent,
                    parent_line or parent,
                ),
                user=LOCAL_SYSTEM,
            )
        )


def logon(gathered: Gathered, when: datetime, user: str, kind: int, address: str = "-") -> None:
    """Log a logon. Type 5 is that of a service, by SYSTEM."""
    server = gathered.server
    service = kind == 5
    gathered.events[SECURITY].append(
        Event(
            when,
            event_kinds.LOGON,
            (
                LOCAL_SYSTEM if service else "S-1-0-0",
                f"{server.name}$" if service else "-",
                server.netbios if service else "-",
                0x3E7 if service else 0,
                LOCAL_SYSTEM if service else f"{server.domain_sid}-{1500 + sum(user.encode()) % 400}",
                "SYSTEM" if service else user,
                "NT AUTHORITY" if service else server.netbios,
                gathered.dice.randrange(2**20, 2**28),
                kind,
                "Advapi  " if service else "Kerberos",
                "Negotiate" if service else "Kerberos",
                "-",
                uuid.UUID(int=0),
                "-",
                "-",
                0,
                0x2F4 if service else 0,
                "C:\\Windows\\System32\\services.exe" if service else "-",
                address,
                "-" if address == "-" else str(gathered.dice.randrange(49152, 65535)),
                "%%1833",
                "-",
                "-",
                "-",
                "%%1843",
                0,
                "%%1842",
            ),
        )
    )


def subject(gathered: Gathered, user: str = "") -> tuple[str, str, str, int]:
    """Who did it, as audit events begin; empty is the server itself."""
    server = gathered.server
    if user:
        return f"{server.domain_sid}-1107", user, server.netbios, 0x51C0A1
    return LOCAL_SYSTEM, f"{server.name}$", server.netbios, 0x3E7


def cmdlet(
    gathered: Gathered,
    when: datetime,
    name: str,
    parameters: str,
    *,
    user: str,
    pool: str = "w3wp#MSExchangePowerShellAppPool",
) -> None:
    """Log a cmdlet that succeeded."""
    server = gathered.server
    sid = f"{server.domain_sid}-1107"
    texts = (
        name,
        parameters,
        f"{server.dns}/Users/{user}",
        sid,
        sid,
        "Remote-ManagementShell-Unknown",
        f"7344 {pool}",
        "",
        "23",
        "00:00:00.1562500",
        f"View Entire Forest: 'True', Configuration Domain Controller: 'dc1.{server.dns}'",
        "",
        "",
        "",
    )
    gathered.events[MANAGEMENT].append(Event(when, event_kinds.CMDLET, (texts, None), process=0, thread=0))


def script(gathered: Gathered, when: datetime, text: str) -> None:
    """Log a block of PowerShell."""
    values = (1, 1, text, gathered.guid(), "")
    gathered.events[POWERSHELL].append(Event(when, SCRIPT, values, user=LOCAL_SYSTEM))


def quiet(
    gathered: Gathered, begins: datetime | None = None, *, audited: bool = True, sysmon: bool = False
) -> None:
    """Add what every hour leaves in every event log."""
    server, dice = gathered.server, gathered.server.dice("events")
    for hour in server.hours(begins):
        at = sorted(hour + timedelta(seconds=dice.randrange(3599)) for _ in range(9))
        logon(gathered, at[0], "", 5)
        logon(gathered, at[1], dice.choice(PEOPLE), 3, "203.0.113.77")
        logon(gathered, at[2], HEALTH, 3, server.address)
        _processes(gathered, at[3], audited=audited, sysmon=sysmon)
        state = (
            dice.choice(("Windows Update", "WinHTTP Web Proxy Auto-Discovery Service")),
            dice.choice(("running", "stopped")),
            None,
        )
        gathered.events[SYSTEM].append(Event(at[4], event_kinds.SERVICE_STATE, state))
        if hour.hour == 12:
            up = (("", "", "", "", str((hour - server.begins).seconds + 900000), "60", "Standard"), None)
            gathered.events[SYSTEM].append(Event(hour, event_kinds.UPTIME, up))
        topology = (("7344", "MSExchangeHMWorker", f"dc1.{server.dns} CDG 1 7 7 1 0 1 1 7 1"), None)
        gathered.events[APPLICATION].append(Event(at[5], event_kinds.TOPOLOGY, topology))
        cmdlet(gathered, at[6], "Get-Mailbox", f'-Identity "{HEALTH}@{server.dns}"', user=HEALTH)
        cmdlet(gathered, at[7], "Get-MailboxDatabaseCopyStatus", f'-Server "{server.name}"', user=HEALTH)
        host = (
            "Available",
            "None",
            "\tNewEngineState=Available\r\n\tHostName=ConsoleHost\r\n"
            "\tHostApplication=powershell.exe -Command Get-ExchangeServerHealth",
        )
        gathered.events[CLASSIC_POWERSHELL].append(Event(at[6], event_kinds.ENGINE_STARTED, (host, None)))
        gathered.events[CLASSIC_POWERSHELL].append(
            Event(at[7], event_kinds.ENGINE_STOPPED, (("Stopped", "Available", host[2]), None))
        )
        script(gathered, at[6], "prompt")
        started = (
            "\\Microsoft\\Windows\\UpdateOrchestrator\\Schedule Scan",
            "%systemroot%\\system32\\usoclient.exe",
            uuid.UUID(gathered.guid()),
        )
        gathered.events[TASKS].append(Event(at[8], TASK_STARTED, started, user=LOCAL_SYSTEM))
        healthy = ("Windows Defender Antivirus", "4.18.2102.3", "", "1.1.17800.5", "1.331.2030.0")
        gathered.events[DEFENDER].append(Event(at[8], event_kinds.DEFENDER_HEALTHY, healthy))


def _processes(gathered: Gathered, when: datetime, *, audited: bool, sysmon: bool) -> None:
    windows = "C:\\Windows\\System32\\"
    worker = f"{windows}inetsrv\\w3wp.exe"
    pool = f'{worker} -ap "MSExchangeOWAAppPool" -v "v4.0" -a \\\\.\\pipe\\iisipm2f7 '
    pool += '-h "C:\\inetpub\\temp\\apppools\\MSExchangeOWAAppPool.config" -w "" -m 0'
    compiler = "C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\csc.exe"
    began = (
        (f"{windows}svchost.exe", f"{windows}svchost.exe -k netsvcs", f"{windows}services.exe", ""),
        (
            f"{windows}taskhostw.exe",
            "taskhostw.exe SYSTEM",
            f"{windows}svchost.exe",
            f"{windows}svchost.exe -k netsvcs",
        ),
    )
    if when.hour == 3:
        began += (
            (worker, pool, f"{windows}svchost.exe", f"{windows}svchost.exe -k iissvcs"),
            (
                compiler,
                f'"{compiler}" /noconfig /fullpaths @"C:\\Windows\\Microsoft.NET\\Framework64\\v4.0.30319\\'
                'Temporary ASP.NET Files\\owa\\8e05b027\\e164d61b\\4kqz1ewd.cmdline"',
                worker,
                pool,
            ),
        )
    for number, (image, line, parent, above) in enumerate(began):
        process(
            gathered,
            when + timedelta(seconds=number),
            image,
            line,
            parent,
            parent_line=above,
            audited=audited,
            sysmon=sysmon,
        )


def event_logs(gathered: Gathered) -> Files:
    """Yield the file of every channel that holds events."""
    server = gathered.server
    for number, (channel, events) in enumerate(gathered.events.items()):
        told = sorted(events, key=lambda event: event.time)
        log = Log(channel=channel, computer=server.fqdn, first=40000 * number + 911)
        path = f"{server.windows}/System32/winevt/Logs/{channel.replace('/', '%4')}.evtx"
        yield path, evtx(log, told), told[-1].time
