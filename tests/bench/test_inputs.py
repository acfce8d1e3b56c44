"""Inputs of any size whose records are not the same again and again, and hives that other readers read."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import regrs
from bench import hive_inputs, inputs, varied
from evtx import PyEvtxParser

from postvakt.estate import event_kinds
from postvakt.estate.evtx_writer import Event, Log, evtx

BEGUN = datetime(2021, 3, 2, tzinfo=UTC)
COPIES = 4


def log() -> bytes:
    """A log of one chunk: services that change and programs that start."""
    events = []
    for number in range(20):
        time = BEGUN + timedelta(seconds=number)
        events.append(Event(time, event_kinds.SERVICE_STATE, ("Windows Update", "running", b"")))
        found = ("S-1-5-18", "SRV$", "CORP", 0x3E7, 0x1234, "C:\\Windows\\System32\\net.exe", "%%1936", 0x555,
                 "net user 192.0.2.10 4711", "S-1-0-0", "-", "-", 0, "C:\\x.exe", "S-1-16-16384")  # fmt: skip
        events.append(Event(time, event_kinds.AUDITED_PROCESS, found))
    return evtx(Log(channel="Security", computer="srv.corp.example", first=5_000), events)


def records(content: bytes, path: Path) -> list[tuple[int, dict[str, Any]]]:
    path.write_bytes(content)
    read = PyEvtxParser(str(path), validate_checksums=True).records_json()
    return [(one["event_record_id"], json.loads(one["data"])["Event"]) for one in read]


def test_copies_of_events_differ_and_stay_events(tmp_path: Path) -> None:
    original = records(log(), tmp_path / "original.evtx")
    made = b"".join(varied.events([log()], COPIES * varied.CHUNK, 1))
    copied = records(made, tmp_path / "copied.evtx")
    assert [number for number, _ in copied] == list(range(1, COPIES * len(original) + 1))
    assert [event["System"]["EventRecordID"] for _, event in copied] == [number for number, _ in copied]
    wanted = Counter(str(event["System"]["EventID"]) for _, event in original)
    assert Counter(str(event["System"]["EventID"]) for _, event in copied) == {
        k: v * COPIES for k, v in wanted.items()
    }
    started = [event["EventData"] for _, event in copied if "CommandLine" in str(event)]
    assert {data["CommandLine"] for data in started} == {"net user 192.0.2.10 4711"}
    assert len({data["NewProcessId"] for data in started}) > 0.9 * len(started)
    times = {str(event["System"]["TimeCreated"]) for _, event in copied}
    assert len(times) == COPIES * 20


def test_long_digits_of_texts_change_and_short_ones_do_not() -> None:
    text = "a7f39c12 net1.exe 8080 {12345678-0000}".encode("utf-16-le")
    found = [match.group().decode("utf-16-le") for match in varied.LONG.finditer(text)]
    assert found == ["a7f39c12", "12345678"]


def test_copies_of_rows_differ_and_keep_their_columns() -> None:
    row = b"2021-03-02 10:11:12 192.0.2.10 GET /owa/ &cafeReqId=9b813452-5f3f-0906-b7bf-3003ccba22d8; 443 - 200 15\r\n"
    content = b"#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username sc-status time-taken\r\n"
    made = b"".join(varied.text([content + row], 20_000, 1))
    lines = made.splitlines(keepends=True)
    assert len(made) <= 20_000
    assert sum(line.startswith(b"#") for line in lines) == 1
    assert {len(line.split(b" ")) for line in lines[1:]} == {10}
    assert len(set(lines)) == len(lines)
    assert all(
        line.startswith(b"2021-03-02 10:11:1") and line.endswith(b" 443 - 200 15\r\n") for line in lines[1:]
    )


def test_a_hive_has_as_many_values_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "SOFTWARE"
    path.write_bytes(hive_inputs.software(500, 3))
    waiting, found = [regrs.Hive.open(str(path)).root_key()], []
    while waiting:
        key = waiting.pop()
        found += [(key.name(), value.name(), value.raw_data()) for value in key.values()]
        waiting += key.subkeys()
    assert len(set(found)) == 500
    assert hive_inputs.software(500, 3) != hive_inputs.software(500, 4)


def test_an_input_that_somebody_removed_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def write(folder: Path, size: int, samples: str) -> None:
        calls.append((size, samples))
        folder.mkdir()

    monkeypatch.setattr(inputs, "OUT", tmp_path)
    monkeypatch.setitem(inputs.WRITERS, "logs", write)
    folder = inputs.written("logs", 7)
    assert (inputs.written("logs", 7), calls) == (folder, [(7, "")])
    folder.rmdir()
    assert inputs.written("logs", 7) == folder
    assert folder.is_dir()
    assert calls == [(7, ""), (7, "")]
