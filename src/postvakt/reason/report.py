"""Everything that was read and found, added up into one Report value."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from postvakt.model.actor import Knowledge
from postvakt.model.baseline import BaselineRow
from postvakt.model.build import Build, Flaw
from postvakt.model.conclusion import HostConclusion, MatchGroup
from postvakt.model.directive import ChainSpec, Directive, Question, Requirement
from postvakt.model.eviction import Eviction
from postvakt.model.evidence import Evidence
from postvakt.model.fact import Asked, Fact, Victim
from postvakt.model.gap import Gap
from postvakt.model.inventory import Naming, ServerRow
from postvakt.model.memory import MemoryRow
from postvakt.model.mitigation import Mitigation
from postvakt.model.report import (
    SCHEMA,
    Acknowledgement,
    AnswerRow,
    CoverageRow,
    EvidenceRow,
    GapRow,
    HostRow,
    Report,
    RulesRow,
    Window,
)
from postvakt.model.rule import NotAsked, Rule
from postvakt.model.table import TableSpec
from postvakt.model.task import Span
from postvakt.reason import (
    answers,
    attribution,
    baseline,
    builds,
    chains,
    coverage,
    findings,
    inventory,
    mitigated,
    mitigations,
    updating,
    verdict,
)
from postvakt.reason.eviction import evict
from postvakt.reason.hosts import UNASSIGNED
from postvakt.reason.shared import shared
from postvakt.reason.story import Seen, reached_by_intruders, story


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the stages before left behind. `root_of` tells each member's root, for sources owned through it."""

    version: str
    content: str
    directive: Directive
    tlp: str
    since: datetime | None
    until: datetime | None
    chains: Sequence[ChainSpec]
    rules: Mapping[str, Rule]
    asked: int
    not_asked: Sequence[NotAsked]
    narrowed: Sequence[NotAsked] = ()
    evidence: Sequence[Evidence]
    members: Mapping[str, tuple[int, int]]
    hosts: Sequence[HostConclusion]
    root_of: Mapping[tuple[str, str], str]
    spans: Sequence[Span]
    gaps: Sequence[Gap]
    matches: Sequence[MatchGroup]
    specs: Mapping[str, TableSpec]
    acknowledged: Mapping[str, Acknowledgement]
    seen: Mapping[str, Seen] = {}
    memory: Mapping[str, tuple[MemoryRow, ...]] = {}
    baselines: Mapping[str, BaselineRow] = {}
    builds: Sequence[Build] = ()
    flaws: Sequence[Flaw] = ()
    mitigations: Sequence[Mitigation] = ()
    said: Sequence[Fact] = ()
    put: Sequence[Asked] = ()
    knowledge: Knowledge = Knowledge()
    victim: Victim | None = None
    namings: Sequence[Naming] = ()
    askers: Mapping[str, tuple[str, ...]] = {}
    eviction: Eviction = Eviction()


class Owners:
    """Whose a source is: named itself, or by the root it lies in."""

    def __init__(self, hosts: Iterable[HostConclusion], root_of: Mapping[tuple[str, str], str]) -> None:
        self._sources = {source: host.name for host in hosts for source in host.sources}
        self._roots = {root: host.name for host in hosts for root in host.roots}
        self._root_of = root_of
        self._of_evidence: dict[str, set[str]] = defaultdict(set)
        for (evidence, _), name in [*self._sources.items(), *self._roots.items()]:
            self._of_evidence[evidence].add(name)

    def of(self, evidence: str, source: str) -> tuple[str, ...]:
        """Return the owner of a source; of a gap in the evidence as a whole, every host of that evidence."""
        owner = self._sources.get((evidence, source))
        if owner is None:
            root = self._root_of.get((evidence, source))
            owner = self._roots.get((evidence, root)) if root is not None else None
        if owner is not None:
            return (owner,)
        return tuple(sorted(self._of_evidence.get(evidence, ()))) or (UNASSIGNED,)


