"""Evidence made to harm, and evidence that is damaged: named, counted, survived; nothing lost in silence."""

import gzip
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import inflate64
import msgspec
import pytest

from postvakt.errors import EvidenceError
from postvakt.evidence import limits, reading
from postvakt.evidence.limits import Limits
from tests.evidence_room.made import (
    CONTAINERS,
    EVTX,
    IIS_LOG,
    folder,
    handed,
    seven,
    take,
    tarred,
    zipped,
    zipped_raw,
)

ZIP_IN_ZIP = {"a.zip": zipped({"b.zip": zipped({"c.zip": zipped({"x.log": IIS_LOG})})})}
PACKED_ZEROS = zipped({"zeros": bytes(3_000_000)})


@pytest.mark.parametrize(
    ("name", "content", "listed"),
    [
        ("up.zip", zipped({"../../etc/x": b"1"}), "up.zip!/(..)/(..)/etc/x"),
        ("up.zip", zipped({"..\\..\\x": b"1"}), "up.zip!/(..)/(..)/x"),
        ("root.zip", zipped({"/etc/x": b"1"}), "root.zip!/etc/x"),
        ("drive.zip", zipped({"C:\\root\\x.aspx": b"1"}), "drive.zip!/C:/root/x.aspx"),
        ("up.tar", tarred({"../x": b"1"}), "up.tar!/(..)/x"),
        ("root.tar", tarred({"/etc/x": b"1"}), "root.tar!/etc/x"),
        ("up.tgz", gzip.compress(tarred({"a/../../x": b"1"})), "up.tgz!/a/(..)/(..)/x"),
    ],
)
def test_a_name_that_leads_out_is_read_under_a_safe_one(
    name: str, content: bytes, listed: str, tmp_path: Path
) -> None:
    taken = take(folder(tmp_path / "in", {name: content}), tmp_path / "case" / "scratch")
    assert [(m.path, m.size) for m in taken.members][1:] == [(listed, 1)]
    assert [(g.artifact, g.why, g.source) for g in taken.gaps] == [("archive", "conflict", name)]
    assert sorted(path.name for path in tmp_path.iterdir()) in (["in"], ["case", "in"])


@pytest.mark.parametrize(
    ("name", "content", "listed"),
    [
        ("a.zip", zipped_raw([(b"x.log", b"1"), (b"x.log", b"22")]), ["x.log", "x~2.log"]),
        ("a.zip", zipped_raw([(b"x", b"1"), (b"x", b"22"), (b"x~2", b"")]), ["x", "x~2", "x~2~2"]),
        ("a.tar", tarred({"x.log": b"1"})[:1024] + tarred({"x.log": b"22"}), ["x.log", "x~2.log"]),
    ],
)
def test_one_name_twice_is_two_members(name: str, content: bytes, listed: list[str], tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {name: content}), tmp_path / "s")
    assert [m.path for m in taken.members][1:] == [f"{name}!/{path}" for path in listed]
    assert {(g.why, g.source) for g in taken.gaps} == {("conflict", name)}


