"""Matches of rules within a span of time, held against correlation rules. A window ends at each match and reaches back
one span; the matches of every window in which the condition holds are those of the correlation.

Conditions that look for little (`lt`, `lte`, `neq`) are asked of the same windows: a span without any match is none.
A window is never gathered anew: what it holds is kept up as it moves, for a flood of matches may lie in one span.
"""

import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Protocol

import msgspec

from postvakt.model.correlation import Comparison, Correlation, Tree

COMPARE: Mapping[Comparison, Callable[[float, float], bool]] = {
    "lt": lambda told, wanted: told < wanted,
    "lte": lambda told, wanted: told <= wanted,
    "gt": lambda told, wanted: told > wanted,
    "gte": lambda told, wanted: told >= wanted,
    "eq": lambda told, wanted: told == wanted,
    "neq": lambda told, wanted: told != wanted,
}


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One match: which rule, when (microseconds), where it stands among all matches, and its fields' values."""

    rule: str
    time: int
    at: int
    values: Mapping[str, str]


class Met(msgspec.Struct, frozen=True):
    """A window in which a correlation holds: the match that ends it, and the group's values.

    `at` are the places of its matches that no window before it held, so that each is told once.
    """

    at: tuple[int, ...]
    last: Seen
    group: tuple[str, ...]
    told: str


def correlate(correlation: Correlation, seen: Iterable[Seen]) -> Iterator[Met]:
    """Yield the windows in which a correlation holds, group by group, in time."""
    groups: dict[tuple[str, ...], list[Seen]] = defaultdict(list)
    for one in seen:
        key = tuple(one.values.get(correlation.called(field, one.rule), "") for field in correlation.group_by)
        # A match that lacks what the group is made by belongs to none.
        if all(key):
            groups[tuple(value.casefold() for value in key)].append(one)
    for key in sorted(groups):
        ordered = sorted(groups[key], key=lambda one: (one.time, one.at))
        yield from _windows(correlation, key, ordered)


def _windows(correlation: Correlation, key: tuple[str, ...], ordered: Sequence[Seen]) -> Iterator[Met]:
    window = HELD[correlation.kind](correlation)
    told: set[int] = set()
    start = done = 0
    for end, last in enumerate(ordered):
        window.add(end, last)
        while ordered[start].time < last.time - correlation.span:
            window.drop(start, ordered[start])
            start += 1
        found = window.holds(start)
        if found is None:
            continue
        if found.places is None:
            # Windows only move on: what lies before `done` was told, or has dropped out untold.
            done = max(done, start)
            places: Iterable[int] = range(done, end + 1)
            done = end + 1
        else:
            places = [place for place in found.places if place not in told]
            told.update(places)
        yield Met(tuple(ordered[place].at for place in places), last, key, found.told)


class _Found(msgspec.Struct, frozen=True):
    """That a window holds, in words; `places` where not all of its matches are meant."""

    told: str
    places: Sequence[int] | None = None


class _Window(Protocol):
    """What is kept up of a window while it moves over matches in order."""

    def __init__(self, correlation: Correlation) -> None: ...
    def add(self, place: int, one: Seen) -> None: ...
    def drop(self, place: int, one: Seen) -> None: ...
    def holds(self, start: int) -> _Found | None: ...


