"""Marks of actors as analysts write them, held against what is asked: a name that no rule bears is a fault."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

import msgspec

from postvakt.content import known, stix
from postvakt.model.actor import HEAVIEST, ActorSpec, Mark, MarkBook, Sign

YARA = "yara:"
FILE_NAME = "file:name"
FOLDER = "file:parent_directory_ref.path"


class Known(msgspec.Struct, frozen=True):
    """What marks may name: the ids of our rules by folder, of our indicators by the value they look for."""

    rules: Mapping[str, str]
    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, rules: Mapping[str, str], bundles: Iterable[str]) -> Known:
        """Return what rules and the texts of bundles offer. Raises ValueError for what is no bundle."""
        found: dict[str, list[str]] = defaultdict(list)
        for bundle in bundles:
            for indicator in stix.indicators(bundle):
                for value in _values(str(indicator["pattern"])):
                    found[value.lower()].append(str(indicator["id"]))
        return cls(rules, {value: tuple(ids) for value, ids in found.items()})

    def resolved(self, mark: Mark) -> Mark:
        """Return a mark whose signs name rules by id, and its values' indicators among them. Raises ValueError."""
        for fault in self.faults(mark):
            raise ValueError(f"{mark.id}: {fault}")
        return msgspec.structs.replace(mark, signs=tuple(self._resolved(sign) for sign in mark.signs))

    def _resolved(self, sign: Sign) -> Sign:
        ids = [name if name.startswith(YARA) else self.rules[name] for name in sign.rules]
        asked = [one for value in sign.values for one in self.values[value.lower()]]
        return msgspec.structs.replace(sign, rules=(*ids, *asked))

    def faults(self, mark: Mark) -> Iterator[str]:
        """Yield what a mark names and nothing bears."""
        for sign in mark.signs:
            yield from (f"{name} is no rule of ours" for name in sign.rules if not self._is_rule(name))
            yield from (
                f"{value} is no value of our indicators"
                for value in sign.values
                if value.lower() not in self.values
            )

    def _is_rule(self, name: str) -> bool:
        return name.startswith(YARA) or name in self.rules


def _values(pattern: str) -> Iterator[str]:
    """Yield the values that a pattern compares with; a name in a folder is one path."""
    compared = [(path, value.replace("\\\\", "\\")) for path, value in stix.COMPARED.findall(pattern)]
    folder = next((value for path, value in compared if path == FOLDER), "")
    for path, value in compared:
        yield f"{folder}\\{value}" if path == FILE_NAME and folder else value


def book_faults(book: MarkBook, offered: Known, yara: frozenset[str]) -> Iterator[str]:
    """Yield what is wrong with the marks of one book."""
    for mark in book.marks:
        yield from (f"marks: {mark.id}: {fault}" for fault in _mark_faults(mark, offered, yara))


def _mark_faults(mark: Mark, offered: Known, yara: frozenset[str]) -> Iterator[str]:
    yield from offered.faults(mark)
    named = {name for sign in mark.signs for name in sign.rules if name.startswith(YARA)}
    yield from (f"{name} is no rule of ours" for name in sorted(named - yara))
    yield from (f"needs: {name} is no coverage" for name in mark.needs if not known.is_coverage(name))
    if not 0 < mark.weight <= HEAVIEST[mark.kind]:
        yield f"weight: {mark.weight} is not between 1 and {HEAVIEST[mark.kind]}, the most of a {mark.kind}"
    stated = {
        "time": bool(mark.since or mark.until),
        "victim": bool(mark.sectors or mark.countries),
    }.get(mark.kind, bool(mark.signs))
    if not stated:
        yield "says nothing by which it could be seen"
    if mark.signs and not mark.needs:
        yield "needs: names no source that would show it"


def faults(books: Sequence[MarkBook], actors: Sequence[tuple[str, ActorSpec]]) -> Iterator[tuple[str, str]]:
    """Yield path and fault of what is wrong between actors and marks."""
    marks = {mark.id: mark for book in books for mark in book.marks}
    counted = Counter(mark.id for book in books for mark in book.marks)
    sources = {key for book in books for key in book.sources}
    yield from (("marks", f"{name} stands twice") for name, count in sorted(counted.items()) if count > 1)
    told: set[str] = set()
    for path, actor in actors:
        told |= {claim.mark for claim in actor.claims}
        for claim in actor.claims:
            if claim.mark not in marks:
                yield path, f"claims: {claim.mark} is no mark"
            if claim.source not in sources:
                yield path, f"claims: {claim.mark}: {claim.source} is no source"
        twice = [name for name, count in Counter(claim.mark for claim in actor.claims).items() if count > 1]
        yield from ((path, f"claims: {name} stands twice") for name in twice)
        own = [marks[c.mark] for c in actor.claims if c.mark in marks and not c.against]
        yield from ((path, f"claims: {fault}") for fault in _counted_twice(own))
    yield from (("marks", f"{name} is named by no actor") for name in sorted(set(marks) - told))


def _counted_twice(own: Sequence[Mark]) -> Iterator[str]:
    """One match must not count twice for one actor: marks that share a rule are told apart by words."""
    for one, other in combinations([mark for mark in own if not mark.common], 2):
        if any(_overlap(a, b) for a in one.signs for b in other.signs):
            yield f"{one.id} and {other.id} are shown by the same matches"


def _overlap(one: Sign, other: Sign) -> bool:
    shared = {*one.rules, *one.values} & {*other.rules, *other.values}
    return bool(shared) and not (one.words and other.words and not set(one.words) & set(other.words))
