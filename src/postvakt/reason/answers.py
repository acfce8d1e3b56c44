"""What is answered to each requirement of a directive: from evidence, from the branch that the verdict takes, and
from what people said. A requirement is met only where something was read, or somebody stands for it by name.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from postvakt.model.build import ExposureRow
from postvakt.model.clock import iso
from postvakt.model.directive import Branch, Condition, Directive, Requirement
from postvakt.model.fact import ALL, Asked, Fact
from postvakt.model.inventory import ServerRow
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import (
    AnswerRow,
    AnswerState,
    CoverageRow,
    FindingRow,
    QuestionRow,
    Said,
    VerdictRow,
)
from postvakt.model.rule import LEVELS
from postvakt.reason.findings import LABELLED
from postvakt.reason.inventory import collected
from postvakt.reason.proofs import proofs

MOST_NAMED = 20
"""Servers that one answer names."""

NOBODY_SAID = "the evidence cannot say this; a person must"


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one server when its requirements are answered; `content` names the rules it was asked with."""

    host: str
    roles: tuple[str, ...]
    verdict: VerdictRow
    questions: tuple[QuestionRow, ...]
    findings: tuple[FindingRow, ...]
    coverage: tuple[CoverageRow, ...]
    content: str = ""
    exposure: tuple[ExposureRow, ...] = ()
    mitigations: tuple[MitigationRow, ...] = ()


class Path(msgspec.Struct, frozen=True):
    """The branches that somebody is on, and why; `open_` where neither found nor not found can be said."""

    branches: frozenset[Branch]
    why: str
    open_: bool = False


class Words:
    """What people said, the latest word first, and what they were asked; a word on one host goes before one on all."""

    def __init__(self, facts: Iterable[Fact], asked: Iterable[Asked] = ()) -> None:
        self._asked = sorted(asked, key=lambda one: (one.by, one.whom))
        self._of: dict[tuple[str, str], list[Fact]] = {}
        for fact in sorted(facts, key=lambda f: f.at, reverse=True):
            self._of.setdefault((fact.requirement, fact.host), []).append(fact)

    def of(self, name: str, host: str) -> tuple[Said, ...]:
        """Return the words on a requirement or condition; the first one stands."""
        own = self._of.get((name, host), []) if host != ALL else []
        return tuple(
            Said(state=fact.state, words=fact.words, by=fact.by, at=fact.at)
            for fact in (*own, *self._of.get((name, ALL), ()))
        )

    def asked(self, names: Iterable[str], host: str) -> tuple[str, ...]:
        """Return who was asked these requirements and conditions and has not answered, the earliest time first."""
        open_ = {name for name in names if not self.of(name, host)}
        mine = (one for one in self._asked if one.requirement in open_ and one.host in (ALL, host))
        return tuple(dict.fromkeys(f"asked of {one.whom}, by {iso(one.by)}" for one in mine))


def server(directive: Directive, looked: Looked, words: Words) -> tuple[AnswerRow, ...]:
    """Answer the requirements that are asked of each server."""
    path = taken(directive, looked, words)
    return tuple(
        _answer(directive, requirement, looked, path, words)
        for requirement in directive.requirements
        if requirement.of == "server"
    )


def agency(
    directive: Directive, servers: Sequence[Looked], words: Words, listing: Sequence[ServerRow] = ()
) -> tuple[AnswerRow, ...]:
    """Answer the requirements that are asked of the agency once, whether it has a server or none.

    `listing` are the servers that the sources of the case name.
    """
    path = _joined([taken(directive, looked, words) for looked in servers])
    nobody = Looked(
        host=ALL,
        roles=(),
        verdict=VerdictRow(outcome="not-examined", grade="", since=None, because=()),
        questions=(),
        findings=(),
        coverage=(),
    )
    return tuple(
        _counted(_answer(directive, requirement, nobody, path, words), requirement, listing)
        for requirement in directive.requirements
        if requirement.of == "agency"
    )


