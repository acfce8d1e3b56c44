"""What the people who run a synthetic server did against the flaws besides the update, and the scans they made.

The emergency mitigation service came half a year after the days that an estate tells of; its events are planted all
the same, so that reading them is held to a truth.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from postvakt.estate import event_kinds
from postvakt.estate.evtx_writer import Event
from postvakt.estate.placed import Placed
from postvakt.estate.plans import Kept, ServerPlan, kept_at

SITE = "C/inetpub/wwwroot/web.config"
SCANNED = "C/Windows/debug/msert.log"
SYSTEM = "C/Windows/System32/config/SYSTEM"
CONFIG = "C/Windows/System32/inetsrv/config/applicationHost.config"
APPLICATION = "C/Windows/System32/winevt/Logs/Application.evtx"
RULES = (
    ("X-AnonResource-Backend Abort - inbound", "(.*)X-AnonResource-Backend(.*)", "false"),
    ("X-BEResource Abort - inbound", "(.*)X-BEResource=(.+)/(.+)~(.+)", "true"),
)
"""The rewrite rules of Microsoft's mitigation: name, what the cookie is compared with, whether the next is left out."""

UM_SERVICES = (
    ("MSExchangeUM", "Microsoft Exchange Unified Messaging"),
    ("MSExchangeUMCR", "Microsoft Exchange Unified Messaging Call Router"),
)
AGES = ("OabGen", "Ecp", "EcpProxy", "OwaProxy", "EwsProxy")
"""The logs whose age Microsoft's check tells, of the dozen that it knows."""

Mode = Literal["Quick", "Full"]
SCAN_TOOK = timedelta(minutes=36)
SCANS: tuple[tuple[Kept, Mode, bool], ...] = (
    ("quick-scan", "Quick", True),
    ("unfinished-scan", "Full", False),
    ("full-scan", "Full", True),
)
"""Runs of the Safety Scanner in the order in which its log has them: what, its mode, whether it came to its end."""

WRITTEN: dict[Kept, tuple[int, bool]] = {"rules": (2, True), "one-rule": (1, True), "rules-off": (2, False)}
"""Of each state of the site's rules: how many stand, and whether they are switched on."""

HOUR = timedelta(hours=1)
EMERGENCY: dict[Kept, tuple[tuple[int, str, timedelta], ...]] = {
    "emergency": ((1005, "Mitigation M1 has been applied.", 2 * HOUR),),
    "emergency-taken-back": (
        (1005, "Mitigation M1 has been applied.", 2 * HOUR),
        (1006, "Mitigation M1 was removed.", 5 * HOUR),
    ),
    "emergency-failed": ((1008, "Mitigation M1 failed: the answer could not be fetched.", 2 * HOUR),),
}
"""What the emergency mitigation service wrote: event, text, how long after the rest was done."""


class MitigationTruth(msgspec.Struct, frozen=True, kw_only=True):
    """One mitigation or scan that is true of a server, as content calls it. `since` is when it was set, `until` when
    it was taken back; `source` is the path in the hand-in of what tells it."""

    id: str
    state: Literal["on", "partly", "off", "ran", "unfinished", "failed"]
    since: datetime | None = None
    until: datetime | None = None
    source: str = ""


def files(server: ServerPlan) -> Iterator[Placed]:
    """Yield the files that upkeep left, in no order."""
    at = kept_at(server)
    for kept, (count, enabled) in WRITTEN.items():
        if kept in server.upkeep:
            yield Placed(SITE, rewrite_rules(count, enabled=enabled).encode(), at)
    runs = _scans(server)
    if runs:
        text = "".join(safety_scan(server, begun, mode, finished=done) for begun, mode, done in runs)
        yield Placed(SCANNED, text.encode(), max(begun for begun, _, _ in runs) + SCAN_TOOK)
    if "check" in server.upkeep:
        yield Placed(_check(server), log_ages(server, at).encode(), at)


def _check(server: ServerPlan) -> str:
    return f"C/Test-ProxyLogonLogs/{server.name}-LogAgeDays.csv"


def _scans(server: ServerPlan) -> list[tuple[datetime, Mode, bool]]:
    kept = [(mode, finished) for what, mode, finished in SCANS if what in server.upkeep]
    return [
        (kept_at(server) + number * HOUR, mode, finished) for number, (mode, finished) in enumerate(kept, 1)
    ]


def applied(server: ServerPlan) -> Iterator[Event]:
    """Yield what the emergency mitigation service wrote to the Application log."""
    for kept, told in EMERGENCY.items():
        for number, text, later in told if kept in server.upkeep else ():
            kind = event_kinds.EMERGENCY_FAILED if number == 1008 else event_kinds.EMERGENCY[number]
            yield Event(kept_at(server) + later, kind, ((text,), None), process=0, thread=0)


