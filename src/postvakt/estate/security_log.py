"""The Security log of a synthetic server: sign-ins, privileges, started processes, and its clearing."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import event_kinds, programs
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import HEALTH_MAILBOX, NETBIOS, NOBODY_SID, SYSTEM_SID, USERS, Account, machine
from postvakt.estate.plans import ServerPlan

LSASS = 612
SYSTEM_LOGON = 0x3E7
PRIVILEGES = "\r\n\t\t\t".join(
    ("SeSecurityPrivilege", "SeBackupPrivilege", "SeRestorePrivilege", "SeImpersonatePrivilege")
)


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    dice = server.random("security")
    for hour in hours:
        yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), HEALTH_MAILBOX, dice)
        yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), machine(server), dice)
        if 6 <= hour.hour <= 18 and hour.weekday() < 5:
            person = dice.choice(USERS)
            yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), person, dice)
        for run in programs.quiet(server, hour):
            yield process(server, run)
    for run in programs.attack_runs(server):
        yield process(server, run)
    if server.wiped is not None:
        yield Event(
            server.wiped,
            event_kinds.LOG_CLEARED,
            (SYSTEM_SID, machine(server).name, NETBIOS, SYSTEM_LOGON),
            process=1040,
            thread=1312,
        )


def _session(server: ServerPlan, begun: datetime, account: Account, dice: random.Random) -> Iterator[Event]:
    """Yield a network sign-in with its privileges and its end."""
    logon = dice.randrange(0x10000, 0x7FFFFFFF)
    local = account.name.endswith("$")
    address = "::1" if local else f"198.51.100.{dice.randrange(1, 200)}"
    told = (account.sid, account.name, NETBIOS, logon)
    yield Event(
        begun,
        event_kinds.LOGON,
        (
            *(NOBODY_SID, "-", "-", 0),
            *told,
            3,
            *("Kerberos", "Kerberos", "-"),
            uuid.UUID(int=dice.getrandbits(128), version=4),
            *("-", "-"),
            0,
            0,
            *("-", address, str(dice.randrange(49152, 65535)), "%%1833", "-", "-", "-", "%%1843"),
            0,
            "%%1842" if local else "%%1843",
        ),
        process=LSASS,
        thread=dice.randrange(700, 9000) // 4 * 4,
    )
    if local:
        yield Event(begun, event_kinds.PRIVILEGES, (*told, PRIVILEGES), process=LSASS, thread=716)
    ended = begun + timedelta(seconds=dice.randrange(2, 90))
    yield Event(ended, event_kinds.LOGOFF, (*told, 3), process=LSASS, thread=716)


def process(server: ServerPlan, run: programs.Run) -> Event:
    """Return the audit record of a started process."""
    return Event(
        run.time,
        event_kinds.AUDITED_PROCESS,
        (
            *(SYSTEM_SID, machine(server).name, NETBIOS, SYSTEM_LOGON),
            run.process,
            run.image,
            "%%1936",
            run.parent_process,
            run.line,
            *(NOBODY_SID, "-", "-", 0),
            run.parent,
            "S-1-16-16384",
        ),
    )
