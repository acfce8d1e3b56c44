"""Counting what passes: records, times, hours and record numbers of one source, table by table, split by split."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.model.clock import HOUR_MICROS
from postvakt.model.gap import Clue
from postvakt.model.table import Facet, TableSpec
from postvakt.model.task import Span

MOST_HOURS = 100_000
"""Distinct hours (11 years) kept per span; a log that claims more has absurd dates, and is told as limited."""

MOST_RUNS = 10_000
MOST_WAITING = 1 << 19
"""Record numbers that wait to be joined into runs: bounds what a log of any length costs."""

MOST_NAMES = 50

FEW_ROWS = 64
"""Rows of a small log are told apart in less time than it takes to ask Arrow to."""

UNDATED = np.iinfo(np.int64).min
"""Stands for the time of a numbered row that has none."""

_Array = np.ndarray[Any, Any]
_Runs = tuple[_Array, _Array, _Array, _Array]


class _Count:
    """The figures of one split value."""

    def __init__(self) -> None:
        self.records = 0
        self.undated = 0
        self.first: int | None = None
        self.last: int | None = None
        self.hours: Counter[int] = Counter()
        self.numbers = _Numbers()

    def add(self, times: np.ndarray[Any, Any], dated: np.ndarray[Any, Any]) -> None:
        self.records += len(times)
        known = times if np.count_nonzero(dated) == len(dated) else times[dated]
        self.undated += len(times) - len(known)
        if not len(known):
            return
        low, high = int(known.min()), int(known.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        if low // HOUR_MICROS == high // HOUR_MICROS:
            self._hour(low // HOUR_MICROS, len(known))
            return
        hours, counts = np.unique(known // HOUR_MICROS, return_counts=True)
        for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
            self._hour(hour, count)

    def _hour(self, hour: int, count: int) -> None:
        if hour in self.hours or len(self.hours) < MOST_HOURS:
            self.hours[hour] += count


class Tally:
    """Counts of one source's rows of one table."""

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self._counts: dict[str, _Count] = {}
        self._facets: dict[str, _Count] = {}
        self._names: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Count one batch."""
        times, dated = _plain(batch.column("time").view(pa.int64()))
        numbers, numbered = _numbers(batch, self.spec.sequence)
        splits = _splits(batch, self.spec.split)
        for name, rows in splits:
            count = self._counts.setdefault(name, _Count())
            count.add(times[rows], dated[rows])
            if numbers is not None and numbered is not None:
                chosen = numbered[rows]
                stamps = np.where(dated[rows], times[rows], UNDATED)
                count.numbers.add(numbers[rows][chosen], stamps[chosen])
        there = {name for name, _ in splits}
        alone = any(isinstance(rows, slice) for _, rows in splits)
        for facet in self.spec.facets:
            rows = np.flatnonzero(_holds(batch, facet, self.spec.split, there, alone=alone))
            if len(rows):
                self._facets.setdefault(facet.name, _Count()).add(times[rows], dated[rows])
        if self.spec.host_column:
            self._add_names(batch.column(self.spec.host_column))

    def _add_names(self, column: pa.Array) -> None:
        names, codes = coded(column)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        # What stands behind the names counts the rows without one; a name may have a code and no row.
        for name, count in zip(names, counts[: len(names)], strict=True):
            if count and (name in self._names or len(self._names) < MOST_NAMES):
                self._names[name] += count

    def spans(self, source: str, evidence: str, size: int) -> list[Span]:
        """Return one Span per split value and facet; the source's bytes are counted with the first."""
        spans = []
        counted = [(name, self._counts[name], False) for name in sorted(self._counts)]
        counted += [(name, self._facets[name], True) for name in sorted(self._facets)]
        for position, (name, count, facet) in enumerate(counted):
            spans.append(
                Span(
                    table=self.spec.name,
                    split=name,
                    source=source,
                    evidence=evidence,
                    records=count.records,
                    facet=facet,
                    bytes=0 if position else size,
                    undated=count.undated,
                    first=count.first,
                    last=count.last,
                    hours={str(hour): n for hour, n in sorted(count.hours.items())},
                    sequences=count.numbers.runs(),
                )
            )
        return spans

    def clues(self) -> list[Clue]:
        """Return the host names that the rows themselves carry."""
        basis = f"{self.spec.name} {self.spec.host_column}"
        return [
            Clue(kind="host", value=name, weight=self.spec.host_weight, basis=basis, count=count)
            for name, count in sorted(self._names.items())
            if name.strip()
        ]


