"""The `event` table: Windows events, whether they come as EVTX or as JSON. Its columns, and rows being gathered.

Source: [MS-EVEN6] 2.2.11 and the event schema of Windows (System properties, EventData, UserData).
"""

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.artifacts.troubles import Troubles
from postvakt.model.clock import from_micros, micros
from postvakt.model.gap import Clue
from postvakt.model.table import Column, Facet, LogSource, TableSpec
from postvakt.tables.rows import PAIRS, Rows, schema

BYTE = 0xFF
DOUBLE_WORD = 0xFFFF_FFFF

EVENT = TableSpec(
    name="event",
    title="Windows events",
    locator="offset",
    logsources=(LogSource(product="windows"),),
    split="Channel",
    sequence="EventRecordID",
    host_column="Computer",
    host_weight=40,
    fields=(
        ("Provider", "Provider_Name"),
        ("ProviderName", "Provider_Name"),
        ("SourceName", "Provider_Name"),
        ("ProviderGuid", "Provider_Guid"),
        ("EventLog", "Channel"),
        ("LogName", "Channel"),
        ("ComputerName", "Computer"),
        ("Hostname", "Computer"),
        ("Security_UserID", "UserID"),
        ("Correlation_ActivityID", "ActivityID"),
    ),
    facets=(
        Facet(
            "process-creation",
            (
                (("Channel", "Security"), ("EventID", 4688)),
                (("Channel", "Microsoft-Windows-Sysmon/Operational"), ("EventID", 1)),
            ),
        ),
    ),
    columns=(
        Column("Channel"),
        Column("EventID", "int", low=0, high=DOUBLE_WORD, about="without its qualifiers"),
        Column("Provider_Name"),
        Column("Computer", kind="host"),
        Column("Level", "int", low=0, high=BYTE),
        Column("EventRecordID", "int", low=0),
        Column("Version", "int", low=0, high=BYTE),
        Column("Task", "int", low=0, high=DOUBLE_WORD),
        Column("Opcode", "int", low=0, high=BYTE),
        Column("Keywords", about="a mask in hex, or words where the source has only those"),
        Column("Execution_ProcessID", "int", low=0, high=DOUBLE_WORD),
        Column("Execution_ThreadID", "int", low=0, high=DOUBLE_WORD),
        Column("UserID", kind="sid"),
        Column("ActivityID"),
        Column("Provider_Guid"),
        Column(
            "EventData",
            "pairs",
            about="values of EventData or UserData in order; a `Data` element without a name has none here",
        ),
    ),
)
"""`locator` is the offset of the record's header (EVTX), or of the first byte of its line or object (JSON)."""

SYSTEM = tuple(column.name for column in EVENT.columns[:-1])
"""The columns that hold what System says, in the order in which an Event gives them; EventData is the last."""

EARLIEST, LATEST = (micros(datetime(year, 1, 1, tzinfo=UTC)) for year in (1980, 2100))
"""A time outside is no time: a clock that was never set, or bytes that are none."""

ABSURD = "no time, or one that cannot be, or one of no zone: the row has none; what it tells is in unmapped"

Names = tuple[str | None, ...]

STAGE_EVENTS = 1024
"""Events that wait as Python values: few enough to be still in the processor's cache when they become columns."""

BATCH_EVENTS = 16_384
BATCH_BYTES = 32 * 1024 * 1024
"""A batch is closed from this many rows, or bytes of source, on."""


def pairs(names: Iterable[Names], values: Iterable[Iterable[Any]]) -> pa.Array:
    """Return a column of pairs. Rows of one kind share their names, so each set of names is made once."""
    kinds: dict[Names, int] = {}
    rows = [kinds.setdefault(each, len(kinds)) for each in names]
    listed = pa.array(list(kinds), pa.list_(pa.string())).take(pa.array(rows, pa.int32()))
    told = texts(list(chain.from_iterable(values)))
    entries = pa.StructArray.from_arrays([listed.flatten(), told], fields=list(PAIRS.value_type))
    return pa.ListArray.from_arrays(listed.offsets, entries, type=PAIRS)