def _counted(row: AnswerRow, requirement: Requirement, listing: Sequence[ServerRow]) -> AnswerRow:
    """Tell beside the answer how many of the servers that sources name were collected; that no source names another
    does not say that there is none."""
    if not requirement.inventory or not listing or row.state == "not-applicable":
        return row
    count, missing = collected(listing)
    basis = f"{row.basis}; collected {count} of the {count + len(missing)} servers that the sources name"
    lacks = (
        ()
        if row.state == "met"
        else tuple(f"collect {name}, or say why not" for name in missing[:MOST_NAMED])
    )
    if len(missing) > MOST_NAMED and lacks:
        lacks += (
            f"{len(missing) - MOST_NAMED} more servers that were never collected stand in the inventory",
        )
    return _with(row, row.state, basis, (*row.lacks, *lacks))


def in_order(directive: Directive, rows: Iterable[AnswerRow]) -> tuple[AnswerRow, ...]:
    """Return answers in the order of the directive's own text."""
    place = {requirement.id: number for number, requirement in enumerate(directive.requirements)}
    return tuple(sorted(rows, key=lambda row: place[row.requirement]))


def taken(directive: Directive, looked: Looked, words: Words) -> Path:
    """Return the branch that a server is on by its verdict, and beside it the one of those who could not look."""
    found = _by_verdict(looked)
    said = words.of(directive.expertise, looked.host) if directive.expertise else ()
    if not said or said[0].state != "unmet":
        return found
    lacking = f"no expertise to look, {_by(said[0])}"
    if not found.branches & {"found", "anomaly"}:
        # Nobody could look: that nothing was found says nothing, and it does not wait for more evidence either.
        return Path(frozenset(("no-expertise",)), lacking)
    return Path(found.branches | {"no-expertise"}, f"{found.why}; {lacking}")


def _by_verdict(looked: Looked) -> Path:
    outcome, verdict = looked.verdict.outcome, looked.verdict
    if outcome == "compromised":
        return Path(frozenset(("found",)), f"the verdict is compromised ({verdict.grade})")
    odd = [row.title for row in looked.findings if _anomalous(row)]
    if outcome == "attempted" or odd:
        # The text does not ask for an indicator only: "anomalous behavior or an indication of compromise".
        return Path(frozenset(("anomaly",)), f"the verdict is {outcome}: {'; '.join(odd) or verdict.grade}")
    if outcome in ("clear", "clear-since"):
        since = f", looked at from {iso(verdict.since)}" if verdict.since else ""
        # A negative holds against the indicators it was asked with: the alert kept growing.
        by = f", with the rules of content {looked.content[:12]}" if looked.content else ""
        return Path(frozenset(("not-found",)), f"nothing was found{since}{by}")
    because = f": {verdict.because[0]}" if verdict.because else ""
    return Path(frozenset(), f"the verdict is {outcome}{because}", open_=True)


def _anomalous(row: FindingRow) -> bool:
    """Tell whether a finding is one that triage has to follow: not a label, not put aside, grave or a cover-up."""
    grave = LEVELS.index(row.level) >= LEVELS.index("high") or row.stage == "tampering"
    return grave and row.acknowledged is None and row.stage not in LABELLED


def _joined(paths: Sequence[Path]) -> Path:
    """The agency is on every branch that one of its servers is on."""
    if not paths:
        return Path(frozenset(), "no server was handed in", open_=True)
    counted: Counter[str] = Counter(branch for path in paths for branch in path.branches)
    counted["not decided"] = sum(path.open_ for path in paths)
    told = ", ".join(f"{count} {name.replace('-', ' ')}" for name, count in sorted(counted.items()) if count)
    branches = frozenset(branch for path in paths for branch in path.branches)
    return Path(branches, f"servers by branch: {told}", open_=any(path.open_ for path in paths))


def _answer(
    directive: Directive, requirement: Requirement, looked: Looked, path: Path, words: Words
) -> AnswerRow:
    said = words.of(requirement.id, looked.host)
    row = _shown(_blank(directive, requirement), requirement, looked)
    row = _proved(row, requirement, looked)
    row = _bound(row, requirement, looked, path)
    row = _conditioned(row, directive, requirement, looked.host, words)
    return _told(row, said) if said else _waiting(row, requirement, looked.host, words)


