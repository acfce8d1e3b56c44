"""Matches of rules within a span of time, held against correlation rules. A window ends at each match and reaches back
one span; the matches of every window in which the condition holds are those of the correlation.

Conditions that look for little (`lt`, `lte`, `neq`) are asked of the same windows: a span without any match is none.
"""

import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    """A window in which a correlation holds: its matches by place, the last one's time, and the group's values."""

    at: tuple[int, ...]
    time: int
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
    times = [one.time for one in ordered]
    measure = MEASURES.get(correlation.kind)
    start = 0
    for end, last in enumerate(ordered, start=1):
        start = bisect.bisect_left(times, last.time - correlation.span, start, end)
        window = ordered[start:end]
        if measure is None:
            chosen = _together(correlation, window)
            told = f"{len(correlation.rules)} rules"
        else:
            figure = measure(correlation, window)
            holds = figure is not None and COMPARE[correlation.op](figure, correlation.count)
            chosen = window if holds else []
            told = f"{figure:g} by {correlation.kind.replace('_', ' ')}" if figure is not None else ""
        if chosen:
            yield Met(tuple(one.at for one in chosen), last.time, key, told)


def _figures(correlation: Correlation, window: Sequence[Seen]) -> list[float]:
    found = []
    for one in window:
        for field in correlation.over:
            try:
                found.append(float(one.values.get(correlation.called(field, one.rule), "")))
            except ValueError:
                continue
    return sorted(found)


def _events(_: Correlation, window: Sequence[Seen]) -> float | None:
    return len(window)


def _values(correlation: Correlation, window: Sequence[Seen]) -> float | None:
    told = {
        tuple(
            one.values.get(correlation.called(field, one.rule), "").casefold() for field in correlation.over
        )
        for one in window
    }
    return len([values for values in told if all(values)])


def _sum(correlation: Correlation, window: Sequence[Seen]) -> float | None:
    figures = _figures(correlation, window)
    return sum(figures) if figures else None


def _average(correlation: Correlation, window: Sequence[Seen]) -> float | None:
    figures = _figures(correlation, window)
    return sum(figures) / len(figures) if figures else None


def _percentile(correlation: Correlation, window: Sequence[Seen]) -> float | None:
    """Interpolated between the nearest two, as the SQL function percentile_cont does."""
    figures = _figures(correlation, window)
    if not figures:
        return None
    share = 50 if correlation.kind == "value_median" else correlation.percentile
    place = (len(figures) - 1) * share / 100
    below = int(place)
    above = min(below + 1, len(figures) - 1)
    return figures[below] + (figures[above] - figures[below]) * (place - below)


MEASURES: Mapping[str, Callable[[Correlation, Sequence[Seen]], float | None]] = {
    "event_count": _events,
    "value_count": _values,
    "value_sum": _sum,
    "value_avg": _average,
    "value_percentile": _percentile,
    "value_median": _percentile,
}


def _together(correlation: Correlation, window: Sequence[Seen]) -> Sequence[Seen]:
    """Return the matches that make a temporal condition hold at the window's end, none where it does not."""
    if correlation.kind == "temporal_ordered" and correlation.tree is None:
        return _in_order(correlation.rules, window)
    there = {one.rule for one in window}
    tree = correlation.tree
    holds = _holds(tree, there) if tree is not None else there.issuperset(correlation.rules)
    if holds and correlation.kind == "temporal_ordered":
        return _in_order([rule for rule in correlation.rules if rule in there], window)
    return window if holds else ()


def _in_order(rules: Sequence[str], window: Sequence[Seen]) -> Sequence[Seen]:
    """Return one match of each rule, in the rules' order, the last at the window's end; none where there is none."""
    chosen: list[Seen] = []
    waiting = list(rules)
    for one in reversed(window):
        if waiting and one.rule == waiting[-1]:
            chosen.append(one)
            waiting.pop()
        elif not chosen:
            return ()
    return chosen[::-1] if not waiting else ()


def _holds(tree: Tree, there: set[str]) -> bool:
    if tree.op == "rule":
        return tree.rule in there
    if tree.op == "not":
        return not _holds(tree.parts[0], there)
    every = (_holds(part, there) for part in tree.parts)
    return all(every) if tree.op == "and" else any(every)
