"""What a parser is given: the bytes that were hashed, as often as asked, and the files beside."""

import errno
import gzip
import hashlib
import lzma
import multiprocessing
import os
from pathlib import Path

import pytest

from postvakt import evidence
from postvakt.errors import EngineError
from postvakt.evidence import scratch as scratch_room
from postvakt.model.evidence import Member
from tests.evidence_room.made import (
    CONTAINERS,
    HIVE,
    HIVE_LOG,
    IIS_LOG,
    folder,
    handed,
    take,
    tarred,
    zipped,
    zipped_raw,
)

HIVES = {
    "config/SYSTEM": HIVE,
    "config/system.log1": HIVE_LOG,
    "config/SYSTEM.LOG2": b"",
    "config/SYSTEMS": b"",
}
STRANGE = zipped_raw(
    [(b"two\nlines", b"1"), (b"x", b"22"), (b"x", b"333"), (b"../up", b"4444"), (b"a!/b", b"5")]
)


def read(hand_in: Path, member: Member, scratch: Path) -> bytes:
    with evidence.source(str(hand_in), member, scratch=scratch).open() as stream:
        return stream.read()


def digest(hand_in: str, member: Member, scratch: Path) -> str:
    return hashlib.sha256(read(Path(hand_in), member, scratch)).hexdigest()


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize("within", ["{}", "in.zip!/{}"])
def test_every_member_is_read_as_it_was_hashed(name: str, within: str, tmp_path: Path) -> None:
    files = {name: CONTAINERS[name]} if within == "{}" else {"in.zip": zipped({name: CONTAINERS[name]})}
    hand_in = folder(tmp_path / "in", files)
    members = take(hand_in, tmp_path / "one").members
    again = {m.path: digest(str(hand_in), m, tmp_path / "two") for m in members}
    assert again == {m.path: m.sha256 for m in members}
    assert within.format(name) in again


def test_strange_names_are_found_again(tmp_path: Path) -> None:
    hand_in = handed(tmp_path, "a.zip", STRANGE)
    members = take(hand_in, tmp_path / "s").members
    assert {m.path: read(hand_in, m, tmp_path / "s") for m in members[1:]} == {
        "a.zip!/(..)/up": b"4444",
        "a.zip!/a\\x21/b": b"5",
        "a.zip!/two\\x0alines": b"1",
        "a.zip!/x": b"22",
        "a.zip!/x~2": b"333",
    }


def test_strange_names_on_disk_are_found_again(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "in")
    os.makedirs(os.path.join(root, b"odd!\xff"))
    names = [b"a\xe9", b"a\\xe9", b"a\nb", b"a~2", b"odd!\xff/(unnamed)"]
    for name in names:
        Path(os.fsdecode(os.path.join(root, name))).write_bytes(name)
    members = take(tmp_path / "in", tmp_path / "s").members
    assert sorted(read(tmp_path / "in", m, tmp_path / "s") for m in members) == sorted(names)
    assert len({m.path for m in members}) == len(names)


