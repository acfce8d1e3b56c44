"""Rows on their way from a parser to a part: Arrow schemas of TableSpecs and the shared batcher."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue, Gap
from postvakt.model.table import TableSpec

BATCH_ROWS = 65_536
"""Rows a batch holds at most: keeps a worker's memory flat whatever the file's size."""

PAIRS = pa.list_(pa.struct([("name", pa.string()), ("value", pa.string())]))
ARROW = {
    "string": pa.string(),
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "time": pa.timestamp("us", tz="UTC"),
    "pairs": PAIRS,
    "strings": pa.list_(pa.string()),
}
LEADING = (("time", ARROW["time"]), ("locator", pa.int64()))
TRAILING = (("unmapped", PAIRS),)
STAMPED = (("evidence", pa.string()), ("source", pa.string()))


class Rows(msgspec.Struct, frozen=True):
    """A batch of one table's rows in source order: `time`, `locator`, the spec's columns, `unmapped`."""

    spec: TableSpec
    batch: Any  # pa.RecordBatch; msgspec knows no Arrow


Read = Rows | Gap | Clue
Parse = Callable[[Source], Iterator[Read]]
Bounds = tuple[int, int]
"""Offsets in a file: the first byte, and the one behind the last."""


class Reader(msgspec.Struct, frozen=True):
    """An artifact with the tables it fills and the function that reads it.

    Where a file can be read in pieces, each alone, `cuts` gives their bounds and `between` reads one of them.
    """

    artifact: Artifact
    tables: tuple[TableSpec, ...]
    parse: Any  # Parse; a callable is not a msgspec type
    cuts: Any = None  # (BinaryIO, size, bytes of a piece) -> list[Bounds]
    between: Any = None  # (Source, Bounds) -> Iterator[Read]


ENOUGH_ROWS = 2048
"""Rows that tell whether the values of a column repeat."""


def schema(spec: TableSpec, *, stamped: bool = False) -> pa.Schema:
    """Return the Arrow schema of a table; `stamped` adds `evidence` and `source`, as parts hold them."""
    columns = [(c.name, ARROW[c.type]) for c in spec.columns]
    ends = STAMPED if stamped else ()
    return pa.schema([*LEADING, *ends, *columns, *TRAILING])


def repeats(values: pa.Array) -> bool:
    """Tell by the first values of a column whether most stand in it several times."""
    sample = values.slice(0, ENOUGH_ROWS)
    return len(sample) > 0 and 2 * pc.count_distinct(sample).as_py() <= len(sample)


def with_codes(batch: pa.RecordBatch, names: Collection[str]) -> pa.RecordBatch:
    """Return a batch with these columns of texts as codes, each distinct text once, and no others: rules are asked of
    those texts, and a part is written of them."""
    columns = [
        (column.dictionary_encode() if name in names else as_texts(column))
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def under(batch: pa.RecordBatch, whole: pa.Schema) -> pa.RecordBatch:
    """Return a batch's columns in the order of a schema, as its types but for texts, which may be codes.

    Raises KeyError for a column that is missing, ValueError for one of another type.
    """
    columns = [batch.column(name) for name in whole.names]
    for field, column in zip(whole, columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if kind != field.type:
            raise ValueError(f"{field.name} has {column.type}, not {field.type}")
    return pa.RecordBatch.from_arrays(columns, names=whole.names)


def together(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return batches of one table as one; texts that are codes in some are texts."""
    if len(batches) == 1:
        return batches[0]
    if any(batch.schema != batches[0].schema for batch in batches):
        batches = [with_codes(batch, ()) for batch in batches]
    return pa.concat_batches(batches)


def as_texts(values: pa.Array) -> pa.Array:
    """Return values, codes as the texts that they stand for."""
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def batches(spec: TableSpec, records: Iterable[Mapping[str, Any] | Gap | Clue]) -> Iterator[Read]:
    """Gather small artifacts' records into batches; Gaps and Clues pass through in their place.

    A record is a mapping of column names (with `time`, `locator`); a name that the table lacks is
    kept in `unmapped`.
    """
    known = frozenset(schema(spec).names)
    waiting: list[dict[str, Any]] = []
    for record in records:
        if isinstance(record, Gap | Clue):
            yield record
            continue
        waiting.append(_fit(record, known))
        if len(waiting) == BATCH_ROWS:
            yield Rows(spec, _batch(spec, waiting))
            waiting = []
    if waiting:
        yield Rows(spec, _batch(spec, waiting))


def _batch(spec: TableSpec, records: list[dict[str, Any]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(records, schema=schema(spec))


def _fit(record: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    fitted = {name: value for name, value in record.items() if name in known}
    extra = [{"name": name, "value": _text(value)} for name, value in record.items() if name not in known]
    if extra:
        fitted["unmapped"] = [*(fitted.get("unmapped") or ()), *extra]
    return fitted


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
