"""One story of one host: parties, steps, pages, mail and addresses, in rows and in sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from postvakt.model.conclusion import HostConclusion
from postvakt.model.directive import ChainSpec, Step
from postvakt.model.report import CoverageRow, FindingRow
from postvakt.model.rule import Rule, Stage
from postvakt.model.story import (
    ActorRow,
    Asking,
    MailDeed,
    MailRow,
    Moved,
    PageRow,
    Story,
    StoryStep,
    Trace,
)
from postvakt.reason import actors, telling
from postvakt.reason.actors import Party, Placed
from postvakt.reason.addresses import addresses
from postvakt.reason.chains import why_missing
from postvakt.reason.findings import ATTEMPTED, COMPROMISED, LABELLED, identity
from postvakt.reason.joining import name_of

ORDER: tuple[Stage, ...] = (*ATTEMPTED, *COMPROMISED)
TOLD = frozenset((*ORDER, "tampering"))
"""Stages of which a story is made; what is context or a responder's own tool is a finding and no deed."""

FURTHER: Mapping[Stage, str] = {
    "probe": "Further probes",
    "attempt-failed": "Further attempts that failed",
    "access-gained": "Further access",
    "file-written": "Further files written",
    "shell-used": "Further commands",
    "credential-access": "Credentials reached for",
    "lateral-movement": "On to other systems",
    "impact": "Mail taken, data destroyed or encrypted",
    "tampering": "Traces removed",
}
"""What an actor did beyond the steps that the known attack has, by stage."""

DEEDS: tuple[tuple[str, MailDeed], ...] = (
    ("exportrequest", "exported"),
    ("mailboxsearch", "searched"),
    ("search-mailbox", "searched"),
    ("inboxrule", "forwarded"),
    ("set-mailbox", "forwarded"),
    ("transportrule", "forwarded"),
    ("permission", "rights given"),
    ("roleassignment", "rights given"),
    ("rolegroup", "rights given"),
)
READING = frozenset(("http_proxy", "ews"))
"""Tables whose matched rows are requests to a mailbox."""

