"""What the hypotheses of a host add up to, told in words: for the host, and for each of several parties on it."""

from collections.abc import Iterable, Sequence

import msgspec

from postvakt.model.actor import ActorSpec, Knowledge
from postvakt.model.fact import Victim
from postvakt.model.hypothesis import AttributionRow, HypothesisRow, Standing
from postvakt.model.report import CoverageRow, FindingRow, Sample
from postvakt.model.story import ActorRow, Story
from postvakt.reason import hypotheses
from postvakt.reason.findings import ATTEMPTED, COMPROMISED
from postvakt.reason.hypotheses import Held

SHOWN = 5
"""Hypotheses that are kept of a host; how many others were held against it is told."""

IN_FULL = 2
"""Hypotheses of which the marks that were not seen or not visible are listed too; of the others they are counted."""

PARTIES = 4
"""Parties of one host that are argued about on their own, those that went furthest first."""


class Argued(msgspec.Struct, frozen=True):
    """Hypotheses and what they add up to; both empty for a host on which nothing happened."""

    rows: tuple[HypothesisRow, ...] = ()
    summed: tuple[AttributionRow, ...] = ()


def argued(
    findings: Sequence[FindingRow],
    coverage: Sequence[CoverageRow],
    roles: Sequence[str],
    story: Story,
    known: Knowledge,
    victim: Victim | None,
) -> Argued:
    """Return who it may have been on one host. Acknowledged findings are no part of it."""
    counted = hypotheses.counting(findings)
    host = Held(findings=counted, coverage=coverage, roles=roles, victim=victim)
    rows = hypotheses.rows(host, known)
    if not rows and not any(row.stage in (*ATTEMPTED, *COMPROMISED) for row in counted):
        return Argued()
    parties = _parties(story)
    several = len(parties) > 1
    rows = tuple(_host_rows(rows, several=several))
    kept, summed = (
        [*rows[:IN_FULL], *map(_short, rows[IN_FULL:SHOWN])],
        [_summed(rows, known, several=several, kept=SHOWN)],
    )
    for party in parties[:PARTIES] if several else ():
        held = msgspec.structs.replace(host, findings=_of_party(party, parties, counted), party=party.id)
        of_party = hypotheses.rows(held, known)
        row = _summed(of_party, known, several=False, kept=1)
        summed.append(msgspec.structs.replace(row, party=party.id, addresses=party.addresses))
        kept += map(_short, of_party[:1])
    return Argued(tuple(kept), tuple(summed))


def _short(row: HypothesisRow) -> HypothesisRow:
    unseen = ("not-seen", "not-visible")
    return msgspec.structs.replace(row, weighed=tuple(one for one in row.weighed if one.side not in unseen))


def _host_rows(rows: Sequence[HypothesisRow], *, several: bool) -> Iterable[HypothesisRow]:
    """Lower what several parties may have shown together: the marks of two make no one actor."""
    for row in rows:
        if several and row.standing == "supported":
            said = "Several parties came to this server: the marks of two together would make no one actor."
            yield msgspec.structs.replace(row, standing="possible", told=(*row.told, said))
        else:
            yield row


def _parties(story: Story) -> list[ActorRow]:
    """Return the parties that got in and have an address, those that went furthest first."""
    inside = [row for row in story.actors if row.addresses and row.stage in COMPROMISED]
    return sorted(inside, key=lambda row: (-COMPROMISED.index(row.stage), str(row.first), row.id))


def _of_party(
    party: ActorRow, parties: Iterable[ActorRow], findings: Iterable[FindingRow]
) -> tuple[FindingRow, ...]:
    """Return the findings of one party: those of its steps and those that hold its address, without others' rows."""
    own = set(party.addresses)
    foreign = {address for other in parties if other.id != party.id for address in other.addresses} - own
    named = {finding for step in party.steps for finding in step.findings}
    made = []
    for row in findings:
        if row.id not in named and not any(_addressed(sample, own) for sample in row.sample):
            continue
        kept = tuple(s for s in row.sample if _addressed(s, own) or not _addressed(s, foreign))
        # What was not shown may be the other party's: the rows at hand are all that is known to be this one's.
        made.append(msgspec.structs.replace(row, sample=kept))
    return tuple(made)


def _addressed(sample: Sample, addresses: set[str]) -> bool:
    return not addresses.isdisjoint(sample.fields.values())


def _summed(rows: Sequence[HypothesisRow], known: Knowledge, *, several: bool, kept: int) -> AttributionRow:
    others = len(known.actors) - min(len(rows), kept)
    specs = {actor.id: actor for actor in known.actors}
    if not rows:
        told = f"No mark of any of {len(known.actors)} actors stands in what was read. Insufficient to say who it was."
        return AttributionRow(standing="insufficient", actors=(), told=(told,), others=len(known.actors))
    front = _front(rows)
    standing: Standing = front[0].standing
    told_all = [_said(front, rows, specs)]
    if several:
        told_all.append("Several parties got in; each is argued about below by what can be given to it.")
    told_all += [specs[row.actor].separate for row in front if specs[row.actor].separate]
    return AttributionRow(
        standing=standing, actors=tuple(row.actor for row in front), told=tuple(told_all), others=others
    )


def _front(rows: Sequence[HypothesisRow]) -> list[HypothesisRow]:
    """Return who stands in front: all that have grounds of their own, else all with the most points."""
    standing = [row for row in rows if hypotheses.grounded(row)]
    return standing or [row for row in rows if row.points == rows[0].points]


def _said(front: Sequence[HypothesisRow], rows: Sequence[HypothesisRow], specs: dict[str, ActorSpec]) -> str:
    first = front[0]
    told = f"{first.points:g} point" if first.points == 1 else f"{first.points:g} points"
    names = " and ".join(row.title for row in front)
    if len(front) > 1:
        if all(hypotheses.grounded(row) for row in front):
            return (
                f"The marks of {names} stand side by side, each on its own grounds. "
                "Several actors on one server are possible."
            )
        return f"A tie: the evidence resembles {names} alike ({told}). Insufficient to say more."
    after = next((row for row in rows if row.actor != first.actor), None)
    second = f"; next {after.title} with {after.points:g}" if after else ""
    match first.standing:
        case "supported":
            return f"The evidence supports {first.title} ({told}{second})."
        case "possible":
            return f"Resembles {first.title} ({told}{second}): possible, not shown."
        case "contradicted":
            return (
                f"What speaks for {first.title} is outweighed by what speaks against it. "
                "Insufficient to say who it was."
            )
        case "insufficient" if first.points < hypotheses.LEAD:
            return (
                "Insufficient to say who it was: what was seen is shown by many "
                f"(most for {first.title}: {told}{second})."
            )
        case "insufficient":
            return f"Resembles {first.title} ({told}{second}); insufficient to say more."
