"""Master file tables whole, cut and damaged: every entry is given or missed aloud."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.artifacts.ntfs import mft, tree
from postvakt.artifacts.ntfs.record import decode
from postvakt.artifacts.ntfs.tree import MOST_DEPTH
from postvakt.estate import mft_writer
from postvakt.estate.mft_writer import RECORD, Name, Node, Times, same
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from tests.artifacts.ntfs_exhibits import CLIENT, FORMATTED, ROOT, WRITTEN, ZONE, file, folder, nodes
from tests.artifacts.sources import alone, pieces

SITE = "c:/inetpub/wwwroot/aspnet_client"
WHOLE = mft_writer.mft(nodes(), begun=FORMATTED)
SECOND = timedelta(seconds=1)


def read(content: bytes, path: str = "C/$MFT") -> tuple[list[dict[str, Any]], list[Gap]]:
    rows, gaps, _ = pieces(mft.READER, alone(content, path))
    return rows["mft_entry"], gaps


def table(*made: Node) -> bytes:
    return mft_writer.mft([folder(24, "inetpub", ROOT), *made], begun=FORMATTED)


def row(content: bytes, entry: int) -> dict[str, Any]:
    return next(row for row in read(content)[0] if row["entry"] == entry)


def patched(at: int, piece: bytes) -> bytes:
    return WHOLE[:at] + piece + WHOLE[at + len(piece) :]


@pytest.mark.parametrize(
    ("entry", "path", "in_use"),
    [
        (0, "c:/$mft", True),
        (5, "c:/", True),
        (CLIENT, SITE, True),
        (27, f"{SITE}/upload", False),
        (28, f"{SITE}/discover.aspx", False),
        (32, f"{SITE}/upload/in-a-deleted-folder.aspx", False),
        (33, f"{SITE}/long name ж.aspx", True),
        (34, "c:/(orphan)/whose folder is another's.txt", True),
        (35, "c:/inetpub/in a further record.edb", True),
    ],
)
def test_paths_are_rebuilt_from_parents(entry: int, path: str, in_use: bool) -> None:
    told = row(WHOLE, entry)
    assert (told["path"], told["in_use"], told["locator"]) == (path, in_use, entry * RECORD)


def test_a_whole_table_has_no_gap() -> None:
    rows, gaps = read(WHOLE)
    assert ([row["entry"] for row in rows], gaps) == ([0, 5, *range(24, 36), 38], [])


def test_what_lies_beside_the_name_is_told() -> None:
    told = row(WHOLE, 31)
    assert (told["streams"], told["zone_identifier"], told["size"]) == (
        ["Zone.Identifier"],
        ZONE.decode(),
        90_000,
    )
    assert row(WHOLE, 28)["resident"] == "<%@ Page %> a page"
    assert row(WHOLE, 30)["resident"] == "<%@ é %>"
    assert row(WHOLE, 29)["resident"] is None
    assert row(WHOLE, 33)["other_paths"] == [f"{SITE}/longna~1.asp", "c:/inetpub/wwwroot/second.aspx"]


@pytest.mark.parametrize(
    ("created", "named", "verdict"),
    [
        (WRITTEN, WRITTEN, False),
        (WRITTEN - SECOND, WRITTEN, False),
        (WRITTEN - SECOND * 1.000001, WRITTEN, True),
        (WRITTEN + SECOND, WRITTEN, False),
        (WRITTEN.replace(microsecond=0), WRITTEN, True),
        ((WRITTEN + SECOND).replace(microsecond=0), WRITTEN, True),
        (WRITTEN.replace(microsecond=0), WRITTEN.replace(microsecond=0), False),
    ],
)
def test_timestomped(created: Any, named: Any, verdict: bool) -> None:
    times = Times(created, WRITTEN, WRITTEN, WRITTEN)
    name = Name(text="a.aspx", parent=ROOT, parent_sequence=ROOT, times=same(named))
    told = row(table(Node(entry=25, names=(name,), times=times)), 25)
    assert (told["timestomped"], told["time"], told["si_created"]) == (verdict, named, created)


def test_timestomped_is_not_known_where_one_set_of_times_is_missing() -> None:
    assert row(WHOLE, 38)["timestomped"] is None


@pytest.mark.parametrize(
    ("member", "drive"),
    [
        (Member(evidence="e", path="x/$MFT", size=0, windows_path="d:/$mft"), "d:"),
        (Member(evidence="e", path="ex01/D_$MFT", size=0), "d:"),
        (Member(evidence="e", path="ex01/E%3A/%24MFT", size=0), "e:"),
        (Member(evidence="e", path="ex01/$MFT", size=0), ""),
        (Member(evidence="e", path="MFT.bin", size=0), ""),
    ],
)
def test_the_drive_is_told_by_the_place(member: Member, drive: str) -> None:
    assert mft.drive_of(member) == drive


@pytest.mark.parametrize("of", [0, 7])
def test_a_further_record_of_a_file_that_is_gone_is_a_row_of_its_own(of: int) -> None:
    name = Name(text="left.txt", parent=24, times=same(WRITTEN))
    told = row(table(file(25, "other.txt", 24), Node(entry=26, names=(name,), base=25, base_sequence=of)), 26)
    assert told["path"] == "c:/inetpub/left.txt"


@pytest.mark.parametrize(("in_use", "sequence"), [(True, 4), (False, 4), (False, 5)])
def test_a_further_record_is_part_of_its_file(in_use: bool, sequence: int) -> None:
    base = Node(entry=25, times=same(WRITTEN), in_use=in_use, sequence=sequence)
    name = Name(text="in it.txt", parent=24, times=same(WRITTEN))
    rows, _ = read(table(base, Node(entry=26, names=(name,), base=25, base_sequence=4, in_use=in_use)))
    assert [(told["entry"], told["name"]) for told in rows[3:]] == [(25, "in it.txt")]


@pytest.mark.parametrize(
    ("in_use", "sequence", "path"),
    [
        (True, 1, "c:/gone/a.txt"),
        (True, 2, "c:/(orphan)/a.txt"),
        (False, 1, "c:/gone/a.txt"),
        (False, 2, "c:/gone/a.txt"),
        (False, 3, "c:/(orphan)/a.txt"),
    ],
)
def test_a_directory_is_known_by_its_sequence_number(in_use: bool, sequence: int, path: str) -> None:
    made = table(folder(25, "gone", ROOT, in_use=in_use, sequence=sequence), file(26, "a.txt", 25))
    assert row(made, 26)["path"] == path


def test_a_stream_s_length_stands_at_its_first_cluster() -> None:
    record = WHOLE[29 * RECORD : 30 * RECORD]
    at = record.rindex((2303).to_bytes(8, "little")) - 56
    assert row(WHOLE, 29)["size"] == 2303
    assert row(patched(29 * RECORD + at + 16, b"\x09"), 29)["size"] is None


def test_directories_in_a_circle_end() -> None:
    told = row(table(folder(25, "a", 26), folder(26, "b", 25), file(27, "c.txt", 25)), 27)
    assert told["path"].startswith("c:/(orphan)/")
    assert told["path"].count("/") < MOST_DEPTH + 9


@pytest.mark.parametrize(
    ("content", "lost", "why", "at"),
    [
        (patched(28 * RECORD, bytes(RECORD)), {28}, "lost", 28),
        (patched(28 * RECORD, b"\xa5" * RECORD), {28}, "unparsed", 28),
        (patched(28 * RECORD, b"BAAD"), set(), "conflict", 28),
        (patched(28 * RECORD + 510, b"\xa5\xa5"), set(), "conflict", 28),
        (patched(28 * RECORD + 1022, b"\xa5\xa5"), set(), "conflict", 28),
        (patched(28 * RECORD + 0x38, b"\x11"), set(), "unparsed", 28),
        (patched(28 * RECORD + 0x38 + 4, b"\xff\xff"), set(), "unparsed", 28),
        (patched(0, bytes(RECORD)), {0}, "lost", 0),
        (WHOLE[: 30 * RECORD], set(range(30, 39)), "truncated", 30),
        (WHOLE[: 30 * RECORD + 77], set(range(30, 39)), "truncated", 30),
    ],
)
def test_damage_costs_the_record_it_is_in(
    content: bytes, lost: set[int], why: str | None, at: int | None
) -> None:
    rows, gaps = read(content)
    assert {row["entry"] for row in read(WHOLE)[0]} - {row["entry"] for row in rows} == lost - {36, 37}
    assert (why, at * RECORD) in {(gap.why, gap.locator) for gap in gaps}


def test_records_know_their_number_where_the_ones_before_them_are_missing() -> None:
    rows, gaps = read(WHOLE[24 * RECORD :])
    theirs = [row for row in read(WHOLE)[0] if row["entry"] >= 24]
    assert [(row["entry"], row["path"]) for row in rows] == [(row["entry"], row["path"]) for row in theirs]
    assert [row["locator"] for row in rows] == [row["locator"] - 24 * RECORD for row in theirs]
    assert [(gap.why, gap.locator, gap.count) for gap in gaps] == [("conflict", 0, len(rows))]


def test_a_record_out_of_its_place_takes_no_other_s() -> None:
    stray = patched(27 * RECORD + 0x2C, bytes([CLIENT]))
    assert row(stray, 28)["path"] == f"{SITE}/discover.aspx"


def test_directories_past_the_bound_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_ENTRIES", 27)
    rows, gaps = read(WHOLE)
    assert [row["path"] for row in rows if row["entry"] == 32] == ["c:/(orphan)/in-a-deleted-folder.aspx"]
    assert [(gap.why, gap.locator) for gap in gaps] == [("limited", 27 * RECORD)]


def test_a_new_volume_has_entries_without_a_byte() -> None:
    assert read(patched(16 * RECORD, bytes(8 * RECORD)))[1] == []


@pytest.mark.parametrize("content", [b"", bytes(70_000), b"FILE0\x00", b"\xff" * 9000])
def test_what_is_no_table_gives_a_gap(content: bytes) -> None:
    rows, gaps = read(content)
    assert (rows, bool(gaps)) == ([], True)


def test_records_of_4096_bytes_are_read() -> None:
    wide = bytearray(4096)
    narrow = decode_ready(28)
    wide[: len(narrow)] = narrow
    wide[4:8] = (0x30).to_bytes(2, "little") + (9).to_bytes(2, "little")
    wide[28:32] = (4096).to_bytes(4, "little")
    attributes = wide[0x38:0x300]
    wide[0x48 : 0x48 + len(attributes)] = attributes
    wide[20:22] = (0x48).to_bytes(2, "little")
    wide[0x2C:0x48] = bytes(28)
    [told], gaps = read(bytes(wide))
    assert (told["name"], told["path"], gaps) == ("Discover.aspx", "c:/(orphan)/discover.aspx", [])


def decode_ready(entry: int) -> bytes:
    """A record whose sectors' ends are put right."""
    record = bytearray(WHOLE[entry * RECORD : (entry + 1) * RECORD])
    for sector in range(2):
        record[sector * 512 + 510 : sector * 512 + 512] = record[0x32 + 2 * sector : 0x34 + 2 * sector]
    assert decode(bytes(record), entry).wrong == ""
    return bytes(record)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    at=st.integers(0, len(WHOLE) - 1),
    damage=st.binary(min_size=1, max_size=60),
    cut=st.integers(0, len(WHOLE)),
)
def test_only_rows_and_gaps_come_of_damage(at: int, damage: bytes, cut: int) -> None:
    content = patched(at, damage)[:cut]
    rows, gaps = read(content)
    counted = Counter(row["locator"] // RECORD for row in rows)
    assert set(counted.values()) <= {1}
    hit = {(at + offset) // RECORD for offset in range(len(damage))}
    untouched = {row["entry"] for row in read(WHOLE)[0] if (row["entry"] + 1) * RECORD <= cut} - hit - {35}
    assert untouched <= set(counted)
    assert rows or gaps
