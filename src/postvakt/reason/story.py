"""One story of one host: parties, steps, pages, mail and addresses, in rows and in sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from postvakt.model.conclusion import HostConclusion
from postvakt.model.directive import ChainSpec, Step
from postvakt.model.mitigation import Observed
from postvakt.model.report import CoverageRow, FindingRow
from postvakt.model.rule import Stage
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

THROUGH = timedelta(minutes=1)
"""Between a forged request and what the server asked itself for it."""

MOST_MAIL = 500

Stages = Mapping[str, Stage]
"""What each rule's finding on the host shows, by the rule."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of one host for its story. `own` are addresses under which it answers."""

    traces: Sequence[Trace] = ()
    settings: Sequence[Observed] = ()
    asking: Sequence[Asking] = ()
    own: frozenset[str] = frozenset()
    pages: Sequence[PageRow] = ()
    moved: Sequence[Moved] = ()


def story(
    host: HostConclusion,
    seen: Seen,
    specs: Iterable[ChainSpec],
    findings: Sequence[FindingRow],
    coverage: Sequence[CoverageRow],
) -> Story:
    """Return the story of a host; one without deeds has addresses and a clock alone."""
    stages = {row.rule: row.stage for row in findings if row.acknowledged is None}
    deeds = [t for t in seen.traces if stages.get(t.rule) in TOLD]
    traced = Counter(t.address for t in deeds if t.address)
    who = addresses(seen.asking, seen.own, traced)
    hidden = {row.address for row in who if row.role in ("self", "balancer")} | seen.own
    known = tuple(specs)
    parties = actors.parties(deeds, hidden)
    rows = tuple(
        _actor(host.name, party, place, parties, known, stages, coverage)
        for place, party in enumerate(parties)
    )
    mail = tuple(
        _mail(host.name, [t for t in seen.traces if t.rule in stages], stages, _Askers(parties, hidden))
    )
    told = Story(
        actors=rows,
        pages=tuple(seen.pages),
        mail=mail[:MOST_MAIL],
        addresses=who,
        clock=telling.clock(host.zone, seen.moved),
    )
    return msgspec.structs.replace(told, words=telling.words(told))


def reached_by_intruders(told: Story) -> tuple[MailRow, ...]:
    """Return the mailboxes that a party of the story reached, from its own address or through the server."""
    addresses = {address for actor in told.actors for address in actor.addresses}
    return tuple(row for row in told.mail if row.by.split(",")[0] in addresses)


def _actor(
    host: str,
    party: Party,
    place: int,
    parties: Sequence[Party],
    known: Sequence[ChainSpec],
    stages: Stages,
    coverage: Sequence[CoverageRow],
) -> ActorRow:
    visits = actors.visits(party.placed)
    shown = [stages[one.trace.rule] for one in party.placed]
    furthest = max((stage for stage in shown if stage in ORDER), key=ORDER.index, default=shown[0])
    return ActorRow(
        id=_letter(place) if party.address else "?",
        addresses=(party.address,) if party.address else (),
        stage=furthest,
        first=visits[0][0] if visits else None,
        last=visits[-1][1] if visits else None,
        traces=len(party.placed),
        visits=visits,
        steps=_steps(host, party, known, stages, coverage),
        shares=_shares(party, place, parties),
    )


def _letter(place: int) -> str:
    """Return A, B, ... Z, then A2, B2, ...: a name for a party by its place."""
    turn, letter = divmod(place, 26)
    return chr(ord("A") + letter) + (str(turn + 1) if turn else "")


def _steps(
    host: str,
    party: Party,
    known: Sequence[ChainSpec],
    stages: Stages,
    coverage: Sequence[CoverageRow],
) -> tuple[StoryStep, ...]:
    """Return the steps of the attacks that a party's traces are of, each up to the last that was seen, then the rest.

    An attack is taken for seen by the rules that it shares with no other; without such it is the first one.
    """
    rows: list[StoryStep] = []
    further: dict[Stage, list[Placed]] = defaultdict(list)
    for chain, placed in _by_chain(party, known):
        taken = _taken(placed, chain.steps, stages, further)
        rows += _of_chain(host, chain.steps, taken, coverage, named=bool(party.address))
    return (
        *rows,
        *(_step(host, stage, FURTHER[stage], stage, further[stage]) for stage in FURTHER if stage in further),
    )