@pytest.mark.parametrize(
    "files",
    [
        HIVES,
        {"a.zip": zipped(HIVES)},
        {"a.tgz": gzip.compress(tarred(HIVES))},
        {f"{name}.xz": lzma.compress(content) for name, content in HIVES.items()},
        {"a.zip": zipped({f"{name}.gz": gzip.compress(content) for name, content in HIVES.items()})},
    ],
)
def test_siblings_are_found_in_any_case_and_behind_wrappers(files: dict[str, bytes], tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", files)
    hive = next(m for m in take(hand_in, tmp_path / "s").members if m.artifact)
    beside = list(
        evidence.source(str(hand_in), hive, scratch=tmp_path / "s").siblings(".LOG1", ".LOG2", ".LOG")
    )
    assert [s.member.path.rpartition("/")[2] for s in beside] == ["system.log1", "SYSTEM.LOG2"]
    assert [s.member.size for s in beside] == [len(HIVE_LOG), 0]
    with beside[0].open() as stream:
        assert stream.read() == HIVE_LOG


@pytest.mark.parametrize(
    "files",
    [
        {"vm/EX01.vmem": b"m", "vm/ex01.VMSS": b"s", "vm/EX01.vmem.log": b"", "vm/EX02.vmss": b""},
        {"a.zip": zipped({"EX01.vmem": b"m", "ex01.VMSS": b"s", "EX02.vmss": b""})},
        {"a.zip": zipped({"EX01.vmem.gz": gzip.compress(b"m"), "ex01.VMSS": b"s"})},
    ],
)
def test_siblings_may_have_another_ending(files: dict[str, bytes], tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", files)
    memory = next(m for m in take(hand_in, tmp_path / "s").members if m.path.lower().endswith(".vmem"))
    (beside,) = evidence.source(str(hand_in), memory, scratch=tmp_path / "s").siblings("*.vmss", "*.vmsn")
    with beside.open() as stream:
        assert stream.read() == b"s"


def test_a_plain_file_is_its_own_local_path(tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {"x.log": IIS_LOG})
    member = take(hand_in, tmp_path / "s").members[0]
    with evidence.source(str(hand_in), member, scratch=tmp_path / "s").local_path() as path:
        assert path == hand_in / "x.log"


def test_a_packed_member_is_copied_and_the_copy_goes(tmp_path: Path) -> None:
    hand_in = handed(tmp_path, "a.zip", zipped({"x.log": IIS_LOG}))
    member = take(hand_in, tmp_path / "s").members[1]
    with evidence.source(str(hand_in), member, scratch=tmp_path / "s").local_path() as path:
        copy = Path(path)
        assert copy.read_bytes() == IIS_LOG
        assert copy.is_relative_to(tmp_path / "s")
    assert not copy.exists()


def test_a_stream_seeks_both_ways(tmp_path: Path) -> None:
    hand_in = handed(tmp_path, "a.log.gz", gzip.compress(bytes(range(256)) * 5000))
    member = take(hand_in, tmp_path / "s").members[1]
    with evidence.source(str(hand_in), member, scratch=tmp_path / "s").open() as stream:
        assert stream.seek(0, os.SEEK_END) == 1_280_000
        assert stream.seek(700_001) == 700_001
        assert stream.read(2) == bytes([(700_001) % 256, (700_002) % 256])
        assert stream.seek(-3, os.SEEK_CUR) == 700_000
        assert stream.read(1) == bytes([700_000 % 256])


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("gone.log", None),
        ("a.zip!/gone.log", zipped({"x": b""})),
        ("a.zip!/x!/y", zipped({"x": b"no archive"})),
        ("a.zip!/x", zipped_raw([(b"x", b"1")], flags=1)),
    ],
)
def test_what_is_not_there_is_an_oserror_when_it_is_opened(
    path: str, content: bytes | None, tmp_path: Path
) -> None:
    folder(tmp_path / "in", {"a.zip": content} if content else {"other": b""})
    source = evidence.source(
        str(tmp_path / "in"), Member(evidence="e", path=path, size=1), scratch=tmp_path / "s"
    )
    assert list(source.siblings(".LOG1")) == []
    with pytest.raises(OSError), source.open() as stream:  # noqa: PT011  (any OSError is a Gap)
        stream.read()


def test_nothing_outside_the_hand_in_is_opened(tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {"x.log": b""})
    handed(tmp_path, "secret", b"1")
    (hand_in / "link").symlink_to(tmp_path / "secret")
    for path in ("link", "(..)/secret"):
        source = evidence.source(
            str(hand_in), Member(evidence="e", path=path, size=1), scratch=tmp_path / "s"
        )
        with pytest.raises(OSError), source.open():  # noqa: PT011
            pass


def test_workers_share_what_was_unpacked(tmp_path: Path) -> None:
    hand_in = folder(
        tmp_path / "in", {"a.7z": CONTAINERS["ex01.7z"], "in.zip": zipped({"a.tgz": CONTAINERS["ex01.tgz"]})}
    )
    members = [m for m in take(hand_in, tmp_path / "one").members if m.sha256]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(digest, [(str(hand_in), m, tmp_path / "two") for m in members])
    assert found == [m.sha256 for m in members]
    assert len(list((tmp_path / "two" / "containers").iterdir())) == 3


def test_scratch_may_be_emptied_between_two_reads(tmp_path: Path) -> None:
    hand_in = handed(tmp_path, "a.7z", CONTAINERS["ex01.7z"])
    member = take(hand_in, tmp_path / "s").members[1]
    for kept in sorted((tmp_path / "s").rglob("*"), reverse=True):
        kept.rmdir() if kept.is_dir() else kept.unlink()
    assert hashlib.sha256(read(hand_in, member, tmp_path / "s")).hexdigest() == member.sha256


@pytest.mark.parametrize("name", ["ex01.7z", "ex01.tgz"])
def test_a_full_disk_is_for_the_user_to_mend(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(scratch_room.tempfile, "mkdtemp", full)
    with pytest.raises(EngineError, match="No space left on device"):
        take(handed(tmp_path, name, CONTAINERS[name]), tmp_path / "s")
