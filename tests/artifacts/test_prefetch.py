"""Prefetch files of every version, compressed or not, whole and damaged."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dissect.util.compression import lzxpress_huffman
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.artifacts import lzxpress
from postvakt.artifacts.prefetch import READER
from postvakt.model.gap import Gap
from tests.artifacts.prefetch_builder import packed, prefetch
from tests.artifacts.sources import alone, pieces

LAST = datetime(2021, 3, 2, 22, 14, 5, 120_000, tzinfo=UTC)
RUNS = [LAST - timedelta(hours=hour) for hour in range(8)]
VOLUME = r"\VOLUME{01d70000-1a2b3c4d}"
FILES = [rf"{VOLUME}\WINDOWS\SYSTEM32\NTDLL.DLL", rf"{VOLUME}\WINDOWS\TEMP\CW.EXE", rf"{VOLUME}\ROOT\É Ж.TXT"]
KEPT = ((17, 1, False), (23, 1, False), (26, 8, False), (30, 8, False), (30, 8, True), (31, 8, False))
WHOLE = prefetch(30, "CW.EXE", FILES, RUNS, count=12)


def read(content: bytes) -> tuple[list[dict[str, Any]], list[Gap]]:
    rows, gaps, _ = pieces(READER, alone(content, "CW.EXE-C0FFEE01.pf"))
    return rows["prefetch"], gaps


@pytest.mark.parametrize(("version", "runs", "short"), KEPT)
@pytest.mark.parametrize("form", ["plain", "packed"])
def test_every_version(version: int, runs: int, short: bool, form: str) -> None:
    content = prefetch(version, "CW.EXE", FILES, RUNS[:runs], count=12, short=short)
    rows, gaps = read(packed(content) if form == "packed" else content)
    assert gaps == []
    assert [(row["time"], row["run"]) for row in rows] == [(RUNS[at], at + 1) for at in range(runs)]
    assert {
        (row["executable"], row["path"], row["path_hash"], row["run_count"], row["version"]) for row in rows
    } == {("CW.EXE", FILES[1], "C0FFEE01", 12, version)}
    assert (rows[0]["files"], rows[0]["volumes"]) == (FILES, ["1A2B3C4D"])
    assert [row["files"] for row in rows[1:]] == [None] * (runs - 1)


def samples() -> list[bytes]:
    rng = random.Random(7)
    words = [rng.randbytes(rng.randint(1, 40)) for _ in range(40)]
    return [
        bytes(range(256)) * 3,
        b"a" * 70_000,
        WHOLE,
        b"".join(rng.choice(words) for _ in range(9000)),
        rng.randbytes(3000),
        b"ab" * 40_000 + rng.randbytes(100) + b"ab" * 20_000,
    ]


def coded(lengths: dict[int, int], stream: str) -> bytes:
    """A chunk with codes of these lengths."""
    table = bytearray(256)
    for symbol, length in lengths.items():
        table[symbol // 2] |= length << 4 * (symbol % 2)
    return bytes(table) + bytes.fromhex(stream)


@pytest.mark.parametrize(
    ("content", "chunk"),
    [
        # the examples of [MS-XCA] 3.2
        (
            b"abcdefghijklmnopqrstuvwxyz",
            coded(
                {
                    **{ord(letter): 5 for letter in "abcdefghijklmnopqrstuv"},
                    **dict.fromkeys(b"wxyz", 4),
                    256: 4,
                },
                "d8523ed794115be9195ff9d67cdf8d0400000000",
            ),
        ),
        (b"abc" * 60, coded({97: 3, 98: 3, 99: 2, 256: 2, 287: 2}, "a8dc0000ff2601")),
        (b"abc" * 100, coded({97: 3, 98: 3, 99: 2, 256: 2, 287: 2}, "a8dc0000ff2601")),
    ],
)
def test_codes_of_many_lengths(content: bytes, chunk: bytes) -> None:
    whole = b"MAM\x04" + len(content).to_bytes(4, "little") + chunk
    assert lzxpress.unpacked(whole) == (content, "")


@pytest.mark.parametrize("content", samples())
def test_unpacks_what_another_reader_unpacks(content: bytes) -> None:
    whole = packed(content)
    assert lzxpress.unpacked(whole) == (content, "")
    assert lzxpress_huffman.decompress(whole[8:])[: len(content)] == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (WHOLE[:60], "unparsed"),
        (WHOLE[:200], "truncated"),
        (WHOLE[:400], "truncated"),
        (b"\x1d" + WHOLE[1:], "unsupported"),
        (bytes(900), "unparsed"),
        (b"\xa5" * 900, "unparsed"),
        (packed(WHOLE)[:400], "unparsed"),
        (b"MAM\x04\xff\xff\xff\x7f" + packed(WHOLE)[8:], "limited"),
        (packed(WHOLE)[:8] + bytes(256) + packed(WHOLE)[264:], "unparsed"),
    ],
)
def test_damage_is_told(content: bytes, why: str) -> None:
    assert why in {gap.why for gap in read(content)[1]}


def test_a_cut_file_gives_what_is_before_the_cut() -> None:
    rows, _ = read(WHOLE[:230])
    assert ([row["time"] for row in rows], rows[0]["files"]) == (RUNS, None)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    at=st.integers(0, len(WHOLE)),
    damage=st.binary(min_size=1, max_size=40),
    form=st.sampled_from(["plain", "packed"]),
)
def test_only_rows_and_gaps_come_of_damage(at: int, damage: bytes, form: str) -> None:
    content = packed(WHOLE) if form == "packed" else WHOLE
    at = min(at, len(content))
    rows, gaps = read(content[:at] + damage + content[at + len(damage) :])
    assert rows or gaps
    assert len(rows) <= 8
    assert Counter(gap.artifact for gap in gaps).keys() <= {"prefetch"}
