"""Who it may have been: every known actor held against the evidence of one host, and of each party of its story.

The sum can be redone by hand. A mark that is seen adds its weight, times how sure its source is (1 or a half), divided
by the number of actors that show it, rounded to one decimal. A mark that speaks against an actor takes its weight
times how sure, and half of that where it only was expected. Absence counts for nothing where the source that would
show it was not read.

An actor is `supported` by two distinguishing marks of different kinds, one of them behaviour or a tool, with eight
points, four of them by marks that nobody else shows, and a lead of four. A name, an address or a hash decides nothing
alone. `possible` takes four points by marks that nobody else shows, one of them behaviour or a tool or two of
different kinds. Everything else is `insufficient`, or `contradicted` where what speaks against outweighs the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import floor

import msgspec

from postvakt.model.actor import SURE, ActorSpec, Claim, Knowledge, Mark, MarkKind, Sign, Source
from postvakt.model.fact import Victim
from postvakt.model.hypothesis import HypothesisRow, Side, Standing, Weighed
from postvakt.model.report import CoverageRow, FindingRow
from postvakt.reason.findings import ATTEMPTED, COMPROMISED

ENOUGH = 8.0
"""Points below which nobody is `supported`: two good marks of one actor alone, or one and several shared ones."""

LEAD = 4.0
"""Points that make a lead clear, and that marks must bring which nobody else shows: many shared ones make no actor."""

FEW = 2
"""A mark that at most so many actors show distinguishes."""

ELSEWHERE = -4.0
"""What it takes from an actor who comes through Exchange only that the host is no Exchange server."""

EXPECTED = 0.5
DECIDING: frozenset[MarkKind] = frozenset(("behaviour", "tool"))
TELLING: frozenset[MarkKind] = DECIDING | {"infrastructure", "file"}
"""Kinds that distinguish. A name is lent by anybody; a time or a kind of victim fits too many."""

SIDES: tuple[Side, ...] = ("for", "against", "not-seen", "not-visible", "indifferent")


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """What actors are held against: the findings that count and what was read, of a host or of one of its parties."""

    findings: Sequence[FindingRow]
    coverage: Sequence[CoverageRow]
    roles: Sequence[str] = ()
    victim: Victim | None = None
    party: str = ""


class _Look(msgspec.Struct, frozen=True):
    """What became of one mark: the findings that show it, or why it is not known whether it is there."""

    findings: tuple[FindingRow, ...] = ()
    told: bool = False
    blind: str = ""


def counting(findings: Iterable[FindingRow]) -> tuple[FindingRow, ...]:
    """Return the findings that an argument may rest on: neither put aside by a person nor a responder's own."""
    return tuple(row for row in findings if row.acknowledged is None and row.stage != "responder-tool")


def rows(held: Held, known: Knowledge) -> tuple[HypothesisRow, ...]:
    """Return the actors of whom any mark is seen, those with the most points first."""
    marks = {mark.id: mark for mark in known.marks}
    showing = shared(known)
    looked = {mark.id: _look(mark, held) for mark in known.marks}
    weighed = [
        (actor, _weighed(actor, held, marks, showing, looked, known.sources)) for actor in known.actors
    ]
    # Time and kind of victim fit thousands of servers: without a trace of what the actor does they are no hypothesis.
    of_use = [
        pair for pair in weighed if any(w.side == "for" and w.kind in (*TELLING, "name") for w in pair[1])
    ]
    summed = sorted(((points(w), actor, w) for actor, w in of_use), key=lambda s: (-s[0], s[1].id))
    return tuple(
        HypothesisRow(
            actor=actor.id,
            title=actor.title,
            standing=(
                standing := _standing(total, own, [s for s, other, _ in summed if other.id != actor.id])
            ),
            points=total,
            weighed=own,
            told=_told(standing, actor, own),
            party=held.party,
        )
        for total, actor, own in summed
    )


def shared(known: Knowledge) -> Mapping[str, tuple[str, ...]]:
    """Return the titles of the actors that show each mark, in the order of their ids."""
    made: dict[str, list[str]] = {mark.id: [] for mark in known.marks}
    for actor in sorted(known.actors, key=lambda actor: actor.id):
        for claim in actor.claims:
            if not claim.against and claim.mark in made:
                made[claim.mark].append(actor.title)
    return {mark: tuple(titles) for mark, titles in made.items()}