MOST_MAIL = 500


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one host for its story. `own` are addresses under which it answers."""

    traces: Sequence[Trace] = ()
    asking: Sequence[Asking] = ()
    own: frozenset[str] = frozenset()
    pages: Sequence[PageRow] = ()
    moved: Sequence[Moved] = ()


def story(
    host: HostConclusion,
    seen: Seen,
    rules: Mapping[str, Rule],
    specs: Iterable[ChainSpec],
    findings: Sequence[FindingRow],
    coverage: Sequence[CoverageRow],
) -> Story:
    """Return the story of a host; one without deeds has addresses and a clock alone."""
    standing = {row.rule for row in findings if row.acknowledged is None}
    deeds = [t for t in seen.traces if rules[t.rule].stage in TOLD and t.rule in standing]
    traced = Counter(t.address for t in deeds if t.address)
    who = addresses(seen.asking, seen.own, traced)
    hidden = {row.address for row in who if row.role in ("self", "balancer")} | seen.own
    steps = [step for spec in specs for step in spec.steps]
    parties = actors.parties(deeds, hidden)
    rows = tuple(
        _actor(host.name, party, place, parties, steps, rules, coverage)
        for place, party in enumerate(parties)
    )
    mail = tuple(_mail(host.name, [t for t in seen.traces if t.rule in standing], rules))
    told = Story(
        actors=rows,
        pages=tuple(seen.pages),
        mail=mail[:MOST_MAIL],
        addresses=who,
        clock=telling.clock(host.zone, seen.moved),
    )
    return msgspec.structs.replace(told, words=telling.words(told))


def _actor(
    host: str,
    party: Party,
    place: int,
    parties: Sequence[Party],
    steps: Sequence[Step],
    rules: Mapping[str, Rule],
    coverage: Sequence[CoverageRow],
) -> ActorRow:
    visits = actors.visits(party.placed)
    stages = [rules[one.trace.rule].stage for one in party.placed]
    furthest = max((stage for stage in stages if stage in ORDER), key=ORDER.index, default=stages[0])
    return ActorRow(
        id=_letter(place) if party.address else "?",
        addresses=(party.address,) if party.address else (),
        stage=furthest,
        first=visits[0][0] if visits else None,
        last=visits[-1][1] if visits else None,
        traces=len(party.placed),
        visits=visits,
        steps=_steps(host, party, steps, rules, coverage, furthest),
        shares=_shares(party, place, parties),
    )


def _letter(place: int) -> str:
    """Return A, B, ... Z, then A2, B2, ...: a name for a party by its place."""
    turn, letter = divmod(place, 26)
    return chr(ord("A") + letter) + (str(turn + 1) if turn else "")


def _steps(
    host: str,
    party: Party,
    steps: Sequence[Step],
    rules: Mapping[str, Rule],
    coverage: Sequence[CoverageRow],
    furthest: Stage,
) -> tuple[StoryStep, ...]:
    """Return the known steps in their order up to the furthest that was seen, then what else was done."""
    taken, further = _taken(party, steps, rules)
    rows: list[StoryStep] = []
    last = 0
    for step in steps:
        placed = taken.get(step.id, [])
        if placed:
            rows.append(_step(host, step.id, step.title, step.stage, placed))
            last = len(rows)
        else:
            rows.append(
                StoryStep(
                    step=step.id, title=step.title, stage=step.stage, missing=why_missing(step, coverage)
                )
            )
    known = rows[:last] if party.address else [row for row in rows[:last] if row.findings]
    return (
        *known,
        *(_step(host, stage, FURTHER[stage], stage, further[stage]) for stage in FURTHER if stage in further),
    )


def _taken(
    party: Party, steps: Sequence[Step], rules: Mapping[str, Rule]
) -> tuple[Mapping[str, list[Placed]], Mapping[Stage, list[Placed]]]:
    """Return a party's traces by known step, and those of stages that no known step has.

    A rule that no step names (an indicator, say) belongs to the last step of its stage.
    """
    of_rule = {rule: step.id for step in reversed(steps) for rule in step.rules}
    of_stage = {step.stage: step.id for step in steps}
    taken: dict[str, list[Placed]] = defaultdict(list)
    further: dict[Stage, list[Placed]] = defaultdict(list)
    for one in party.placed:
        stage = rules[one.trace.rule].stage
        step = of_rule.get(one.trace.rule) or of_stage.get(stage)
        if step:
            taken[step].append(one)
        else:
            further[stage].append(one)
    return taken, further


def _step(host: str, step: str, title: str, stage: Stage, placed: Sequence[Placed]) -> StoryStep:
    placed = sorted(placed, key=lambda one: (one.trace.time is None, str(one.trace.time), one.trace.locator))
    times = [one.trace.time for one in placed if one.trace.time]
    return StoryStep(
        step=step,
        title=title,
        stage=stage,
        findings=tuple(dict.fromkeys(identity(one.trace.rule, host) for one in placed)),
        traces=len({(o.trace.evidence, o.trace.source, o.trace.locator) for o in placed}),
        first=min(times, default=None),
        last=max(times, default=None),
        logs=tuple(sorted({one.trace.table for one in placed})),
        joined=actors.common(one.by for one in placed),
        says=telling.subject([one.trace for one in placed]),
    )


def _shares(party: Party, place: int, parties: Sequence[Party]) -> tuple[str, ...]:
    """Name the pages that other parties of the host used too."""
    born = actors.pages(one.trace for other in parties for one in other.placed)
    mine = {name_of(one.trace.path) for one in party.placed} & born
    return tuple(
        f"{name} is also in the traces of {_letter(other) if parties[other].address else 'nobody that can be named'}"
        for other in range(len(parties))
        if other != place
        for name in sorted(mine & {name_of(one.trace.path) for one in parties[other].placed})
    )


def _mail(host: str, traces: Iterable[Trace], rules: Mapping[str, Rule]) -> list[MailRow]:
    """Return what was done to mailboxes, the first deed first."""
    grouped: dict[tuple[str, MailDeed, str, str, str], list[datetime | None]] = defaultdict(list)
    for trace in traces:
        deed = _deed(trace)
        if not trace.mailbox or deed is None or rules[trace.rule].stage in LABELLED:
            continue
        by = trace.address or trace.account
        grouped[trace.mailbox, deed, by, trace.table, trace.rule].append(trace.time)
    rows = [
        MailRow(
            mailbox=mailbox,
            deed=deed,
            by=by,
            count=len(times),
            first=min((t for t in times if t), default=None),
            last=max((t for t in times if t), default=None),
            log=table,
            finding=identity(rule, host),
        )
        for (mailbox, deed, by, table, rule), times in grouped.items()
    ]
    return sorted(rows, key=lambda row: (row.first is None, str(row.first), row.mailbox, row.deed, row.log))


def _deed(trace: Trace) -> MailDeed | None:
    """Return what was done to a mailbox; a cmdlet that is about none is no deed, a request to one reads it."""
    verb = trace.verb.lower()
    done: MailDeed | None = next((deed for part, deed in DEEDS if part in verb), None)
    return done or ("read" if trace.table in READING else None)
