"""MemProcFS itself on images of ours: what it finds, our own reader finds, and the other way round."""

from functools import cache
from pathlib import Path

import pytest
from bench import memory_engines as engines
from bench.memory_agreement import Answers, planted

from postvakt.estate.memory import containers, scenes
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.truth import told
from postvakt.estate.plans import plan
from postvakt.memory import READER, memprocfs
from postvakt.tables.rows import Rows
from tests.memory.windows import OnDisk

NEEDS_IT = pytest.mark.skipif(not memprocfs.available(), reason=memprocfs.missing())
BUILDS = (14393, 17763, 20348)
SAME = ("listed", "lines", "modules", "drivers")


@cache
def image(number: int) -> Image:
    server = next(one for one in plan(6, 1, 10) if one.scenario == "attacked")
    return build(scenes.machine(server, build=number, more=True))


def written(number: int, folder: Path) -> Path:
    return containers.write(image(number), folder / "image.raw", "raw")


def right(number: int) -> Answers:
    return planted(told(image(number)))


@NEEDS_IT
@pytest.mark.parametrize("number", BUILDS)
def test_both_readers_find_what_was_planted(number: int, tmp_path: Path) -> None:
    path = written(number, tmp_path)
    own = engines.own(path)
    theirs, said = engines.other(path, own)
    first, second = engines.answers(own), engines.answers(theirs)
    assert {name: first[name] for name in SAME} == {name: right(number)[name] for name in SAME}
    assert {name: second[name] for name in SAME} == {name: first[name] for name in SAME}
    assert {row["confidence"] for row in theirs["mem_process"] if row["ProcessId"] > 4} == {"high"}
    assert said[0].endswith("finds no connections, no services, no handles, no event logs in this image")


@NEEDS_IT
def test_rows_of_both_stand_at_the_same_place(tmp_path: Path) -> None:
    path = written(17763, tmp_path)
    own = engines.own(path)
    theirs, _ = engines.other(path, own)
    mine = {row["ProcessId"]: row for row in own["mem_process"]}
    for row in theirs["mem_process"]:
        same = mine[row["ProcessId"]]
        for column in ("physical", "virtual", "directory", "ParentImage", "Computer", "CurrentDirectory"):
            assert row[column] == same[column], (row["Image"], column)
        assert row["created"] == same["created"].replace(microsecond=0)


@NEEDS_IT
def test_what_our_own_reader_told_is_not_told_twice(tmp_path: Path) -> None:
    path = written(17763, tmp_path)
    known = memprocfs.Known(row for row in READER.parse(OnDisk(path)) if isinstance(row, Rows))
    again, _ = engines.gathered(memprocfs.read(path, known=known, build=17763))
    assert not any(again.values())
    less = memprocfs.Known(
        Rows(row.spec, row.batch.slice(1))
        for row in READER.parse(OnDisk(path))
        if isinstance(row, Rows) and row.spec.name == "mem_process"
    )
    rows, _ = engines.gathered(memprocfs.read(path, known=less, build=17763))
    assert len(rows["mem_process"]) == 1
    assert len(rows["mem_module"]) > 100


@NEEDS_IT
def test_server_2012_r2_is_refused_and_nothing_of_it_is_used(tmp_path: Path) -> None:
    path = written(9600, tmp_path)
    own = engines.own(path)
    theirs, (said,) = engines.other(path, own)
    assert not theirs
    assert "it does not open the image" in said
    assert len(own["mem_process"]) == len(right(9600)["pooled"])


@NEEDS_IT
def test_bytes_that_are_no_image_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(1 << 20))
    rows, (gap,) = engines.gathered(memprocfs.read(path))
    assert not rows
    assert gap.why == "unreadable"


@NEEDS_IT
def test_another_build_than_ours_is_a_conflict(tmp_path: Path) -> None:
    path = written(17763, tmp_path)
    rows, (gap,) = engines.gathered(memprocfs.read(path, pids=frozenset((4, 612)), build=20348))
    assert not rows
    assert gap.why == "conflict"
