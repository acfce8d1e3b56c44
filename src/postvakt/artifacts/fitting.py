"""Segments of a delimited log into a table's batches: times, numbers, and what no column takes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.alignment import Checks, Reading, align
from postvakt.artifacts.delimited import Record, Segment
from postvakt.artifacts.instants import UTC_TYPE, instants
from postvakt.artifacts.log_columns import Wanted, within
from postvakt.artifacts.log_lines import Array
from postvakt.artifacts.log_records import Header
from postvakt.artifacts.troubles import Troubles
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import BATCH_ROWS, PAIRS, Rows, as_texts, schema

NUMBER = re.compile(r"-?\d{1,18}")
ADDRESS = re.compile(r"\[?[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*(%[^%]+)?\]?(:\d+)?")
TEXT = pa.string()

Fields = Mapping[str, pa.Array]
"""A segment's columns by their lower-case field name."""


class Clock(Protocol):
    """Tells the instants of a segment's rows."""

    def read(self, header: Header, fields: Fields) -> tuple[pa.Array | None, tuple[str, ...]]:
        """Return the instants, None where no field tells one, and the lower-case names that they were read from."""
        ...


class Stamps:
    """Instants that stand in one field, under one of several names."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def read(self, header: Header, fields: Fields) -> tuple[pa.Array | None, tuple[str, ...]]:
        name = next((name for name in self._names if name in fields), None)
        return (None, ()) if name is None else (instants(as_texts(fields[name]), zoned=True), (name,))


class Fitted(msgspec.Struct):
    """Rows of a table: columns by name, and what goes to `unmapped` by the name the source gives it."""

    spec: TableSpec
    header: Header
    lines: Array
    time: pa.Array
    columns: dict[str, pa.Array]
    extras: list[tuple[str | None, pa.Array]]
    pairs: list[tuple[Array, pa.Array, pa.Array]] = []
    """Further pairs as (row of each, ascending; names; values)."""

    def texts(self, name: str) -> pa.Array | None:
        """Return a column of texts, None where there is none of that name."""
        column = self.columns.get(name)
        return None if column is None else as_texts(column)

    def rows(self) -> Iterator[Rows]:
        """Yield the rows in batches; what repeats may be codes."""
        count = len(self.lines)
        whole = schema(self.spec)
        arrays = [self.time, pa.array(self.lines, pa.int64())]
        for field in list(whole)[2:-1]:
            column = self.columns.get(field.name)
            arrays.append(pa.nulls(count, field.type) if column is None else column)
        arrays.append(unmapped(count, self.extras, self.pairs))
        batch = pa.RecordBatch.from_arrays(arrays, names=whole.names)
        for at in range(0, count, BATCH_ROWS):
            yield Rows(self.spec, batch.slice(at, BATCH_ROWS))


class Fitting:
    """Fits the segments of one log to one table."""

    def __init__(
        self,
        spec: TableSpec,
        clock: Clock,
        troubles: Troubles,
        also: Mapping[str, str] | None = None,
        lists: Mapping[str, str] | None = None,
    ) -> None:
        self._spec = spec
        self._lists = lists or {}
        self._clock = clock
        self._troubles = troubles
        named = {column.name.lower(): column for column in spec.columns}
        self._columns = named | {name: named[column.lower()] for name, column in (also or {}).items()}

    @property
    def wanted(self) -> Wanted:
        """What the table has columns for."""
        held = self._columns.items()
        lists = self._lists.keys()
        return Wanted(
            frozenset(name for name, column in held if column.type == "string" and column.name not in lists),
            {name: column for name, column in held if column.type == "int"},
        )

    def fit(self, segment: Segment) -> Fitted:
        """Return a segment's rows under the table's columns. What is malformed in them is noted."""
        header = segment.header
        names = _unique(header.names)
        columns, lines, doubtful, texts = self._rows(segment)
        named = {name.lower(): column for name, column in zip(names, columns, strict=True) if name}
        time, stamped = self._clock.read(header, named)
        fitted = Fitted(self._spec, header, lines, pa.nulls(len(lines), UTC_TYPE), {}, [])
        undated = np.zeros(len(lines), bool)
        if time is not None:
            fitted.time = time
            undated = pc.is_null(time).to_numpy(zero_copy_only=False)
        self._note_undated(header, undated if time is not None else ~undated, doubtful, lines, stamped)
        for name, column in zip(header.names, columns, strict=True):
            self._place(fitted, name, column, stamped, undated)
        self._note_squeezed(segment, fitted)
        if texts is not None:
            fitted.extras.append((None, texts))
        return fitted

    def _place(
        self, fitted: Fitted, name: str, values: pa.Array, stamped: tuple[str, ...], undated: Array
    ) -> None:
        """Put one field's values where they belong."""
        column = self._columns.get(name.lower())
        if name.lower() in stamped:
            if undated.any():
                kept = pc.if_else(pa.array(undated), _written(values), pa.scalar(None, TEXT))
                fitted.extras.append((name, kept))
        elif column is None or column.name in fitted.columns:
            fitted.extras.append((name, _written(values)))
        elif column.name in self._lists:
            fitted.columns[column.name] = pc.split_pattern(values, self._lists[column.name])
        elif column.type not in ("string", "int"):
            fitted.extras.append((name, _written(values)))
        elif column.type == "int":
            fitted.columns[column.name], refused = numbers(values, column)
            if refused is not None:
                fitted.extras.append((name, refused))
        else:
            fitted.columns[column.name] = values

    def _rows(self, segment: Segment) -> tuple[tuple[pa.Array, ...], Array, Array, pa.Array | None]:
        """Return columns and lines with the odd records in their places, which of them are in doubt, and the
        text of those."""
        if not segment.odd:
            return segment.columns, segment.lines, np.zeros(len(segment.lines), bool), None
        readings = self._readings(segment)
        odd = [reading.values for reading in readings]
        lines = np.concatenate([segment.lines, [record.line for record in segment.odd]]).astype(np.int64)
        order = np.argsort(lines, kind="stable")
        columns = tuple(
            pa.concat_arrays([as_texts(column), pa.array([values[at] for values in odd], TEXT)]).take(order)
            for at, column in enumerate(segment.columns)
        )
        whole = np.concatenate([np.ones(len(segment.lines), bool), [reading.whole for reading in readings]])
        texts = [
            None if reading.whole else record.text
            for record, reading in zip(segment.odd, readings, strict=True)
        ]
        text = pa.concat_arrays([pa.nulls(len(segment.lines), TEXT), pa.array(texts, TEXT)]).take(order)
        return columns, lines[order], ~whole[order].astype(bool), text

    def _readings(self, segment: Segment) -> list[Reading]:
        header = segment.header
        count = len(header.names)
        checks = self._checks(header)
        readings = []
        for record in segment.odd:
            reading = Reading(())
            if count:
                reading = align(record.values, count, checks, header.delimiter, header.null)
            if not reading.whole:
                self._note_odd(record, count)
            readings.append(reading)
        return readings

    def _checks(self, header: Header) -> Checks:
        checks: Checks = {}
        for position, name in enumerate(header.names):
            column = self._columns.get(name.lower())
            if column is None:
                if name.lower() in ("date", "time"):
                    checks[position] = re.compile(r"[\d:.-]+")
            elif column.type == "int":
                checks[position] = NUMBER
            elif column.kind == "ip" and column.type == "string":
                checks[position] = ADDRESS
        return checks

    def _note_odd(self, record: Record, count: int) -> None:
        values = len(record.values)
        detail = f"{values} value{'s' if values > 1 else ''} under {count} field names"
        if not count:
            self._troubles.note("unparsed", "no field names stand above it", record.line)
        elif record.cut and values < count and not self._troubles.has("unparsed", detail):
            self._troubles.note("truncated", f"the file ends in a record: {detail}", record.line)
        else:
            self._troubles.note("unparsed", detail, record.line)

    def _note_squeezed(self, segment: Segment, fitted: Fitted) -> None:
        """A record whose repeated blanks were made one must then hold numbers where numbers belong."""
        if segment.squeezed is None or not segment.squeezed.any():
            return
        lines = segment.lines[segment.squeezed]
        wrong = np.zeros(len(fitted.lines), bool)
        for name, texts in fitted.extras:
            column = self._columns.get((name or "").lower())
            if column is not None and column.type == "int":
                wrong |= pc.is_valid(texts).to_numpy(zero_copy_only=False)
        misread = lines[np.isin(lines, fitted.lines[wrong])]
        if len(misread):
            detail = "repeated blanks, and no numbers where they belong"
            self._troubles.note("unparsed", detail, int(misread[0]), len(misread))

    def _note_undated(
        self, header: Header, undated: Array, doubtful: Array, lines: Array, stamped: tuple[str, ...]
    ) -> None:
        places = np.flatnonzero(undated & ~doubtful)
        if not len(places) or not header.names:
            return
        detail = "no field tells when in UTC; the row is kept without time"
        if stamped:
            detail = f"{' and '.join(stamped)}: no instant; the row is kept without time"
        self._troubles.note("unparsed", detail, int(lines[places[0]]), len(places))


