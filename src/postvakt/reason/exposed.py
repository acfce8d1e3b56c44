"""One flaw on one host over time: open from when to when, tried and used when, closed how long after."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from postvakt.model.build import ExposureRow, Flaw, Stretch
from postvakt.model.report import FindingRow, Window
from postvakt.model.rule import Stage
from postvakt.reason.findings import ATTEMPTED, COMPROMISED

Event = tuple[FindingRow, str]
CLOSED = ("fixed", "needs-setting")
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The update: after the last sight of an open build, by the first sight of a closed one. None: not seen."""

    after: datetime | None = None
    by: datetime | None = None
    build: str = ""
    source: str = ""


def row(
    flaw: Flaw,
    stretches: tuple[Stretch, ...],
    findings: Sequence[FindingRow],
    window: Window,
) -> ExposureRow:
    """Return the row of a flaw. `stretches` are the host's time as `builds.stretches` tells it."""
    ran = [stretch for stretch in stretches if stretch.build]
    last = max(ran, key=lambda stretch: str(stretch.last or ""), default=None)
    open_at = [stretch for stretch in ran if stretch.state == "vulnerable" and stretch.first]
    change = _change(ran) if last and last.state in CLOSED else Change()
    standing = [one for one in findings if one.acknowledged is None and one.first is not None]
    named = [one for one in standing if set(one.cves) & set(flaw.cves)]
    attempt, success = _first(named, ATTEMPTED), _first(named, COMPROMISED)
    written = success if success and success.stage == "file-written" else _written(standing, named, open_at)
    succeeded = _events((written, "the first file was written"), (success, "the first success"))
    events = succeeded or _events((attempt, "the first attempt"))
    made = ExposureRow(
        flaw=flaw.id,
        title=flaw.title,
        cves=flaw.cves,
        state=last.state if last else "unknown",
        stretches=stretches,
        vulnerable_from=min((one.first for one in open_at if one.first), default=None),
        vulnerable_until=max((one.last for one in open_at if one.last), default=None),
        patched_after=change.after,
        patched_by=change.by,
        exposed=_exposed(open_at, window),
        attempt=attempt.first if attempt else None,
        success=success.first if success else None,
        findings=tuple(dict.fromkeys(one.id for one in (attempt, success, written) if one)),
        besides=flaw.besides,
        source=change.source or (last.source if last else ""),
    )
    return msgspec.structs.replace(made, told=tuple(_told(made, last, change, events)))


def _events(*events: tuple[FindingRow | None, str]) -> list[Event]:
    return [(one, name) for one, name in events if one is not None]


def _change(ran: Sequence[Stretch]) -> Change:
    """Return the update after which no open build was seen any more; no `after` where none was seen before it."""
    first = len(ran)
    while first and ran[first - 1].state in CLOSED:
        first -= 1
    if first == len(ran):
        return Change()
    by = ran[first]
    before = [stretch.last for stretch in ran[:first] if stretch.state == "vulnerable" and stretch.last]
    after = max(before, default=None)
    if after and by.first and after > by.first:
        after = by.first  # The sources disagree; that is told as a doubt.
    return Change(after=after, by=by.first, build=by.build, source=by.source)


def _first(findings: Sequence[FindingRow], stages: Sequence[Stage]) -> FindingRow | None:
    return min((one for one in findings if one.stage in stages), key=_time, default=None)


def _written(
    standing: Sequence[FindingRow], named: Sequence[FindingRow], open_at: Sequence[Stretch]
) -> FindingRow | None:
    """Return the first file that was written, while the flaw was open where no finding on the host names its way in."""
    candidates = [one for one in standing if one.stage == "file-written"]
    if any(one.stage in COMPROMISED for one in named):
        return _first([one for one in candidates if one in named or not one.cves], ("file-written",))
    if any(one.cves for one in standing if one.stage in COMPROMISED):
        return None
    return _first([one for one in candidates if _within(one, open_at)], ("file-written",))


def _within(finding: FindingRow, open_at: Sequence[Stretch]) -> bool:
    return any(
        stretch.first <= finding.first <= stretch.last
        for stretch in open_at
        if stretch.first and stretch.last and finding.first
    )


def _exposed(open_at: Sequence[Stretch], window: Window) -> datetime | None:
    within = [
        max(stretch.first, window.start)
        for stretch in open_at
        if stretch.first and stretch.last and stretch.last >= window.start
    ]
    return min(within, default=None)


def _told(
    made: ExposureRow,
    last: Stretch | None,
    change: Change,
    events: Sequence[Event],
) -> Iterator[str]:
    yield _standing(made, last, change)
    if made.state == "vulnerable" and any(
        one.state in CLOSED and _before(one, last) for one in made.stretches
    ):
        yield "It had been fixed before: the cumulative update that came later does not hold the fix."
    if made.state in ("needs-setting", "vulnerable") and made.besides:
        yield f"{made.besides}: what was read does not tell whether it is so."
    if change.by is None or change.after is None:
        return
    said = ""
    for event, name in events:
        if event.first is not None and _how_long(event.first, change) != said:
            said = _how_long(event.first, change)
            yield f"Patched {said} {name} ({minute(event.first)}: {event.title})."


def _before(one: Stretch, last: Stretch | None) -> bool:
    return bool(one.last and last and last.first and one.last <= last.first)


def _standing(made: ExposureRow, last: Stretch | None, change: Change) -> str:
    if last is None:
        return "No build of the server is told: whether it was open to this is not known."
    runs = f"{last.build} ({_briefly(last.source)})"
    match made.state:
        case "not-affected":
            return f"{runs} never had this."
        case "unknown":
            return f"Whether {runs} is open to this cannot be told from its number."
        case "vulnerable":
            span = f" from {minute(made.vulnerable_from)} to {minute(made.vulnerable_until)}, the last sight of it"
            return (
                f"Vulnerable{span if made.vulnerable_from else ''}: {runs}; no fixed build was seen after it."
            )
        case _:
            pass
    if change.by is None:
        return f"Fixed by {runs}; since when is not told."
    if change.after is None:
        since = f"Fixed at the latest since {minute(change.by)} by {change.build}"
        return f"{since} ({_briefly(change.source)}); before is not known."
    return (
        f"Vulnerable from {minute(made.vulnerable_from)}; patched between {minute(change.after)} and "
        f"{minute(change.by)} by {change.build} ({_briefly(change.source)})."
    )


def _briefly(sources: str) -> str:
    best, *others = sources.split(", ")
    return f"{best} and {len(others)} more" if others else best


def _how_long(event: datetime, change: Change) -> str:
    """Return `3 days after`, `between 2 and 5 days after`, `4 hours before`: the update seen from an event."""
    if change.after is None or change.by is None:
        return "at a time that is not known, beside"
    if change.after <= event <= change.by:
        return "about the time of"
    word = "after" if event < change.after else "before"
    near, far = sorted((abs(change.after - event), abs(change.by - event)))
    least, most = length(near), length(far)
    if least == most or far - near <= HOUR:
        return f"{most if word == 'after' else least} {word}"
    return f"between {least} and {most} {word}"


def length(span: timedelta) -> str:
    """Return a length of time in its greatest unit, cut off below: `3 days`."""
    for unit, name in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        if span >= unit:
            number = span // unit
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return "less than a minute"


def _time(finding: FindingRow) -> tuple[str, str]:
    return str(finding.first), finding.id


def minute(instant: datetime | None) -> str:
    """Return an instant as sentences tell it, to the minute in UTC; nothing for None."""
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else ""
