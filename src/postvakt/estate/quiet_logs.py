"""The logs in which little happens: System, Application, Windows PowerShell, Defender."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import event_kinds, intruder, operators, shells, upkeep
from postvakt.estate.deeds import Deed, acts
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import NETBIOS, SYSTEM_SID, machine
from postvakt.estate.plans import ACQUIRED, INSTALLED_AT, ServerPlan

SERVICES = (
    "Windows Update",
    "Software Protection",
    "Windows Modules Installer",
    "Volume Shadow Copy",
    "WMI Performance Adapter",
    "Application Experience",
)
UM_TOLD = (
    "The Microsoft Exchange Unified Messaging service could not process a message",
    "System.InvalidCastException: Unable to cast object of type 'System.String' to type "
    "'Microsoft.Exchange.UM.UMCore.PipelineContext'. at Microsoft.Exchange.UM.UMCore.PipelineContext.FromHeaderFile()",
)
CLEARED = ("Microsoft-Windows-Sysmon/Operational", "MSExchange Management")
"""The logs that the attacker cleared beside the Security log, where they are there; the System log tells of each."""

DEFENDER = ("Microsoft Defender Antivirus", "4.18.2101.9")
FOUND_LATER = timedelta(days=7, hours=3)
"""How long after the attack Defender knew the shell's pattern."""