def points(weighed: Iterable[Weighed]) -> float:
    """Return the sum of what was weighed, to one decimal."""
    return _rounded(sum(mark.points for mark in weighed))


def grounded(row: HypothesisRow) -> bool:
    """Tell whether an actor has what `supported` takes but for the lead over others."""
    return row.points >= ENOUGH and _distinguished(row.weighed)


def _look(mark: Mark, held: Held) -> _Look:
    if mark.kind == "time":
        return _dated(mark, held.findings)
    if mark.kind == "victim":
        return _victim(mark, held.victim)
    found: list[FindingRow] = []
    undecided = ""
    for sign in mark.signs:
        for row in held.findings:
            if not _is_of(sign, row) or row in found:
                continue
            if not sign.words or _holds(sign.words, row):
                found.append(row)
            elif row.count > len(row.sample):
                undecided = (
                    f"{len(row.sample)} of {row.count} rows of {row.title!r} are at hand, and none holds it"
                )
    if found:
        return _Look(tuple(found), told=True)
    read = {row.artifact for row in held.coverage if row.records}
    if not read & set(mark.needs):
        return _Look(blind=f"not read: {', '.join(mark.needs)}")
    return _Look(blind=undecided)


def _is_of(sign: Sign, row: FindingRow) -> bool:
    # A rule of somebody else's pack is never a mark, whatever actor its name blames.
    own = row.origin == "own"
    return row.rule in sign.rules or (
        own and (row.stage in sign.stages or bool(set(row.techniques) & set(sign.techniques)))
    )


def _holds(words: Iterable[str], row: FindingRow) -> bool:
    texts = [value.lower() for sample in row.sample for value in sample.fields.values()]
    return any(word.lower() in text for word in words for text in texts)


def began(findings: Iterable[FindingRow]) -> FindingRow | None:
    """Return the first dated finding that is an attack."""
    attacks = [row for row in findings if row.first and row.stage in (*ATTEMPTED, *COMPROMISED)]
    return min(attacks, key=lambda row: (str(row.first), row.id), default=None)


def _dated(mark: Mark, findings: Iterable[FindingRow]) -> _Look:
    first = began(findings)
    if first is None or first.first is None:
        return _Look(blind="no attack is dated")
    inside = (mark.since is None or first.first >= mark.since) and (
        mark.until is None or first.first < mark.until
    )
    return _Look((first,), told=True) if inside else _Look()


def _victim(mark: Mark, victim: Victim | None) -> _Look:
    if victim is None:
        return _Look(blind="nobody stated sector and country in facts.yaml")
    sector = victim.sector.strip().lower() in {name.lower() for name in mark.sectors}
    country = victim.country.strip().upper() in mark.countries
    return _Look(told=(sector or not mark.sectors) and (country or not mark.countries))


def _weighed(
    actor: ActorSpec,
    held: Held,
    marks: Mapping[str, Mark],
    showing: Mapping[str, tuple[str, ...]],
    looked: Mapping[str, _Look],
    sources: Mapping[str, Source],
) -> tuple[Weighed, ...]:
    made = [
        one
        for claim in actor.claims
        if (
            one := _claimed(claim, actor, marks[claim.mark], showing[claim.mark], looked[claim.mark], sources)
        )
    ]
    if actor.enters_by == "exchange" and held.roles and "exchange" not in held.roles:
        how = f"{ELSEWHERE:g}: the host is {', '.join(held.roles)}, and this actor is known to come through Exchange"
        made.append(
            Weighed(
                mark="entry",
                title="Comes through Exchange",
                kind="behaviour",
                side="against",
                points=ELSEWHERE,
                how=how,
            )
        )
    return tuple(sorted(made, key=lambda one: (SIDES.index(one.side), -abs(one.points), one.mark)))


def _claimed(
    claim: Claim,
    actor: ActorSpec,
    mark: Mark,
    showing: Sequence[str],
    look: _Look,
    sources: Mapping[str, Source],
) -> Weighed | None:
    source = sources[claim.source]
    findings = tuple(row for row in look.findings if _tells_of(source, row.last))
    told = look.told and bool(findings or not look.findings)
    if not told and (mark.common or claim.against):
        return None
    if look.told and not told:
        side, value, how = _side(
            "indifferent", f"0: the source tells of what was done from {source.tells_of} on"
        )
    else:
        side, value, how = _counted(claim, mark, len(showing)) if told else _absent(claim, mark, look)
    return Weighed(
        mark=mark.id,
        title=mark.title,
        kind=mark.kind,
        side=side,
        points=value,
        how=how,
        source=f"{source.title}, {claim.sure}",
        findings=tuple(row.id for row in findings),
        shared_with=tuple(title for title in showing if title != actor.title) if told else (),
    )