def text(value: Any) -> str | None:
    """Return a scalar as rules see it: numbers in decimal, truth in lower case, null as null."""
    if value is None or type(value) is str:
        return value
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def texts(values: Sequence[Any]) -> pa.Array:
    """Return scalars as a column of texts; what is no text in Unicode (a lone surrogate) is spelled out."""
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeEncodeError):
        # Numbers without a call: next to texts they are what there is.
        told = [
            v if v.__class__ is str else str(v) if v.__class__ is int else text(v)
            for v in values
        ]  # fmt: skip
    try:
        return pa.array(told, pa.string())
    except UnicodeEncodeError:
        return pa.array([v and v.encode("utf-8", "backslashreplace").decode() for v in told], pa.string())


class Events:
    """Events being gathered into one batch after another, and what they tell of the server."""

    def __init__(self, troubles: Troubles) -> None:
        self.bytes = 0
        self.clues = Clues()
        self._troubles = troubles
        self._staged: list[pa.RecordBatch] = []
        self._rows = 0

    def add(
        self,
        locators: Sequence[int],
        times: Sequence[str | None],
        system: Sequence[Sequence[Any]],
        data: tuple[Sequence[Names], Sequence[Iterable[Any]]],
        misfits: "Misfits",
    ) -> None:
        """Add events, column by column. `system` holds those of SYSTEM, numbers as numbers or text.

        `times` are ISO 8601; `data` are the names of each event's values, and as many values.
        """
        columns = [self._time(times, locators, misfits), pa.array(locators, pa.int64())]
        for column, gathered in zip(EVENT.columns, system, strict=False):
            columns.append(_integers(column, gathered, misfits) if column.type == "int" else texts(gathered))
        columns += [pairs(*data), misfits.column()]
        self.add_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))

    def add_batch(self, batch: pa.RecordBatch) -> None:
        """Add events that are columns already, of SCHEMA."""
        self._staged.append(batch)
        self._rows += batch.num_rows

    def full(self) -> bool:
        """Tell whether there is enough for a batch."""
        return self._rows >= BATCH_EVENTS or self.bytes >= BATCH_BYTES

    def batch(self) -> Iterator[Rows]:
        """Yield what was gathered as a batch, where there is anything, and begin the next."""
        if self._staged:
            whole = self._staged[0] if len(self._staged) == 1 else pa.concat_batches(self._staged)
            self._staged, self._rows, self.bytes = [], 0, 0
            self.clues.see(whole)
            yield Rows(EVENT, whole)

    def _time(self, times: Sequence[str | None], locators: Sequence[int], misfits: "Misfits") -> pa.Array:
        found = instants(times)
        if found.null_count:
            for row in np.flatnonzero(found.is_null().to_numpy(zero_copy_only=False)).tolist():
                if times[row] is not None:
                    self._troubles.note("unparsed", ABSURD, locators[row])
                    misfits.add(row, "TimeCreated", times[row])
        return found


class Misfits:
    """What no column takes, row by row."""

    def __init__(self, rows: int) -> None:
        self._count = rows
        self._rows: list[int] = []
        self._names: list[str | None] = []
        self._values: list[Any] = []

    def add(self, row: int, name: str | None, value: Any) -> None:
        """Add one value to a row."""
        self._rows.append(row)
        self._names.append(name)
        self._values.append(value)

    def beside(self, name: str, values: Sequence[Any]) -> None:
        """Add a value of every row, where it is one."""
        if values.count(None) == len(values):
            return
        rows = [row for row, value in enumerate(values) if value is not None]
        self._rows += rows
        self._names += [name] * len(rows)
        self._values += [value for value in values if value is not None]

    def column(self) -> pa.Array:
        """Return the column `unmapped`: what was added to each row, in that order."""
        rows = np.array(self._rows, np.int64)
        ends = np.cumsum(np.bincount(rows, minlength=self._count), dtype=np.int32)
        names, told = pa.array(self._names, pa.string()), texts(self._values)
        if len(rows) and (rows[1:] < rows[:-1]).any():
            order = pa.array(np.argsort(rows, kind="stable"))
            names, told = names.take(order), told.take(order)
        listed = pa.StructArray.from_arrays([names, told], fields=list(PAIRS.value_type))
        offsets = pa.array(np.concatenate([np.zeros(1, np.int32), ends]))
        return pa.ListArray.from_arrays(offsets, listed, type=PAIRS)


