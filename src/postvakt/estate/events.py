"""Windows event logs of a synthetic server: what each log tells, cut to what was kept, as EVTX files."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import exchange_log, quiet_logs, security_log, sysmon_log
from postvakt.estate.evtx_writer import Event, Log, evtx
from postvakt.estate.placed import Made, Placed
from postvakt.estate.plans import ACQUIRED, ServerPlan
from postvakt.estate.traces import Absent

FOLDER = "C/Windows/System32/winevt/Logs"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"


class Channel(msgspec.Struct, frozen=True):
    """One log. `busy`: it rolls over early, and an attacker who cleans up clears it."""

    name: str
    events: Callable[[ServerPlan, list[datetime]], Iterator[Event]]
    busy: bool = False

    @property
    def file_name(self) -> str:
        return self.name.replace("/", "%4") + ".evtx"


CHANNELS = (
    Channel("Application", quiet_logs.application),
    Channel("MSExchange Management", exchange_log.events, busy=True),
    Channel(SYSMON, sysmon_log.events, busy=True),
    Channel(DEFENDER, quiet_logs.defender),
    Channel("Security", security_log.events, busy=True),
    Channel("System", quiet_logs.system),
    Channel("Windows PowerShell", quiet_logs.powershell),
)


def event_logs(server: ServerPlan) -> Iterator[Made]:
    """Yield every event log of a server, as a collector copies it from the running machine."""
    lacking = {DEFENDER: not server.machine.release.defender, SYSMON: not server.machine.has_sysmon}
    for channel in CHANNELS:
        if not lacking.get(channel.name):
            yield from _log(server, channel)


def _log(server: ServerPlan, channel: Channel) -> Iterator[Made]:
    begins = server.kept if channel.busy else server.begins
    events: list[Event] = []
    for event in channel.events(server, _hours(begins)):
        if begins <= event.time < ACQUIRED:
            events.append(event)
        elif event.trace is not None:
            yield Absent(event.trace, server.lost_by)
    events.sort(key=lambda event: event.time)
    first = server.random(f"records {channel.name}").randrange(2_000, 90_000)
    log = Log(channel=channel.name, computer=server.fqdn, first=first)
    traces = tuple(event.trace for event in events if event.trace is not None)
    yield Placed(f"{FOLDER}/{channel.file_name}", evtx(log, events), ACQUIRED, traces)


def _hours(since: datetime) -> list[datetime]:
    count = (ACQUIRED - since) // timedelta(hours=1)
    return [since + timedelta(hours=number) for number in range(count)]
