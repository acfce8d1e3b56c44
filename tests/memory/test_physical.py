"""Runs over a file: what is read where, what is missing, which windows a scanner is given."""

import errno
from pathlib import Path

import pytest

from postvakt.memory.physical import Image, Run

BYTES = bytes(range(256)) * 64  # 16 KiB


@pytest.fixture
def image(tmp_path: Path):
    """Opens runs over a file of 16 KiB."""
    path = tmp_path / "image"
    path.write_bytes(BYTES)
    with path.open("rb") as stream:
        yield lambda *runs: Image(stream, runs)


def test_reads_by_address(image) -> None:
    memory = image((0x8000, 0x1000, 0x1000), (0x1000, 0x1000, 0))
    assert memory.read(0x1010, 4) == b"\x10\x11\x12\x13"
    assert memory.read(0x8FFF, 1) == b"\xff"
    assert list(memory.runs) == [Run(0x1000, 0x1000, 0), Run(0x8000, 0x1000, 0x1000)]
    assert (memory.size, memory.present) == (0x9000, 0x2000)
    assert (memory.offset(0x8002), memory.offset(0x2000)) == (0x1002, None)


@pytest.mark.parametrize(
    ("address", "size"), [(0, 1), (0xFFF, 2), (0x1FFF, 2), (0x2000, 1), (0x9000, 1), (1 << 63, 8)]
)
def test_what_is_not_there_is_none(image, address: int, size: int) -> None:
    assert image((0x1000, 0x1000, 0), (0x8000, 0x1000, 0x1000)).read(address, size) is None


def test_reads_across_runs_that_adjoin(image) -> None:
    memory = image((0, 0x1000, 0x3000), (0x1000, 0x1000, 0))
    assert memory.read(0xFFE, 4) == b"\xfe\xff\x00\x01"
    assert memory.read(0x1FFF, 2) is None


def test_runs_past_the_end_are_cut(image) -> None:
    memory = image((0, 0x3000, 0x2000), (0x10000, 0x1000, 0x9000))
    assert (memory.cut, memory.present, memory.size) == (0x2000, 0x2000, 0x2000)
    assert memory.read(0x2000, 1) is None


def test_what_is_told_twice_is_read_once(image) -> None:
    memory = image((0, 0x2000, 0), (0x1000, 0x2000, 0x2000))
    assert (memory.overlapping, memory.present) == (0x2000, 0x2000)


def test_absurd_runs(image) -> None:
    memory = image(
        ((1 << 64) - 0x1000, 0x2000, 0), (0, 0, 0), (5, 0x1000, 1 << 63), ((1 << 52) - 16, 0x1000, 0)
    )
    assert memory.read((1 << 64) - 1, 1) is None
    assert (memory.present, memory.size) == (16, 1 << 52)


def test_windows_overlap_within_a_stretch(image) -> None:
    memory = image((0, 0x1000, 0), (0x1000, 0x1000, 0x1000), (0x8000, 0x800, 0x2000))
    windows = list(memory.windows(0xC00, 0x100))
    assert [(at, len(data)) for at, data in windows] == [
        (0, 0xC00),
        (0xB00, 0xC00),
        (0x1600, 0xA00),
        (0x8000, 0x800),
    ]
    assert all(data == memory.read(at, len(data)) for at, data in windows)


def test_windows_that_cannot_advance_are_refused(image) -> None:
    with pytest.raises(ValueError, match="cannot overlap"):
        next(image((0, 0x1000, 0)).windows(16, 16))


def test_windows_leave_out_the_holes_of_a_sparse_file(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(64 << 30)
        stream.seek(40 << 30)
        stream.write(b"here")
    with path.open("rb") as stream:
        memory = Image(stream, [(0, 64 << 30, 0)])
        windows = list(memory.windows(1 << 20, 0))
    assert len(windows) < 4
    assert b"".join(data for _, data in windows).strip(b"\0") == b"here"
    assert any(at <= 40 << 30 < at + len(data) for at, data in windows)


def test_a_disk_that_cannot_tell_its_holes_is_read_all_through(tmp_path, monkeypatch):
    path = tmp_path / "image"
    path.write_bytes(bytes(range(256)) * 64)

    def refused(*_: object) -> int:
        raise OSError(errno.EINVAL, "no such way to seek")

    monkeypatch.setattr("postvakt.memory.physical.os.lseek", refused)
    with path.open("rb") as file:
        image = Image(file, [(0, 16384, 0)])
        assert b"".join(data for _, data in image.windows(4096, 0)) == path.read_bytes()