def _by_chain(party: Party, known: Sequence[ChainSpec]) -> list[tuple[ChainSpec, list[Placed]]]:
    """Return the attacks that a party's traces are of, each with its traces."""
    of_chain = {chain.id: {rule for step in chain.steps for rule in step.rules} for chain in known}
    shared = Counter(rule for rules in of_chain.values() for rule in rules)
    seen = {one.trace.rule for one in party.placed}
    chosen = [chain for chain in known if any(shared[rule] == 1 for rule in seen & of_chain[chain.id])]
    chosen = chosen or list(known[:1])
    given: dict[str, list[Placed]] = {chain.id: [] for chain in chosen}
    for one in party.placed:
        owner = next((chain.id for chain in chosen if one.trace.rule in of_chain[chain.id]), chosen[0].id)
        given[owner].append(one)
    return [(chain, given[chain.id]) for chain in chosen]


def _of_chain(
    host: str,
    steps: Sequence[Step],
    taken: Mapping[str, list[Placed]],
    coverage: Sequence[CoverageRow],
    *,
    named: bool,
) -> list[StoryStep]:
    """Return one attack's steps; a link that was not seen stands between two that were, and says why.

    Traces that lead to nobody are no chain: of them only what was seen is told.
    """
    rows: list[StoryStep] = []
    last = 0
    for step in steps:
        placed = taken.get(step.id, [])
        if placed:
            rows.append(_step(host, step.id, step.title, step.stage, placed))
            last = len(rows)
        elif named and not step.optional:
            missing = why_missing(step, coverage)
            rows.append(StoryStep(step=step.id, title=step.title, stage=step.stage, missing=missing))
    return rows[:last]


def _taken(
    placed: Iterable[Placed], steps: Sequence[Step], stages: Stages, further: dict[Stage, list[Placed]]
) -> Mapping[str, list[Placed]]:
    """Return traces by known step; what is of a stage that no step has goes to `further`.

    A rule that no step names (an indicator, say) belongs to the last step of its stage.
    """
    of_rule = {rule: step.id for step in reversed(steps) for rule in step.rules}
    of_stage = {step.stage: step.id for step in steps}
    taken: dict[str, list[Placed]] = defaultdict(list)
    for one in placed:
        stage = stages[one.trace.rule]
        # What turned out to be no more than a probe takes no later step, whatever its rule is for.
        yielded = stage in ATTEMPTED and of_rule.get(one.trace.rule) != of_stage.get(stage)
        step = of_stage.get(stage) if yielded else of_rule.get(one.trace.rule) or of_stage.get(stage)
        if step:
            taken[step].append(one)
        else:
            further[stage].append(one)
    return taken


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
        says=telling.subject([one.trace for one in placed], stage),
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


class _Askers:
    """Who was behind a request that the server made to itself: the party that asked in the same minute."""

    def __init__(self, parties: Sequence[Party], hidden: Iterable[str]) -> None:
        self._hidden = frozenset(hidden)
        self._asked = [
            (one.trace.time, party.address)
            for party in parties
            for one in party.placed
            if party.address and not one.by and one.trace.time
        ]

    def of(self, trace: Trace) -> str:
        """Return an address or an account; an address of the server itself says who asked through it."""
        whose = actors.behind(trace, self._hidden)
        if whose or trace.address not in self._hidden:
            return whose or trace.account
        near = [
            (abs(trace.time - time), address)
            for time, address in self._asked
            if trace.time and abs(trace.time - time) <= THROUGH
        ]
        return f"{min(near)[1]}, through the server" if near else trace.account or trace.address


def _mail(host: str, traces: Iterable[Trace], stages: Stages, askers: _Askers) -> list[MailRow]:
    """Return what was done to mailboxes, the first deed first."""
    grouped: dict[tuple[str, MailDeed, str, str, str], list[datetime | None]] = defaultdict(list)
    for trace in traces:
        deed = _deed(trace)
        if not trace.mailbox or deed is None or stages[trace.rule] in LABELLED:
            continue
        grouped[trace.mailbox, deed, askers.of(trace), trace.table, trace.rule].append(trace.time)
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