def _holds(batch: pa.RecordBatch, facet: Facet, split: str | None, there: set[str], *, alone: bool) -> _Array:
    """Return which rows belong to a facet; `there` are the values of the column that rows are split by, `alone` says
    that all rows have the only one."""
    found = np.zeros(batch.num_rows, bool)
    for every in facet.any_of:
        if any(column == split and str(value) not in there for column, value in every):
            continue
        held = np.ones(batch.num_rows, bool)
        for column, value in every:
            if alone and column == split:
                continue
            told = batch.column(column)
            # Of a known type: guessing it has Arrow look for a library of dates each time.
            same = pc.equal(told, pa.scalar(value, told.type))
            held &= (pc.fill_null(same, False) if same.null_count else same).to_numpy(zero_copy_only=False)
        found |= held
    return found


def _splits(batch: pa.RecordBatch, column: str | None) -> list[tuple[str, Any]]:
    if column is None:
        return [("", slice(None))]
    values = batch.column(column)
    texts = pa.types.is_string(values.type) or pa.types.is_dictionary(values.type)
    names, codes = coded(values if texts else values.cast(pa.string()))
    if len(names) == 1 and not values.null_count:
        return [(names[0], slice(None))]
    return [
        (names[code] if code < len(names) else "", np.flatnonzero(codes == code))
        for code in np.unique(codes).tolist()
    ]


def coded(values: pa.Array) -> tuple[list[Any], _Array]:
    """Return a column's distinct values, and for each row the place of its own among them; behind them for null."""
    if len(values) <= FEW_ROWS:
        told = values.to_pylist()
        places = {text: place for place, text in enumerate(dict.fromkeys(t for t in told if t is not None))}
        return list(places), np.array([places.get(text, len(places)) for text in told], np.int64)
    encoded = values.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices
    return names, (pc.fill_null(codes, len(names)) if codes.null_count else codes).to_numpy()


def _numbers(
    batch: pa.RecordBatch, column: str | None
) -> tuple[np.ndarray[Any, Any] | None, np.ndarray[Any, Any] | None]:
    if column is None:
        return None, None
    return _plain(batch.column(column))


def _plain(numbers: pa.Array) -> tuple[_Array, _Array]:
    """Return numbers, 0 for those that are null, and which of them are not."""
    if not numbers.null_count:
        return numbers.to_numpy(), np.ones(len(numbers), bool)
    valid = pc.is_valid(numbers).to_numpy(zero_copy_only=False)
    return pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False), valid


class _Numbers:
    """Record numbers as runs without a missing one: first, last, and when each of the two was written."""

    def __init__(self) -> None:
        self._pieces: list[_Runs] = []
        self._waiting = 0

    def add(self, numbers: _Array, stamps: _Array) -> None:
        """Add numbers in any order, each with its time in microseconds."""
        self._pieces.append((numbers, numbers, stamps, stamps))
        self._waiting += len(numbers)
        if self._waiting > MOST_WAITING:
            self._pieces = [_joined(self._pieces)]
            self._waiting = 0

    def runs(self) -> tuple[tuple[int, int, int | None, int | None], ...]:
        """Return the runs in order; where there are too many, the first ones and the last."""
        if not self._waiting and not self._pieces:
            return ()
        first, last, begun, ended = (column.tolist() for column in _joined(self._pieces))
        found = [
            (low, high, _stamp(a), _stamp(b))
            for low, high, a, b in zip(first, last, begun, ended, strict=True)
        ]
        return tuple(found if len(found) <= MOST_RUNS else [*found[: MOST_RUNS - 1], found[-1]])


def _joined(pieces: "list[_Runs]") -> "_Runs":
    """Join runs that touch or overlap."""
    first, last, begun, ended = (np.concatenate(column) for column in zip(*pieces, strict=True))
    if not len(first):
        return first, last, begun, ended
    order = np.argsort(first, kind="stable")
    first, last, begun, ended = first[order], last[order], begun[order], ended[order]
    reached = np.maximum.accumulate(last)
    starts = np.concatenate([[0], np.flatnonzero(first[1:] > reached[:-1] + 1) + 1])
    # Within a run the row that reaches furthest first: its time is when the run's last record was written.
    furthest = np.flatnonzero(np.concatenate([[True], reached[1:] > reached[:-1]]))
    ends = np.concatenate([starts[1:], [len(first)]])
    reach = furthest[np.searchsorted(furthest, ends) - 1]
    return first[starts], last[reach], begun[starts], ended[reach]


def _stamp(value: Any) -> int | None:
    return None if value == UNDATED else int(value)
