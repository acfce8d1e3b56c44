"""ShimCache of every Windows, built by hand: what lies in a cache of each form is read out of it."""

import struct
from datetime import UTC, datetime

import pytest

from postvakt.artifacts.registry.shimcache import entries
from postvakt.model.clock import micros
from tests.artifacts.hive_builder import filetime

DAY = datetime(2021, 3, 2, tzinfo=UTC)
PATH = r"C:\Temp\m.exe"
RAW = PATH.encode("utf-16-le")
FT = struct.pack("<Q", filetime(DAY))


def windows_xp() -> bytes:
    head = struct.pack("<II", 0xDEADBEEF, 1).ljust(0x190, b"\0")
    return head + RAW.ljust(528, b"\0") + FT + struct.pack("<QQ", 4711, 0)


def fixed(magic: int, start: int, entry: bytes, count: int = 1) -> bytes:
    """A cache of entries of one width, the path behind them."""
    return struct.pack("<II", magic, count).ljust(start, b"\0") + entry + RAW


def server_2003(tail: bytes) -> bytes:
    return fixed(0xBADC0FFE, 8, struct.pack("<HHI", len(RAW), len(RAW) + 2, 8 + 24) + FT + tail)


def server_2003_x64(tail: bytes) -> bytes:
    return fixed(0xBADC0FFE, 8, struct.pack("<HHIQ", len(RAW), len(RAW) + 2, 0, 8 + 32) + FT + tail)


def windows_7(flags: int) -> bytes:
    tail = struct.pack("<IIII", flags, 0, 0, 0)
    return fixed(0xBADC0FEE, 0x80, struct.pack("<HHI", len(RAW), len(RAW) + 2, 0x80 + 32) + FT + tail)


def windows_7_x64(flags: int) -> bytes:
    tail = struct.pack("<IIQQ", flags, 0, 0, 0)
    return fixed(0xBADC0FEE, 0x80, struct.pack("<HHIQ", len(RAW), len(RAW) + 2, 0, 0x80 + 48) + FT + tail)


def tagged(start: int, tag: bytes, body: bytes, head: int = 0) -> bytes:
    """A cache of entries that say how long they are."""
    return struct.pack("<I", head).ljust(start, b"\0") + tag + struct.pack("<II", 0, len(body)) + body


def windows_8(tag: bytes, flags: int, package: str = "") -> bytes:
    named = package.encode("utf-16-le")
    body = struct.pack("<H", len(RAW)) + RAW + struct.pack("<H", len(named)) + named
    return tagged(0x80, tag, body + struct.pack("<II", flags, 0) + FT + bytes(4))


def windows_10(head: int) -> bytes:
    return tagged(head, b"10ts", struct.pack("<H", len(RAW)) + RAW + FT + bytes(4), head=head)


@pytest.mark.parametrize(
    ("cache", "form", "executed", "size"),
    [
        (windows_xp(), "Windows XP", None, 4711),
        (server_2003(struct.pack("<II", 4711, 0)), "Windows Server 2003, Vista, 2008", None, 4711),
        (server_2003(struct.pack("<II", 3, 0)), "Windows Server 2003, Vista, 2008", True, None),
        (server_2003_x64(struct.pack("<II", 1, 0)), "Windows Server 2003, Vista, 2008 (x64)", False, None),
        (server_2003_x64(struct.pack("<II", 4711, 0)), "Windows Server 2003, Vista, 2008 (x64)", None, 4711),
        (windows_7(2), "Windows 7, 2008 R2", True, None),
        (windows_7_x64(0), "Windows 7, 2008 R2 (x64)", False, None),
        (windows_8(b"00ts", 2), "Windows 8.0, 2012", True, None),
        (windows_8(b"10ts", 0), "Windows 8.1, 2012 R2", False, None),
        (windows_8(b"10ts", 2, "a package"), "Windows 8.1, 2012 R2", True, None),
        (windows_10(0x30), "Windows 10, 2016 and later", None, None),
        (windows_10(0x34), "Windows 10, 2016 and later", None, None),
    ],
)
def test_every_form(cache: bytes, form: str, executed: bool | None, size: int | None) -> None:
    told, seen = entries(cache)
    (entry,) = seen
    assert told == form
    assert (entry.path, entry.modified) == (PATH, micros(DAY))
    assert (entry.executed, entry.size) == (executed, size)


@pytest.mark.parametrize("cache", [b"", b"\0\0\0\0", struct.pack("<I", 0x30) + bytes(200), b"\xff" * 400])
def test_an_unknown_form_has_no_name(cache: bytes) -> None:
    told, seen = entries(cache)
    assert (told, list(seen)) == ("", [])


@pytest.mark.parametrize(
    "cache", [windows_xp(), windows_7(2), windows_7_x64(2), windows_8(b"10ts", 2), windows_10(0x34)]
)
@pytest.mark.parametrize("left", [4, 20, 0x8C, 0x90, 0xA0])
def test_a_cut_cache_gives_what_is_whole(cache: bytes, left: int) -> None:
    _, seen = entries(cache[:left])
    assert all(PATH.startswith(entry.path) for entry in seen)
