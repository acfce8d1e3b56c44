"""The Sysmon log of a synthetic server: started processes and created files."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import event_kinds, intruder, programs
from postvakt.estate.evtx_writer import Event
from postvakt.estate.machines import windows_path
from postvakt.estate.people import SYSTEM_SID
from postvakt.estate.plans import ServerPlan
from postvakt.estate.traces import Trace

SYSMON_PROCESS = 2212
WINDOWS = ("10.0.14393.0", "Microsoft\u00ae Windows\u00ae Operating System")
EXCHANGE = "Microsoft\u00ae Exchange"


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    worker = programs.health_worker(server)
    for hour in hours:
        for run in programs.quiet(server, hour):
            yield _process(server, run)
        yield _created(server, hour + timedelta(seconds=1), worker, _log(server, hour))
    for run in (*programs.administrators(server), *programs.attack_runs(server)):
        yield _process(server, run)
    for left in intruder.left_files(server):
        yield _created(server, left.time, left.image, windows_path(left.path), left.trace("event", "created"))


def _log(server: ServerPlan, hour: datetime) -> str:
    return f"{server.machine.install_path}Logging\\Monitoring\\Monitoring\\Probe_{hour:%Y%m%d%H}-1.LOG"


def _stamp(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S}.{instant.microsecond // 1000:03}"


def _process(server: ServerPlan, run: programs.Run) -> Event:
    name = run.image.rpartition("\\")[2]
    major, minor, build, revision = server.build_at(run.time)
    exchange = (f"{major}.{minor:02}.{build}.{revision:03}", EXCHANGE)
    version, product = exchange if "Exchange Server" in run.image else WINDOWS
    return Event(
        run.time,
        event_kinds.PROCESS,
        (
            *("-", _stamp(run.time)),
            run.guid,
            run.process,
            *(run.image, version, name, product, "Microsoft Corporation", name, run.line),
            *(intruder.SYSTEM, server.machine.language.system),
            uuid.UUID(int=0x3E7),
            0x3E7,
            0,
            *("System", programs.hashes(run.image, run.deed.published if run.deed else "")),
            run.parent_guid,
            run.parent_process,
            *(run.parent, run.parent_line),
        ),
        process=SYSMON_PROCESS,
        thread=3120,
        user=SYSTEM_SID,
        trace=run.deed.trace("event", "process") if run.deed else None,
    )


def _created(
    server: ServerPlan, instant: datetime, image: str, path: str, trace: Trace | None = None
) -> Event:
    guid = uuid.uuid5(uuid.NAMESPACE_URL, f"{server.name} {image}")
    number = int.from_bytes(guid.bytes[:2], "little") % 5000 * 4 + 400
    return Event(
        instant,
        event_kinds.FILE_CREATED,
        ("-", _stamp(instant), guid, number, image, path, _stamp(instant)),
        process=SYSMON_PROCESS,
        thread=3120,
        user=SYSTEM_SID,
        trace=trace,
    )