SCHEMA = schema(EVENT)


INSTANT = pa.timestamp("us", tz="UTC")


def instants(times: Sequence[str | None]) -> pa.Array:
    """Return ISO 8601 texts in UTC as times; what is none, or lies outside any server's life, becomes null."""
    try:
        found = pa.array(times, pa.string()).cast(INSTANT)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        found = pa.array([instant(t) for t in times], pa.int64()).cast(INSTANT)
    counts = found.cast(pa.int64())
    span = pc.min_max(counts).as_py()
    if span["min"] is None or (span["min"] >= EARLIEST and span["max"] < LATEST):
        return found
    inside = pc.and_(pc.greater_equal(counts, EARLIEST), pc.less(counts, LATEST))
    return pc.if_else(inside, found, pa.scalar(None, INSTANT))


_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,](\d{1,20}))?\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.ASCII | re.IGNORECASE,
)


def instant(time: str | None, *, zoned: bool = True) -> int | None:
    """Return microseconds since 1970 of an ISO 8601 text, finer parts cut off; None for what is none.

    `zoned` asks for a zone: a local time says nothing by itself. Without it, a text that has none is read as UTC.
    """
    found = _ISO.fullmatch(time.strip()) if time is not None else None
    if found is None:
        return None
    *parts, fraction, zone = found.groups()
    if zoned and not zone:
        return None
    try:
        whole = micros(datetime(*map(int, parts), tzinfo=UTC))  # type: ignore[arg-type, misc]
    except ValueError:
        return None
    offset = 0
    if zone and zone[0] in "+-":
        minutes = int(zone[1:3]) * 60 + int(zone[-2:])
        offset = (minutes if zone[0] == "+" else -minutes) * 60_000_000
    return whole + int((fraction or "").ljust(6, "0")[:6]) - offset


def _integers(column: Column, values: Sequence[Any], misfits: Misfits) -> pa.Array:
    low = column.low if column.low is not None else 0
    high = column.high if column.high is not None else 2**63 - 1
    try:
        plain = np.frombuffer(array("q", values), np.int64)
    except (TypeError, OverflowError):
        sparse = _sparse(values, low, high)
        return _coerced(column.name, values, misfits, low, high) if sparse is None else sparse
    if len(plain) and low <= plain.min() and plain.max() <= high:
        return pa.array(plain)
    return _coerced(column.name, values, misfits, low, high)


def _sparse(values: Sequence[Any], low: int, high: int) -> pa.Array | None:
    """Return numbers some of which are absent, None where any is no number, or lies out of bounds."""
    if not _ABSENT_OR_NUMBER.issuperset(map(type, values)):
        return None
    try:
        found = pa.array(values, pa.int64())
    except (pa.ArrowInvalid, OverflowError):
        return None
    span = pc.min_max(found).as_py()
    inside = span["min"] is None or (low <= span["min"] and span["max"] <= high)
    return found if inside else None


_ABSENT_OR_NUMBER = frozenset((int, type(None)))


def _coerced(name: str, values: Sequence[Any], misfits: Misfits, low: int, high: int) -> pa.Array:
    fitted: list[int | None] = []
    for row, value in enumerate(values):
        number = value if type(value) is int else integer(value)
        if number is not None and low <= number <= high:
            fitted.append(number)
            continue
        fitted.append(None)
        if value is not None and value != "":
            misfits.add(row, name, value)
    return pa.array(fitted, pa.int64())