class _Figure:
    """A window of which one figure is compared."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation

    def figure(self) -> float | None:
        """Return the figure; None where there is none to compare."""
        raise NotImplementedError

    def holds(self, start: int) -> _Found | None:
        told = self.figure()
        if told is None or not COMPARE[self._correlation.op](told, self._correlation.count):
            return None
        return _Found(f"{told:g} by {self._correlation.kind.replace('_', ' ')}")

    def _values(self, one: Seen) -> list[str]:
        fields = self._correlation.over
        return [one.values.get(self._correlation.called(field, one.rule), "") for field in fields]

    def _numbers(self, one: Seen) -> list[float]:
        found = []
        for value in self._values(one):
            try:
                number = float(value)
            except ValueError:
                continue  # What is no number adds nothing to a sum of numbers.
            if isfinite(number):
                found.append(number)
        return found


class _Events(_Figure):
    count = 0

    def add(self, place: int, one: Seen) -> None:
        self.count += 1

    def drop(self, place: int, one: Seen) -> None:
        self.count -= 1

    def figure(self) -> float | None:
        return self.count


class _Values(_Figure):
    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self._held: Counter[tuple[str, ...]] = Counter()

    def _key(self, one: Seen) -> tuple[str, ...]:
        return tuple(value.casefold() for value in self._values(one))

    def add(self, place: int, one: Seen) -> None:
        if all(key := self._key(one)):
            self._held[key] += 1

    def drop(self, place: int, one: Seen) -> None:
        key = self._key(one)
        if key in self._held:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def figure(self) -> float | None:
        return len(self._held)


class _Sum(_Figure):
    """Sums are exact: a running sum of floats would drift."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self._sum, self._count = Fraction(0), 0

    def add(self, place: int, one: Seen) -> None:
        for number in self._numbers(one):
            self._sum += Fraction(number)
            self._count += 1

    def drop(self, place: int, one: Seen) -> None:
        for number in self._numbers(one):
            self._sum -= Fraction(number)
            self._count -= 1

    def figure(self) -> float | None:
        if not self._count:
            return None
        return float(self._sum / self._count if self._correlation.kind == "value_avg" else self._sum)


class _Ranked(_Figure):
    """Percentiles are interpolated between the nearest two, as the SQL function percentile_cont does."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self._ranked: list[float] = []

    def add(self, place: int, one: Seen) -> None:
        for number in self._numbers(one):
            bisect.insort(self._ranked, number)

    def drop(self, place: int, one: Seen) -> None:
        for number in self._numbers(one):
            del self._ranked[bisect.bisect_left(self._ranked, number)]

    def figure(self) -> float | None:
        ranked = self._ranked
        if not ranked:
            return None
        share = 50 if self._correlation.kind == "value_median" else self._correlation.percentile
        place = (len(ranked) - 1) * share / 100
        below = int(place)
        above = min(below + 1, len(ranked) - 1)
        return ranked[below] + (ranked[above] - ranked[below]) * (place - below)


class _Together:
    """Which rules matched within the span, in any order."""

    def __init__(self, correlation: Correlation) -> None:
        self._correlation = correlation
        self._there: Counter[str] = Counter()

    def add(self, place: int, one: Seen) -> None:
        self._there[one.rule] += 1

    def drop(self, place: int, one: Seen) -> None:
        self._there[one.rule] -= 1

    def _met(self) -> bool:
        there = +self._there
        tree = self._correlation.tree
        return _holds(tree, there) if tree is not None else all(r in there for r in self._correlation.rules)

    def holds(self, start: int) -> _Found | None:
        return _Found(f"{len(self._correlation.rules)} rules") if self._met() else None


class _InOrder(_Together):
    """The same, one after the other: the last rule's match ends the window, before it the latest of each."""

    def __init__(self, correlation: Correlation) -> None:
        super().__init__(correlation)
        self._places: dict[str, list[int]] = defaultdict(list)
        self._last = ""

    def add(self, place: int, one: Seen) -> None:
        super().add(place, one)
        self._places[one.rule].append(place)
        self._last = one.rule

    def holds(self, start: int) -> _Found | None:
        rules = self._correlation.rules
        if self._correlation.tree is not None:
            rules = tuple(rule for rule in rules if self._there[rule])
        if not rules or rules[-1] != self._last or not self._met():
            return None
        chosen = [self._places[rules[-1]][-1]]
        for rule in reversed(rules[:-1]):
            places = self._places[rule]
            before = bisect.bisect_left(places, chosen[-1]) - 1
            if before < 0 or places[before] < start:
                return None
            chosen.append(places[before])
        return _Found(f"{len(self._correlation.rules)} rules", chosen[::-1])


def _holds(tree: Tree, there: Mapping[str, int]) -> bool:
    if tree.op == "rule":
        return tree.rule in there
    if tree.op == "not":
        return not _holds(tree.parts[0], there)
    every = (_holds(part, there) for part in tree.parts)
    return all(every) if tree.op == "and" else any(every)


HELD: Mapping[str, type[_Window]] = {
    "event_count": _Events,
    "value_count": _Values,
    "value_sum": _Sum,
    "value_avg": _Sum,
    "value_percentile": _Ranked,
    "value_median": _Ranked,
    "temporal": _Together,
    "temporal_ordered": _InOrder,
}
