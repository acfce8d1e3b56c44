"""What a member is: its content decides before its name, and a contradiction is a Gap."""

import codecs
from pathlib import Path

import pytest

from tests.evidence_room.made import (
    BARE_LOG,
    EVTX,
    HIVE,
    HIVE_LOG,
    IIS_LOG,
    PROXY_LOG,
    folder,
    take,
)

GARBAGE = bytes(range(250, 0, -1)) * 20
LOST_HEADER = bytes(4096) + b"ElfChnk\x00" + b"\x01" * 500
UTF16_LOG = codecs.BOM_UTF16_LE + IIS_LOG.decode().encode("utf-16-le")


@pytest.mark.parametrize(
    ("path", "content", "artifact"),
    [
        ("C/Windows/System32/winevt/Logs/Security.evtx", EVTX, "evtx"),
        ("renamed.txt", EVTX, "evtx"),
        ("carved", b"ElfChnk\x00" + bytes(600), "evtx"),
        ("lost-header.evtx", LOST_HEADER, "evtx"),
        ("SAM", HIVE, "registry"),
        ("W3SVC1/u_ex1.log", IIS_LOG, "iis"),
        ("W3SVC1/u_ex1.log", BARE_LOG, "iis"),
        ("any.txt", IIS_LOG, "iis"),
        ("any.txt", UTF16_LOG, "iis"),
        ("any.txt", UTF16_LOG[2:], "iis"),
        ("any.txt", codecs.BOM_UTF8 + IIS_LOG, "iis"),
        ("W3SVC1/u_ex1.log", EVTX, "evtx"),
        ("any.log", PROXY_LOG, "http_proxy"),
        ("V15/Logging/HttpProxy/Ecp/x.LOG", PROXY_LOG, "http_proxy"),
        ("any.log", b"#Software: Microsoft Exchange Server\r\n", "exchange_log"),
        ("Users/a/ConsoleHost_history.txt", b"whoami\n", "history"),
        ("C/Windows/System32/Tasks/x", b"<Task version=\"1.2\">", "task"),
        ("C/Windows/System32/Tasks/x", b"something else", ""),
        ("notes.txt", b"hello", ""),
    ],
)  # fmt: skip
def test_a_member_is_recognised(path: str, content: bytes, artifact: str, tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {path: content}), tmp_path / "s")
    assert [m.artifact for m in taken.members] == [artifact]
    assert taken.gaps == []


@pytest.mark.parametrize(
    ("path", "content", "artifact", "why"),
    [
        ("Security.evtx", b"", "evtx", "empty"),
        ("Security.evtx", bytes(70000), "evtx", "empty"),
        ("Security.evtx", GARBAGE, "evtx", "unparsed"),
        ("C/Windows/System32/config/SYSTEM", bytes(4096), "registry", "empty"),
        ("C/Windows/System32/config/SYSTEM", GARBAGE, "registry", "unparsed"),
        ("W3SVC1/u_ex1.log", b"", "iis", "empty"),
        ("W3SVC1/u_ex1.log", bytes(9000), "iis", "empty"),
        ("W3SVC1/u_ex1.log", GARBAGE, "iis", "unparsed"),
        ("any.log", b"#Fields: one two\r\n", "log", "unparsed"),
        ("any.log", b"\xef\xbb\xbf#Software: unheard of\r\n", "log", "unparsed"),
        ("C/Windows/System32/config/SYSTEM.LOG1", HIVE_LOG, "registry", "missing"),
        ("image.E01", b"EVF\t\r\n\xff\x00" + bytes(100), "disk_image", "unsupported"),
        ("disk", b"vhdxfile" + bytes(100), "disk_image", "unsupported"),
        ("disk.vmdk", b"KDMV" + bytes(100), "disk_image", "unsupported"),
        ("disk.raw", b"\xebR\x90NTFS    " + bytes(600), "disk_image", "unsupported"),
        ("MEMORY.DMP", b"PAGEDUMP" + bytes(100), "memory_image", "unsupported"),
        ("vm.vmss", b"\xd2\xbe\xd2\xbe" + bytes(100), "memory_image", "unsupported"),
        (
            "core.1",
            b"\x7fELF\x01\x01" + bytes(10) + b"\x04\x00\x03\x00" + bytes(80),
            "memory_image",
            "unsupported",
        ),
        ("memory.raw", b"AVML" + bytes(100), "memory_image", "unsupported"),
        ("C/Windows/System32/wbem/Repository/OBJECTS.DATA", GARBAGE * 40, "wmi_repository", "unsupported"),
        ("C/hiberfil.sys", b"HIBR" + bytes(100), "memory_image", "unsupported"),
        ("all.rar", b"Rar!\x1a\x07\x01\x00", "archive", "unsupported"),
        (
            "in210302.log",
            b"192.0.2.1, -, 03/02/21, 7:55:20, W3SVC1, EX01, 192.0.2.9, 45, 1, 3, 200, 0, GET, /, -,\r\n",
            "iis",
            "unsupported",
        ),
    ],
)
def test_a_contradiction_is_a_gap(path: str, content: bytes, artifact: str, why: str, tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {path: content}), tmp_path / "s")
    assert [m.artifact for m in taken.members] == [""]
    assert [(g.artifact, g.why, g.source) for g in taken.gaps] == [(artifact, why, path)]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("C/ProgramData/x.rar", b"Rar!\x1a\x07\x01\x00"),
        ("C/Windows/Temp/ip.cab", b"MSCF\x00\x00\x00\x00"),
        ("hibernate.txt", b"wake me up"),
        ("vm.vmem", b"not there yet\n" * 9000),
    ],
)
def test_a_file_of_the_server_is_no_image(path: str, content: bytes, tmp_path: Path) -> None:
    taken = take(folder(tmp_path / "in", {path: content}), tmp_path / "s")
    assert taken.gaps == []


def test_a_transaction_log_is_read_with_the_hive_beside_it(tmp_path: Path) -> None:
    files = {"config/SYSTEM": HIVE, "config/system.log1": HIVE_LOG, "config/SYSTEM.LOG2": b""}
    taken = take(folder(tmp_path / "in", files), tmp_path / "s")
    assert [(m.path, m.artifact) for m in taken.members if m.artifact] == [("config/SYSTEM", "registry")]
    assert taken.beside == ["config/system.log1"]
    assert taken.gaps == []


@pytest.mark.parametrize("name", ["vm.vmss", "vm.vmem.vmsn"])
def test_a_snapshot_is_read_with_the_memory_beside_it(name: str, tmp_path: Path) -> None:
    files = {"vm.vmem": b"\x12\x00\x34" * 30000, name: b"\xd2\xbe\xd2\xbe" + bytes(100)}
    taken = take(folder(tmp_path / "in", files), tmp_path / "s")
    assert taken.beside == [name]
    assert taken.gaps == []


def test_the_same_place_with_another_content_is_a_conflict(tmp_path: Path) -> None:
    files = {
        "uploads/auto/C%3A/Windows/win.ini": b"one",
        "uploads/ntfs/%5C%5C.%5CC%3A/Windows/win.ini": b"two",
        "uploads/file/C%3A/Windows/win.ini": b"one",
        "uploads/ntfs/%5C%5C%3F%5CGLOBALROOT%5CDevice%5CHarddiskVolumeShadowCopy1/Windows/win.ini": b"older",
    }
    taken = take(folder(tmp_path / "in", files), tmp_path / "s")
    assert [(g.why, g.source) for g in taken.gaps] == [
        ("conflict", "uploads/ntfs/%5C%5C.%5CC%3A/Windows/win.ini")
    ]
