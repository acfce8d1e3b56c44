"""Transaction logs that our writer makes."""

import struct
from datetime import UTC, datetime

import pytest

from postvakt.estate import regf_writer as w
from postvakt.estate.regf_log import marvin32, unsaved
from postvakt.estate.regf_writer import Key, regf

AT = datetime(2021, 3, 1, tzinfo=UTC)


def hive(*keys: Key) -> bytes:
    return regf(Key(name="ROOT", written=AT, keys=keys), file_name="SOFTWARE", sequence=41)


BEFORE = hive(Key(name="Run", written=AT))
AFTER = hive(Key(name="Run", written=AT, values=[w.binary("new", b"z" * 9000)]))


@pytest.mark.parametrize(
    ("content", "hashed"),
    [
        # vectors that the .NET runtime tests its own Marvin32 with, at seed 0x4FB61A001BDBCC
        (b"", 0x30ED35C100CD3C7D),
        (b"\xaf", 0x48E73FC77D75DDC1),
        (b"\xe7\x0f", 0xB5F6E1FC485DBFF8),
        (b"\x37\xf4\x95", 0xF0B07C789B8CF7E8),
        (b"\x86\x42\xdc\x59", 0x7008F2E87E9CF556),
    ],
)
def test_marvin32(content: bytes, hashed: int) -> None:
    assert marvin32(content, 0x004FB61A001BDBCC) == hashed


def test_the_hive_is_left_dirty_and_otherwise_as_it_was() -> None:
    primary, _ = unsaved(BEFORE, AFTER)
    assert struct.unpack_from("<II", primary, 4) == (42, 41)
    assert primary[4096:] == BEFORE[4096:]
    assert w.checked(primary[:508]) == primary[:512]


def test_the_entry_leads_from_one_state_to_the_other() -> None:
    primary, log = unsaved(BEFORE, AFTER)
    signature, size, _, sequence, length, pages = struct.unpack_from("<4sIIIII", log, 512)
    assert (signature, size + 512, sequence, length) == (b"HvLE", len(log), 41, len(AFTER) - 4096)
    bins = bytearray(primary[4096:].ljust(length, b"\x00"))
    place = 552 + 8 * pages
    for page in range(pages):
        start, count = struct.unpack_from("<II", log, 552 + 8 * page)
        bins[start : start + count] = log[place : place + count]
        place += count
    assert bytes(bins) == AFTER[4096:]


def test_the_entry_carries_the_hashes_of_its_pages_and_of_its_head() -> None:
    _, log = unsaved(BEFORE, AFTER)
    assert struct.unpack_from("<QQ", log, 536) == (marvin32(log[552:]), marvin32(log[512:544]))


def test_the_log_s_base_block_says_that_it_is_one() -> None:
    _, log = unsaved(BEFORE, AFTER)
    assert struct.unpack_from("<II", log, 4) == (41, 41)
    assert struct.unpack_from("<I", log, 28) == (6,)
    assert w.checked(log[:508]) == log[:512]
