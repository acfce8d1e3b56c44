"""Which flaws a build has, and from when to when a host ran one that had them.

A build is compared within its cumulative update (CU), never by plain number: 15.1.2106.2 is a larger number than
15.1.2044.13 and lacks what that one has. The rules, first that holds:

1. The flaw spares the build's product: not affected.
2. No update of the flaw is known for its product (its 15.0, 15.1, 15.2, or all of 14): unknown.
3. Its CU came after the last one that got the update: fixed, for the CU holds it.
4. Its own CU got the update: fixed from that revision on, vulnerable below. Where only the CU is told: unknown.
5. Otherwise its CU got none: vulnerable until a later CU is installed.

Where something must be set besides the update, fixed is told as needs-setting.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from postvakt.model.build import CU_ONLY, Build, ExposureRow, Flaw, FlawState, Number, Stretch
from postvakt.model.report import BuildRow, FindingRow, Window
from postvakt.reason import exposed

NUMBER = re.compile(r"(\d{1,5})\.(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?")
NO_REVISION = -1
SLACK = timedelta(hours=1)
"""An update takes this long: an older build in one log and the newer one in another are then no contradiction."""

RANKS = (("http_proxy rows", 0), (" rows", 1), ("exchange_setup", 2), (CU_ONLY, 4))
"""How far a source is believed, best first: every request carries the running build; setup tells what it installed."""

OTHERS = 3


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One build as its sources tell it together. `exact` is False where they know the CU alone."""

    number: Number
    text: str
    exact: bool
    first: datetime | None
    last: datetime | None
    source: str
    rank: int


def numbered(build: str) -> Number | None:
    """Return a build's four numbers, the revision -1 where the text has three; None for what is no build."""
    found = NUMBER.fullmatch(build)
    if found is None:
        return None
    major, minor, cu, revision = (int(part) if part is not None else NO_REVISION for part in found.groups())
    return major, minor, cu, revision


def state(flaw: Flaw, build: Number, *, exact: bool = True) -> FlawState:
    """Return what a flaw is to a build. `exact` is False where the revision is the CU's and an update may follow."""
    if ".".join(map(str, build)).startswith(flaw.spared):
        return "not-affected"
    fixes = [fix for text in flaw.fixed_from if (fix := numbered(text)) and _product(fix) == _product(build)]
    if not fixes:
        return "unknown"
    own = next((fix for fix in fixes if fix[:3] == build[:3]), None)
    if build[:3] > max(fixes)[:3] or (own and build[3] >= own[3]):
        return "needs-setting" if flaw.besides else "fixed"
    # Setup knows the service pack of Exchange 2010 alone, whose rollups have CU numbers of their own.
    told_in_full = exact and build[3] != NO_REVISION
    return "vulnerable" if told_in_full or (own is None and build[0] > 14) else "unknown"


def exposure(
    seen: Sequence[Sighting],
    flaws: Iterable[Flaw],
    findings: Sequence[FindingRow],
    window: Window,
) -> tuple[ExposureRow, ...]:
    """Return how long a host was open to each flaw that was published before its evidence was taken, oldest first."""
    asked = sorted(flaws, key=lambda flaw: (flaw.known, flaw.id))
    return tuple(
        exposed.row(flaw, stretches(flaw, seen, window), findings, window)
        for flaw in asked
        if window.end is None or flaw.known <= window.end.date()
    )


def sightings(builds: Iterable[BuildRow]) -> tuple[Sighting, ...]:
    """Return each build once with all who tell it: dated ones in time, then undated ones, the best source first."""
    same: dict[tuple[Number, bool, bool], list[BuildRow]] = defaultdict(list)
    for row in builds:
        number = numbered(row.build)
        if number is not None:
            exact = CU_ONLY not in row.source and number[3] != NO_REVISION
            same[number, exact, row.first is not None].append(row)
    made = [_sighting(number, exact, rows) for (number, exact, _), rows in same.items()]
    return tuple(sorted(made, key=lambda s: (s.first is None, str(s.first), s.rank, s.number)))