def switched_off(server: ServerPlan) -> Iterator[Event]:
    """Yield what the System log tells of services whose start was changed."""
    if "unified-messaging-off" in server.upkeep:
        for number, (key, name) in enumerate(UM_SERVICES):
            instant = kept_at(server) + timedelta(seconds=number)
            told = (name, "auto start", "disabled", key)
            yield Event(instant, event_kinds.START_TYPE, told, process=592, thread=2480)


def disabled(server: ServerPlan) -> frozenset[str]:
    """Return the keys of the services that upkeep switched off."""
    return frozenset(key for key, _ in UM_SERVICES if "unified-messaging-off" in server.upkeep)


def rewrite_rules(count: int = len(RULES), *, enabled: bool = True) -> str:
    """Return the site's configuration as Microsoft's mitigation tool changes it, or with fewer rules, or none on."""
    switch = "" if enabled else ' enabled="false"'
    rules = "".join(
        f'<rule name="{name}"{switch} patternSyntax="ECMAScript" stopProcessing="{stop}"><match url=".*" />'
        f'<conditions><add input="{{HTTP_COOKIE}}" pattern="{pattern}" /></conditions>'
        '<action type="AbortRequest" /></rule>\r\n'
        for name, pattern, stop in RULES[:count]
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\r\n<configuration><system.webServer><rewrite><rules>\r\n'
        f"{rules}</rules></rewrite></system.webServer></configuration>\r\n"
    )


def log_ages(server: ServerPlan, at: datetime) -> str:
    """Return the list of log ages that Microsoft's check writes where it found nothing."""
    days = (at - server.begins).days
    head = ",".join(f'"{name}"' for name in AGES)
    return f"{head}\r\n" + ",".join(f'"{days}.0"' for _ in AGES) + "\r\n"


def safety_scan(server: ServerPlan, at: datetime, mode: Mode, *, finished: bool = True) -> str:
    """Return one run of the Safety Scanner that found nothing, by the server's own clock; one that was broken off
    ends where its results would stand."""
    begun = at - timedelta(minutes=server.machine.language.bias)
    ended = begun + SCAN_TOOK
    dashes = "-" * 87
    started = (
        f"{dashes}\r\nMicrosoft Safety Scanner v1.333, (build 1.333.160.0)\r\n"
        f"Started On {begun:%a %b %d %H:%M:%S %Y}\r\n"
        "\r\nEngine: 1.1.17900.7\r\nSignatures: 1.333.160.0\r\nMpGear: 1.1.16330.1\r\n"
        f"Run Mode: {mode} Scan\r\n"
    )
    return started if not finished else (
        f"{started}\r\n{mode} Scan Results:\r\n----------------\r\n\r\nResults Summary:\r\n----------------\r\n"
        "No infection found.\r\n"
        f"Microsoft Safety Scanner Finished On {ended:%a %b %d %H:%M:%S %Y}\r\n\r\n\r\nReturn code: 0 (0x0)\r\n"
    )  # fmt: skip


def truths(server: ServerPlan) -> Iterator[MitigationTruth]:
    """Yield what is true of a server's upkeep; `source` is the path on the server."""
    at = kept_at(server)
    for kept, (count, enabled) in WRITTEN.items():
        if kept in server.upkeep:
            state = "off" if not enabled else "on" if count == len(RULES) else "partly"
            yield _truth("cookie-rules", state, SITE, since=at if enabled else None)
    if "unified-messaging-off" in server.upkeep:
        both = at + timedelta(seconds=len(UM_SERVICES) - 1)
        yield _truth("unified-messaging-off", "on", SYSTEM, since=both)
    if "pools-stopped" in server.upkeep:
        yield _truth("control-panel-stopped", "on", CONFIG, since=at)
    for _, mode, finished in _scans(server):
        yield _truth(f"msert-{mode.lower()}", "ran" if finished else "unfinished", SCANNED)
    if "check" in server.upkeep:
        yield _truth("test-proxylogon", "ran", _check(server))
    for kept, told in EMERGENCY.items():
        if kept in server.upkeep:
            yield _emergency(kept, at, told)


def _emergency(kept: Kept, at: datetime, told: tuple[tuple[int, str, timedelta], ...]) -> MitigationTruth:
    first, last = (at + told[place][2] for place in (0, -1))
    if kept == "emergency-failed":
        return _truth("emergency-m1", "failed", APPLICATION)
    if kept == "emergency-taken-back":
        return _truth("emergency-m1", "off", APPLICATION, since=first, until=last)
    return _truth("emergency-m1", "on", APPLICATION, since=first)


def _truth(
    name: str, state: str, source: str, since: datetime | None = None, until: datetime | None = None
) -> MitigationTruth:
    told = {"id": name, "state": state, "since": since, "until": until, "source": source}
    return msgspec.convert(told, MitigationTruth)
