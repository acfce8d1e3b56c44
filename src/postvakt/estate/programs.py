"""Processes of a synthetic server: the quiet ones that run every hour, those of administrators and of intruders."""

import hashlib
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import intruder, operators
from postvakt.estate.deeds import Command
from postvakt.estate.intruder import SERVICES, SYSTEM, WORKER
from postvakt.estate.plans import ServerPlan

Parent = tuple[str, str]
STARTER: Parent = (SERVICES, SERVICES)
TASKS: Parent = (f"{SYSTEM}svchost.exe", f"{SYSTEM}svchost.exe -k netsvcs -p -s Schedule")
DCOM: Parent = (f"{SYSTEM}svchost.exe", f"{SYSTEM}svchost.exe -k DcomLaunch -p")
WEB: Parent = (f"{SYSTEM}svchost.exe", f"{SYSTEM}svchost.exe -k iissvcs")
DESKTOP: Parent = (operators.EXPLORER, operators.EXPLORER)
RUNS_AN_HOUR = 2


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One started process, as Sysmon and the audit both tell it. `deed` is what an intruder did by it."""

    time: datetime
    image: str
    line: str
    parent: str
    parent_line: str
    process: int
    parent_process: int
    guid: uuid.UUID
    parent_guid: uuid.UUID
    deed: Command | None = None


def exchange_bin(server: ServerPlan) -> str:
    """Return the folder of Exchange's programs."""
    return f"{server.machine.install_path}Bin\\"


def health_worker(server: ServerPlan) -> str:
    """Return the program that watches over Exchange; Exchange 2010 has another."""
    named = "MSExchangeHMWorker.exe" if server.machine.release.has_front_end_proxy else "MSExchangeRepl.exe"
    return exchange_bin(server) + named


def quiet_programs(server: ServerPlan) -> tuple[tuple[str, str, Parent], ...]:
    """Return image, command line and parent of what such a server starts all day."""
    host = exchange_bin(server) + "MSExchangeHMHost.exe"
    defender = "C:\\Program Files\\Windows Defender\\MpCmdRun.exe"
    health = health_worker(server)
    return (
        (f"{SYSTEM}taskhostw.exe", "taskhostw.exe SYSTEM", TASKS),
        (f"{SYSTEM}wbem\\WmiPrvSE.exe", f"{SYSTEM}wbem\\wmiprvse.exe -secured -Embedding", DCOM),
        (health, f'"{health}" -pipe:1184 -stopkey:Global\\x', (host, f'"{host}"')),
        (defender, f'"{defender}" -IdleTask -TaskName WdCacheMaintenance', TASKS),
        (WORKER, worker_line("MSExchangeOWAAppPool"), WEB),
        (f"{SYSTEM}svchost.exe", f"{SYSTEM}svchost.exe -k wusvcs -p -s WaaSMedicSvc", STARTER),
        (f"{SYSTEM}wbengine.exe", f'"{SYSTEM}wbengine.exe"', STARTER),
    )


def worker_line(pool: str) -> str:
    """Return the command line of the web server's process for an application pool."""
    return f'{WORKER} -ap "{pool}" -v "v4.0" -a \\\\.\\pipe\\iisipm'


def quiet(server: ServerPlan, hour: datetime) -> Iterator[Run]:
    """Yield what started in one hour of an ordinary day; the same for every log that asks."""
    dice = server.random(f"programs {hour:%Y%m%d%H}")
    for _ in range(RUNS_AN_HOUR):
        image, line, (parent, parent_line) = dice.choice(quiet_programs(server))
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


def administrators(server: ServerPlan) -> Iterator[Run]:
    """Yield what administrators started from the desktop."""
    parent, parent_line = DESKTOP
    for number, started in enumerate(operators.programs(server)):
        yield Run(
            time=started.time,
            image=started.image,
            line=started.line,
            parent=parent,
            parent_line=parent_line,
            process=50_000 + 4 * number,
            parent_process=_number(parent_line),
            guid=_guid(server, f"desktop {number} {started.line}"),
            parent_guid=_guid(server, parent_line),
        )


def attack_runs(server: ServerPlan) -> Iterator[Run]:
    """Yield what intruders started. A command's parent is the one that its shell opened before."""
    opened: dict[str, Run] = {}
    for number, command in enumerate(intruder.commands(server)):
        parent = opened.get(command.parent)
        parent_line = parent.line if parent else _service_line(command)
        opened[command.image] = Run(
            time=command.time,
            image=command.image,
            line=command.line,
            parent=command.parent,
            parent_line=parent_line,
            process=20_000 + 4 * number,
            parent_process=parent.process if parent else _number(parent_line),
            guid=_guid(server, f"{number} {command.line}"),
            parent_guid=parent.guid if parent else _guid(server, parent_line),
            deed=command,
        )
        yield opened[command.image]


def _service_line(command: Command) -> str:
    return worker_line(command.pool) if command.parent == WORKER else command.parent


def hashes(image: str, published: str = "") -> str:
    """Return a hash text in Sysmon's form. It is that of the image's path: no real program has it. A `published`
    SHA-1 stands before it."""
    known = f"SHA1={published.upper()}," if published else ""
    return f"{known}SHA256=" + hashlib.sha256(image.lower().encode()).hexdigest().upper()


def standing_process(line: str) -> int:
    """Return the number of a process that runs all the time, by its command line: the one that logs name."""
    return _number(line)


def _number(line: str) -> int:
    return int.from_bytes(hashlib.sha256(line.encode()).digest()[:2], "little") % 5000 * 4 + 400


def _guid(server: ServerPlan, line: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {line}")
