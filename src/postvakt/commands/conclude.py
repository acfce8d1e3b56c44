"""From what the tasks left behind to the report: read back, reason, write. No evidence is touched."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from postvakt import __version__, engines
from postvakt.commands import correlate, facts_file, plans, readers, reports, second_look, work
from postvakt.errors import ContentError, UsageError
from postvakt.model.directive import Directive
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.model.report import Acknowledgement, HostRow, Report
from postvakt.model.rule import NotAsked
from postvakt.model.task import Outcome, ParseResult, Task
from postvakt.reason import hosts
from postvakt.reason import report as reasoning
from postvakt.tables import matches
from postvakt.tables.case import Case, CaseFile

VERSION = __version__
Done = tuple[Task, Outcome]


def conclude(case: Case, prepared: plans.Prepared, done: Sequence[Done], engine: engines.Engine) -> Report:
    """Reason over everything that was read, write every conclusion and the report, and return it."""
    about = case.about()
    intakes = case.read_json("intake.json", list[work.Intake])
    results = [msgspec.convert(o.result, ParseResult) for _, o in done if o.result is not None]
    members = [member for intake in intakes for member in case.lines(intake.file, Member)]
    gaps = sorted(
        [*(gap for i in intakes for gap in i.gaps), *(g for r in results for g in r.gaps), *_given_up(done)],
        key=lambda g: (g.evidence, g.source, g.artifact, g.why, g.locator or -1, g.detail),
    )
    concluded = hosts.conclude(
        (hosts.Place(m.evidence, m.root, m.rooted, m.path) for m in members),
        (clue for r in results for clue in r.clues),
        evidence_names={i.evidence.id: i.evidence.path.rsplit("/", 1)[-1] for i in intakes},
        forced=about.options.get("host"),
    )
    found, limited = correlate.correlated(
        case, matches.gather(case, _asked_matches(results, prepared)), prepared.plan
    )
    matches.keep(case, found)
    gaps += _of_the_case(limited, intakes)
    rules = {rule.id: rule for rule in prepared.plan.rules}
    root_of = {(m.evidence, m.path): m.root for m in members if m.rooted}
    owners = reasoning.Owners(concluded, root_of)
    directive = _directive(prepared, about)
    looked = second_look.look(case, engine, prepared, found, results, owners, members)
    named = looked.named
    facts = reasoning.Facts(
        version=VERSION,
        content=prepared.hash,
        directive=directive,
        tlp="amber",
        since=_instant(about, "since"),
        until=_instant(about, "until"),
        chains=prepared.content.chains,
        rules=rules,
        asked=len(prepared.plan.rules),
        not_asked=prepared.plan.not_asked,
        narrowed=(*prepared.plan.narrowed(), *_not_of_memory(results, prepared)),
        evidence=[intake.evidence for intake in intakes],
        members=_counted(intakes, members),
        hosts=concluded,
        root_of=root_of,
        spans=[span for r in results for span in r.spans],
        gaps=[*gaps, *_of_the_case(named.gaps, intakes), *looked.gaps],
        matches=list(matches.groups(found, looked.samples)),
        specs=readers.TABLES,
        acknowledged=acknowledgements(case),
        said=facts_file.said(case, directive, [host.name for host in concluded]),
        seen=looked.seen,
        memory=second_look.remembered(case, found, results, rules, owners),
        namings=named.words,
        askers=named.askers,
        builds=prepared.content.builds,
        flaws=prepared.content.flaws,
        mitigations=prepared.content.mitigations,
        knowledge=prepared.content.knowledge,
        put=facts_file.asked(case, directive, [host.name for host in concluded]),
        victim=facts_file.victim(case),
        eviction=prepared.content.eviction,
        baselines=second_look.held_against(case, (i.evidence.id for i in intakes), concluded, owners),
    )
    made = reasoning.assemble(facts)
    _write(case, made, concluded, members, engine)
    return made


def _asked_matches(results: Iterable[ParseResult], prepared: plans.Prepared) -> Iterator[str]:
    """The match parts that answer today's plan; scans are named by their YARA rules and always do."""
    for result in results:
        if result.matches and (result.plan == prepared.hash or not (result.parts or result.parse)):
            yield result.matches


def _of_the_case(gaps: Iterable[Gap], intakes: Sequence[work.Intake]) -> Iterator[Gap]:
    """Give a Gap of the whole case to every hand-in: whose verdict leans on what was left cannot be told."""
    for gap in gaps:
        for intake in intakes:
            yield msgspec.structs.replace(gap, evidence=intake.evidence.id)


