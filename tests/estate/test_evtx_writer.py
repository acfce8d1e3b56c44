"""Logs that our writer makes, read by two readers that others wrote: `evtx` (Rust) and libevtx."""

import itertools
import json
import struct
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyevtx
import pytest
from evtx import PyEvtxParser

from postvakt.estate import binxml, event_kinds
from postvakt.estate.evtx_writer import Event, Kind, Log, evtx

AT = datetime(2021, 3, 1, 2, 17, 0, 123456, tzinfo=UTC)
GUID = uuid.UUID("5770385f-c22a-43e0-bf4c-06f5698ffbd9")
TYPED = (
    # field, kind, value written, as `evtx` tells it, as libevtx tells it
    ("Text", binxml.STRING, "w3wp.exe <&\"'> é\u0416", "w3wp.exe <&\"'> é\u0416", "w3wp.exe <&\"'> é\u0416"),
    ("Empty", binxml.STRING, "", "", None),
    ("Byte", binxml.UINT8, 250, 250, "250"),
    ("Word", binxml.UINT16, 65000, 65000, "65000"),
    ("Number", binxml.UINT32, 4_000_000_000, 4_000_000_000, "4000000000"),
    ("Long", binxml.UINT64, 2**63 + 5, 2**63 + 5, str(2**63 + 5)),
    ("Flag", binxml.BOOLEAN, True, True, "true"),
    ("Bytes", binxml.BINARY, b"\x00\x01\xfe", "0001FE", "0001FE"),
    ("Guid", binxml.GUID, GUID, str(GUID).upper(), f"{{{str(GUID).upper()}}}"),
    ("Time", binxml.FILETIME, AT, "2021-03-01T02:17:00.123456Z", "2021-03-01T02:17:00.123456000Z"),
    ("Sid", binxml.SID, "S-1-5-21-1004-11-68-500", "S-1-5-21-1004-11-68-500", "S-1-5-21-1004-11-68-500"),
    ("Hex32", binxml.HEX32, 0x3E7, "0x3e7", "0x000003e7"),
    ("Hex64", binxml.HEX64, 0x3E7, "0x3e7", "0x00000000000003e7"),
)  # fmt: skip
NAMED = event_kinds.named("Postvakt-Test", GUID, 4624, [(name, kind) for name, kind, *_ in TYPED], task=12544)
CLASSIC = event_kinds.classic("MSExchange CmdletLogs", 1, qualifiers=16388, task=1)
CLEARED = event_kinds.LOG_CLEARED
TEXTS = ("Set-OabVirtualDirectory", "", '-ExternalUrl "http://f/<b>"', "CORP\\SRV$")
BIG = "x" * 20_000


def events(count: int) -> list[Event]:
    """Events of three shapes in turn, each a second after the one before."""
    shapes = (
        (NAMED, tuple(value for _, _, value, *_ in TYPED), "S-1-5-18"),
        (CLASSIC, (TEXTS, None), None),
        (CLEARED, ("S-1-5-18", "ana", "CORP", 0x3E7), "S-1-5-18"),
    )
    return [
        Event(AT + timedelta(seconds=n), kind, values, process=600 + n, thread=n, user=user)
        for n in range(count)
        for kind, values, user in [shapes[n % 3]]
    ]


def log(**options: object) -> Log:
    return Log(channel="Security", computer="srv-0001.corp.example", **options)  # type: ignore[arg-type]


def read_rust(path: Path) -> list[dict]:
    return [json.loads(record["data"])["Event"] for record in PyEvtxParser(str(path)).records_json()]


