"""Plain chunks are read by columns, and nothing tells it from what the library gives record by record."""

from datetime import timedelta
from pathlib import Path

import pytest

from postvakt.artifacts import evtx, evtx_columns
from postvakt.artifacts.evtx_layouts import Layouts
from postvakt.estate import binxml
from postvakt.estate.binxml import Element, Slot
from postvakt.estate.event_kinds import LOG_CLEARED, named
from postvakt.estate.evtx_writer import Event
from tests.artifacts import event_columns as both
from tests.artifacts.event_logs import (
    BARE,
    BEGIN,
    CALLED,
    CMDLET,
    COMPLEX,
    GUID,
    MIXED,
    NESTED,
    REPEATED,
    TYPED,
    UPTIME,
    VALUES,
    VERSION,
    kind,
    log,
    logoffs,
    of_every_shape,
    patched,
    places,
    read,
    sealed,
    texts,
)

PLAIN = (TYPED, CMDLET, VERSION, UPTIME, LOG_CLEARED, CALLED, BARE)
OTHERS = (REPEATED, MIXED, COMPLEX, NESTED)
NAMED = named("Postvakt-Test", GUID, 30, [("Text", binxml.STRING), ("Number", binxml.UINT32)])
BINARY_LAST = kind(
    31,
    Element("EventData", (), (*texts((None, 0)), Element("Binary", (), (Slot(1, binxml.BINARY),)))),
    binxml.STRINGS,
    binxml.BINARY,
)


def of(told: object, values: tuple[object, ...], count: int = 1) -> list[Event]:
    """Return events of one kind."""
    return [Event(BEGIN + timedelta(seconds=n), told, values, user="S-1-5-18") for n in range(count)]


def test_every_shape_has_one_way_that_is_certain() -> None:
    plain = {
        event.kind.event_id for event in of_every_shape() if both.by_columns(both.chunks(log([event])))[1]
    }
    assert plain == {kind.event_id for kind in PLAIN}
    assert {event.kind.event_id for event in of_every_shape()} - plain == {kind.event_id for kind in OTHERS}


@pytest.mark.parametrize("event", of_every_shape(), ids=lambda event: str(event.kind.event_id))
def test_both_ways_give_the_same(event: Event) -> None:
    columns, reader = both.both_ways(log([event] * 3))
    assert columns == reader
    assert len(columns[0]) == 3


@pytest.mark.parametrize(
    ("told", "values"),
    [
        (NAMED, ("", 0)),
        (NAMED, (None, None)),
        (NAMED, ("ends in a zero\0", 2**32 - 1)),
        (NAMED, ("cut\0here", 1)),
        (NAMED, ("\0", 1)),
        (NAMED, ("é", 1)),
        (NAMED, ("\x80\x7f", 1)),
        (NAMED, ("Ж🦉" * 400, 1)),
        (BINARY_LAST, ((), b"")),
        (BINARY_LAST, (("",), None)),
        (BINARY_LAST, (("", "a", "", "Ж"), b"\x00\xff")),
        (BINARY_LAST, (None, None)),
        (TYPED, (*VALUES[:3], None, None, None, None, None, None, None, None, None, None)),
        (TYPED, (*VALUES[:9], "S-1-0", 0, 0, "")),
    ],
)
def test_values_at_their_edges(told: object, values: tuple[object, ...]) -> None:
    content = log([*logoffs(3), *of(told, values), *logoffs(3)])
    batch, plain = both.by_columns(both.chunks(content))
    assert plain
    assert batch.equals(both.by_reader(plain))


def test_chunks_of_both_kinds_keep_their_order() -> None:
    events = [*logoffs(400), *of(REPEATED, ("one", "two", "three")), *logoffs(900)]
    content = log(events)
    found = both.chunks(content)
    _, plain = both.by_columns(found)
    assert 0 < len(plain) < len(found)
    columns, reader = both.both_ways(content)
    assert columns == reader
    assert [row["EventRecordID"] for row in columns[0]] == list(range(1, len(events) + 1))


def test_a_log_that_was_exported_keeps_both_numbers_of_its_records() -> None:
    content = log(logoffs(4))
    renumbered = content
    for number, at in enumerate(places(content), 7):
        renumbered = patched(renumbered, at + 8, number.to_bytes(8, "little"))
    columns, reader = both.both_ways(sealed(renumbered))
    assert columns == reader
    assert {"name": "header_EventRecordID", "value": "7"} in columns[0][0]["unmapped"]


def test_damage_is_told_all_the_same() -> None:
    content = log(logoffs(900))
    cut = content[: len(content) - 70_000]
    changed = patched(content, places(content, 2)[5] + 30, b"\xff")
    for damaged in (cut, changed, content + bytes(65536) + content[4096:], content[4096:]):
        columns, reader = both.both_ways(damaged)
        assert columns == reader
    assert read(changed)[1]


def test_a_definition_is_known_again_only_by_all_its_bytes_and_names() -> None:
    found = both.chunks(log(logoffs(400)))
    layouts = Layouts()
    content = found[0].content
    at = found[0].offsets[0] + 24 + 14
    number = layouts.number(content, at)
    assert number >= 0
    assert layouts.number(found[1].content, at) == number
    for place in range(at + 24, at + 600):
        other = patched(content, place, bytes([content[place] ^ 1]))
        assert Layouts().number(other, at) < 0 or layouts.found[layouts.number(other, at)] == layout_of(
            other, at
        )


def layout_of(content: bytes, at: int) -> object:
    """Return the layout of a definition, read afresh."""
    fresh = Layouts()
    return fresh.found[fresh.number(content, at)]


def test_no_file_makes_the_memory_of_definitions_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postvakt.artifacts.evtx_layouts.MOST_KNOWN", 3)
    columns = evtx_columns.Columns()
    for _ in range(4):
        columns.read(both.chunks(log(of_every_shape())))
        assert 0 < sum(map(len, columns._layouts._known.values())) <= 3


def test_a_file_without_plain_chunks_is_not_tried_to_its_end() -> None:
    content = log(of(REPEATED, ("x" * 900, "two", "three"), 12_000))
    assert len(both.chunks(content)) > 2 * evtx.RUN
    columns = evtx_columns.Columns()
    assert not columns.useless
    columns.read(both.chunks(content)[: evtx_columns.TRIED])
    assert columns.useless


def test_bent_chunks_give_the_same_rows_both_ways() -> None:
    held = both.subjects()
    plain = sum(both.one_round(held[seed % len(held)], seed) for seed in range(900))
    assert plain > 100


@pytest.mark.shared
def test_real_logs_give_the_same_rows_both_ways(shared_evidence: Path) -> None:
    tried = plain = 0
    for path in sorted((shared_evidence / "evtx").rglob("*.evtx")):
        found = both.chunks(path.read_bytes())
        for start in range(0, len(found), evtx.RUN):
            batch, some = both.by_columns(found[start : start + evtx.RUN])
            assert batch.equals(both.by_reader(some)), path.name
            tried += len(found[start : start + evtx.RUN])
            plain += len(some)
    assert plain > 0.8 * tried