def assemble(facts: Facts) -> Report:
    """Return the report of a case. Nothing here reads a clock or a file: same facts, same report."""
    owners = Owners(facts.hosts, facts.root_of)
    spans: dict[str, list[Span]] = defaultdict(list)
    gaps: dict[str, list[Gap]] = defaultdict(list)
    matches: dict[str, list[MatchGroup]] = defaultdict(list)
    for span in facts.spans:
        for name in owners.of(span.evidence, span.source):
            spans[name].append(span)
    for gap in facts.gaps:
        for name in owners.of(gap.evidence, gap.source):
            gaps[name].append(gap)
    for group in facts.matches:
        for name in owners.of(group.evidence, group.source):
            matches[name].append(group)
    hosts = {host.name: host for host in facts.hosts}
    for name in (*gaps, *spans, *matches):
        hosts.setdefault(name, _nobody(name))
    rows = tuple(_host(hosts[name], spans[name], gaps[name], matches[name], facts) for name in sorted(hosts))
    rows = tuple(row for row in rows if not _only_lists(row, hosts[row.host]))
    listing = inventory.inventory(rows, facts.namings, _asked(facts))
    rows, of_agency = _answered(rows, facts, listing)
    return Report(
        schema=SCHEMA,
        postvakt=facts.version,
        content=facts.content,
        directive=facts.directive.id,
        directive_title=facts.directive.title,
        tlp=facts.tlp,
        window=_window(facts, [row for host in rows for row in host.coverage]),
        rules=RulesRow(
            asked=facts.asked,
            matched=len({group.rule for group in facts.matches}),
            not_asked=tuple(facts.not_asked),
            narrowed=tuple(facts.narrowed),
        ),
        evidence=tuple(_evidence(item, facts, owners) for item in facts.evidence),
        hosts=rows,
        inventory=listing,
        answers=of_agency,
        directive_zone=facts.directive.timezone,
        shared=shared(rows, facts.seen),
    )


def _only_lists(row: HostRow, host: HostConclusion) -> bool:
    """Tell whether a hand-in is no host's evidence: an export or scan that names servers, whole, with no findings."""
    read = {covered.artifact.partition(":")[0] for covered in row.coverage}
    broken = any(gap.why != "missing" for gap in row.gaps)
    lists = bool(read - {"file"}) and read <= inventory.ABOUT_OTHERS
    return lists and not host.named and not row.findings and not broken


def _asked(facts: Facts) -> dict[str, inventory.Asked]:
    """Return who asked each host's web server, as its own logs and those of its front end tell."""
    return {
        host: inventory.Asked(
            tuple(
                dict.fromkeys(
                    (
                        *(row.address for row in facts.seen.get(host, Seen()).asking),
                        *facts.askers.get(host, ()),
                    )
                )
            ),
            facts.seen.get(host, Seen()).own,
        )
        for host in sorted({*facts.seen, *facts.askers})
    }


def _nobody(name: str) -> HostConclusion:
    return HostConclusion(name=name, named=False, roots=(), sources=(), names=(), roles=(), zone="")


def _window(facts: Facts, read: Iterable[CoverageRow]) -> Window:
    start = facts.since or facts.directive.window_start
    return Window(start, facts.until or coverage.acquired(read))


def _host(
    host: HostConclusion,
    spans: Sequence[Span],
    gaps: Sequence[Gap],
    matches: Sequence[MatchGroup],
    facts: Facts,
) -> HostRow:
    read = coverage.rows(spans, facts.specs)
    window = _window(facts, read)
    found = findings.findings(host.name, matches, facts.rules, facts.acknowledged, read)
    asked = [q for q in facts.directive.questions if _concerns(q, host)]
    told = story(host, facts.seen.get(host.name, Seen()), facts.chains, found, read)
    reached = reached_by_intruders(told)
    answered = verdict.questions(asked, host.roles, found, read, window, reached)
    missing = _missing(asked, facts.directive.requirements, read)
    every = [*gaps, *coverage.lost_gaps(read), *coverage.before_gaps(read, asked, window), *missing]
    held = facts.baselines.get(host.name, BaselineRow())
    judged = verdict.judge(found, answered, every, read, window, _leaned_on(asked), baseline.doubts(held))
    sightings = builds.sightings(host.builds)
    exposure = builds.exposure(sightings, _of_exchange(host, facts), found, window)
    done = mitigations.rows(
        facts.mitigations if exposure else (),
        facts.seen.get(host.name, Seen()).settings,
        exposure,
        [row.build for row in host.builds],
        {(gap.evidence, gap.source) for gap in every if gap.source},
    )
    exposure = mitigated.told_beside(exposure, done)
    who = attribution.argued(found, read, host.roles, told, facts.knowledge, facts.victim)
    return HostRow(
        host=host.name,
        roles=host.roles,
        zone=host.zone,
        names=host.names,
        verdict=judged,
        questions=answered,
        findings=found,
        chains=chains.chains(facts.chains, found, read),
        coverage=read,
        gaps=_gap_rows(every, host),
        builds=host.builds,
        mitigations=done,
        answers=(),
        hypotheses=who.rows,
        attribution=who.summed,
        baseline=held,
        story=told,
        exposure=exposure,
        build_doubts=(*builds.disagreements(sightings), *builds.unlisted(facts.builds, sightings)),
        update=updating.advice(sightings, exposure, facts.flaws, facts.builds),
        memory=facts.memory.get(host.name, ()),
        eviction=evict(host, judged, found, told, facts.eviction, facts.directive.id, facts.hosts),
    )