_Counted = tuple[Side, float, str]


def _side(side: Side, how: str) -> _Counted:
    return side, 0.0, how


def _counted(claim: Claim, mark: Mark, showing: int) -> _Counted:
    """Return what a mark that is seen says, and its arithmetic."""
    if claim.against:
        return _against(mark, claim, 1.0)
    if mark.common:
        return _side("indifferent", "0: whoever used these flaws shows it")
    value = _rounded(mark.weight * SURE[claim.sure] / max(1, showing))
    how = f"{mark.weight} × {SURE[claim.sure]:g} ({claim.sure}) / {showing} that show it = {value:g}"
    return "for", value, how


def _absent(claim: Claim, mark: Mark, look: _Look) -> _Counted:
    """Return what a mark that is not seen says: mostly nothing."""
    if look.blind:
        return _side("not-visible", f"0: {look.blind}")
    if claim.expected:
        return _against(mark, claim, EXPECTED)
    return _side(
        "not-seen", "0: not there, though a source of it was read" if mark.signs else "0: it does not fit"
    )


def _against(mark: Mark, claim: Claim, part: float) -> _Counted:
    value = -_rounded(mark.weight * SURE[claim.sure] * part)
    half = f" × {part:g} (expected and not seen)" if part < 1 else ""
    return "against", value, f"-{mark.weight} × {SURE[claim.sure]:g} ({claim.sure}){half} = {value:g}"


def _tells_of(source: Source, last: datetime | None) -> bool:
    if source.tells_of is None:
        return True
    return last is not None and last.date() >= source.tells_of


def _rounded(value: float) -> float:
    """Round to one decimal, a half up, as a person does by hand."""
    return floor(value * 10 + 0.5) / 10


def _distinguishing(weighed: Iterable[Weighed], few: int) -> list[Weighed]:
    return [
        one
        for one in weighed
        if one.side == "for" and one.kind in TELLING and one.points > 0 and len(one.shared_with) < few
    ]


def _distinguished(weighed: Sequence[Weighed]) -> bool:
    marks = _distinguishing(weighed, FEW)
    kinds = {one.kind for one in marks}
    return points(_distinguishing(weighed, 1)) >= LEAD and len(kinds) > 1 and bool(kinds & DECIDING)


def _standing(total: float, weighed: Sequence[Weighed], others: Iterable[float]) -> Standing:
    spoken_for = sum(one.points for one in weighed if one.side == "for")
    if total <= 0 and any(one.side == "against" for one in weighed) and spoken_for > 0:
        return "contradicted"
    lead = total - max(others, default=0.0)
    if total >= ENOUGH and _distinguished(weighed) and lead >= LEAD:
        return "supported"
    own = _distinguishing(weighed, 1)
    kinds = {one.kind for one in own}
    if min(total, points(own)) >= LEAD and (kinds & DECIDING or len(kinds) > 1):
        return "possible"
    return "insufficient"


def _told(standing: Standing, actor: ActorSpec, weighed: Sequence[Weighed]) -> tuple[str, ...]:
    own = [one.title for one in _distinguishing(weighed, 1)]
    few = [one.title for one in _distinguishing(weighed, FEW) if one.shared_with]
    told = []
    if own:
        told.append(f"Shown by nobody else that is known: {'; '.join(own)}.")
    if few:
        told.append(f"Shown by one other: {'; '.join(few)}.")
    if not own and not few:
        told.append("Nothing that was seen tells it from others.")
    if standing in ("insufficient", "possible"):
        told.append(
            "More would take two distinguishing marks of different kinds, one of them behaviour or a tool, "
            f"{ENOUGH:g} points, {LEAD:g} of them by marks that nobody else shows, and a lead of {LEAD:g}."
        )
    if standing == "contradicted":
        told.append("What speaks against it weighs as much as what speaks for it.")
    blind = [one for one in weighed if one.side == "not-visible"]
    if blind:
        told.append(f"{len(blind)} of its marks could not be seen in what was read.")
    return (*told, *(part for part in (actor.note, actor.separate) if part))