@pytest.mark.parametrize(
    ("name", "content", "source", "why"),
    [
        ("locked.zip", zipped_raw([(b"x.log", b"1" * 20)], flags=1), "locked.zip!/x.log", "encrypted"),
        ("aes.zip", zipped_raw([(b"x.log", b"1")], flags=1, method=99), "aes.zip!/x.log", "encrypted"),
        ("odd.zip", zipped_raw([(b"x.log", b"1")], method=97), "odd.zip!/x.log", "unsupported"),
        ("short.zip", zipped_raw([(b"x.log", b"1")], size=9), "short.zip!/x.log", "truncated"),
        ("crc.zip", zipped_raw([(b"x.log", b"1")], crc=9), "crc.zip!/x.log", "unreadable"),
        ("link.zip", zipped_raw([(b"x", b"/etc/passwd")], mode=0o120777), "link.zip!/x", "unsupported"),
        ("pipe.zip", zipped_raw([(b"x", b"")], mode=0o010644), "pipe.zip!/x", "unsupported"),
        ("link.tar", tarred({}, x=tarfile.SYMTYPE), "link.tar!/x", "unsupported"),
        ("hard.tar", tarred({}, x=tarfile.LNKTYPE), "hard.tar!/x", "unsupported"),
        ("pipe.tar", tarred({}, x=tarfile.FIFOTYPE), "pipe.tar!/x", "unsupported"),
        ("disk.tar", tarred({}, x=tarfile.BLKTYPE), "disk.tar!/x", "unsupported"),
        ("locked.7z", seven({"x.log": b"1" * 50}, password="p"), "locked.7z!/x.log", "encrypted"),
        ("dark.7z", seven({"x": b"1"}, password="p", header_encryption=True), "dark.7z", "encrypted"),
        ("fake.zip", b"this is no zip", "fake.zip", "unreadable"),
        ("fake.7z", b"this is no 7z", "fake.7z", "unreadable"),
        ("fake.gz", b"this is no gz", "fake.gz", "unreadable"),
        ("fake.tar", b"this is no tar" * 99, "fake.tar", "unreadable"),
        ("half.7z", CONTAINERS["ex01.7z"][:200], "half.7z", "unreadable"),
        ("none.zip", b"", "none.zip", "unreadable"),
        ("empty.zip", zipped({}), "empty.zip", "empty"),
    ],
)
def test_what_cannot_be_read_is_a_gap(
    name: str, content: bytes, source: str, why: str, tmp_path: Path
) -> None:
    taken = take(folder(tmp_path / "in", {name: content, "beside.log": IIS_LOG}), tmp_path / "s")
    assert [(g.source, g.why) for g in taken.gaps] == [(source, why)]
    assert source in [m.path for m in taken.members]
    assert [m.path for m in taken.members if m.artifact] == ["beside.log"]


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("cut.zip", CONTAINERS["ex01.zip"][:-90], 3),
        ("cut.zip", CONTAINERS["ex01.zip"][:-300], 2),
        ("cut.zip", CONTAINERS["streamed.zip"][:-300], 2),
        ("cut.tar", CONTAINERS["ex01.tar"][:6000], 2),
        ("cut.tgz", CONTAINERS["ex01.tgz"][:-30], 2),
        ("cut.log.gz", gzip.compress(IIS_LOG * 20, mtime=0)[:-9], 1),
    ],
)
def test_what_is_left_of_a_cut_archive_is_read(name: str, content: bytes, read: int, tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {name: content}), tmp_path / "s")
    assert len([m for m in taken.members if "!/" in m.path and m.sha256]) == read
    assert "truncated" in {g.why for g in taken.gaps}


