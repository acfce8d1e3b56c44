"""The Sysmon log of a synthetic server: started processes and created files."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import attack, event_kinds, pages, programs
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import SYSTEM_SID
from postvakt.estate.plans import ServerPlan

SYSMON_PROCESS = 2212
LOGGING = "C:\\Program Files\\Microsoft\\Exchange Server\\V15\\Logging\\"
WINDOWS = ("10.0.14393.0", "Microsoft\u00ae Windows\u00ae Operating System")
EXCHANGE = ("15.01.2106.002", "Microsoft\u00ae Exchange")


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    for hour in hours:
        for run in programs.quiet(server, hour):
            yield _process(run)
        yield _created(
            server, hour + timedelta(seconds=1), f"{programs.BIN}MSExchangeHMWorker.exe", _log(hour)
        )
    for run in programs.attack_runs(server):
        yield _process(run)
    for minute, image, path in _left(server):
        yield _created(server, server.at(minute), image, path)


def _log(hour: datetime) -> str:
    return f"{LOGGING}Monitoring\\Monitoring\\Probe_{hour:%Y%m%d%H}-1.LOG"


def _left(server: ServerPlan) -> Iterator[tuple[float, str, str]]:
    """Yield what the attacker had written to disk: minute, writer and path."""
    if attack.writes_shell(server):
        yield 6.8, programs.WORKER, attack.SHELL_FILE
    if attack.uses_shell(server):
        yield 31.0, programs.WORKER, pages.COMPILED.replace("/", "\\").replace("C\\", "C:\\", 1)
        yield 33.4, f"{programs.SYSTEM32}rundll32.exe", attack.DUMP_FILE


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}.{instant.microsecond // 1000:03}"


def _process(run: programs.Run) -> Event:
    name = run.image.rpartition("\\")[2]
    version, product = EXCHANGE if "Exchange Server" in run.image else WINDOWS
    return Event(
        run.time,
        event_kinds.PROCESS,
        (
            *("-", _stamp(run.time)),
            run.guid,
            run.process,
            *(run.image, version, name, product, "Microsoft Corporation", name, run.line),
            *(programs.SYSTEM32, "NT AUTHORITY\\SYSTEM"),
            uuid.UUID(int=0x3E7),
            0x3E7,
            0,
            *("System", programs.hashes(run.image)),
            run.parent_guid,
            run.parent_process,
            *(run.parent, run.parent_line),
        ),
        process=SYSMON_PROCESS,
        thread=3120,
        user=SYSTEM_SID,
    )


def _created(server: ServerPlan, instant: datetime, image: str, path: str) -> Event:
    guid = uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {image}")
    number = int.from_bytes(guid.bytes[:2], "little") % 5000 * 4 + 400
    return Event(
        instant,
        event_kinds.FILE_CREATED,
        ("-", _stamp(instant), guid, number, image, path, _stamp(instant)),
        process=SYSMON_PROCESS,
        thread=3120,
        user=SYSTEM_SID,
    )