def _given_up(done: Iterable[Done]) -> Iterator[Gap]:
    """A task that was given up is a Gap for each member it was to read."""
    for task, outcome in done:
        if outcome.state != "quarantined":
            continue
        whole = [task.spec["member"]] if "member" in task.spec else []
        for given in task.spec.get("members", whole):
            member = msgspec.convert(given[1] if task.function == "scan" else given, Member)
            yield Gap(
                artifact=GIVEN_UP.get(task.function, member.artifact),
                why=msgspec.convert(outcome.why, type=_WHY),
                detail=f"{outcome.detail}{_share(task)}",
                source=member.path,
                evidence=member.evidence,
            )


def _share(task: Task) -> str:
    """Say which part of an image or a log was not gone through: each is a gap of its own."""
    if task.function == "sweep":
        return f" (share {task.spec['share'] + 1} of {task.spec['of']})"
    bounds = task.spec.get("between")
    return f" (bytes {bounds[0]} to {bounds[1]})" if bounds else ""


def _not_of_memory(results: Iterable[ParseResult], prepared: plans.Prepared) -> tuple[NotAsked, ...]:
    """Return the rules of content that memory is not asked, where the case has some."""
    swept = any(span.table == "mem_yara" for result in results for span in result.spans)
    return prepared.plan.not_of_memory if swept else ()


GIVEN_UP = {"scan": "file:web", "sweep": "mem_yara"}
"""What is not looked at where a task of a function is given up, if it is not the artifact that it reads."""

_WHY: Any = Gap.__annotations__["why"]


def _counted(intakes: Iterable[work.Intake], members: Iterable[Member]) -> dict[str, tuple[int, int]]:
    relevant = Counter(member.evidence for member in members if member.artifact or member.beside)
    return {intake.evidence.id: (intake.members, relevant[intake.evidence.id]) for intake in intakes}


def _directive(prepared: plans.Prepared, about: CaseFile) -> Directive:
    found = next((d for d in prepared.content.directives if d.id == about.directive), None)
    if found is None:
        known = ", ".join(d.id for d in prepared.content.directives)
        raise ContentError(f"{about.directive}: no such directive; there are {known}")
    return found


def _instant(about: CaseFile, name: str) -> datetime | None:
    given = about.options.get(name)
    return instant(given, f"--{name}") if given else None


def instant(given: str, option: str) -> datetime:
    """Return a time of the command line, in UTC where it names no zone. Raises UsageError."""
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        raise UsageError(f"{option} {given}: not a time; write 2021-03-03 or 2021-03-03T06:00:00Z") from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def acknowledgements(case: Case) -> dict[str, Acknowledgement]:
    """Return what people have acknowledged, by finding."""
    path = case.path("acknowledged.yaml")
    if not path.is_file():
        return {}
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=dict[str, Acknowledgement])
    except msgspec.DecodeError as why:
        raise ContentError(f"{path}: {why}") from why


def _write(
    case: Case, made: Report, concluded: Sequence[Any], members: Iterable[Member], engine: engines.Engine
) -> None:
    case.write_json("hosts.json", concluded)
    per_host: dict[str, Any] = {
        "findings.json": lambda host: host.findings,
        "chains.json": lambda host: host.chains,
        "verdicts.json": lambda host: host.verdict,
        "answers.json": lambda host: host.answers,
    }
    for name, part in per_host.items():
        case.write_json(name, {host.host: part(host) for host in made.hosts})
    case.write_json("inventory.json", made.inventory)
    _write_table(case, "gaps.parquet", _with_host(made, lambda host: host.gaps))
    _write_table(case, "coverage.parquet", _with_host(made, _coverage_rows))
    created = case.about().created
    custody = (
        {"at": created, "evidence": m.evidence, "path": m.path, "sha256": m.sha256, "bytes": m.size}
        for m in members
    )
    items = (
        {"at": created, "evidence": e.id, "path": e.path, "sha256": e.sha256, "bytes": e.bytes}
        for e in made.evidence
    )
    case.write_lines("custody.jsonl", [*items, *custody])
    reports.keep(case, made, engine)


def _with_host(made: Report, part: Any) -> list[dict[str, Any]]:
    return [{"host": host.host, **msgspec.to_builtins(row)} for host in made.hosts for row in part(host)]


def _coverage_rows(host: HostRow) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [msgspec.to_builtins(row) for row in host.coverage]
    for row in rows:
        row["days"] = [{"name": day, "value": count} for day, count in row["days"].items()]
    return rows


def _write_table(case: Case, name: str, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows or [{"host": None}])
    if not rows:
        table = table.slice(0, 0)
    with case.part(name, table.schema) as part:
        for batch in table.to_batches():
            part.write(batch)