@pytest.mark.parametrize(
    ("name", "content", "most", "source", "figure"),
    [
        ("deep.zip", zipped(ZIP_IN_ZIP), {"depth": 2}, "deep.zip!/a.zip!/b.zip", "within 2 others"),
        ("many.zip", zipped({str(n): b"" for n in range(9)}), {"members": 5}, "many.zip", "first 5 are read"),
        ("many.tar", tarred({str(n): b"" for n in range(9)}), {"members": 5}, "many.tar", "first 5 are read"),
        ("many.7z", seven({str(n): b"" for n in range(9)}), {"members": 5}, "many.7z", "first 5 are read"),
        ("bomb.zip", PACKED_ZEROS, {"floor": 1000}, "bomb.zip!/zeros", "3000000 bytes out of"),
        ("bomb.gz", gzip.compress(bytes(3_000_000)), {"floor": 1000}, "bomb.gz!/bomb", "unfold to more than"),
        (
            "bomb.tgz",
            gzip.compress(tarred({"z": bytes(3_000_000)})),
            {"floor": 1000},
            "bomb.tgz",
            "unfold to more",
        ),
        ("bomb.7z", seven({"z": bytes(3_000_000)}), {"floor": 1000}, "bomb.7z!/z", "may unfold to"),
        (
            "sum.zip",
            zipped({"a": b"1" * 999, "b": b"2" * 999}),
            {"total_floor": 1500, "ratio": 1},
            "sum.zip!/b",
            "more than 501 bytes",
        ),
        ("greedy.7z", seven({"z": b"1" * 99}), {"dictionary": 4096}, "greedy.7z!/z", "bytes of memory"),
    ],
)
def test_a_bomb_is_not_unfolded(
    name: str,
    content: bytes,
    most: dict[str, int],
    source: str,
    figure: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "LIMITS", Limits(**most))
    taken = take(folder(tmp_path / "in", {name: content}), tmp_path / "s")
    assert (source, "limited") in [(g.source, g.why) for g in taken.gaps]
    assert any(figure in g.detail for g in taken.gaps)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.zip", b"no zip at all", "not a zip archive, or nothing of it can be read"),
        ("a.7z", b"no 7z at all", "not the 7z archive that its name says"),
        ("a.7z", CONTAINERS["ex01.7z"][:100], "not a 7z archive, or damaged"),
        ("a.tar", b"no tar at all" * 100, "not a tar archive"),
        ("a.tar.gz", b"no gzip at all", "not the tar.gz archive that its name says"),
        ("a.gz", b"\x1f\x8b\x08\x00", "not a gz file"),
        ("a.zip", b"PK\x03\x04", "not a zip archive"),
        ("a.7z", seven({"x": b"1"}, password="p", header_encryption=True), "its directory is encrypted"),
    ],
)
def test_a_hand_in_that_cannot_be_opened_is_one_line(
    name: str, content: bytes, told: str, tmp_path: Path
) -> None:
    with pytest.raises(EvidenceError) as why:
        take(handed(tmp_path, name, content), tmp_path / "s")
    assert str(why.value).startswith(f"{tmp_path / name}: ")
    assert told in str(why.value)
    assert "\n" not in str(why.value)


def test_a_hand_in_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="no such file or folder"):
        take(tmp_path / "nowhere", tmp_path / "s")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xc3\xa9.log", "café.log"),
        (b"caf\x82.log", "café.log"),
        (b"two\nlines\x1b.log", "two\\x0alines\\x1b.log"),
        (b"nul\x00.log", "nul\\x00.log"),
        (b"a!/b.log", "a\\x21/b.log"),
        (b"", "(unnamed)"),
    ],
)
def test_a_strange_name_stays_text(name: bytes, shown: str, tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {"a.zip": zipped_raw([(name, IIS_LOG)])}), tmp_path / "s")
    assert [m.path for m in taken.members] == ["a.zip", f"a.zip!/{shown}"]
    assert msgspec.json.decode(msgspec.json.encode(taken.members))[1]["path"] == f"a.zip!/{shown}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.log", "caf\\xe9.log"),
        (b"two\nlines.log", "two\\x0alines.log"),
        (b"odd!/x.log", "odd\\x21/x.log"),
        (b"back\\slash.log", "back\\slash.log"),
    ],
)
def test_a_strange_name_on_disk_stays_text(name: bytes, shown: str, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path / "in"), name)
    os.makedirs(os.path.dirname(path))
    Path(os.fsdecode(path)).write_bytes(IIS_LOG)
    taken = take(tmp_path / "in", tmp_path / "s")
    assert [(m.path, m.artifact) for m in taken.members] == [(shown, "iis")]
    assert msgspec.json.decode(msgspec.json.encode(taken.members))[0]["path"] == shown