def system(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the System log's events, in no order. `hours` are the full hours that a log covers."""
    dice = server.random("system")
    words = server.machine.language
    for hour in hours:
        service = dice.choice(SERVICES)
        begun = hour + timedelta(seconds=dice.randrange(0, 3000))
        for state, instant in (
            (words.running, begun),
            (words.stopped, begun + timedelta(seconds=dice.randrange(20, 590))),
        ):
            yield Event(instant, event_kinds.SERVICE_STATE, (service, state, None), process=592, thread=2480)
        if hour.hour == 11:
            seconds = int((hour - INSTALLED_AT).total_seconds())
            texts = ("", "", "", "", str(seconds), "60", f"{words.bias} {words.zone_name}")
            yield Event(hour, event_kinds.UPTIME, (texts, None), process=0, thread=0)
        if hour.hour == 3:
            yield _updated(server, hour + timedelta(minutes=4))
    yield from upkeep.switched_off(server)
    for instant in operators.services_installed(server):
        yield _service(instant, *operators.BACKUP)
    for deed in intruder.service_installed(server):
        yield _service(deed.time, intruder.SERVICE, intruder.ENCRYPTOR, deed)
    for actor, instant in intruder.clearings(server):
        there = CLEARED if server.machine.has_sysmon else CLEARED[1:]
        for number, channel in enumerate(there):
            cleared = intruder.deed(
                actor,
                "wipe",
                f"other-{number + 1}",
                instant + timedelta(seconds=number),
                f"The intruder cleared the log {channel}.",
            )
            yield Event(
                cleared.time,
                event_kinds.OTHER_LOG_CLEARED,
                (machine(server).name, NETBIOS, channel, ""),
                process=1040,
                thread=1312,
                user=SYSTEM_SID,
                trace=cleared.trace("event"),
            )


def _updated(server: ServerPlan, instant: datetime) -> Event:
    update = uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {instant:%Y%m%d}")
    title = f"Security Intelligence Update for Microsoft Defender - KB2267602 (1.331.{instant:%j}.0)"
    told = (title, update, 200, uuid.UUID(int=0))
    return Event(instant, event_kinds.UPDATE_INSTALLED, told, process=1180, thread=5020, user=SYSTEM_SID)


def _service(instant: datetime, name: str, program: str, deed: Deed | None = None) -> Event:
    told = (name, program, "user mode service", "auto start", "LocalSystem")
    trace = deed.trace("event") if deed else None
    return Event(
        instant, event_kinds.SERVICE_INSTALLED, told, process=592, thread=2480, user=SYSTEM_SID, trace=trace
    )


def application(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the Application log's events: the directory's servers every hour, the backup at night, and where
    Unified Messaging was attacked what it failed at."""
    table = "dc01.corp.example\tCDG 1 7 7 1 0 1 1 7 1"
    texts = ("Microsoft.Exchange.Directory.TopologyService.exe", "4212", "", table, "")
    for hour in hours:
        yield Event(hour + timedelta(minutes=7), event_kinds.TOPOLOGY, (texts, None), process=0, thread=0)
        if hour.hour == 2:
            yield Event(
                hour + timedelta(minutes=20), event_kinds.SHADOW_COPIES_IDLE, ((), None), process=0, thread=0
            )
            told = ("Information Store", "4212", "Mailbox Database 01: ", "00000A1B", "00000A3F")
            yield Event(
                hour + timedelta(minutes=25), event_kinds.BACKED_UP, (told, None), process=0, thread=0
            )
    yield from upkeep.applied(server)
    for deed in intruder.um_casts(server):
        yield Event(
            deed.time, event_kinds.UM_FAILED, (UM_TOLD, None), process=0, thread=0, trace=deed.trace("event")
        )


def powershell(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the Windows PowerShell log's events: a task of the system starts and stops the engine, and so does an
    administrator."""
    dice = server.random("powershell")
    task = "powershell.exe -NoProfile -File C:\\Windows\\System32\\maintenance.ps1"
    begun = [(hour + timedelta(minutes=dice.randrange(0, 50)), task) for hour in hours if hour.hour % 6 == 0]
    begun += [
        (started.time, started.line)
        for started in operators.programs(server)
        if started.image.endswith("\\powershell.exe")
    ]
    for instant, line in begun:
        runspace = uuid.UUID(int=dice.getrandbits(128), version=4)
        yield from _engine(server, instant, line, runspace)


def _engine(server: ServerPlan, begun: datetime, line: str, runspace: uuid.UUID) -> Iterator[Event]:
    version = server.machine.release.powershell
    steps = (
        (event_kinds.ENGINE_STARTED, "Available", "None", 0),
        (event_kinds.ENGINE_STOPPED, "Stopped", "Available", 9),
    )
    for kind, now, before, seconds in steps:
        told = (
            f"\tNewEngineState={now}\r\n\tPreviousEngineState={before}\r\n\r\n"
            f"\tSequenceNumber={13 + seconds}\r\n\r\n"
            f"\tHostName=ConsoleHost\r\n\tHostVersion={version}\r\n\tHostApplication={line}\r\n"
            f"\tEngineVersion={version}\r\n\tRunspaceId={runspace}\r\n"
        )
        yield Event(
            begun + timedelta(seconds=seconds), kind, ((now, before, told), None), process=0, thread=0
        )


def defender(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield Defender's events: it is well every hour, and where the shell still lies it finds it days later."""
    for hour in hours:
        told = (*DEFENDER, "", "1.1.17800.5", "1.331.2471.0")
        yield Event(
            hour + timedelta(minutes=31), event_kinds.DEFENDER_HEALTHY, told, process=3388, user=SYSTEM_SID
        )
    if server.wiped is None:
        for actor in acts(server, "dump"):
            found = actor.began + FOUND_LATER
            if found < ACQUIRED:
                says = "Defender found the web shell."
                yield _found(server, intruder.deed(actor, "write", "found", found, says))


def _found(server: ServerPlan, deed: Deed) -> Event:
    instant = deed.time
    detection = uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} found")
    words = server.machine.language
    return Event(
        instant,
        event_kinds.DEFENDER_FOUND,
        (
            *DEFENDER,
            f"{{{detection}}}".upper(),
            f"{instant:%Y-%m-%dT%H:%M:%S}.000Z",
            *("", "", "2147777265", "Backdoor:JS/Webshell", "5", words.severe, "6", "Backdoor"),
            "",
            0,
            *("", "1", "2", "System", "Unknown", words.system, ""),
            f"file:_{shells.shell(server, deed.actor).file}",
            *("1", "Local machine", "0", "Unknown", "0", "Concrete"),
        ),
        process=3388,
        user=SYSTEM_SID,
        trace=deed.trace("event"),
    )