def _waiting(row: AnswerRow, requirement: Requirement, host: str, words: Words) -> AnswerRow:
    """Tell beside an open answer who was asked, and by when."""
    if row.state in ("met", "not-applicable"):
        return row
    asked = words.asked((requirement.id, *requirement.only_if), host)
    return _with(row, row.state, row.basis, (*row.lacks, *asked))


def _blank(directive: Directive, requirement: Requirement) -> AnswerRow:
    issued = next((v.issued for v in directive.versions if v.id == requirement.version), directive.issued)
    return AnswerRow(
        requirement=requirement.id,
        title=requirement.title,
        state="unknown",
        basis=NOBODY_SAID,
        version=requirement.version,
        of=requirement.of,
        demanded=issued.astimezone(UTC),
        due=due(requirement),
        before=requirement.before,
        at_once=requirement.due == "immediately",
        within_hours=requirement.within_hours,
        lacks=(requirement.ask,) if requirement.ask else (),
    )


def due(requirement: Requirement) -> datetime | None:
    """Return a requirement's deadline in UTC; None where its text names no time."""
    if requirement.due in ("", "immediately"):
        return None
    return datetime.fromisoformat(requirement.due).astimezone(UTC)


def _shown(row: AnswerRow, requirement: Requirement, looked: Looked) -> AnswerRow:
    """Answer from what was read and what could be answered; what a person has to say stays unknown."""
    present = {covered.artifact for covered in looked.coverage if covered.records}
    absent = [name for name in requirement.needs if name not in present]
    asked = [q for q in looked.questions if q.id in requirement.questions]
    blind = [q for q in asked if q.answer == "unanswerable"]
    told = [f"not read: {', '.join(absent)}"] if absent else []
    told += [f"read: {', '.join(requirement.needs)}"] if requirement.needs and not absent else []
    told += [f"{q.asks} {_answered(q)}" for q in asked]
    lacks = [f"collect {name}" for name in absent] + [f"{q.asks} {q.basis}" for q in blind]
    if requirement.ask or not told:
        return _with(row, "unknown", "; ".join([*told, NOBODY_SAID]), (*row.lacks, *lacks))
    state: AnswerState = "unmet" if absent else "unknown" if blind else "met"
    return _with(row, state, "; ".join(told), tuple(lacks))


def _proved(row: AnswerRow, requirement: Requirement, looked: Looked) -> AnswerRow:
    """Answer from what was done to the server: updates that it runs, scans that came to their end."""
    shown = requirement.shown_by
    if shown is None:
        return row
    every = proofs(shown, looked.exposure, looked.mitigations, row.due)
    states, told = zip(*every, strict=True)
    proved: AnswerState = "unmet" if "unmet" in states else "unknown" if "unknown" in states else "met"
    basis = "; ".join(told)
    if proved == "met" and not shown.decides:
        return _with(row, "unknown", f"{basis}; {row.basis}", row.lacks)
    lacks = (
        () if proved == "met" else (*row.lacks, *(t for t, s in zip(told, states, strict=True) if s != "met"))
    )
    return _with(row, proved, f"{basis}; {row.basis}" if proved == "unknown" else basis, lacks)


def _answered(row: QuestionRow) -> str:
    if row.answer == "no-since":
        return f"No, from {iso(row.since)} on."
    return {"yes": "Yes.", "no": "No.", "unanswerable": "Cannot be answered."}[row.answer]


