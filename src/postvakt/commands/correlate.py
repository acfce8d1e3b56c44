"""Correlation rules over the matches of a case: which matches they join, as matches of their own."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from postvakt import detect
from postvakt.commands import readers
from postvakt.commands.copies import copies
from postvakt.model.correlation import Correlation
from postvakt.model.gap import Gap
from postvakt.reason.correlating import Met, Seen, correlate
from postvakt.tables import matches
from postvakt.tables.case import Case

MOST_MATCHES = 100_000
"""Matches of one rule that correlations look at; more are told as a Gap."""


def correlated(case: Case, found: pa.Table, plan: detect.Plan) -> tuple[pa.Table, list[Gap]]:
    """Return a case's matches with those of correlations, without those of rules that only serve one; and Gaps.

    A match without a time belongs to no span and joins none, so it stays a match of its rule. So does every match of
    a rule of ours: verdicts are argued from those, and nobody's pack may take one away.
    """
    if not plan.correlations:
        return found, []
    served = plan.served_only()
    gaps: list[Gap] = []
    seen = _Matches(case, found, plan, gaps)
    made: list[dict[str, Any]] = []
    for one in plan.correlations:
        met = list(correlate(one, (each for rule in one.rules for each in seen.of(rule))))
        seen.add(one, met)
        made += _rows(found, one, met)
    hidden = pc.and_(
        pc.is_in(found.column("rule"), pa.array(sorted(served), pa.string())),
        pc.is_valid(found.column("time")),
    )
    alone = found.filter(pc.invert(hidden))
    told = [row for row in made if row["rule"] not in served]
    return matches.ordered(pa.concat_tables([alone, pa.Table.from_pylist(told, matches.SCHEMA)])), gaps


class _Matches:
    """The matches of each rule, with the fields that correlations ask of them."""

    def __init__(self, case: Case, found: pa.Table, plan: detect.Plan, gaps: list[Gap]) -> None:
        self._case = case
        self._plan = plan
        self._found = found.append_column("at", pa.array(range(found.num_rows), pa.int64()))
        self._gaps = gaps
        self._known: dict[str, list[Seen]] = {}
        self._fields: dict[str, set[str]] = defaultdict(set)
        for one in plan.correlations:
            for rule in one.rules:
                self._fields[rule] |= {one.called(field, rule) for field in (*one.group_by, *one.over)}

    def of(self, rule: str) -> Sequence[Seen]:
        """Return the dated matches of a rule."""
        if rule not in self._known:
            self._known[rule] = list(self._read(rule))
        return self._known[rule]

    def add(self, one: Correlation, met: Iterable[Met]) -> None:
        """Keep the windows of a correlation as what other correlations see: each at its last match."""
        self._known[one.rule] = [
            Seen(
                one.rule, window.last.time, window.last.at, dict(zip(one.group_by, window.group, strict=True))
            )
            for window in met
        ]

    def _read(self, rule: str) -> Iterator[Seen]:
        chosen = self._found.filter(
            pc.and_(pc.equal(self._found.column("rule"), rule), pc.is_valid(self._found.column("time")))
        )
        if chosen.num_rows > MOST_MATCHES:
            detail = (
                f"{chosen.num_rows} matches of rule {rule}; correlations look at the first {MOST_MATCHES}"
            )
            self._gaps.append(Gap(artifact="correlation", why="limited", detail=detail))
            chosen = chosen.sort_by([("time", "ascending"), ("at", "ascending")]).slice(0, MOST_MATCHES)
        # One request counts once, however often memory holds its line beside the log.
        twice = pa.array(sorted(copies(self._case, chosen)), pa.int64())
        chosen = chosen.filter(pc.invert(pc.is_in(chosen.column("at"), twice)))
        fields = self._fields[rule]
        times = pc.cast(chosen.column("time"), pa.int64()).to_pylist()
        by_part: dict[str, list[tuple[int, int, int, str]]] = defaultdict(list)
        columns = [chosen.column(name).to_pylist() for name in ("part", "row", "at", "table")]
        for time, part, row, at, table in zip(times, *columns, strict=True):
            by_part[part].append((row, at, time, table))
        for part, places in by_part.items():
            rows = self._rows(part, [row for row, *_ in places]) if fields else {}
            for row, at, time, table in places:
                spec = readers.TABLES[table]
                told = detect.told(self._plan, rule, spec, rows[row], fields) if fields else {}
                yield Seen(rule, time, at, told)

    def _rows(self, part: str, numbers: Iterable[int]) -> Mapping[int, Mapping[str, Any]]:
        wanted = sorted(set(numbers))
        return dict(zip(wanted, matches.read_rows(self._case, part, wanted), strict=True))


def _rows(found: pa.Table, one: Correlation, met: Sequence[Met]) -> list[dict[str, Any]]:
    """Return each match that any window of a correlation holds, once, told by the first of them."""
    told: dict[int, str] = {}
    for window in met:
        for at in window.at:
            told.setdefault(at, _told(one, window))
    places = sorted(told)
    rows: list[dict[str, Any]] = found.take(pa.array(places, pa.int64())).to_pylist()
    return [{**row, "rule": one.rule, "detail": told[at]} for at, row in zip(places, rows, strict=True)]


def _told(one: Correlation, window: Met) -> str:
    group = ", ".join(f"{field} {value}" for field, value in zip(one.group_by, window.group, strict=True))
    return f"{window.told} within {one.span // 1_000_000} s{f', of one {group}' if group else ''}"
