"""Change journals whole, sparse, cut and damaged."""

import struct
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.artifacts.ntfs import usn
from postvakt.estate.usn_writer import PAGE, Change, journal, record
from postvakt.model.gap import Gap
from tests.artifacts.ntfs_exhibits import WRITTEN, changes
from tests.artifacts.sources import alone, pieces

COUNT = 300
MANY = [
    Change(
        time=WRITTEN + timedelta(seconds=at),
        name=f"file {at}.txt",
        entry=at,
        reason=0x100,
        version=2 + at % 2,
    )
    for at in range(COUNT)
]
WHOLE = journal(MANY)
SIZES = [len(record(change, 0)) for change in MANY]


def read(content: bytes) -> tuple[list[dict[str, Any]], list[Gap]]:
    rows, gaps, _ = pieces(usn.READER, alone(content, "$J"))
    return rows["usn_record"], gaps


def patched(at: int, piece: bytes) -> bytes:
    return WHOLE[:at] + piece + WHOLE[at + len(piece) :]


def test_a_whole_journal_has_no_gap() -> None:
    rows, gaps = read(WHOLE)
    assert [(row["time"], row["name"], row["entry"], row["version"]) for row in rows] == [
        (change.time, change.name, change.entry, change.version) for change in MANY
    ]
    assert gaps == []
    assert [row["usn"] for row in rows] == [row["locator"] for row in rows]


@pytest.mark.parametrize("sparse", [PAGE, 1 << 22, (1 << 23) + PAGE])
def test_zeros_where_the_journal_was_cut_off_are_skipped(sparse: int) -> None:
    rows, gaps = read(journal(MANY, sparse=sparse))
    assert (len(rows), rows[0]["locator"], gaps) == (COUNT, sparse, [])


def test_reasons_and_attributes_are_words() -> None:
    rows, _ = read(journal(changes(2)))
    assert [row["reason"] for row in rows] == [
        "FILE_CREATE", "FILE_CREATE|DATA_EXTEND", "FILE_CREATE|DATA_EXTEND|CLOSE", "FILE_DELETE|CLOSE",
        "RENAME_NEW_NAME",
    ]  # fmt: skip
    assert rows[-1]["attributes"] == "HIDDEN|ARCHIVE"


def test_a_bit_without_a_word_is_kept() -> None:
    [row], _ = read(journal([Change(time=WRITTEN, name="a", entry=1, reason=0x10000100)]))
    assert row["reason"] == "FILE_CREATE|0x10000000"


def test_a_reference_that_is_none_of_ntfs_is_kept_as_it_is() -> None:
    raw = bytearray(record(Change(time=WRITTEN, name="a", entry=1, reason=1, version=3), 0))
    raw[16] = 7
    [row], _ = read(bytes(raw))
    assert (row["entry"], row["unmapped"]) == (
        None,
        [{"name": "FileReferenceNumber", "value": "0x70001000000000001"}],
    )


def test_records_of_ranges_are_counted() -> None:
    ranges = struct.pack("<IHH", 80, 4, 0) + bytes(72)
    rows, gaps = read(ranges * 3 + record(MANY[0], 0))
    assert (len(rows), [(gap.why, gap.count) for gap in gaps]) == (1, [("unsupported", 3)])


@pytest.mark.parametrize("name", ["a" * 255, "Ж🦉", "x"])
def test_names(name: str) -> None:
    [row], gaps = read(journal([Change(time=WRITTEN, name=name, entry=1, reason=1)]))
    assert (row["name"], gaps) == (name, [])


def test_zeros_after_a_block_that_ends_with_records_keep_the_place() -> None:
    few = journal(MANY[:5]).ljust(PAGE, b"\x00")
    rows, gaps = read(bytes(usn.BLOCK - PAGE) + few + bytes(usn.BLOCK) + WHOLE)
    assert [row["locator"] for row in rows[:6]][::5] == [usn.BLOCK - PAGE, 2 * usn.BLOCK]
    assert (len(rows), gaps) == (COUNT + 5, [])


@pytest.mark.parametrize("block", [PAGE + 3, 3 * PAGE - 1, 5000])
def test_blocks_of_any_length_are_one_journal(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usn, "BLOCK", block)
    rows, gaps = read(journal(MANY, sparse=7 * PAGE))
    assert (len(rows), gaps) == (COUNT, [])


def test_a_journal_that_begins_anywhere_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usn, "BLOCK", 2 * PAGE)
    rows, gaps = read(WHOLE[SIZES[0] - 5 :])
    assert [row["name"] for row in rows] == [change.name for change in MANY[1:]]
    assert (gaps[0].why, gaps[0].locator) == ("unparsed", 0)


def test_garbage_costs_what_it_lies_on() -> None:
    rows, gaps = read(patched(SIZES[0], b"\xa5" * 500))
    lost = COUNT - len(rows)
    assert 500 // max(SIZES) <= lost <= 500 // min(SIZES) + 2
    assert [(gap.why, gap.locator, gap.count) for gap in gaps] == [("unparsed", SIZES[0], 1)]


def test_garbage_longer_than_a_block_is_one_trouble() -> None:
    rows, gaps = read(WHOLE + b"\xa5" * (usn.BLOCK * 2) + journal(MANY, sparse=PAGE))
    assert (len(rows), [(gap.why, gap.count) for gap in gaps]) == (2 * COUNT, [("unparsed", 1)])


@pytest.mark.parametrize("cut", [50, SIZES[0] + 4, SIZES[0] + 12, len(WHOLE) - 8])
def test_a_cut_journal_gives_what_is_before_the_cut(cut: int) -> None:
    rows, gaps = read(WHOLE[:cut])
    ends = [row["locator"] + size for row, size in zip(read(WHOLE)[0], SIZES, strict=True)]
    assert len(rows) == sum(end <= cut for end in ends)
    assert {gap.why for gap in gaps} <= {"truncated", "unparsed"}
    assert gaps


@pytest.mark.parametrize(
    ("content", "why"), [(b"", "empty"), (bytes(9000), "empty"), (b"\xff" * 9000, "unparsed")]
)
def test_what_is_no_journal_gives_a_gap(content: bytes, why: str) -> None:
    rows, gaps = read(content)
    assert (rows, [gap.why for gap in gaps]) == ([], [why])


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    at=st.integers(0, len(WHOLE) - 1),
    damage=st.binary(min_size=1, max_size=60),
    cut=st.integers(0, len(WHOLE)),
)
def test_no_damage_loses_a_record_in_silence(at: int, damage: bytes, cut: int) -> None:
    rows, gaps = read(patched(at, damage)[:cut])
    there = sum(row["locator"] + size <= cut for row, size in zip(read(WHOLE)[0], SIZES, strict=True))
    assert len(rows) >= there or gaps
    touched = 2 + len(damage) // min(SIZES)
    assert len(rows) >= there - touched - 1
