"""The Security log of a synthetic server: sign-ins, privileges, started processes, and its clearing."""

import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from postvakt.estate import event_kinds, intruder, operators, programs
from postvakt.estate.deeds import Deed
from postvakt.estate.evtx_writer import Event
from postvakt.estate.people import (
    HEALTH_MAILBOX,
    NETBIOS,
    NOBODY_SID,
    OPERATOR,
    SYSTEM_SID,
    USERS,
    Account,
    machine,
)
from postvakt.estate.plans import DOMAIN, ServerPlan

LSASS = 612
SYSTEM_LOGON = 0x3E7
NETWORK, REMOTE_DESKTOP = 3, 10
"""Types of sign-in."""

PRIVILEGES = "\r\n\t\t\t".join(
    ("SeSecurityPrivilege", "SeBackupPrivilege", "SeRestorePrivilege", "SeImpersonatePrivilege")
)


def events(server: ServerPlan, hours: list[datetime]) -> Iterator[Event]:
    """Yield the log's events, in no order. `hours` are the full hours that the log covers."""
    dice = server.random("security")
    audited = server.machine.audits_processes
    for hour in hours:
        yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), HEALTH_MAILBOX, dice)
        yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), machine(server), dice)
        if 6 <= hour.hour <= 18 and hour.weekday() < 5:
            person = dice.choice(USERS)
            yield from _session(server, hour + timedelta(seconds=dice.randrange(5, 3500)), person, dice)
        for run in programs.quiet(server, hour) if audited else ():
            yield process(server, run)
    for instant in operators.sign_ins(server):
        yield from _session(server, instant, OPERATOR, dice, kind=REMOTE_DESKTOP, address=operators.JUMP_HOST)
    for run in (*programs.administrators(server), *programs.attack_runs(server)) if audited else ():
        yield process(server, run)
    for deed in intruder.explicit_sign_ins(server):
        yield _explicit(server, deed)
    for actor, instant in intruder.clearings(server):
        cleared = intruder.deed(actor, "wipe", "security", instant, "The intruder cleared the Security log.")
        yield Event(
            instant,
            event_kinds.LOG_CLEARED,
            (SYSTEM_SID, machine(server).name, NETBIOS, SYSTEM_LOGON),
            process=1040,
            thread=1312,
            trace=cleared.trace("event"),
        )


def _session(
    server: ServerPlan,
    begun: datetime,
    account: Account,
    dice: random.Random,
    *,
    kind: int = NETWORK,
    address: str = "",
) -> Iterator[Event]:
    """Yield a sign-in with its privileges and its end."""
    logon = dice.randrange(0x10000, 0x7FFFFFFF)
    local = account.name.endswith("$")
    address = address or ("::1" if local else f"10.20.30.{dice.randrange(1, 200)}")
    told = (account.sid, account.name, NETBIOS, logon)
    process = f"{operators.SYSTEM}svchost.exe" if kind == REMOTE_DESKTOP else "-"
    yield Event(
        begun,
        event_kinds.LOGON,
        (
            *(NOBODY_SID, "-", "-", 0),
            *told,
            kind,
            *("Kerberos", "Kerberos", "-"),
            uuid.UUID(int=dice.getrandbits(128), version=4),
            *("-", "-"),
            0,
            0,
            *(process, address, str(dice.randrange(49152, 65535)), "%%1833", "-", "-", "-", "%%1843"),
            0,
            "%%1842" if local else "%%1843",
        ),
        process=LSASS,
        thread=dice.randrange(700, 9000) // 4 * 4,
    )
    if local or kind == REMOTE_DESKTOP:
        yield Event(begun, event_kinds.PRIVILEGES, (*told, PRIVILEGES), process=LSASS, thread=716)
    ended = begun + timedelta(seconds=dice.randrange(2, 90))
    yield Event(ended, event_kinds.LOGOFF, (*told, kind), process=LSASS, thread=716)


def _explicit(server: ServerPlan, deed: Deed) -> Event:
    """Return the record of a sign-in elsewhere with another account's password."""
    neighbour = f"{intruder.NEIGHBOUR}.{DOMAIN}"
    return Event(
        deed.time,
        event_kinds.EXPLICIT_LOGON,
        (
            *(SYSTEM_SID, machine(server).name, NETBIOS, SYSTEM_LOGON),
            uuid.UUID(int=0),
            *(intruder.STOLEN, NETBIOS),
            uuid.UUID(int=0),
            *(neighbour, neighbour),
            20_012,
            f"{operators.SYSTEM}net.exe" if deed.name == "sign-in-1" else intruder.PSEXEC,
            *("-", "-"),
        ),
        process=LSASS,
        thread=716,
        trace=deed.trace("event"),
    )


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
        trace=run.deed.trace("event", "audit") if run.deed else None,
    )
