"""One server, one trace: a quiet week with a single thing from the public reports in it, or with evidence lacking.

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
from tests.strangers import events, logs, lone_files, web
from tests.strangers.ground import Gathered, HandIn, Server, at
from tests.strangers.rendering import hand_in
from tests.strangers.working import working

SERVER = Server(
    name="TRV-EXB-09",
    netbios="FENLAND",
    dns="fenland.corp.example",
    address="192.0.2.70",
    seed=70,
    begins=at("03-01 00:00"),
    ends=at("03-08 00:00"),
    builds=((at("01-01 00:00"), (15, 1, 1847, 3)),),
)
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
ANY = (*NOT_CLEAR, *CLEAR_SINCE)
GONE_TO = at("03-06 00:00")


class Lone(msgspec.Struct, frozen=True, kw_only=True):
    """What is planted (or taken away), the outcomes that are right, and where the public reports say so.

    `blind_until`: a server that is called clear only since then is right too. `seen`: there must be a finding.
    """

    plant: Callable[[Gathered], None]
    outcomes: tuple[str, ...]
    says: str
    blind_until: datetime | None = None
    seen: bool = False
    audited: bool = True
    sysmon: bool = False
    exchange_logs: bool = True
    hives: bool = True

    def handed_in(self) -> HandIn:
        gathered = working(
            SERVER,
            audited=self.audited,
            sysmon=self.sysmon,
            exchange_logs=self.exchange_logs,
            with_pages=self.exchange_logs,
            with_hives=self.hives and self.exchange_logs,
        )
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


def mail_read_by_the_machine(gathered: Gathered) -> None:
    for number, action in enumerate(("FindItem", "GetItem", "GetItem", "GetAttachment")):
        when = NIGHT + timedelta(seconds=20 * number)
        told = {
            "user": SERVER.machine,
            "client": SERVER.address,
            "agent": AGENT,
            "ActAsUser": f"tasker@{SERVER.dns}",
        }
        logs.ews(gathered, when, action, **told)


def anchor_without_port(gathered: Gathered) -> None:
    web.proxy(
        gathered,
        NIGHT,
        "Owa",
        UrlStem="/owa/auth/x.js",
        AuthenticationType="FBA",
        IsAuthenticated="false",
        Method="GET",
        AnchorMailbox=f"ServerInfo~{SERVER.fqdn}/EWS/Exchange.asmx?",
        UserAgent=AGENT,
        ClientIpAddress=ACTOR,
        RoutingHint="X-AnonResource-Backend-Cookie",
    )


def without(*kinds: str) -> Callable[[Gathered], None]:
    """Take four days away from these logs."""

    def plant(gathered: Gathered) -> None:
        for kind in kinds:
            kept = getattr(gathered, kind)
            for log, rows in kept.items():
                kept[log] = [row for row in rows if not at("03-02 00:00") <= row[0] < GONE_TO]

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
    "Microsoft-Windows-Sysmon",
    event_kinds.SYSMON_GUID,
    10,
    [
        ("RuleName", STRING),
        ("UtcTime", STRING),
        ("SourceProcessGUID", GUID),
        ("SourceProcessId", UINT32),
        ("SourceThreadId", UINT32),
        ("SourceImage", STRING),
        ("TargetProcessGUID", GUID),
        ("TargetProcessId", UINT32),
        ("TargetImage", STRING),
        ("GrantedAccess", HEX32),
        ("CallTrace", STRING),
    ],
    version=3,
    task=10,
)
SERVICE_INSTALLED = named(
    "Service Control Manager",
    event_kinds.SERVICES_GUID,
    7045,
    [(name, STRING) for name in ("ServiceName", "ImagePath", "ServiceType", "StartType", "AccountName")],
    keywords=0x8080000000000000,
    qualifiers=16384,
)
DATABASE_CREATED = event_kinds.classic("ESENT", 325, task=1)


def lsass_opened(gathered: Gathered) -> None:
    values = (
        "-",
        f"{NIGHT:%Y-%m-%d %H:%M:%S}.000",
        uuid.UUID(int=5),
        4000,
        4100,
        f"{SYSTEM32}rundll32.exe",
        uuid.UUID(int=6),
        728,
        f"{SYSTEM32}lsass.exe",
        0x1FFFFF,
        f"C:\\Windows\\SYSTEM32\\ntdll.dll+9fc24|{SYSTEM32}comsvcs.dll+1a4b1",
    )
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
            gathered,
            at("03-03 10:00") + timedelta(seconds=7 * number),
            stem,
            client="203.0.113.33",
            method=method,
            query=query,
            user=user,
            proxied=bool(user),
        )
    web.direct(
        gathered,
        at("03-03 12:00"),
        "/aspnet_client/system_web/4_0_30319/WebUIValidation.js",
        client="203.0.113.33",
    )
