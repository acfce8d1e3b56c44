"""`facts.yaml` of a case: what people answered, each with name and time."""

import re
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from postvakt.content import library
from postvakt.errors import ContentError
from postvakt.model.directive import Directive
from postvakt.model.fact import ALL, Asked, CaseFacts, Fact, Victim
from postvakt.reason import answers
from postvakt.tables.case import Case

NAME = "facts.yaml"


def said(case: Case, directive: Directive, hosts: Sequence[str]) -> tuple[Fact, ...]:
    """Return what people said in a case; nothing where there is no file.

    Raises ContentError that names the file, the entry and the fault: a word that cannot be placed is not left out.
    """
    path, facts = case.path(NAME), _read(case).facts
    for number, fact in enumerate(facts):
        for fault in _faults(fact, directive, hosts):
            raise ContentError(f"{path}: $.facts[{number}]: {fault}")
    for fault in _contradictions(facts):
        raise ContentError(f"{path}: {fault}")
    return facts


def asked(case: Case, directive: Directive, hosts: Sequence[str]) -> tuple[Asked, ...]:
    """Return whom a case's people asked what. Raises ContentError as `said` does."""
    questions = _read(case).ask
    for number, one in enumerate(questions):
        for fault in _ask_faults(one, directive, hosts):
            raise ContentError(f"{case.path(NAME)}: $.ask[{number}]: {fault}")
    return questions


def _ask_faults(one: Asked, directive: Directive, hosts: Sequence[str]) -> Iterator[str]:
    yield from _misplaced(one, directive, hosts)
    if not one.whom.strip():
        yield "whom: names nobody; a question that nobody was given is nobody's"
    if one.by.tzinfo is None:
        yield f"by: {one.by.isoformat()} names no zone; write it with Z or an offset, 2021-03-04T10:00:00-05:00"


def victim(case: Case) -> Victim | None:
    """Return whom it happened to, as somebody stated it. Raises ContentError for what nobody said or says nothing."""
    stated = _read(case).victim
    if stated is None:
        return None
    for fault in _unstated(stated):
        raise ContentError(f"{case.path(NAME)}: $.victim: {fault}")
    return stated


def _unstated(stated: Victim) -> Iterator[str]:
    if not stated.by.strip():
        yield "by: says nobody; sector and country count by the name of who states them"
    if not (stated.sector.strip() or stated.country.strip()):
        yield "states neither sector nor country"
    if stated.country and not re.fullmatch("[A-Z]{2}", stated.country):
        yield f"country: {stated.country!r} is no country's two letters"
    if stated.at.tzinfo is None:
        yield f"at: {stated.at.isoformat()} names no zone; write it with Z or an offset"


def _read(case: Case) -> CaseFacts:
    path = case.path(NAME)
    if not path.is_file():
        return CaseFacts()
    written = library.parsed(library.text(path, str(path)))
    try:
        return msgspec.convert(written or {}, CaseFacts)
    except msgspec.ValidationError as why:
        raise ContentError(f"{path}: {why}") from why


def _misplaced(fact: Fact | Asked, directive: Directive, hosts: Sequence[str]) -> Iterator[str]:
    askable = answers.askable(directive)
    if fact.requirement not in askable:
        known = ", ".join(askable)
        yield f"requirement: {fact.requirement!r} is none of {directive.id}; there are {known}"
        return
    if fact.host != ALL and askable[fact.requirement] == "agency":
        yield f"host: {fact.requirement} is asked of the agency once; write `all`"
    elif fact.host != ALL and fact.host not in hosts:
        yield f"host: {fact.host!r} is no host of this case; there are {', '.join(sorted(hosts))}"


def _faults(fact: Fact, directive: Directive, hosts: Sequence[str]) -> Iterator[str]:
    yield from _misplaced(fact, directive, hosts)
    if not fact.by.strip():
        yield "by: says nobody; an answer needs the name of who gives it"
    if not fact.words.strip():
        yield "words: says nothing"
    if fact.at.tzinfo is None:
        yield f"at: {fact.at.isoformat()} names no zone; write it with Z or an offset, 2021-03-04T10:00:00-05:00"


def _contradictions(facts: Iterable[Fact]) -> Iterator[str]:
    """A later word takes the place of an earlier one; two of the same instant say nothing."""
    held: dict[tuple[object, ...], tuple[int, Fact]] = {}
    for number, fact in enumerate(facts):
        first, before = held.setdefault((fact.requirement, fact.host, fact.at), (number, fact))
        if before.state != fact.state:
            yield (
                f"$.facts[{first}] and $.facts[{number}]: {fact.requirement} of {fact.host} is "
                f"{before.state} and {fact.state} at the same time; take one away"
            )
