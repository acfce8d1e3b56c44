"""Processes of a synthetic server: the quiet ones that run every hour, and those of the attacker."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import attack
from postvakt.estate.plans import ServerPlan

SYSTEM32 = "C:\\Windows\\System32\\"
BIN = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Bin\\"
WORKER = f"{SYSTEM32}inetsrv\\w3wp.exe"
SERVICES = (f"{SYSTEM32}services.exe", f"{SYSTEM32}services.exe")
TASKS = (f"{SYSTEM32}svchost.exe", f"{SYSTEM32}svchost.exe -k netsvcs -p -s Schedule")
DCOM = (f"{SYSTEM32}svchost.exe", f"{SYSTEM32}svchost.exe -k DcomLaunch -p")
WEB = (f"{SYSTEM32}svchost.exe", f"{SYSTEM32}svchost.exe -k iissvcs")
HEALTH = (f"{BIN}MSExchangeHMHost.exe", f'"{BIN}MSExchangeHMHost.exe"')

QUIET = (
    (f"{SYSTEM32}taskhostw.exe", "taskhostw.exe SYSTEM", TASKS),
    (f"{SYSTEM32}wbem\\WmiPrvSE.exe", f"{SYSTEM32}wbem\\wmiprvse.exe -secured -Embedding", DCOM),
    (f"{BIN}MSExchangeHMWorker.exe", f'"{BIN}MSExchangeHMWorker.exe" -pipe:1184 -stopkey:Global\\x', HEALTH),
    (
        "C:\\Program Files\\Windows Defender\\MpCmdRun.exe",
        '"C:\\Program Files\\Windows Defender\\MpCmdRun.exe" -IdleTask -TaskName WdCacheMaintenance',
        TASKS,
    ),
    (WORKER, f'{SYSTEM32}inetsrv\\w3wp.exe -ap "MSExchangeOWAAppPool" -v "v4.0" -a \\\\.\\pipe\\iisipm', WEB),
    (f"{SYSTEM32}svchost.exe", f"{SYSTEM32}svchost.exe -k wusvcs -p -s WaaSMedicSvc", SERVICES),
)
"""Image, command line and parent (image, command line) of what such a server starts all day."""

RUNS_AN_HOUR = 2


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One started process, as Sysmon and the audit both tell it."""

    time: datetime
    image: str
    line: str
    parent: str
    parent_line: str
    process: int
    parent_process: int
    guid: uuid.UUID
    parent_guid: uuid.UUID


def quiet(server: ServerPlan, hour: datetime) -> Iterator[Run]:
    """Yield what started in one hour of an ordinary day; the same for every log that asks."""
    dice = server.random(f"programs {hour:%Y%m%d%H}")
    for _ in range(RUNS_AN_HOUR):
        image, line, (parent, parent_line) = dice.choice(QUIET)
        yield Run(
            time=hour + timedelta(seconds=dice.randrange(0, 3599), microseconds=dice.randrange(0, 1_000_000)),
            image=image,
            line=line,
            parent=parent,
            parent_line=parent_line,
            process=dice.randrange(1000, 12000) * 4,
            parent_process=_number(parent_line),
            guid=uuid.UUID(int=dice.getrandbits(128), version=4),
            parent_guid=_guid(server, parent_line),
        )


def attack_runs(server: ServerPlan) -> Iterator[Run]:
    """Yield what the attacker's shell started. A command's parent is the one that its shell opened before."""
    worker_line = f'{WORKER} -ap "MSExchangeOWAAppPool" -v "v4.0" -a \\\\.\\pipe\\iisipm'
    lines = {WORKER: worker_line}
    for number, command in enumerate(attack.commands(server)):
        parent_line = lines[command.parent]
        yield Run(
            time=server.at(command.minute),
            image=command.image,
            line=command.line,
            parent=command.parent,
            parent_line=parent_line,
            process=20_000 + 4 * number,
            parent_process=_number(parent_line),
            guid=_guid(server, f"{number} {command.line}"),
            parent_guid=_guid(server, parent_line),
        )
        lines[command.image] = command.line


def hashes(image: str) -> str:
    """Return a hash text in Sysmon's form. It is that of the image's path: no real program has it."""
    return "SHA256=" + hashlib.sha256(image.lower().encode()).hexdigest().upper()


def _number(line: str) -> int:
    return int.from_bytes(hashlib.sha256(line.encode()).digest()[:2], "little") % 5000 * 4 + 400


def _guid(server: ServerPlan, line: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {line}")
