"""What makes a directive sound: names that something bears, deadlines that can be meant, answerable questions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from postvakt.content import known
from postvakt.model.directive import Condition, Directive, Question, Requirement, Version


def faults(directive: Directive, flaws: set[str]) -> Iterator[str]:
    """Yield what is wrong with a directive; `flaws` are the ids of those that we know."""
    # A facts file names requirements and conditions alike.
    kinds: tuple[tuple[str, Sequence[Question | Version | Condition | Requirement]], ...] = (
        ("questions", directive.questions),
        ("versions", directive.versions),
        ("requirements", (*directive.conditions, *directive.requirements)),
    )
    for kind, pieces in kinds:
        twice = [name for name, count in Counter(piece.id for piece in pieces).items() if count > 1]
        yield from (f"{kind}: {name} stands twice" for name in twice)
    if not any(question.mandatory for question in directive.questions):
        yield "questions: none is mandatory, so no server could ever be clear"
    for question in directive.questions:
        names = [name for alternative in question.answered_by for name in alternative.all_of]
        yield from (f"questions: {question.id}: {name} is no coverage" for name in no_coverage(names))
        if not names and not question.no_source:
            yield f"questions: {question.id}: nothing could answer it"
    if directive.expertise and directive.expertise not in {c.id for c in directive.conditions}:
        yield f"expertise: {directive.expertise} is no condition of this directive"
    if not _is_zone(directive.timezone):
        yield f"timezone: {directive.timezone!r} is no zone"
        return
    for requirement in directive.requirements:
        yield from (
            f"requirements: {requirement.id}: {fault}"
            for fault in _requirement(requirement, directive, flaws)
        )


def _requirement(requirement: Requirement, directive: Directive, flaws: set[str]) -> Iterator[str]:
    """Yield what is wrong with one demand: a name that nothing bears, a deadline that cannot be meant."""
    yield from (f"{name} is no coverage" for name in no_coverage(requirement.needs))
    named: tuple[tuple[str, Iterable[str], Iterable[str]], ...] = (
        ("version", [requirement.version] if requirement.version else [], (v.id for v in directive.versions)),
        ("only_if", requirement.only_if, (c.id for c in directive.conditions)),
        ("questions", requirement.questions, (q.id for q in directive.questions)),
    )
    for field, names, known_names in named:
        yield from (f"{field}: {name} is not in this directive" for name in sorted({*names} - {*known_names}))
    shown = requirement.shown_by
    if shown is not None:
        yield from (f"shown_by: {name} is no flaw of ours" for name in shown.patched if name not in flaws)
        if shown.ran and shown.ran not in known.RUNS:
            yield f"shown_by: {shown.ran!r} is no run that we read; there are {', '.join(known.RUNS)}"
        if shown.times < 1 or (shown.times > 1 and not shown.ran):
            yield f"shown_by: times: {shown.times} times of what?"
        if not (shown.patched or shown.ran):
            yield "shown_by: nothing shows it"
    if requirement.within_hours and not requirement.within_source:
        yield "within_source: who says that it is owed within hours?"
    if "no-expertise" in requirement.branches and not directive.expertise:
        yield "branches: no-expertise needs the directive to name its condition in `expertise`"
    if requirement.of == "agency" and (requirement.needs or requirement.questions or shown):
        yield (
            "of: the evidence of a server cannot answer for the agency; it takes no needs, no questions and no "
            "shown_by"
        )
    fault = due_fault(requirement.due, directive.timezone)
    if fault:
        yield f"due: {fault}"
    elif requirement.before and requirement.due in ("", "immediately"):
        yield "before: there is no time to be before"
    elif requirement.due not in ("", "immediately") and datetime.fromisoformat(requirement.due) < next(
        (v.issued for v in directive.versions if v.id == requirement.version), directive.issued
    ):
        yield f"due: {requirement.due} lies before the text that demands it"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def due_fault(due: str, zone: str) -> str:
    """Return what is wrong with a due time: it is said in the directive's own zone, so that an offset of the wrong
    season is seen."""
    if due in ("", "immediately"):
        return ""
    try:
        instant = datetime.fromisoformat(due)
        if instant.tzinfo is None:
            return f"{due} has no offset"
        offset = instant.astimezone(ZoneInfo(zone)).utcoffset()
    except (ValueError, OverflowError) as why:
        return str(why)
    return "" if instant.utcoffset() == offset else f"{due} has not the offset of {zone} on that day"


def no_coverage(names: Iterable[str]) -> list[str]:
    """Return the names that are no coverage: nothing is ever counted under them."""
    return [name for name in names if not known.is_coverage(name)]