def test_what_windows_explorer_packs_by_deflate64_is_read(tmp_path: Path) -> None:
    packer = inflate64.Deflater()
    packed = packer.deflate(IIS_LOG * 99) + packer.flush()
    made = zipped_raw([(b"x.log", packed)], method=9, size=len(IIS_LOG) * 99, crc=zlib.crc32(IIS_LOG * 99))
    taken = take(folder(tmp_path / "in", {"a.zip": made}), tmp_path / "s")
    assert [(m.size, m.artifact) for m in taken.members[1:]] == [(len(IIS_LOG) * 99, "iis")]
    assert taken.gaps == []


def test_names_that_differ_in_case_are_two_members(tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {"A.log": b"1", "a.log": b"2"}), tmp_path / "s")
    assert [m.path for m in taken.members] == ["A.log", "a.log"]


def test_links_and_pipes_on_disk_are_listed_and_not_followed(tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {"x.log": IIS_LOG})
    (hand_in / "out").symlink_to("/etc/passwd")
    (hand_in / "round").symlink_to(hand_in, target_is_directory=True)
    os.mkfifo(hand_in / "pipe")
    taken = take(hand_in, tmp_path / "s")
    assert [(m.path, m.size, m.sha256 != "") for m in taken.members] == [
        ("out", 0, False),
        ("pipe", 0, False),
        ("round", 0, False),
        ("x.log", len(IIS_LOG), True),
    ]
    assert [(g.artifact, g.why, g.source) for g in taken.gaps] == [
        ("link", "unsupported", "out"),
        ("special", "unsupported", "pipe"),
        ("link", "unsupported", "round"),
    ]


def test_a_file_that_may_not_be_read_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in = folder(tmp_path / "in", {"Security.evtx": EVTX, "x.log": IIS_LOG})
    opened = reading.os.open

    def refusing(path: Path, flags: int) -> int:
        if Path(path).name == "Security.evtx":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags)

    monkeypatch.setattr(reading.os, "open", refusing)
    taken = take(hand_in, tmp_path / "s")
    assert [(m.path, m.sha256 != "", m.artifact) for m in taken.members] == [
        ("Security.evtx", False, ""),
        ("x.log", True, "iis"),
    ]
    assert [(g.artifact, g.why, g.detail) for g in taken.gaps] == [
        ("evtx", "unreadable", "cannot be read: Permission denied")
    ]


def test_a_folder_that_may_not_be_listed_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in = folder(tmp_path / "in", {"secret/x.log": IIS_LOG, "y.log": IIS_LOG})
    listed = os.listdir

    def refusing(path: Path) -> list[str]:
        if Path(path).name == "secret":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", refusing)
    taken = take(hand_in, tmp_path / "s")
    assert [m.path for m in taken.members] == ["y.log"]
    assert [(g.why, g.source) for g in taken.gaps] == [("unreadable", "secret")]


@pytest.mark.parametrize("seconds", [-(1 << 40), 1 << 33, (1 << 62) // 10**9])
def test_an_absurd_time_is_kept_or_is_none(seconds: int, tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {"x.log": IIS_LOG})
    try:
        os.utime(hand_in / "x.log", (seconds, seconds))
    except (OverflowError, OSError):
        pytest.skip("this file system keeps no such time")
    assert [m.artifact for m in take(hand_in, tmp_path / "s").members] == ["iis"]


def test_an_empty_folder_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    taken = take(tmp_path / "in", tmp_path / "s")
    assert [(g.why, g.source) for g in taken.gaps] == [("empty", "")]


def test_thousands_of_locked_members_are_one_gap(tmp_path: Path) -> None:
    locked = zipped_raw([(b"%d" % n, b"1") for n in range(1500)], flags=1)
    taken = take(folder(tmp_path / "in", {"a.zip": locked}), tmp_path / "s")
    assert [(g.why, g.source, g.count) for g in taken.gaps] == [("encrypted", "a.zip!/0", 1500)]


def test_evidence_is_not_changed(tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {**CONTAINERS, "method": zipped(method=zipfile.ZIP_STORED)})
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hand_in.iterdir()}
    take(hand_in, tmp_path / "s")
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in hand_in.iterdir()} == before