def _bound(row: AnswerRow, requirement: Requirement, looked: Looked, path: Path) -> AnswerRow:
    """Take a requirement off who is not of its kind or not on its branch; leave open what is not decided."""
    if requirement.of == "server" and not (set(looked.roles) or {"exchange"}) & set(requirement.roles):
        basis = f"asked of {', '.join(requirement.roles)}; this host is {', '.join(looked.roles)}"
        return _with(row, "not-applicable", basis)
    wanted = frozenset(requirement.branches)
    if not wanted:
        return row
    if wanted & path.branches:
        why = f"{path.why}, so this binds{_first_finding(requirement, looked)}"
        return _with(row, row.state, f"{why}; {row.basis}", row.lacks)
    if path.open_:
        lack = f"whether this binds is not decided: {path.why}"
        return _with(row, "unknown", lack, (lack,))
    if "anomaly" in path.branches and wanted & {"found", "not-found"}:
        lack = "a person judges whether what was seen is an indication of compromise"
        return _with(row, "unknown", f"{path.why}; {lack}", (lack, *row.lacks))
    return _with(row, "not-applicable", f"{path.why}; this is asked where it is {_either(requirement)}")


def _first_finding(requirement: Requirement, looked: Looked) -> str:
    """Name the finding from which the hours of a requirement run."""
    if not requirement.within_hours:
        return ""
    first = min(
        (row for row in looked.findings if _anomalous(row)),
        key=lambda r: (str(r.first or "9"), r.id),
        default=None,
    )
    if first is None:
        return ""
    hours = "hour" if requirement.within_hours == 1 else "hours"
    return (
        f", within {requirement.within_hours} {hours} of when it was found ({requirement.within_source}); the first "
        f"finding that demands it: {first.title} [{first.id}]"
    )


def _either(requirement: Requirement) -> str:
    return " or ".join(branch.replace("-", " ") for branch in requirement.branches)


def _conditioned(
    row: AnswerRow, directive: Directive, requirement: Requirement, host: str, words: Words
) -> AnswerRow:
    """Take a requirement off where somebody says that a condition of it does not hold."""
    if row.state == "not-applicable":
        return row
    for condition in (c for c in directive.conditions if c.id in requirement.only_if):
        said = words.of(condition.id, host)
        if said and said[0].state in ("unmet", "not-applicable"):
            basis = f"{condition.id}: no, {_by(said[0])}"
            return msgspec.structs.replace(_with(row, "not-applicable", basis), said=said)
        row = _presumed(row, condition, said)
    return row


def _presumed(row: AnswerRow, condition: Condition, said: Sequence[Said]) -> AnswerRow:
    if said and said[0].state == "met":
        return _with(row, row.state, f"{condition.id}: yes, {_by(said[0])}; {row.basis}", row.lacks)
    if condition.presumed:
        if condition.since is None:
            return row
        return _with(row, row.state, f"{row.basis}; {condition.id}: nobody said, taken as yes", row.lacks)
    basis = f"{condition.id}: nobody said, so whether this binds is not known; {row.basis}"
    return _with(row, "unknown", basis, (condition.asks, *row.lacks))


def _told(row: AnswerRow, said: tuple[Said, ...]) -> AnswerRow:
    """Let a person's word stand, and tell the evidence beside it: a reader sees where the two disagree."""
    word = said[0]
    told = [f"{word.state}, {_by(word)}", *(f"before that {s.state}, {_by(s)}" for s in said[1:])]
    against = {word.state, row.state} == {"met", "unmet"} or row.state == "not-applicable" != word.state
    told.append(f"{'the case says otherwise' if against else 'from the case'}: {row.state}, {row.basis}")
    open_ = word.state in ("unmet", "unknown")
    lacks = (row.lacks or (word.words,)) if open_ else ()
    return msgspec.structs.replace(_with(row, word.state, "; ".join(told), lacks), said=said)


def _by(said: Said) -> str:
    return f"said by {said.by} at {iso(said.at)}: {said.words}"


def _with(row: AnswerRow, state: AnswerState, basis: str, lacks: tuple[str, ...] = ()) -> AnswerRow:
    return msgspec.structs.replace(row, state=state, basis=basis, lacks=lacks)


def askable(directive: Directive) -> Mapping[str, str]:
    """Return whom each id that a facts file may name is asked of: `server` or `agency`."""
    of: dict[str, str] = {condition.id: "server" for condition in directive.conditions}
    return of | {requirement.id: requirement.of for requirement in directive.requirements}
