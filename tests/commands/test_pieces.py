"""A large event log is read in pieces by several workers, and nothing in the report tells it from one read whole."""

import io
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from postvakt.artifacts import evtx
from postvakt.artifacts.evtx_chunks import CHUNK, FILE_HEADER
from postvakt.commands import conclude, tasks
from postvakt.model.evidence import Member
from postvakt.model.task import Outcome, Task
from tests.artifacts.event_logs import log, logoffs, patched, places, read
from tests.artifacts.sources import alone, pieces
from tests.commands.cases import hand_in, triaged

LONG = log(logoffs(900))


def cut(content: bytes, size: int) -> list[tuple[int, int]]:
    return evtx.cuts(io.BytesIO(content), len(content), size)


def in_pieces(content: bytes, size: int) -> tuple[list[dict], list[tuple]]:
    """Return the rows and the gaps of all pieces, one after another."""
    rows, gaps = [], []
    for bounds in cut(content, size):
        reader = evtx.READER.__class__(
            artifact=evtx.ARTIFACT,
            tables=evtx.READER.tables,
            parse=lambda source, bounds=bounds: evtx.between(source, bounds),
        )
        some, told, _ = pieces(reader, alone(content, "a.evtx"))
        rows += some["event"]
        gaps += [(gap.why, gap.detail, gap.locator, gap.count) for gap in told]
    return rows, gaps


def whole(content: bytes) -> tuple[list[dict], list[tuple]]:
    rows, gaps, _ = read(content)
    return rows, [(gap.why, gap.detail, gap.locator, gap.count) for gap in gaps]


@pytest.mark.parametrize("size", [1, CHUNK, 2 * CHUNK + 5, 3 * CHUNK])
def test_pieces_hold_every_byte_once(size: int) -> None:
    bounds = cut(LONG, size)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == len(LONG)
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert all((start - FILE_HEADER) % CHUNK == 0 for start, _ in bounds[1:])


@pytest.mark.parametrize(
    "content",
    [
        LONG,
        LONG + bytes(3 * CHUNK),
        LONG[: len(LONG) - 5_000],
        LONG + b"no chunk" * 100,
        patched(LONG, 42, b"\x40"),
        patched(LONG, places(LONG, 2)[5] + 30, b"\xff"),
        patched(LONG, places(LONG, 3)[5], b"\xff" * 9),
        log(logoffs(900), dirty=True),
    ],
    ids=["whole", "space", "cut", "garbage behind", "header", "changed", "broken", "open"],
)
def test_pieces_tell_what_the_whole_tells(content: bytes) -> None:
    assert len(cut(content, 2 * CHUNK)) > 1 or read(content)[1]
    if cut(content, 2 * CHUNK):
        rows, gaps = in_pieces(content, 2 * CHUNK)
        assert rows == whole(content)[0]
        assert sorted(map(str, gaps)) == sorted(map(str, whole(content)[1]))


@pytest.mark.parametrize(
    "content",
    [
        LONG[:FILE_HEADER] + bytes(CHUNK) + LONG[FILE_HEADER:],
        LONG[: FILE_HEADER + CHUNK] + LONG[FILE_HEADER + CHUNK + 8 :],
        LONG[FILE_HEADER:],
        LONG[: FILE_HEADER + CHUNK],
        b"",
    ],
    ids=["hole", "shifted", "no header", "one chunk", "empty"],
)
def test_a_log_whose_chunks_do_not_stand_in_a_row_is_read_whole(content: bytes) -> None:
    assert cut(content, CHUNK) == []


def test_the_report_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = hand_in("attacked", tmp_path, "EX01")
    at_once = triaged(tmp_path / "whole", given)
    monkeypatch.setattr(tasks, "PIECE_BYTES", CHUNK)
    monkeypatch.setattr(tasks, "MOST_SHARES", 64)
    in_parts = triaged(tmp_path / "pieces", given)
    parts = {
        name: len(list((tmp_path / name / "tables/event").rglob("*.parquet"))) for name in ("whole", "pieces")
    }
    assert parts["pieces"] > parts["whole"]
    events = [
        pq.read_table(tmp_path / name / "tables/event").sort_by(
            [("source", "ascending"), ("locator", "ascending")]
        )
        for name in ("whole", "pieces")
    ]
    assert events[0].equals(events[1])
    assert in_parts == at_once


def test_a_piece_that_was_given_up_is_named_by_its_bytes() -> None:
    member = msgspec.to_builtins(Member(evidence="e", path="Security.evtx", size=9, artifact="evtx"))
    spec = {"members": [member], "between": [65_536, 131_072]}
    given_up = Outcome(task="t", state="quarantined", why="timed-out", detail="took too long")
    [gap] = conclude._given_up([(Task(id="t", function="read", spec=spec), given_up)])
    assert (gap.source, gap.why, gap.detail) == (
        "Security.evtx", "timed-out", "took too long (bytes 65536 to 131072)",
    )  # fmt: skip