def _of_exchange(host: HostConclusion, facts: Facts) -> Sequence[Flaw]:
    """Return the flaws that are asked of a host: those of Exchange where it runs that, else none."""
    return facts.flaws if host.builds or "exchange" in host.roles else ()


def _answered(
    rows: Sequence[HostRow], facts: Facts, listing: Sequence[ServerRow]
) -> tuple[tuple[HostRow, ...], tuple[AnswerRow, ...]]:
    """Return the hosts with their answers, and the agency's own; a host tells those as well, for its reader."""
    words = answers.Words(facts.said, facts.put)
    looked = [_looked(row, facts.content) for row in rows]
    servers = [one for one in looked if "exchange" in (one.roles or ("exchange",)) and one.host != UNASSIGNED]
    of_agency = answers.agency(facts.directive, servers, words, listing)
    told = (answers.server(facts.directive, one, words) for one in looked)
    return tuple(
        msgspec.structs.replace(row, answers=answers.in_order(facts.directive, (*own, *of_agency)))
        for row, own in zip(rows, told, strict=True)
    ), of_agency


def _looked(row: HostRow, content: str) -> answers.Looked:
    return answers.Looked(
        host=row.host,
        roles=row.roles,
        verdict=row.verdict,
        questions=row.questions,
        findings=row.findings,
        coverage=row.coverage,
        content=content,
        exposure=row.exposure,
        mitigations=row.mitigations,
    )


def _concerns(question: Question, host: HostConclusion) -> bool:
    """Tell whether a question is one for a host of these roles and builds."""
    builds = {row.build for row in host.builds}
    excepted = bool(builds) and all(build.startswith(question.except_builds) for build in builds)
    return bool((set(host.roles) or {"exchange"}) & set(question.roles)) and not excepted


def _leaned_on(asked: Iterable[Question]) -> frozenset[str]:
    return frozenset(
        name.split(":")[0]
        for question in asked
        if question.mandatory
        for alternative in question.answered_by
        for name in alternative.all_of
    )


def _missing(
    asked: Iterable[Question], required: Iterable[Requirement], read: Iterable[CoverageRow]
) -> list[Gap]:
    """Name every source that a question could be asked of, or a requirement needs, and that nothing was read of."""
    present = {row.artifact for row in read if row.files}
    questioned = {n for question in asked for way in question.answered_by for n in way.all_of}
    needed = {name for requirement in required for name in requirement.needs}
    wanted = (questioned | needed) - present
    return [
        Gap(artifact=name, why="missing", detail="nothing of it is in the evidence of this host")
        for name in sorted(wanted)
    ]


def _gap_rows(gaps: Iterable[Gap], host: HostConclusion) -> tuple[GapRow, ...]:
    rows = [_gap_row(gap) for gap in gaps]
    if host.conflict:
        rows.append(_gap_row(Gap(artifact="host", why="conflict", detail=host.conflict)))
    unique = {row.id: row for row in rows}
    return tuple(
        sorted(unique.values(), key=lambda r: (r.artifact, r.why, r.source, r.locator or 0, r.detail))
    )


def _gap_row(gap: Gap) -> GapRow:
    told = f"{gap.artifact}\0{gap.why}\0{gap.evidence}\0{gap.source}\0{gap.locator}\0{gap.detail}"
    return GapRow(
        id="gap-" + hashlib.sha256(told.encode()).hexdigest()[:10],
        artifact=gap.artifact,
        source=gap.source,
        locator=gap.locator,
        why=gap.why,
        detail=gap.detail,
        count=gap.count,
    )


def _evidence(item: Evidence, facts: Facts, owners: Owners) -> EvidenceRow:
    names = owners.of(item.id, "")
    members, relevant = facts.members.get(item.id, (0, 0))
    troubled: Counter[str] = Counter(gap.evidence for gap in facts.gaps)
    return EvidenceRow(
        id=item.id,
        path=item.path,
        sha256=item.sha256,
        bytes=item.bytes,
        kind=item.kind,
        recognised_as=item.recognised_as,
        host=", ".join(names),
        members=members,
        relevant=relevant,
        gaps=troubled[item.id],
    )
