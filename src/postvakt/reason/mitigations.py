"""What was done against flaws besides the update, and which scans were made, each from what was read of it.

What was not read is unknown, never off: a setting is off only where the place was read in which it would stand.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from postvakt.model.build import ExposureRow
from postvakt.model.mitigation import Dated, Mitigation, MitigationRow, MitigationState, Observed

SITE = re.compile(r"(wwwroot[/\\]|(^|[/\\])DefaultWebSite_)web\.config$", re.IGNORECASE)
"""Where the rewrite rules of the Default Web Site stand; the file is there only where somebody set something. The
second form is the name under which HealthChecker keeps it."""

SERVER = re.compile(r"applicationHost\.config$", re.IGNORECASE)
BACK_END = re.compile(r"Exchange ?Back ?End|[/\\]V15[/\\]ClientAccess[/\\]", re.IGNORECASE)
"""What is bound to the back end guards nothing: an attack comes through the front. (In Exchange 2010 ClientAccess
is the front.)"""

SUCCESSES = ("1005", "1006")
IDLE = "none"
"""The action of a rule that only counts."""

DONE = re.compile(r"\b(applied|added|success\w*)\b", re.IGNORECASE)
UNDONE = re.compile(r"\b(removed|reverted|rolled back|blocked)\b", re.IGNORECASE)
FAILED = re.compile(r"\b(fail\w*|error|unable|cannot)\b", re.IGNORECASE)

EXACTLY: Dated = "exactly"
AT_THE_LATEST: Dated = "at the latest"
OPEN = ("vulnerable", "needs-setting", "unknown")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """How a mitigation stands, by what was read."""

    state: MitigationState
    told: str
    at: Observed | None = None
    first: datetime | None = None
    last: datetime | None = None
    dated: Dated = "at the latest"


def rows(
    known: Iterable[Mitigation],
    seen: Sequence[Observed],
    exposure: Sequence[ExposureRow],
    builds: Sequence[str],
    torn: Collection[tuple[str, str]] = (),
) -> tuple[MitigationRow, ...]:
    """Return a host's mitigations and scans. One that is off or unknown stands only where a flaw of it is open, or
    where it was in force before and was taken back. `torn` are sources, by evidence and path, with gaps in them: that
    one of them does not tell a thing does not say that it is not so."""
    seen = [
        msgspec.structs.replace(row, whole=False) if (row.evidence, row.source) in torn else row
        for row in seen
    ]
    open_to = {row.flaw for row in exposure if row.state in OPEN}
    made = []
    for one in known:
        if builds and all(build.startswith(one.except_builds) for build in builds) and one.except_builds:
            continue
        shown = SHOWING[one.kind](one, [row for row in seen if row.table in TABLES[one.kind]])
        if shown.state in ("off", "unknown") and shown.first is None and not open_to & set(one.flaws):
            continue
        made.append(_row(one, shown))
    return (*made, *_scans(seen), *_checks(seen))


def _row(one: Mitigation, shown: Shown) -> MitigationRow:
    at = shown.at
    note = f". {one.note}" if one.note and shown.state in ("on", "partly") else ""
    return MitigationRow(
        id=one.id,
        title=one.title,
        state=shown.state,
        told=shown.told + note,
        basis=one.source,
        flaws=one.flaws,
        first=shown.first,
        last=shown.last,
        evidence=at.evidence if at else "",
        source=at.source if at else "",
        locator=at.locator if at else None,
        dated=shown.dated if shown.first else "",
    )


def _rewrite(one: Mitigation, seen: Sequence[Observed]) -> Shown:
    rules = [row for row in seen if row.kind == one.kind and not BACK_END.search(_place(row))]
    held = [_matching(pattern, rules) for pattern in one.shown_by]
    standing = [[row for row in found if _in_force(row, rules, found)] for found in held]
    wide = [[row for row in found if not (one.whole_site and _place(row))] for found in standing]
    first = next((found[0] for found in (*wide, *standing, *held) if found), None)
    count = sum(map(bool, standing))
    told = f"{count} of {len(one.shown_by)} rules stand in {first.source if first else ''}"
    if all(standing):
        lacks = _not_whole(wide, standing) or _no_module(seen)
        if lacks:
            return Shown(state="partly", told=told + lacks, at=first)
        return Shown(state="on", told=f"{told}{_written(first)}", at=first, first=_changed(first))
    if count:
        return Shown(state="partly", told=told, at=first, first=_changed(first))
    if any(held):
        return Shown(
            state="off",
            told=f"the rules are there, but switched off, turned round or without an action{_written(first)}",
            at=first,
        )
    files = {row.source for row in seen}
    site = [row for row in seen if SITE.search(row.source)]
    if site and not all(row.whole for row in site):
        told = f"{site[0].source} could be read in part only; what it holds beyond that would tell"
        return Shown(state="unknown", told=told, at=site[0])
    if site:
        told = f"no such rule in {len(files)} configuration files, the site's own among them"
        return Shown(state="off", told=told)
    told = (
        "the web.config of the Default Web Site was not read; it is there only where somebody set something"
    )
    return Shown(state="unknown", told=told)


def _place(row: Observed) -> str:
    """Return the part of the web server that a setting is bound to; empty for the Default Web Site as a whole."""
    if row.location:
        return "" if row.location.casefold() == "default web site" else row.location
    return "" if SITE.search(row.source) or SERVER.search(row.source) else row.source


def _not_whole(wide: Sequence[Sequence[Observed]], standing: Sequence[Sequence[Observed]]) -> str:
    if all(wide):
        return ""
    bound = sorted({_place(row) for found in standing for row in found if _place(row)})
    return f", but for a part of the site alone: {', '.join(bound)}"


def _no_module(seen: Sequence[Observed]) -> str:
    modules = [row.name for row in seen if row.kind == "global_module"]
    if not modules or any("rewrite" in name.lower() for name in modules):
        return ""
    return ", but the module URL Rewrite is not among those loaded"


def _matching(pattern: str, rules: Iterable[Observed]) -> list[Observed]:
    """Return the rules whose name, or a pattern in them, is like that; each by its own element."""
    wanted = re.compile(pattern, re.IGNORECASE)
    return [row for row in rules if wanted.search(row.name) or wanted.search(row.value)]


def _in_force(row: Observed, rules: Iterable[Observed], found: Iterable[Observed]) -> bool:
    """Tell whether a rule, or the rule that a condition belongs to, is not switched off and does something.

    `found` are the rules and conditions of the pattern that is looked for, which must not be turned round.
    """
    name = row.within or row.name
    beside = [each for each in rules if each.source == row.source]
    own = [each for each in beside if each.name == name and not each.within]
    idle = any(each.within == name and not each.name and each.value.casefold() == IDLE for each in beside)
    turned = any(e.within == name and e.source == row.source and e.enabled is False for e in found)
    return not (idle or turned) and all(each.enabled is not False for each in (row, *own))


def _changed(row: Observed | None) -> datetime | None:
    return row.changed if row else None


def _written(row: Observed | None) -> str:
    if row is None or row.changed is None:
        return ""
    return (
        f"; that file was last written at {row.changed:%Y-%m-%d %H:%MZ}, so it is so since then at the latest"
    )


def _service(one: Mitigation, seen: Sequence[Observed]) -> Shown:
    names = one.shown_by
    services = [
        row for row in seen if row.kind == "service" and row.name.casefold() in map(str.casefold, names)
    ]
    if not services:
        listing = [row for row in seen if row.kind == "service"]
        if listing and not all(row.whole for row in listing):
            return Shown(
                state="unknown", told="the SYSTEM hive could be read in part only and names no such service"
            )
        if listing:
            return Shown(
                state="off", told="no such service among those of the SYSTEM hive: it is not installed"
            )
        return Shown(state="unknown", told="no SYSTEM hive was read")
    disabled = [row for row in services if row.value == "disabled"]
    listed = ", ".join(f"{row.name} {row.value}" for row in services)
    changes = [
        row for row in seen
        if row.kind == "start_type"
        and row.value.rpartition(" | ")[2].casefold() in {one.name.casefold() for one in disabled}
    ]  # fmt: skip
    first, dated = min((row.time for row in disabled if row.time), default=None), AT_THE_LATEST
    if changes:
        first, dated = changes[-1].time, EXACTLY
        listed += f"; its start was last changed at {first:%Y-%m-%d %H:%MZ} (System 7040)" if first else ""
    if not disabled:
        return Shown(state="off", told=listed, at=services[0])
    state: MitigationState = "on" if len(disabled) == len(services) else "partly"
    return Shown(state=state, told=listed, at=disabled[0], first=first, dated=dated)


def _pool(one: Mitigation, seen: Sequence[Observed]) -> Shown:
    pools = [row for row in seen if row.kind == "app_pool" and not row.within]
    mine = [row for row in pools if row.name.casefold() in map(str.casefold, one.shown_by)]
    if not mine:
        return Shown(
            state="unknown",
            told="no applicationHost.config that names these pools was read",
        )
    stopped = [row for row in mine if row.enabled is False]
    listed = ", ".join(f"{row.name} {'is not started' if row in stopped else 'starts'}" for row in mine)
    if not stopped and len(mine) < len(one.shown_by) and not all(row.whole for row in pools):
        told = f"{listed}; the configuration could be read in part only and names no other of them"
        return Shown(state="unknown", told=told, at=mine[0])
    if not stopped:
        return Shown(state="off", told=listed, at=mine[0])
    state: MitigationState = "on" if len(stopped) == len(one.shown_by) else "partly"
    return Shown(state=state, told=listed + _written(stopped[0]), at=stopped[0], first=_changed(stopped[0]))


def _emergency(one: Mitigation, seen: Sequence[Observed]) -> Shown:
    wanted = re.compile(one.shown_by[0], re.IGNORECASE)
    told = [row for row in seen if row.kind == "emergency" and wanted.search(row.value)]
    if not told:
        # It writes when it applies one, and logs roll: that it wrote of others says nothing of this one.
        wrote = any(row.kind == "emergency" for row in seen)
        what = "the emergency mitigation service wrote of others and not of this"
        told_of = what if wrote else "nothing that the emergency mitigation service wrote was read"
        return Shown(state="unknown", told=f"{told_of}; MitigationsApplied of Get-ExchangeServer would tell")
    dated = sorted((row for row in told if row.time), key=lambda row: str(row.time)) or told
    last = dated[-1]
    good = [row for row in dated if _succeeded(row)]
    applied = [row for row in good if not UNDONE.search(row.value)]
    first = applied[0].time if applied else None
    state: MitigationState = "on"
    told_of = "applied"
    if UNDONE.search(last.value):
        state, told_of = "off", "taken back"
    elif not _succeeded(last):
        state, told_of = "partly" if good else "failed", "the last attempt failed"
    return Shown(
        state=state, told=f"{told_of}: {_short(last)}", at=last, first=first, last=last.time, dated=EXACTLY
    )


def _succeeded(row: Observed) -> bool:
    if row.table == "event":
        return row.name in SUCCESSES
    return row.name.casefold() != "error" and not FAILED.search(row.value) and bool(DONE.search(row.value))


def _short(row: Observed) -> str:
    return " ".join(row.value.split())[:160]


def _scans(seen: Iterable[Observed]) -> Iterator[MitigationRow]:
    """Yield each run of Microsoft's Safety Scanner; its log tells the server's local time without a zone."""
    runs: dict[tuple[str, str, int], list[Observed]] = defaultdict(list)
    for row in seen:
        if row.table == "msert" and row.run is not None:
            runs[row.evidence, row.source, row.run].append(row)
    for (evidence, source, _), lines in sorted(runs.items()):
        named = {row.kind: row for row in lines}
        mode = next((row.name for row in lines if row.kind == "results" and row.name), "")
        mode = mode or next((row.name for row in lines if row.kind == "mode"), "")
        kind = "full" if "full" in mode.casefold() else "quick" if "quick" in mode.casefold() else "other"
        found = len([row for row in lines if row.kind == "finding"])
        finished = "finished" in named
        told = [f"{kind} scan", "finished" if finished else "no sign that it finished"]
        told += [f"return code {named['code'].within}"] if "code" in named else []
        told += [f"signatures {named['signatures'].name}"] if "signatures" in named else []
        told += [f"{found} found" if found else "nothing found"] if finished else []
        started = named.get("started")
        begun = f"Started On {started.name}, the server's own time" if started else "its start is not told"
        yield MitigationRow(
            id=f"msert-{kind}",
            title=f"Microsoft Safety Scanner, {kind} scan",
            state="ran" if finished else "unfinished",
            told=", ".join(told),
            basis=begun,
            evidence=evidence,
            source=source,
            locator=lines[0].locator,
            started=_clock(started.name) if started else "",
            signatures=named["signatures"].name if "signatures" in named else "",
        )


def _clock(told: str) -> str:
    """Return a time of the scanner's log by the server's clock, `2021-03-06T09:12:01`; nothing for another shape."""
    try:
        return datetime.strptime(" ".join(told.split()), "%a %b %d %H:%M:%S %Y").isoformat()
    except ValueError:
        return ""


def _checks(seen: Iterable[Observed]) -> Iterator[MitigationRow]:
    """Yield the run of Test-ProxyLogon as far as its lists tell: those of hits are there only where it had some."""
    lists = [row for row in seen if row.table == "test_proxylogon"]
    if not lists:
        return
    hits = sorted({row.name for row in lists if row.name != "LogAgeDays"})
    told = f"it listed {', '.join(hits)}" if hits else "of its lists only the age of logs is there"
    yield MitigationRow(
        id="test-proxylogon",
        title="Test-ProxyLogon.ps1 of Microsoft",
        state="ran",
        told=f"{told}; lists of hits are written only where it had some",
        basis=f"{len(lists)} lists that it left",
        flaws=("proxylogon",),
        evidence=lists[0].evidence,
        source=lists[0].source,
        locator=lists[0].locator,
    )


SHOWING = {
    "rewrite_inbound": _rewrite,
    "rewrite_outbound": _rewrite,
    "service": _service,
    "app_pool": _pool,
    "emergency_service": _emergency,
}
TABLES: Mapping[str, tuple[str, ...]] = {
    "rewrite_inbound": ("iis_config",),
    "rewrite_outbound": ("iis_config",),
    "service": ("registry_trace", "event"),
    "app_pool": ("iis_config",),
    "emergency_service": ("event", "mitigation_service"),
}