def read_libevtx(path: Path) -> list[tuple[int, datetime, str, str, list[str | None]]]:
    """Number, time, computer, provider and texts of each record, one at a time: its cache forgets."""
    file = pyevtx.open(str(path))
    assert not file.is_corrupted()
    assert file.get_number_of_recovered_records() == 0
    records = (file.get_record(number) for number in range(file.get_number_of_records()))
    return [
        (
            record.get_identifier(),
            record.get_written_time().replace(tzinfo=UTC),
            record.get_computer_name(),
            record.get_source_name(),
            [record.get_string(place) for place in range(record.get_number_of_strings())],
        )
        for record in records
    ]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of some chunks."""
    made = tmp_path_factory.mktemp("evtx") / "Security.evtx"
    made.write_bytes(evtx(log(), events(1000)))
    return made


def test_rust_reads_every_record_and_value(path: Path) -> None:
    expected = [
        {
            "named": {name: told for name, _, _, told, _ in TYPED},
            "classic": {"Data": {"#text": list(TEXTS)}, "Binary": None},
            "cleared": {
                "#attributes": {"xmlns": event_kinds.EVENTLOG_NAMESPACE},
                "SubjectUserSid": "S-1-5-18",
                "SubjectUserName": "ana",
                "SubjectDomainName": "CORP",
                "SubjectLogonId": "0x3e7",
            },
        }[("named", "classic", "cleared")[n % 3]]
        for n in range(1000)
    ]
    found = read_rust(path)
    assert [r.get("EventData") or r["UserData"]["LogFileCleared"] for r in found] == expected


def test_rust_reads_every_system_value(path: Path) -> None:
    found = [record["System"] for record in read_rust(path)]
    assert [s["EventRecordID"] for s in found] == list(range(1, 1001))
    assert [s["TimeCreated"]["#attributes"]["SystemTime"] for s in found] == [
        f"{AT + timedelta(seconds=n):%Y-%m-%dT%H:%M:%S.%f}Z" for n in range(1000)
    ]
    assert [s["Execution"]["#attributes"]["ProcessID"] for s in found] == list(range(600, 1600))
    assert {s["Channel"] for s in found} == {"Security"}
    assert {s["Computer"] for s in found} == {"srv-0001.corp.example"}
    assert found[0]["Provider"]["#attributes"] == {"Name": "Postvakt-Test", "Guid": f"{{{GUID}}}"}
    assert found[0]["Security"] == {"#attributes": {"UserID": "S-1-5-18"}}
    assert found[0]["Task"] == 12544
    assert found[1]["Provider"]["#attributes"] == {"Name": "MSExchange CmdletLogs"}
    assert found[1]["EventID"] == {"#attributes": {"Qualifiers": 16388}, "#text": 1}
    assert found[1]["Security"] is None


def test_libevtx_reads_every_record_and_value(path: Path) -> None:
    expected = [
        (
            [told for *_, told in TYPED],
            [text or None for text in TEXTS],
            ["S-1-5-18", "ana", "CORP", "0x00000000000003e7"],
        )[n % 3]
        for n in range(1000)
    ]
    providers = ("Postvakt-Test", "MSExchange CmdletLogs", "Microsoft-Windows-Eventlog")
    assert read_libevtx(path) == [
        (n + 1, AT + timedelta(seconds=n), "srv-0001.corp.example", providers[n % 3], texts)
        for n, texts in enumerate(expected)
    ]


def test_a_null_leaves_its_element_empty(tmp_path: Path) -> None:
    file = tmp_path / "a.evtx"
    file.write_bytes(evtx(log(), [Event(AT, NAMED, tuple(None for _ in TYPED))]))
    assert read_rust(file)[0]["EventData"] == {name: "" for name, *_ in TYPED}
    assert read_libevtx(file)[0][-1] == []


@pytest.mark.parametrize(
    ("count", "chunks"), [(0, 1), (1, 1), (30, 1), (1000, 5)], ids=["none", "one", "one chunk", "five chunks"]
)
def test_a_log_of_any_length(tmp_path: Path, count: int, chunks: int) -> None:
    file = tmp_path / "a.evtx"
    file.write_bytes(evtx(log(), events(count)))
    assert file.stat().st_size == 4096 + chunks * 65536
    assert len(read_rust(file)) == len(read_libevtx(file)) == count


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"first": 9000}, [9000, 9001, 9002, 9003]),
        ({"lost": frozenset({2, 3})}, [1, 4, 5, 6]),
        ({"dirty": True}, [1, 2, 3, 4]),
    ],
    ids=["begins later", "numbers lost", "left open"],
)
def test_options(tmp_path: Path, options: dict[str, object], numbers: list[int]) -> None:
    file = tmp_path / "a.evtx"
    file.write_bytes(evtx(log(**options), events(4)))
    assert [record["System"]["EventRecordID"] for record in read_rust(file)] == numbers
    assert [number for number, *_ in read_libevtx(file)] == numbers


def test_only_a_log_left_open_is_flagged() -> None:
    flags = [struct.unpack_from("<I", evtx(log(dirty=dirty), events(1)), 120)[0] for dirty in (False, True)]
    assert flags == [0, 1]


def test_checksums_of_file_and_chunks(path: Path) -> None:
    content = path.read_bytes()
    assert struct.unpack_from("<I", content, 124)[0] == zlib.crc32(content[:120])
    for start in range(4096, len(content), 65536):
        chunk = content[start : start + 65536]
        (free,) = struct.unpack_from("<I", chunk, 48)
        assert struct.unpack_from("<I", chunk, 52)[0] == zlib.crc32(chunk[512:free])
        assert struct.unpack_from("<I", chunk, 124)[0] == zlib.crc32(chunk[:120] + chunk[128:512])


def test_numbers_in_the_headers_of_file_and_chunks() -> None:
    content = evtx(log(first=11), events(1000))
    _, last, following = struct.unpack_from("<QQQ", content, 8)
    assert (last, following, struct.unpack_from("<H", content, 42)[0]) == (4, 1001, 5)
    spans = [struct.unpack_from("<QQQQ", content, 4096 + n * 65536 + 8) for n in range(5)]
    assert spans[0][0] == 1
    assert spans[-1][1] == 1000
    assert [b[0] - a[1] for a, b in itertools.pairwise(spans)] == [1, 1, 1, 1]
    assert [(low - 1 + 11, high - 1 + 11) for low, high, _, _ in spans] == [(a, b) for _, _, a, b in spans]


def test_a_text_that_fills_most_of_a_chunk(tmp_path: Path) -> None:
    file = tmp_path / "a.evtx"
    file.write_bytes(evtx(log(), [Event(AT, CLASSIC, ((BIG,), None)), Event(AT, CLASSIC, ((BIG,), None))]))
    assert [record["EventData"]["Data"]["#text"] for record in read_rust(file)] == [BIG, BIG]


def test_an_event_larger_than_a_chunk_is_refused() -> None:
    with pytest.raises(ValueError, match="event 1 may need"):
        evtx(log(), [Event(AT, CLASSIC, ((BIG, BIG), None))])


def test_the_same_events_give_the_same_bytes() -> None:
    assert evtx(log(), events(200)) == evtx(log(), events(200))


def test_a_kind_without_values_of_its_own() -> None:
    kind = Kind(provider="P", guid=None, event_id=7, payload=binxml.Element("EventData"), kinds=())
    assert evtx(log(), [Event(AT, kind, ())])[4096:4104] == b"ElfChnk\x00"
