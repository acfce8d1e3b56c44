"""Parts are read back as they were written, and have dictionaries where values repeat."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from postvakt.tables.case import ENOUGH_ROWS, Case
from postvakt.tables.rows import PAIRS

SCHEMA = pa.schema([("same", pa.string()), ("other", pa.string()), ("pairs", PAIRS), ("none", pa.string())])


def batch(rows: int, start: int = 0) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "same": f"s{row % 3}",
                "other": f"o{row}",
                "pairs": [{"name": "n", "value": f"v{row}-{n}"} for n in range(3)],
            }
            for row in range(start, start + rows)
        ],
        schema=SCHEMA,
    )


@pytest.mark.parametrize("sizes", [(), (5,), (ENOUGH_ROWS, 7), (ENOUGH_ROWS - 1, ENOUGH_ROWS)])
def test_what_was_written_is_read(sizes: tuple[int, ...], tmp_path: Path) -> None:
    case = Case(tmp_path)
    batches = [batch(size, 10_000 * place) for place, size in enumerate(sizes)]
    with case.part("tables/t/p.parquet", SCHEMA) as out:
        for one in batches:
            out.write(one)
    assert pq.read_table(tmp_path / "tables/t/p.parquet").equals(pa.Table.from_batches(batches, SCHEMA))


def test_only_values_that_repeat_have_a_dictionary(tmp_path: Path) -> None:
    with Case(tmp_path).part("tables/t/p.parquet", SCHEMA) as out:
        out.write(batch(ENOUGH_ROWS))
    told = pq.ParquetFile(tmp_path / "tables/t/p.parquet").metadata.row_group(0)
    found = {told.column(n).path_in_schema: told.column(n).encodings for n in range(told.num_columns)}
    with_one = {path for path, encodings in found.items() if any("DICTIONARY" in one for one in encodings)}
    assert with_one == {"same", "pairs.list.element.name", "none"}
