"""THE flow: evidence in, a truthful verdict out. Read this file first."""

from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from postvakt import engines
from postvakt.commands import conclude, first_words, plans, tasks, work
from postvakt.errors import EvidenceError
from postvakt.model.gap import Gap
from postvakt.model.report import Report
from postvakt.model.task import Outcome, Task
from postvakt.tables import baseline
from postvakt.tables.case import FORMAT, Case, CaseFile


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asks for. `started` is the clock's word, kept in case.json and nowhere else."""

    evidence: tuple[str, ...]
    case: str
    started: str
    directive: str = "ed-21-02"
    rules: tuple[str, ...] = ()
    yara: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()
    baseline: str | None = None
    host: str | None = None
    since: str | None = None
    until: str | None = None
    jobs: int = 2
    engine: str = "embedded"


def triage(request: Request, watch: engines.Watch) -> Report:
    """Take the evidence in, read it, ask it, conclude, and leave the report in the case folder.

    Run again on the same case it does only what is not done. Raises PostvaktError for what a user can mend.
    """
    case = _case(request)
    asked = plans.asked(plans.of_case(case))
    with engines.start(request.engine, work.perform, case.root, jobs=request.jobs, watch=watch) as engine:
        looks, takes = tasks.take_in(case, request.evidence)
        reading, making = tasks.to_compile(case, asked)
        # Whatever fails here is done by what comes next itself: the evidence taken in, the rules compiled.
        deque(engine.run([*reading, *looks]), maxlen=0)
        made = {task.id for task in making}
        taken = [_intake(outcome) for outcome in engine.run([*making, *takes]) if outcome.task not in made]
        plan = asked.prepared(case)
        intakes = _once(sorted(taken, key=lambda intake: intake.evidence.path))
        case.write_json("intake.json", intakes)
        done = _read_and_ask(case, engine, intakes, plan, watch)
        return conclude.conclude(case, plan, done, engine)


def reask(root: Path, packs: plans.Packs, watch: engines.Watch, *, jobs: int, engine_name: str) -> Report:
    """Ask a case again with today's content and more packs. What was read is not read again; only new YARA
    rules have file contents scanned anew."""
    case = Case.open(root)
    plans.add_packs(case, packs)
    asked = plans.asked(plans.of_case(case))
    intakes = case.read_json("intake.json", list[work.Intake])
    with engines.start(engine_name, work.perform, case.root, jobs=jobs, watch=watch) as engine:
        for compiling in tasks.to_compile(case, asked):
            deque(engine.run(compiling), maxlen=0)
        plan = asked.prepared(case)
        done = _read_and_ask(case, engine, intakes, plan, watch)
        return conclude.conclude(case, plan, done, engine)


def _read_and_ask(
    case: Case, engine: engines.Engine, intakes: list[work.Intake], plan: plans.Prepared, watch: engines.Watch
) -> list[conclude.Done]:
    done = list(run_all(engine, tasks.of_case(case, intakes, plan)))
    for line in first_words.of_memory(case, done, plan):
        watch.note(line)
    done += run_all(engine, tasks.of_memory(case, done, plan))
    done += run_all(engine, tasks.to_ask_again(case, done, plan))
    case.clean()
    return done


def run_all(engine: engines.Engine, work_list: Iterable[Task]) -> Iterator[conclude.Done]:
    """Run tasks; one that was given up is split into its members, so that a bad file takes no neighbour along."""
    waiting = list(work_list)
    while waiting:
        known = {task.id: task for task in waiting}
        waiting = []
        for outcome in engine.run(known.values()):
            task = known[outcome.task]
            pieces = tasks.split(task) if outcome.state == "quarantined" else []
            if pieces:
                waiting += pieces
            else:
                yield task, outcome


def _once(intakes: Iterable[work.Intake]) -> list[work.Intake]:
    """Leave out a hand-in of the same bytes as one before it, and say so: its records must not count twice."""
    kept: dict[str, work.Intake] = {}
    for intake in intakes:
        before = kept.setdefault(intake.evidence.id, intake)
        if before is not intake:
            detail = f"{intake.evidence.path} holds the same bytes as {before.evidence.path}; read once"
            told = Gap(artifact="file", why="conflict", detail=detail, evidence=intake.evidence.id)
            kept[intake.evidence.id] = msgspec.structs.replace(before, gaps=(*before.gaps, told))
    return list(kept.values())


def _intake(outcome: Outcome) -> work.Intake:
    if outcome.state == "quarantined":
        raise EvidenceError(f"{outcome.detail or 'the evidence'}: could not be taken in ({outcome.why})")
    return msgspec.convert(outcome.result, work.Intake)


def _case(request: Request) -> Case:
    """Make or find the case. Raises EvidenceError where it cannot be the case of this evidence."""
    case = Case(Path(request.case))
    paths = tuple(sorted({str(Path(path).absolute()) for path in request.evidence}))
    for path in paths:
        if not Path(path).exists():
            raise EvidenceError(f"{path}: no such file or folder")
        if Path(path) in (case.root.absolute(), *case.root.absolute().parents) and Path(path).is_dir():
            raise EvidenceError(
                f"{case.root}: lies inside the evidence {path}; choose a case folder outside it"
            )
    packs = plans.packs(request.rules, request.yara, request.indicators)
    about = CaseFile(
        format=FORMAT,
        postvakt=conclude.VERSION,
        directive=request.directive,
        created=request.started,
        evidence=paths,
        options={
            "host": request.host,
            "since": request.since,
            "until": request.until,
            "packs": msgspec.to_builtins(packs),
        },
    )
    if case.path("case.json").is_file():
        before = case.about()
        if before.evidence != paths:
            known = ", ".join(before.evidence)
            raise EvidenceError(f"{case.root}: is the case of other evidence ({known}); use another --case")
        about = msgspec.structs.replace(about, created=before.created)
    case.write_json("case.json", about)
    if request.baseline:
        baseline.keep(case, request.baseline)
    return case
