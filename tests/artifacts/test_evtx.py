"""Event logs whole, open, cut and damaged: every record is given or missed aloud."""

import json
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.artifacts import evtx_json
from postvakt.estate.evtx_writer import CHUNK, FILE_HEADER, Event
from tests.artifacts.event_logs import (
    BEGIN,
    COMPUTER,
    TYPED,
    VALUES,
    log,
    logoffs,
    numbers,
    of_every_shape,
    patched,
    places,
    read,
    sealed,
    troubles,
)

LONG = log(logoffs(400))
COUNT = 400
PLACES = [at for chunk in range((len(LONG) - FILE_HEADER) // CHUNK) for at in places(LONG, chunk)]


def data(row: dict) -> list[tuple[str | None, str | None]]:
    return [(pair["name"], pair["value"]) for pair in row["EventData"]]


def test_what_every_event_has_is_typed() -> None:
    row = read(log(of_every_shape()))[0][0]
    assert row["time"] == BEGIN
    assert {name: row[name] for name in ("EventID", "Provider_Name", "Computer", "Level", "UserID")} == {
        "EventID": 10,
        "Provider_Name": "Postvakt-Test",
        "Computer": COMPUTER,
        "Level": 4,
        "UserID": "S-1-5-18",
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (1, [(None, "Set-OabVirtualDirectory"), (None, ""), (None, '-ExternalUrl "http://f/<b>"'),
             (None, "CORP\\EX01$"), ("Binary", None)]),
        (6013, [*[(None, "")] * 4, (None, "5188"), (None, "60"), (None, "-60 W. Europe Standard Time"),
                ("Binary", "0102")]),
        (1102, [("SubjectUserSid", "S-1-5-18"), ("SubjectUserName", "ana"), ("SubjectDomainName", "CORP"),
                ("SubjectLogonId", "0x3e7")]),
        (20, [("Part", "one"), ("Part", "two"), ("Other", "three")]),
        (22, [("Text", "text")]),
        (23, [("IdleState", "01"), ("PerfState", None)]),
        (24, [("Certificate.fileRef", "AB.cer"), ("Certificate.subjectName", "Example CA"),
              ("Certificate.fileRef", "CD.cer"), ("Certificate.subjectName", "Example Root"),
              ("Header", "Example CA"), ("Header", "Example Root"),
              ("Result.value", "0"), ("Result", "Example Root")]),
        (25, []),
    ],
)  # fmt: skip
def test_event_data_of_every_shape(event: int, expected: list[tuple[str | None, str | None]]) -> None:
    rows, gaps, _ = read(log(of_every_shape()))
    assert [data(row) for row in rows if row["EventID"] == event] == [expected]
    assert gaps == []


def test_values_are_written_as_windows_shows_them() -> None:
    assert data(read(log(of_every_shape()))[0][0]) == [
        ("Text", 'w3wp.exe <&"\'> é Ж 🦉 "x":'),
        ("Empty", ""),
        ("Absent", ""),
        ("Byte", "250"),
        ("Long", str(2**63 + 5)),
        ("Flag", "true"),
        ("Bytes", "0001FE"),
        ("Guid", "5770385F-C22A-43E0-BF4C-06F5698FFBD9"),
        ("Time", "2021-03-01T02:17:00.123456Z"),
        ("Sid", "S-1-5-21-1004-11-68-500"),
        ("Mask", "0x3e7"),
        ("Wide", "0xffffffff0000"),
        ("With Space", "a\\b"),
    ]


def test_a_whole_log_has_no_gap() -> None:
    assert (numbers(LONG), troubles(LONG)) == (list(range(1, COUNT + 1)), [])


def test_locators_are_where_the_records_lie() -> None:
    assert [row["locator"] for row in read(LONG)[0]] == PLACES


def test_a_log_that_was_open_is_read_like_one_that_was_closed() -> None:
    content = log(logoffs(COUNT), dirty=True)
    assert (numbers(content), troubles(content)) == (list(range(1, COUNT + 1)), [])


@pytest.mark.parametrize("cut", range(1, len(PLACES), 37))
def test_a_log_that_was_cut_gives_all_before_the_cut(cut: int) -> None:
    content = LONG[: PLACES[cut] + 11]
    assert numbers(content) == list(range(1, cut + 1))
    assert "truncated" in {why for why, _, _ in troubles(content)}


def test_zeros_for_a_chunk_are_lost_records() -> None:
    content = patched(LONG, FILE_HEADER, bytes(CHUNK))
    assert numbers(content) == list(range(len(places(LONG)) + 1, COUNT + 1))
    assert troubles(content) == [("lost", FILE_HEADER, 1)]


def test_garbage_for_a_chunk_is_told() -> None:
    content = patched(LONG, FILE_HEADER, b"\xa5" * CHUNK)
    assert numbers(content) == list(range(len(places(LONG)) + 1, COUNT + 1))
    assert ("unparsed", FILE_HEADER, 1) in troubles(content)


def test_a_chunk_alone_is_a_log() -> None:
    content = LONG[FILE_HEADER : FILE_HEADER + CHUNK]
    assert numbers(content) == list(range(1, len(places(LONG)) + 1))


def test_a_changed_byte_is_told_though_the_record_reads() -> None:
    at = LONG.index("user17".encode("utf-16-le"))
    content = patched(LONG, at, "X".encode("utf-16-le"))
    assert numbers(content) == list(range(1, COUNT + 1))
    assert [(why, at) for why, at, _ in troubles(content)] == [("conflict", FILE_HEADER)]
    assert troubles(sealed(content)) == []


def test_a_record_that_is_broken_costs_itself_alone() -> None:
    content = patched(LONG, PLACES[20] + 24, b"\xff" * 60)
    told = Counter({why: count for why, _, count in troubles(content)})
    assert numbers(content) == [number for number in range(1, COUNT + 1) if number != 21]
    assert told["unparsed"] == 1


@pytest.mark.parametrize("content", [b"", bytes(70_000), b"ElfFile\x00", b"ElfChnk\x00", b"\xff" * 9000])
def test_what_is_no_log_gives_a_gap(content: bytes) -> None:
    assert numbers(content) == []
    assert troubles(content)


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(
    members=st.lists(
        st.tuples(st.text('":\\a,{} ', max_size=3), st.text('":\\a,{} ', max_size=4)), max_size=4
    )
)
def test_names_are_never_counted_too_few(members: list[tuple[str, str]]) -> None:
    """A name that stands twice in an event is noticed by the count; no text may hide one."""
    told = ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in members)
    text = " " * evtx_json._SYSTEM_SIZE + evtx_json._DATA + told + "}}}"
    start = len(text) - len(told) - 3
    assert evtx_json._marks(text, start) >= len(members)
    assert evtx_json._names_after(text, evtx_json._DATA) in (-1, *range(len(members), 99))


def test_an_address_of_version_6_is_read_like_any_other() -> None:
    [row] = read(log([Event(BEGIN, TYPED, ("::1", *VALUES[1:]))]))[0]
    assert data(row)[0] == ("Text", "::1")


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    at=st.integers(0, 2 * CHUNK + FILE_HEADER - 1),
    damage=st.binary(min_size=1, max_size=64),
    cut=st.integers(FILE_HEADER, 2 * CHUNK + FILE_HEADER),
)
def test_no_damage_loses_a_record_in_silence(at: int, damage: bytes, cut: int) -> None:
    content = patched(LONG, at, damage)[:cut]
    rows, gaps, _ = read(content)
    assert len(rows) == COUNT or gaps
    assert {row["locator"] for row in rows} <= set(PLACES)
    assert all(abs(row["time"] - BEGIN) < timedelta(days=1) for row in rows if not gaps)
