import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import pyarrow as pa
import pytest

from postvakt.model.table import Column, Facet, TableSpec
from postvakt.tables import tally
from postvakt.tables.rows import schema
from postvakt.tables.tally import Tally

SPEC = TableSpec(
    name="t",
    title="t",
    locator="line",
    columns=(Column("who"), Column("channel"), Column("number", "int")),
    split="channel",
    sequence="number",
    host_column="who",
)
DAY = datetime(2021, 3, 3, tzinfo=UTC)


@pytest.fixture(autouse=True, params=[0, tally.FEW_ROWS], ids=["told apart by Arrow", "told apart by us"])
def _both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "FEW_ROWS", request.param)


def batch(*rows: tuple[int | None, str | None, int | None]) -> pa.RecordBatch:
    """Rows of (minute of the day, channel, record number)."""
    records = [
        {
            "time": None if minute is None else DAY.replace(hour=minute // 60, minute=minute % 60),
            "locator": position,
            "channel": channel,
            "number": number,
            "who": "EX1",
        }
        for position, (minute, channel, number) in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(records, schema=schema(SPEC))


def test_every_row_is_counted_once_under_its_split_value() -> None:
    tally = Tally(SPEC)
    tally.add(batch((0, "A", 1), (61, "A", 2), (None, "B", 7)))
    tally.add(batch((62, "A", 3), (5, None, None)))
    spans = {span.split: span for span in tally.spans("s", "e", 99)}
    assert {name: span.records for name, span in spans.items()} == {"": 1, "A": 3, "B": 1}
    assert spans["B"].undated == 1
    assert sorted(spans["A"].hours.values()) == [1, 2]
    assert sum(span.bytes for span in spans.values()) == 99


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ((1, 2, 3), [(1, 3)]),
        ((3, 1, 2), [(1, 3)]),
        ((1, 2, 2, 3), [(1, 3)]),
        ((1, 2, 9), [(1, 2), (9, 9)]),
        ((), []),
    ],
)
def test_runs_of_record_numbers(numbers: tuple[int, ...], runs: list[tuple[int, int]]) -> None:
    tally = Tally(SPEC)
    tally.add(batch(*((n, "A", n) for n in numbers)))
    found = [run[:2] for span in tally.spans("s", "e", 0) for run in span.sequences]
    assert found == runs


@pytest.mark.parametrize("waiting", [0, 7, 1 << 19])
def test_runs_do_not_depend_on_how_the_numbers_come(waiting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postvakt.tables.tally.MOST_WAITING", waiting)
    dice = random.Random(5)
    for _ in range(50):
        numbers = [dice.randrange(60) for _ in range(dice.randrange(1, 50))]
        tally = Tally(SPEC)
        for start in range(0, len(numbers), 6):
            tally.add(batch(*((number, "A", number) for number in numbers[start : start + 6])))
        [span] = tally.spans("s", "e", 0)
        told = {number: (DAY + timedelta(minutes=number)).timestamp() * 1e6 for number in numbers}
        covered = [set(range(low, high + 1)) for low, high, _, _ in span.sequences]
        assert set().union(*covered) == set(numbers)
        assert all(b[0] > a[1] + 1 for a, b in pairwise(span.sequences))
        assert all((a, b) == (told[low], told[high]) for low, high, a, b in span.sequences)


def test_the_names_that_rows_carry_become_clues() -> None:
    tally = Tally(SPEC)
    tally.add(batch((0, "A", 1), (1, "A", 2)))
    assert [(clue.kind, clue.value, clue.count) for clue in tally.clues()] == [("host", "EX1", 2)]


def test_rows_of_a_facet_are_counted_apart_and_once() -> None:
    facet = Facet("first of A", ((("channel", "A"), ("number", 1)), (("channel", "B"), ("number", 9))))
    tally = Tally(msgspec.structs.replace(SPEC, facets=(facet,)))
    tally.add(batch((0, "A", 1), (1, "A", 2), (2, "B", 9), (3, None, 1)))
    told = [(span.split, span.facet, span.records) for span in tally.spans("s", "e", 10)]
    assert told == [("", False, 1), ("A", False, 2), ("B", False, 1), ("first of A", True, 2)]


def test_a_facet_without_rows_is_not_told() -> None:
    tally = Tally(msgspec.structs.replace(SPEC, facets=(Facet("none", ((("channel", "Z"),),)),)))
    tally.add(batch((0, "A", 1)))
    assert [span.split for span in tally.spans("s", "e", 10)] == ["A"]
