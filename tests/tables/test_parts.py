"""Parts are read as their table says, however their columns were handed over."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from postvakt import artifacts
from postvakt.model.table import TableSpec
from postvakt.tables.case import MOST_DICTIONARY, Case
from postvakt.tables.rows import ENOUGH_ROWS, repeats, schema, with_codes

VALUES: dict[str, tuple[Any, ...]] = {
    "string": ("a", None, "", "ä"),
    "int": (1, None, -(2**63), 0),
    "float": (0.5, None, 1e300, 0.0),
    "bool": (True, None, False, True),
    "time": (datetime(2021, 3, 2, tzinfo=UTC), None, datetime(1601, 1, 1, 0, 0, 0, 1, UTC), None),
    "pairs": ([{"name": "n", "value": None}], None, [], [{"name": None, "value": "v"}]),
    "strings": (["x"], None, [], ["", "y"]),
}


def rows(spec: TableSpec, count: int) -> list[dict[str, Any]]:
    kinds = {"time": "time", "locator": "int", "evidence": "string", "source": "string", "unmapped": "pairs"}
    kinds |= {column.name: column.type for column in spec.columns}
    return [{name: VALUES[kind][at % 4] for name, kind in kinds.items()} for at in range(count)]


@pytest.mark.parametrize("spec", list(artifacts.TABLES.values()), ids=lambda spec: str(spec.name))
def test_codes_are_texts_when_they_are_read(spec: TableSpec, tmp_path: Path) -> None:
    target = schema(spec, stamped=True)
    batch = pa.RecordBatch.from_pylist(rows(spec, 8), schema=target)
    texts = {name for name, kind in zip(target.names, target.types, strict=True) if pa.types.is_string(kind)}
    with Case(tmp_path).part("part.parquet", target) as part:
        for _ in range(2):
            part.write(with_codes(batch, texts))
    read = pq.read_table(tmp_path / "part.parquet")
    assert read.schema.equals(target)
    assert read.to_pylist() == batch.to_pylist() * 2


def test_codes_that_are_not_wanted_become_texts_again() -> None:
    batch = pa.RecordBatch.from_pydict({"a": ["x", None, "x"], "b": ["y", "y", None]})
    coded = with_codes(batch, {"a", "b"})
    assert [pa.types.is_dictionary(kind) for kind in coded.schema.types] == [True, True]
    again = with_codes(coded, {"a"})
    assert [pa.types.is_dictionary(kind) for kind in again.schema.types] == [True, False]
    assert again.to_pylist() == batch.to_pylist()


@pytest.mark.parametrize(
    ("values", "told"), [([], False), (["a"], False), (["a", "a"], True), ([None] * 9, True), ("abcd", False)]
)
def test_a_column_repeats_where_half_its_values_do(values: list[str | None], told: bool) -> None:
    assert repeats(pa.array(list(values), pa.string())) is told


def test_only_the_first_rows_are_looked_at() -> None:
    different = [str(number) for number in range(ENOUGH_ROWS)]
    assert not repeats(pa.array(different + ["a"] * ENOUGH_ROWS * 9))


@pytest.mark.parametrize(("different", "told"), [(9, True), (MOST_DICTIONARY // 200, False)])
def test_values_that_would_outgrow_a_dictionary_have_none(different: int, told: bool, tmp_path: Path) -> None:
    """The first rows look alike in both: each value stands there twice."""
    texts = [f"{at // 2 % different:x}".rjust(300, "x") for at in range(4 * different + 2 * ENOUGH_ROWS)]
    names = ["n"] * len(texts)
    pairs = pa.StructArray.from_arrays([pa.array(names), pa.array(texts)], names=["name", "value"])
    listed = pa.ListArray.from_arrays(pa.array(range(len(texts) + 1), pa.int32()), pairs)
    batch = pa.RecordBatch.from_pydict({"text": texts, "pairs": listed})
    with Case(tmp_path).part("part.parquet", batch.schema) as part:
        part.write(batch)
    group = pq.ParquetFile(tmp_path / "part.parquet").metadata.row_group(0)
    coded = {column.path_in_schema: column.has_dictionary_page for column in map(group.column, range(3))}
    assert coded == {"text": told, "pairs.list.element.name": True, "pairs.list.element.value": told}