def _unique(names: Sequence[str]) -> list[str]:
    """Return names of which a repeated one is empty: the first of a name is the one that is meant."""
    seen: set[str] = set()
    found = []
    for name in names:
        found.append("" if name.lower() in seen else name)
        seen.add(name.lower())
    return found


def _written(values: pa.Array) -> pa.Array:
    """Return values as the source has them."""
    return values if values.type == TEXT else pc.cast(values, TEXT)


def numbers(texts: pa.Array, column: Column) -> tuple[pa.Array, pa.Array | None]:
    """Return a column's numbers, and the texts that are none or out of bounds (None: there are none)."""
    if texts.type == pa.int64():
        return texts, None  # read as such, all of them within bounds
    try:
        found = pc.cast(texts, pa.int64())
    except pa.ArrowInvalid:
        digits = pc.match_substring_regex(texts, f"^{NUMBER.pattern}$")
        found = pc.cast(pc.if_else(digits, texts, pa.scalar(None, TEXT)), pa.int64())
    low, high = column.low, column.high
    if not within(found, low, high):
        bounds = pc.min_max(found).as_py()
        inside = pc.and_(
            pc.greater_equal(found, bounds["min"] if low is None else low),
            pc.less_equal(found, bounds["max"] if high is None else high),
        )
        found = pc.if_else(inside, found, pa.scalar(None, pa.int64()))
    if found.null_count == texts.null_count:
        return found, None
    return found, pc.if_else(pc.is_null(found), texts, pa.scalar(None, TEXT))


def unmapped(
    count: int,
    extras: Sequence[tuple[str | None, pa.Array]],
    pairs: Sequence[tuple[Array, pa.Array, pa.Array]] = (),
) -> pa.Array:
    """Return lists of (name, value), one for each of `count` rows, of columns by name and of loose pairs."""
    extras = [(name, column) for name, column in extras if column.null_count < count]
    if not count or (not extras and not pairs):
        return pa.nulls(count, PAIRS)
    rows, names, values = [], [], []
    for name, column in extras:
        present = np.flatnonzero(pc.is_valid(column).to_numpy(zero_copy_only=False))
        rows.append(present)
        names.append(pa.repeat(pa.scalar(name, TEXT), len(present)))
        values.append(column.drop_null())
    for owners, labels, texts in pairs:
        rows.append(owners)
        names.append(labels)
        values.append(texts)
    owner = np.concatenate(rows)
    order = np.argsort(owner, kind="stable")
    structs = pa.StructArray.from_arrays(
        [pa.concat_arrays(names).take(order), pa.concat_arrays(values).take(order)], names=["name", "value"]
    )
    per_row = np.bincount(owner, minlength=count)
    offsets = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), structs, mask=pa.array(per_row == 0)).cast(PAIRS)
