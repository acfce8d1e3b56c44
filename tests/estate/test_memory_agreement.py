"""The comparer of other engines' answers: what agrees, what lacks, what is too much, what was never answered."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest
from bench import memory_agreement as agreement

from postvakt.estate.memory.description import Driver, Endpoint, Machine, Process, Region
from postvakt.estate.memory.image import build
from postvakt.estate.memory.truth import MemoryTruth, told

AT = datetime(2021, 3, 2, 3, 0, tzinfo=UTC)


@cache
def truth(number: int = 14393) -> MemoryTruth:
    region = Region(name="injected", pages=(b"MZ",), protection="rwx")
    worker = Process(
        pid=8,
        parent=4,
        name="w3wp.exe",
        path="C:\\w3wp.exe",
        line="w3wp.exe -ap",
        created=AT,
        regions=(region,),
    )
    hidden = msgspec.structs.replace(worker, pid=12, listed=False, regions=())
    far = Endpoint(pid=8, local="192.0.2.1", port=50000, remote="203.0.113.7", remote_port=443, created=AT)
    system = Process(pid=4, parent=0, name="System", created=AT)
    driver = Driver("\\SystemRoot\\System32\\drivers\\tcpip.sys")
    machine = Machine(
        build=number,
        host="EX01",
        taken=AT,
        processes=(system, worker, hidden),
        endpoints=(far,) if number != 26100 else (),
        drivers=(driver,),
    )
    return told(build(machine))


SYSTEM = {"PID": 4, "PPID": 0, "ImageFileName": "System"}
WORKER = {"PID": 8, "PPID": 4, "ImageFileName": "w3wp.exe"}
HIDDEN = {"PID": 12, "PPID": 4, "ImageFileName": "w3wp.exe"}
LINE = {"PID": 8, "Args": "w3wp.exe -ap"}
NO_LINE = {"PID": 4, "Args": "-"}
FAR = {"PID": 8, "Proto": "TCPv4", "LocalAddr": "192.0.2.1", "LocalPort": 50000, "ForeignPort": 443}
TCPIP = {"Name": "tcpip.sys", "Path": "\\SystemRoot\\System32\\drivers\\tcpip.sys"}
KERNEL = {"Name": "ntoskrnl.exe", "Path": "\\SystemRoot\\system32\\ntoskrnl.exe"}


@pytest.mark.parametrize(
    ("question", "name", "rows", "said"),
    [
        ("listed", "windows.pslist", [SYSTEM, WORKER], "2/2"),
        ("listed", "windows.pslist", [SYSTEM], "1/2"),
        ("listed", "windows.pslist", [SYSTEM, WORKER, HIDDEN], "2/2 +1"),
        ("pooled", "windows.psscan", [SYSTEM, WORKER, HIDDEN], "3/3"),
        ("lines", "windows.cmdline", [LINE, NO_LINE], "1/1"),
        ("lines", "windows.cmdline", [{"PID": 8, "Args": "other"}], "0/1 +1"),
        ("connections", "windows.netscan", [FAR], "1/1"),
        ("connections", "windows.netscan", [{**FAR, "PID": 4}], "0/1 +1"),
        ("drivers", "windows.modules", [KERNEL, TCPIP], "1/1"),
    ],
)
def test_answers_are_counted(
    tmp_path: Path, question: str, name: str, rows: list[dict[str, object]], said: str
) -> None:
    (tmp_path / f"{name}.jsonl").write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows))
    compared = dict(agreement.compared(agreement.planted(truth()), agreement.answers(tmp_path)))
    assert compared[question] == said
    assert compared["modules"] == "no answer"


def test_a_region_that_may_run_is_two_answers(tmp_path: Path) -> None:
    start = next(one.start for one in truth().regions if one.name == "injected")
    row = {"PID": 8, "Start VPN": start, "End VPN": start + 0xFFF, "PrivateMemory": 1}
    for word, runs in (("PAGE_EXECUTE_READWRITE", "1/1"), ("PAGE_READWRITE", "0/1")):
        (tmp_path / "windows.vadinfo.jsonl").write_text(json.dumps({**row, "Protection": word}))
        compared = dict(agreement.compared(agreement.planted(truth()), agreement.answers(tmp_path)))
        assert compared["runs"] == runs


def test_what_an_engine_said_instead_of_an_answer_is_none(tmp_path: Path) -> None:
    (tmp_path / "windows.pslist.jsonl").write_text("Unsatisfied requirement plugins.PsList.kernel\n")
    assert agreement.answers(tmp_path) == {}


def test_a_build_is_not_asked_what_nobody_knows_of_it() -> None:
    planted = agreement.planted(truth(26100))
    assert not {"regions", "runs", "connections"} & set(planted)
    assert dict(agreement.compared(planted, {}))["runs"] == "nothing planted"


def test_a_file_of_rows_by_question_is_read_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = {name: sorted(rows) for name, rows in agreement.planted(truth()).items()}
    (tmp_path / "truth.json").write_bytes(msgspec.json.encode(truth()))
    (tmp_path / "own.json").write_text(json.dumps(right))
    assert agreement.main([str(tmp_path / "truth.json"), str(tmp_path / "own.json")]) == 0
    (tmp_path / "less.json").write_text(json.dumps({**right, "pooled": right["pooled"][1:]}))
    assert agreement.main([str(tmp_path / "truth.json"), str(tmp_path / "less.json")]) == 1
    assert "pooled 2/3" in capsys.readouterr().out