_NUMBER = re.compile(r"\s*(?:0[xX]([0-9a-fA-F]{1,16})|(-?[0-9]{1,19}))\s*", re.ASCII)


def integer(value: Any) -> int | None:
    """Return a number that is given as number, decimal or 0x hex; None for what is none."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value)
    found = _NUMBER.fullmatch(value) if type(value) is str else None
    if found is None:
        return None
    return int(found[1], 16) if found[1] else int(found[2])


CHANNEL_ROLES = (("MSExchange Management", "exchange"), ("Directory Service", "domain-controller"))
"""Channels that only a server of that role writes to."""

EVENT_LOG = pa.scalar("EventLog", pa.string())
STARTED = pa.array([6009, 6013], pa.int64())
"""What the service of event logs writes when it starts: the version of Windows, and the time zone."""

_ZONE = re.compile(r"-?\d{1,4} (\S.*)")


class Clues:
    """What events tell of their server: its role, its Windows, its time zone."""

    def __init__(self) -> None:
        self._channels: dict[str, int] = {}
        self._told: dict[tuple[str, str, str], tuple[int, int]] = {}

    @property
    def channel(self) -> str:
        """The channel that most rows belong to, empty where none has one."""
        ranked = sorted((-count, name) for name, count in self._channels.items())
        return ranked[0][1] if ranked else ""

    def see(self, batch: pa.RecordBatch) -> None:
        """Look through one batch."""
        seen = {
            entry["values"]: entry["counts"]
            for entry in pc.value_counts(batch.column("Channel").drop_null()).to_pylist()
        }
        for name, count in seen.items():
            self._channels[name] = self._channels.get(name, 0) + count
        if "System" not in seen:
            return
        chosen = pc.and_(
            pc.equal(batch.column("Provider_Name"), EVENT_LOG),
            pc.is_in(batch.column("EventID"), value_set=STARTED),
        )
        for row in batch.filter(pc.fill_null(chosen, False)).to_pylist():
            if row["Channel"] == "System":
                self._start(row)

    def _start(self, row: dict[str, Any]) -> None:
        values = [pair["value"] or "" for pair in row["EventData"] or () if pair["name"] is None]
        at = micros(row["time"]) if row["time"] else 0
        if row["EventID"] == 6009 and len(values) > 1 and values[0] and values[1].isdigit():
            major, _, minor = values[0].strip(".").partition(".")
            if major.isdigit() and minor.isdigit():
                self._tell("os", f"Windows {int(major)}.{int(minor)}.{values[1]}", "System 6009", at)
        elif row["EventID"] == 6013 and len(values) > 6 and (zone := _ZONE.fullmatch(values[6])):
            self._tell("zone", zone[1], "System 6013", at)

    def _tell(self, kind: str, value: str, basis: str, at: int) -> None:
        count, last = self._told.get((kind, value, basis), (0, at))
        self._told[kind, value, basis] = (count + 1, max(last, at))

    def clues(self) -> Iterator[Clue]:
        """Yield what was learned; of Windows versions and zones the latest."""
        for channel, role in CHANNEL_ROLES:
            if channel in self._channels:
                basis = f"event channel {channel}"
                yield Clue(kind="role", value=role, weight=40, basis=basis, count=self._channels[channel])
        for kind in ("os", "zone"):
            told = sorted((last, key, count) for key, (count, last) in self._told.items() if key[0] == kind)
            for last, (_, value, basis), count in told[-1:]:
                dated = f"{basis}, {from_micros(last):%Y-%m-%dT%H:%M:%SZ}" if last else basis
                yield msgspec.convert(
                    {"kind": kind, "value": value, "weight": 40, "basis": dated, "count": count}, Clue
                )
