"""Windows event logs of a synthetic server: what each log tells, cut to what was kept, as EVTX files."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import msgspec

from postvakt.estate import exchange_log, quiet_logs, security_log, sysmon_log
from postvakt.estate.evtx_writer import Event, Log, evtx
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, ServerPlan

FOLDER = "C/Windows/System32/winevt/Logs"


class Channel(msgspec.Struct, frozen=True):
    """One log. `wiped`: an attacker who cleans up clears it."""

    name: str
    events: Callable[[ServerPlan, list[datetime]], Iterator[Event]]
    wiped: bool = False

    @property
    def file_name(self) -> str:
        return self.name.replace("/", "%4") + ".evtx"


CHANNELS = (
    Channel("Application", quiet_logs.application),
    Channel("MSExchange Management", exchange_log.events, wiped=True),
    Channel("Microsoft-Windows-Sysmon/Operational", sysmon_log.events, wiped=True),
    Channel("Microsoft-Windows-Windows Defender/Operational", quiet_logs.defender),
    Channel("Security", security_log.events, wiped=True),
    Channel("System", quiet_logs.system),
    Channel("Windows PowerShell", quiet_logs.powershell),
)


def event_logs(server: ServerPlan) -> Iterator[Placed]:
    """Yield every event log of a server, as a collector copies it from the running machine."""
    for channel in CHANNELS:
        kept = server.wiped if channel.wiped and server.wiped is not None else server.begins
        hours = _hours(kept)
        told = channel.events(server, hours)
        events = sorted((e for e in told if kept <= e.time < ACQUIRED), key=lambda event: event.time)
        first = server.random(f"records {channel.name}").randrange(2_000, 90_000)
        log = Log(channel=channel.name, computer=server.fqdn, first=first)
        yield Placed(f"{FOLDER}/{channel.file_name}", evtx(log, events), ACQUIRED)


def _hours(since: datetime) -> list[datetime]:
    count = (ACQUIRED - since) // timedelta(hours=1)
    return [since + timedelta(hours=number) for number in range(count)]
