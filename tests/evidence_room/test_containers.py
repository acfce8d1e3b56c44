"""Every kind of hand-in gives the same members, hashed, placed and recognised."""

import gzip
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.evidence_room.made import (
    BARE_LOG,
    CONTAINERS,
    EVTX,
    IIS_LOG,
    SERVER,
    folder,
    handed,
    seven,
    take,
    tarred,
    zipped,
)

KIND = {
    "ex01.zip": "zip", "stored.zip": "zip", "bzip2.zip": "zip", "lzma.zip": "zip", "streamed.zip": "zip",
    "selfmade.zip": "zip", "comment.zip": "zip", "trailing.zip": "zip", "long.zip": "zip",
    "both.zip": "zip",
    "ex01.tar": "tar", "pax.tar": "tar", "ex01.tar.gz": "tar.gz", "ex01.tgz": "tar.gz",
    "ex01.tar.bz2": "tar.bz2", "ex01.tar.xz": "tar.xz", "ex01.tar.zst": "tar.zst",
    "ex01.7z": "7z",
}  # fmt: skip


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", CONTAINERS)
def test_an_archive_is_a_member_and_so_is_what_it_holds(name: str, tmp_path: Path) -> None:
    content = CONTAINERS[name]
    taken = take(handed(tmp_path, name, content), tmp_path / "scratch")
    assert {m.path: m.sha256 for m in taken.members} == {name: sha256(content)} | {
        f"{name}!/{path}": sha256(inner) for path, inner in SERVER.items()
    }
    assert {
        m.path.rpartition("/")[2]: (m.windows_path, m.artifact) for m in taken.members if m.windows_path
    } == {
        "Security.evtx": ("c:/windows/system32/winevt/logs/security.evtx", "evtx"),
        "u_ex210303.log": ("c:/inetpub/logs/logfiles/w3svc1/u_ex210303.log", "iis"),
        "notes.txt": ("c:/root/notes.txt", ""),
    }
    assert {(m.root, m.rooted) for m in taken.members} == {(f"{name}!/", True)}
    assert (taken.evidence.kind, taken.evidence.sha256) == (KIND[name], sha256(content))
    assert taken.gaps == []


@pytest.mark.parametrize("name", CONTAINERS)
def test_an_archive_in_an_archive_in_a_folder_is_opened(name: str, tmp_path: Path) -> None:
    outer = zipped({f"{name}": CONTAINERS[name], "readme.txt": b"x"})
    taken = take(folder(tmp_path / "in", {"EX01/all.zip": outer}), tmp_path / "scratch")
    inner = f"EX01/all.zip!/{name}!/"
    assert [m.path for m in taken.members if m.artifact] == [
        f"{inner}C/Windows/System32/winevt/Logs/Security.evtx",
        f"{inner}C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log",
    ]
    assert {m.root for m in taken.members if m.artifact} == {inner}
    assert taken.gaps == []


def test_a_wrapped_log_lies_where_its_wrapper_lies(tmp_path: Path) -> None:
    packed = gzip.compress(BARE_LOG, mtime=0)
    taken = take(
        folder(tmp_path / "in", {"C/inetpub/logs/LogFiles/W3SVC1/u_ex1.log.gz": packed}), tmp_path / "s"
    )
    found = taken.members[1]
    assert (found.path, found.windows_path, found.artifact) == (
        "C/inetpub/logs/LogFiles/W3SVC1/u_ex1.log.gz!/u_ex1.log",
        "c:/inetpub/logs/logfiles/w3svc1/u_ex1.log",
        "iis",
    )
    assert taken.members[0].sha256 == sha256(packed)
    assert found.sha256 == sha256(BARE_LOG)


def test_a_wrapper_without_a_drive_is_left_out_of_what_names_are_matched_by(tmp_path: Path) -> None:
    files = {"W3SVC1/u_ex1.log.gz": gzip.compress(BARE_LOG, mtime=0)}
    taken = take(folder(tmp_path / "in", files), tmp_path / "s")
    assert [m.artifact for m in taken.members] == ["", "iis"]


def test_a_folders_hash_is_that_of_its_sorted_manifest(tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {"b": b"2", "a": b"11"}), tmp_path / "s")
    lines = sorted([f"{sha256(b'2')}  1  b\n", f"{sha256(b'11')}  2  a\n"])
    assert taken.evidence.sha256 == sha256("".join(lines).encode())
    assert (taken.evidence.id, taken.evidence.bytes) == (taken.evidence.sha256[:16], 3)
    assert {m.evidence for m in taken.members} == {taken.evidence.id}


def test_a_folders_hash_says_nothing_of_where_it_lies(tmp_path: Path) -> None:
    one, two = (take(folder(tmp_path / name), tmp_path / "s") for name in ("one", "two"))
    assert [(m.path, m.sha256, m.root) for m in one.members] == [
        (m.path, m.sha256, m.root) for m in two.members
    ]
    assert one.evidence.sha256 == two.evidence.sha256


def test_a_single_file_is_a_hand_in(tmp_path: Path) -> None:
    taken = take(handed(tmp_path, "Security.evtx", EVTX), tmp_path / "s")
    assert [(m.path, m.artifact) for m in taken.members] == [("Security.evtx", "evtx")]
    assert (taken.evidence.kind, taken.evidence.bytes) == ("file", len(EVTX))


def test_a_document_is_listed_and_not_opened(tmp_path: Path) -> None:
    document = zipped({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<y/>"})
    taken = take(folder(tmp_path / "in", {"report.docx": document}), tmp_path / "s")
    assert [m.path for m in taken.members] == ["report.docx"]


def test_content_tells_an_archive_whatever_its_name(tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {"upload.bin": zipped({"a.log": IIS_LOG})}), tmp_path / "s")
    assert [(m.path, m.artifact) for m in taken.members] == [("upload.bin", ""), ("upload.bin!/a.log", "iis")]


def test_tar_and_7z_tell_times_in_utc_and_a_plain_zip_does_not(tmp_path: Path) -> None:
    files = {"a.tar": tarred({"x": b"1"}), "a.zip": zipped({"x": b"1"}), "a.7z": seven({"x": b"1"})}
    taken = take(folder(tmp_path / "in", files), tmp_path / "s")
    times = {m.path: m.modified for m in taken.members}
    assert times["a.tar!/x"] == datetime(2021, 3, 12, 6, 0, tzinfo=UTC)
    assert times["a.zip!/x"] is None
    assert times["a.7z!/x"] is not None


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"uploads.json": b"{}", "uploads/auto/C%3A/x": b""}, "Velociraptor"),
        ({"2021-03-12_EX01_CopyLog.csv": b"", "C/x": b""}, "KAPE"),
        ({"fs/C:/Windows/System32/x": b""}, "acquire"),
        ({"C/x": b""}, ""),
    ],
)
def test_the_collector_is_told_by_what_it_leaves(files: dict[str, bytes], told: str, tmp_path: Path) -> None:
    assert take(folder(tmp_path / "in", files), tmp_path / "s").evidence.recognised_as == told


def test_two_runs_give_the_same(tmp_path: Path) -> None:
    hand_in = folder(tmp_path / "in", {**SERVER, "z.zip": zipped(), "t.tgz": CONTAINERS["ex01.tgz"]})
    assert take(hand_in, tmp_path / "one") == take(hand_in, tmp_path / "two")