def last_seen(seen: Sequence[Sighting]) -> Sighting | None:
    """Return what a host ran last: the latest dated build told in full, else the best of what is told at all."""
    dated = [one for one in seen if one.last is not None and one.exact]
    if dated:
        return max(dated, key=lambda one: (str(one.last), -one.rank))
    return min(seen, key=lambda one: (not one.exact, one.rank), default=None)


def stretches(flaw: Flaw, seen: Sequence[Sighting], window: Window) -> tuple[Stretch, ...]:
    """Return a host's time in order: which build it ran and what the flaw was to it, unknown stretches between.

    Between two sights of one build it ran that build. Between sights of two it may have run a third.
    """
    dated = [one for one in seen if one.first is not None and one.exact]
    if not dated:
        best = last_seen(seen)
        told = (_stretch(flaw, best),) if best else ()
        return (*told, _nothing(window.start, window.end)) if best is None or not best.exact else told
    made: list[Stretch] = []
    before: datetime | None = window.start
    for one in dated:
        if before is not None and one.first is not None and one.first - before > SLACK:
            made.append(_nothing(before, one.first))
        made.append(_stretch(flaw, one))
        before = max((end for end in (before, one.last) if end), default=None)
    if window.end is not None and before is not None and window.end - before > SLACK:
        made.append(_nothing(before, window.end))
    return tuple(made)


def disagreements(seen: Sequence[Sighting]) -> tuple[str, ...]:
    """Return what the sources say against each other, the source that is believed first."""
    dated = [one for one in seen if one.first is not None and one.exact]
    told = [
        f"{old.source} has {old.text} until {_minute(old.last)}, {new.source} has {new.text} "
        f"from {_minute(new.first)}: an older build after a newer one"
        for new in dated
        for old in dated
        if old.number < new.number and old.last and new.first and old.last - new.first > SLACK
    ]
    last = last_seen(seen)
    for one in seen:
        if last is None or not last.exact or one.exact:
            continue
        if one.number[:3] != last.number[:3] and last.number[0] > 14:
            told.append(
                f"{one.source} has {one.text}, {last.source} has {last.text}: another cumulative update"
            )
        elif one.number != last.number:
            told.append(
                f"{one.source} has {one.text}: it does not change with an update; {last.text} is by {last.source}"
            )
    if last is not None and not last.exact:
        told.append(
            f"only the cumulative update is told ({last.text}, {last.source}), not which update lies on it"
        )
    return tuple(told)


def unlisted(table: Sequence[Build], seen: Iterable[Sighting]) -> Iterator[str]:
    """Yield a sentence for each build that the table does not have."""
    known = {build.build for build in table}
    newest = max((build.date for build in table), default="")
    for one in seen:
        if known and one.exact and one.number not in known:
            yield f"{one.text} is not in the table of builds, which ends at {newest}: it is judged by its number alone"


def _product(number: Number) -> tuple[int, ...]:
    return number[:1] if number[0] == 14 else number[:2]


def _sighting(number: Number, exact: bool, rows: Sequence[BuildRow]) -> Sighting:
    ranked = sorted({(_rank(row.source), row.source) for row in rows})
    return Sighting(
        number=number,
        text=".".join(str(part) for part in number if part != NO_REVISION),
        exact=exact,
        first=min((row.first for row in rows if row.first), default=None),
        last=max((row.until or row.first for row in rows if row.first), default=None),
        source=", ".join(source for _, source in ranked),
        rank=ranked[0][0],
    )


def _rank(source: str) -> int:
    return next((rank for mark, rank in RANKS if mark in source), OTHERS)


def _stretch(flaw: Flaw, one: Sighting) -> Stretch:
    return Stretch(
        state=state(flaw, one.number, exact=one.exact),
        build=one.text,
        first=one.first,
        last=one.last,
        source=one.source,
    )


def _nothing(first: datetime, last: datetime | None) -> Stretch:
    return Stretch(state="unknown", build="", first=first, last=last, source="")


def _minute(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else ""
