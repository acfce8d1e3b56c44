"""The logs in which little happens: System, Application, Windows PowerShell, Defender."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, event_kinds
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import NETBIOS, SYSTEM_SID, machine
from postvakt.estate.plans import INSTALLED_AT, ServerPlan

SERVICES = (
    "Windows Update",
    "Software Protection",
    "Windows Modules Installer",
    "Volume Shadow Copy",
    "WMI Performance Adapter",
    "Application Experience",
)
CLEARED = ("Microsoft-Windows-Sysmon/Operational", "MSExchange Management")
"""The logs that the attacker cleared beside the Security log; the System log tells of each."""

DEFENDER = ("Microsoft Defender Antivirus", "4.18.2101.9")
FOUND_LATER = timedelta(days=7, hours=3)
"""How long after the attack Defender knew the shell's pattern."""


def system(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the System log's events, in no order. `hours` are the full hours that a log covers."""
    dice = server.random("system")
    for hour in hours:
        service = dice.choice(SERVICES)
        begun = hour + timedelta(seconds=dice.randrange(0, 3000))
        for state, instant in (
            ("running", begun),
            ("stopped", begun + timedelta(seconds=dice.randrange(20, 590))),
        ):
            yield Event(instant, event_kinds.SERVICE_STATE, (service, state, None), process=592, thread=2480)
        if hour.hour == 11:
            seconds = int((hour - INSTALLED_AT).total_seconds())
            texts = ("", "", "", "", str(seconds), "60", "-60 W. Europe Standard Time")
            yield Event(hour, event_kinds.UPTIME, (texts, None), process=0, thread=0)
    if server.wiped is not None:
        for number, channel in enumerate(CLEARED):
            yield Event(
                server.wiped + timedelta(seconds=number),
                event_kinds.OTHER_LOG_CLEARED,
                (machine(server).name, NETBIOS, channel, ""),
                process=1040,
                thread=1312,
                user=SYSTEM_SID,
            )


def application(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the Application log's events: the directory's servers every hour, shadow copies at night."""
    table = "dc01.corp.example\tCDG 1 7 7 1 0 1 1 7 1"
    texts = ("Microsoft.Exchange.Directory.TopologyService.exe", "4212", "", table, "")
    for hour in hours:
        yield Event(hour + timedelta(minutes=7), event_kinds.TOPOLOGY, (texts, None), process=0, thread=0)
        if hour.hour == 2:
            yield Event(
                hour + timedelta(minutes=20), event_kinds.SHADOW_COPIES_IDLE, ((), None), process=0, thread=0
            )


def powershell(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the Windows PowerShell log's events: a task of the system starts and stops the engine."""
    dice = server.random("powershell")
    for hour in hours:
        if hour.hour % 6:
            continue
        runspace = uuid.UUID(int=dice.getrandbits(128), version=4)
        begun = hour + timedelta(minutes=dice.randrange(0, 50))
        steps = (
            (event_kinds.ENGINE_STARTED, "Available", "None", 0),
            (event_kinds.ENGINE_STOPPED, "Stopped", "Available", 9),
        )
        for kind, now, before, seconds in steps:
            told = (
                f"\tNewEngineState={now}\r\n\tPreviousEngineState={before}\r\n\r\n"
                f"\tSequenceNumber={13 + seconds}\r\n\r\n"
                f"\tHostName=ConsoleHost\r\n\tHostVersion=5.1.14393.3866\r\n\tHostApplication=powershell.exe "
                f"-NoProfile -File C:\\Windows\\System32\\maintenance.ps1\r\n\tEngineVersion=5.1.14393.3866\r\n"
                f"\tRunspaceId={runspace}\r\n"
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
    if server.scenario == "attacked":
        yield _found(server, server.began + FOUND_LATER)


def _found(server: ServerPlan, instant: datetime) -> Event:
    detection = uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} found")
    return Event(
        instant,
        event_kinds.DEFENDER_FOUND,
        (
            *DEFENDER,
            f"{{{detection}}}".upper(),
            f"{instant:%Y-%m-%dT%H:%M:%S}.000Z",
            *("", "", "2147777265", "Backdoor:JS/Webshell", "5", "Severe", "6", "Backdoor"),
            "",
            0,
            *("", "1", "2", "System", "Unknown", "NT AUTHORITY\\SYSTEM", ""),
            f"file:_{attack.SHELL_FILE}",
            *("1", "Local machine", "0", "Unknown", "0", "Concrete"),
        ),
        process=3388,
        user=SYSTEM_SID,
    )
