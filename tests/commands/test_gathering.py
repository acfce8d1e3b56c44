"""Rows of small files share a part, and never wait for more than their bounds."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from postvakt import artifacts, detect
from postvakt.commands import gathering, plans
from postvakt.model.evidence import Member
from postvakt.tables.case import Case
from postvakt.tables.rows import schema

SPEC = artifacts.TABLES["powershell_history"]


def batch(rows: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [{"locator": n, "command": "x" * 1000} for n in range(rows)], schema=schema(SPEC)
    )


def written(folder: Path, *rows: int) -> list[int]:
    """The rows of each row group of the one part, when members of so many rows are gathered."""
    case = Case(folder)
    with gathering.gathering(case, "", "task") as gathered:
        for number, count in enumerate(rows):
            member = Member(evidence="e", path=f"{number}.txt", size=1, root="", rooted=False)
            gathered.rows(SPEC, batch(count), member)
    [part] = gathered.result().parts
    assert part.sources == tuple(f"{number}.txt" for number in range(len(rows)))
    assert part.rows == sum(rows)
    stored = pq.read_table(case.path(part.path))
    assert stored.column("source").to_pylist() == [
        f"{n}.txt" for n, count in enumerate(rows) for _ in range(count)
    ]
    file = pq.ParquetFile(case.path(part.path))
    return [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]


def test_rows_of_small_files_are_written_together(tmp_path: Path) -> None:
    assert written(tmp_path, 3, 4, 5) == [12]


def test_they_wait_for_no_more_than_so_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAITING_ROWS", 6)
    assert written(tmp_path, 3, 4, 5) == [7, 5]


def test_they_wait_for_no_more_than_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "WAITING_BYTES", 6000)
    assert written(tmp_path, 3, 4, 5) == [7, 5]


@pytest.mark.parametrize("rows", [(20_000, 3, 20_000), (7, 20_000)])
def test_columns_are_codes_in_all_of_a_part_or_in_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: tuple[int, ...]
) -> None:
    monkeypatch.setattr(gathering, "WAITING_ROWS", 2)
    assert written(tmp_path, *rows) == list(rows)


def test_a_source_that_comes_again_is_the_same_code() -> None:
    sources = [("a.txt", 1), ("b.txt", 2), ("a.txt", 1)]
    source = gathering.stamped(SPEC, batch(4), "e", sources).column("source")
    assert source.dictionary.to_pylist() == ["a.txt", "b.txt"]
    assert source.to_pylist() == ["a.txt", "b.txt", "b.txt", "a.txt"]


def test_a_plan_of_another_shape_has_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [detect.RuleText(path="a.yml", text="title: a", origin="pack")]
    before = plans._hash(asked)
    assert plans._hash(asked) == before
    monkeypatch.setattr(detect, "FORMAT", detect.FORMAT + 1)
    assert plans._hash(asked) != before
