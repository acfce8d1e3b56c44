"""Batches on their way from a parser to a part: texts of some may be codes."""

import msgspec
import pyarrow as pa
import pytest

from postvakt.model.table import Column, Facet, TableSpec
from postvakt.tables.rows import schema, together, under
from postvakt.tables.tally import Tally

SPEC = TableSpec(
    name="one",
    title="One",
    locator="line",
    columns=(Column("host"), Column("count", "int")),
    split="host",
    host_column="host",
)
INT = pa.int64()


def batch(hosts: pa.Array, count: pa.DataType = INT) -> pa.RecordBatch:
    rows = len(hosts)
    held = {
        "count": pa.array(range(rows), count),
        "host": hosts,
        "time": pa.array([0] * rows, schema(SPEC).field("time").type),
        "locator": pa.array(range(rows), pa.int64()),
        "unmapped": pa.nulls(rows, schema(SPEC).field("unmapped").type),
    }
    return pa.RecordBatch.from_pydict(held)


TEXTS = pa.array(["a", "b", None, "a"])
CODES = TEXTS.dictionary_encode()


@pytest.mark.parametrize("hosts", [TEXTS, CODES])
def test_columns_come_in_their_order(hosts: pa.Array) -> None:
    found = under(batch(hosts), schema(SPEC))
    assert found.schema.names == schema(SPEC).names
    assert found.column("host").equals(hosts)


@pytest.mark.parametrize(
    "wrong",
    [batch(TEXTS, pa.int32()), batch(pa.array([1, 2])), batch(pa.array([1, 2]).dictionary_encode())],
)
def test_a_column_of_another_type_is_refused(wrong: pa.RecordBatch) -> None:
    with pytest.raises((TypeError, ValueError)):
        under(wrong, schema(SPEC))


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(KeyError):
        under(batch(TEXTS).drop_columns(["host"]), schema(SPEC))


@pytest.mark.parametrize("hosts", [(TEXTS, CODES), (CODES, TEXTS), (CODES, CODES), (TEXTS,), (CODES,)])
def test_batches_say_together_what_they_say_alone(hosts: tuple[pa.Array, ...]) -> None:
    batches = [under(batch(column), schema(SPEC)) for column in hosts]
    told = [row for one in batches for row in one.to_pylist()]
    assert together(batches).to_pylist() == told


def test_codes_are_counted_as_the_texts_that_they_stand_for() -> None:
    for rows in (slice(0, 4), slice(1, 3)):
        texts, codes = Tally(SPEC), Tally(SPEC)
        texts.add(under(batch(TEXTS[rows]), schema(SPEC)))
        codes.add(under(batch(CODES[rows]), schema(SPEC)))
        assert codes.spans("s", "e", 1) == texts.spans("s", "e", 1)
        assert codes.clues() == texts.clues()


def test_a_facet_of_codes_is_counted() -> None:
    tally = Tally(msgspec.structs.replace(SPEC, facets=(Facet("a's", ((("host", "a"),),)),)))
    tally.add(under(batch(CODES), schema(SPEC)))
    assert [span.records for span in tally.spans("s", "e", 1) if span.facet] == [2]


def test_a_code_without_a_row_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postvakt.tables.tally.FEW_ROWS", 0)
    tally = Tally(SPEC)
    tally.add(under(batch(CODES[1:3]), schema(SPEC)))
    assert [(clue.value, clue.count) for clue in tally.clues()] == [("b", 1)]
    assert sorted((span.split, span.records) for span in tally.spans("s", "e", 1)) == [("", 1), ("b", 1)]
