"""MemProcFS as a second reader: what its child tells as rows, and what is said where it tells too little.

A stand-in with the engine's interface plays what the built images have not (handles, services, keys, event logs) and
what the real engine does when it fails; the real one is asked in `test_memprocfs_real`.
"""

import json
import os
import shutil
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from postvakt.memory import memprocfs, memprocfs_child
from postvakt.memory.memprocfs_lines import Failed, Missed
from postvakt.memory.memprocfs_registry import OF_INTEREST, Wanted, shown, values
from postvakt.model.gap import Gap
from postvakt.tables.rows import Rows
from tests.memory import standin
from tests.memory.hostile import Fed

STANDIN = Path(__file__).with_name("standin.py")
OURS = frozenset((4, 8, 12))

Told = tuple[dict[str, list[dict[str, Any]]], list[Gap]]


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "engine"
    folder.mkdir()
    shutil.copy(STANDIN, folder / "memprocfs.py")
    monkeypatch.syspath_prepend(str(folder))
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *([before] if before else [])]))
    path = tmp_path / "image.raw"
    path.write_bytes(bytes(4096))
    return path


def told(image: Path, **given: Any) -> Told:
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    gaps = []
    for piece in memprocfs.read(image, **{"pids": OURS, "build": 17763, **given}):
        if isinstance(piece, Rows):
            piece.batch.validate(full=True)
            rows[piece.spec.name] += piece.batch.to_pylist()
        else:
            assert isinstance(piece, Gap)
            gaps.append(piece)
    return rows, gaps


def one(rows: list[dict[str, Any]], **asked: Any) -> dict[str, Any]:
    (found,) = [row for row in rows if all(row[name] == value for name, value in asked.items())]
    return found


def test_everything_it_tells_is_rows_of_its_own_tier(image: Path) -> None:
    rows, gaps = told(image)
    assert set(rows) == {spec.name for spec in memprocfs.TABLES}
    assert {row["tier"] for some in rows.values() for row in some} == {"memprocfs"}
    assert [gap.detail for gap in gaps] == [
        "MemProcFS 5.19.0: event logs in the file cache are named and not read: ../Security.evtx; mount the image with"
        " MemProcFS, copy the .evtx files from its folder sys/eventlog/eventlog_repaired and hand them in with the rest"
    ]


def test_processes(image: Path) -> None:
    rows, _ = told(image, offset=lambda physical: physical + 32)
    shell = one(rows["mem_process"], ProcessId=12)
    assert (shell["Image"], shell["CommandLine"], shell["Computer"]) == (
        "C:\\Windows\\System32\\cmd.exe",
        "cmd.exe -ap",
        "EX01",
    )
    assert shell["ParentImage"] == "C:\\Windows\\System32\\w3wp.exe"
    assert shell["created"].isoformat() == "2021-03-02T02:00:00+00:00"
    assert (shell["confidence"], shell["locator"]) == ("high", shell["physical"] + 32)


def test_modules_connections_handles_services(image: Path) -> None:
    rows, _ = told(image)
    module = one(rows["mem_module"], ProcessId=8)
    assert (module["ImageLoaded"], module["flags"], module["kernel"]) == (
        "C:\\Temp\\evil.dll",
        ["not-system32"],
        False,
    )
    far = one(rows["mem_netconn"], Protocol="tcp")
    assert (far["DestinationIp"], far["DestinationPort"], far["state"]) == ("203.0.113.7", 443, "ESTABLISHED")
    port = one(rows["mem_netconn"], Protocol="udp")
    assert (port["SourceIp"], port["DestinationIp"], port["DestinationPort"]) == ("0.0.0.0", None, None)
    handle = one(rows["mem_handle"], ProcessId=8)
    assert (handle["type"], handle["object"], handle["Image"]) == (
        "File",
        "\\Windows\\Temp\\lsass.dmp",
        "C:\\Windows\\System32\\w3wp.exe",
    )
    service = one(rows["mem_service"], service="MSExchangeIS")
    assert (service["state"], service["starts"], service["type"]) == (
        "RUNNING",
        "AUTO",
        "OWN_PROCESS INTERACTIVE",
    )
    assert service["CommandLine"] == '"C:\\store.exe" -s'


def test_registry_values_of_the_control_set_in_use_and_no_secret(image: Path) -> None:
    rows, _ = told(image)
    told_of = {row["TargetObject"]: row["Details"] for row in rows["mem_registry"]}
    assert told_of["HKLM\\SYSTEM\\ControlSet002\\Services\\evil\\ImagePath"] == "C:\\evil.exe"
    run = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Run"
    assert told_of[f"{run}\\(Default)"] == "a; b"
    assert told_of[f"{run}\\odd"] == "ff" * 256
    assert not [name for name in told_of if "ecret" in name]
    assert not [one for one in OF_INTEREST if one.path.upper().startswith(("HKLM\\SECURITY", "HKLM\\SAM"))]


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (4, b"\x01\0\0\0", "1"),
        (4, b"\x01", "01"),
        (11, b"\0" * 7 + b"\x01", str(1 << 56)),
        (1, b"a\0b", "a\ufffd"),
    ],
)
def test_values_as_text(kind: int, data: bytes, text: str) -> None:
    assert shown(kind, data) == text


def test_event_logs_are_written_whole_under_names_of_ours(image: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    _, gaps = told(image, logs=logs)
    assert [path.name for path in logs.iterdir()] == ["000-.._Security.evtx"]
    assert (logs / "000-.._Security.evtx").stat().st_size == 8 + 256 * 8192
    assert gaps == []


@pytest.mark.parametrize(
    ("mode", "why", "words"),
    [
        ("refuses", "unreadable", "it does not open the image (TypeError: Vmm.init(): Initialization"),
        ("no build", "unsupported", "does not tell which Windows"),
        ("none", "lost", "it finds no process"),
        ("dies", "crashed", "it died of signal 11"),
        ("eats", "unreadable", "MemoryError"),
    ],
)
def test_an_engine_that_fails_the_check_is_not_used(
    mode: str, why: str, words: str, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", mode)
    rows, (gap,) = told(image, limits=memprocfs.Limits(memory=1 << 30))
    assert not rows
    assert gap.why == why
    assert words in gap.detail
    assert gap.detail.endswith("nothing of it is used")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"build": 20348}, "it takes this for build 17763, and our own reader for 20348"),
        ({"pids": frozenset((4, 100, 104))}, "of its 2 processes our own reader, which finds 2, knows 0"),
    ],
)
def test_an_engine_that_contradicts_our_own_reader_is_not_used(
    given: dict[str, Any], words: str, image: Path
) -> None:
    rows, (gap,) = told(image, **given)
    assert not rows
    assert gap.why == "conflict"
    assert words in gap.detail


def test_without_processes_of_ours_its_rows_are_told_unchecked(image: Path) -> None:
    rows, gaps = told(image, pids=frozenset(), build=0)
    assert {row["confidence"] for row in rows["mem_process"]} == {"low"}
    assert "unchecked" in gaps[0].detail


def test_an_engine_that_hangs_is_ended(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "hangs")
    begun = time.monotonic()
    rows, (gap,) = told(image, limits=memprocfs.Limits(seconds=1.0))
    assert time.monotonic() - begun < 10
    assert not rows
    assert (gap.why, "not done after 1 s" in gap.detail) == ("timed-out", True)


def test_what_was_told_before_an_engine_died_is_used(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "dies late")
    rows, gaps = told(image)
    assert len(rows["mem_process"]) == 3
    assert rows["mem_service"]
    assert gaps[-1].detail == "MemProcFS 5.19.0: it died of signal 11; what it told before is used"


def test_a_part_that_fails_is_named_and_the_rest_is_told(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "parts fail")
    rows, gaps = told(image)
    assert rows["mem_module"]
    assert rows["mem_registry"]
    said = " ".join(gap.detail for gap in gaps)
    assert "gives no connections: RuntimeError" in said
    assert "gives no services: RuntimeError" in said
    assert "finds no handles in this image" in said


def test_keys_and_values_that_cannot_be_read_are_counted(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODE", "keys fail")
    rows, gaps = told(image)
    services = "HKLM\\SYSTEM\\ControlSet002\\Services"
    assert f"{services}\\evil\\Type" in {row["TargetObject"] for row in rows["mem_registry"]}
    said = {gap.detail.partition(": ")[2]: gap.count for gap in gaps if "registry" in gap.detail}
    # Of all keys asked for these (and one below the first) are listed where they should stand; others are not there.
    assert said == {
        f"3 keys that were asked for could not be read, the first: {services}\\worse": 3,
        f"1 values could not be read, the first: {services}\\evil\\Start": 1,
    }


def test_keys_of_a_hive_that_is_not_in_memory_are_counted() -> None:
    missed = Missed("registry values")
    assert list(values(SimpleNamespace(reg_key=standin.key), OF_INTEREST, missed))
    assert list(missed.lines()) == []

    def software(path: str) -> Any:
        if path.startswith("HKLM\\SOFTWARE"):
            raise RuntimeError("Vmm.reg_key(): Failed.")
        return standin.key(path)

    list(values(SimpleNamespace(reg_key=software), OF_INTEREST, missed))
    asked = [one for one in OF_INTEREST if one.path.startswith("HKLM\\SOFTWARE")]
    (line,) = missed.lines()
    assert (line.count, line.why, line.first) == (
        len(asked),
        "keys that were asked for could not be read",
        asked[0].path,
    )


def test_subkeys_and_values_past_the_most_are_counted() -> None:
    some = [SimpleNamespace(name=f"k{place}", type=4, value=b"\1\0\0\0") for place in range(5010)]
    key = SimpleNamespace(subkeys=lambda: some, values=lambda: some[:1003], time_int=0)
    missed = Missed("registry values")
    list(values(SimpleNamespace(reg_key=lambda _: key), [Wanted("HKLM\\SYSTEM\\a", below=True)], missed))
    over, cut = missed.lines()
    assert (cut.count, "subkeys past the first 5000" in cut.why) == (10, True)
    # The key that names the control set in use is one of those that were cut.
    assert (over.count, "values past the first 1000" in over.why) == (5001 * 3, True)


def test_a_control_set_that_is_only_presumed_is_told() -> None:
    above = SimpleNamespace(subkeys=lambda: [SimpleNamespace(name="Select")], values=list, time_int=0)

    def engine(path: str) -> Any:
        if path.endswith("\\Select"):
            raise RuntimeError("Vmm.reg_key(): Failed.")
        return above

    missed = Missed("registry values")
    list(values(SimpleNamespace(reg_key=engine), [], missed))
    (line,) = missed.lines()
    assert (line.count, line.first) == (1, "HKLM\\SYSTEM\\Select")


@pytest.mark.parametrize("part", ["MODULES", "HANDLES", "LOGS", "PROCESSES", "VARIABLES"])
def test_lists_that_are_cut_are_counted(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memprocfs_child, f"MOST_{part}", 0 if part == "LOGS" else 1)
    engine = standin.Vmm(["-disable-symbolserver", "-disable-yara"])
    (line,) = [line for line in memprocfs_child.told(engine, None) if isinstance(line, Failed) and line.count]
    assert line.part == {"LOGS": "event logs", "VARIABLES": "processes"}.get(part, part.lower())
    assert line.count == {"LOGS": 1, "VARIABLES": 3}.get(part, 2)


def test_long_texts_are_cut(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "long")
    rows, _ = told(image)
    assert len(rows["mem_process"][0]["CommandLine"]) == 32_768


def fed(image: Path, *told_lines: dict[str, Any] | bytes, first: bool = True) -> Told:
    """Return what is read of lines that no child told. `first` puts what a good one begins with before them."""
    good = [{"line": "opened", "version": "1", "build": 17763}, *PROCESSES, {"line": "checked"}]
    lines = [*(good if first else []), *told_lines]
    content = b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)
    with mock.patch.object(memprocfs.subprocess, "Popen", type("Feeding", (Fed,), {"content": content})):
        return told(image)


def process(pid: int, **more: Any) -> dict[str, Any]:
    return {
        "line": "process", "pid": pid, "parent": 4, "name": "w3wp.exe", "path": "", "kernel_path": "", "command": "",
        "folder": "", "environment": [], "created": "2021-03-02 02:00:00 UTC", "exited": "", "virtual": 1,
        "physical": None, "directory": 1, "wow64": False, "state": 0, **more,
    }  # fmt: skip


PROCESSES = [process(pid) for pid in sorted(OURS)]
MODULE = {"line": "module", "pid": 8, "name": "a.dll", "path": "", "base": 1, "size": 1, "physical": 1}
ENDED = {"line": "ended"}


@pytest.mark.parametrize("column", ["pid", "base", "size", "physical"])
@pytest.mark.parametrize("number", [1 << 64, -(1 << 63) - 1, 10**40])
def test_a_number_that_no_column_holds_costs_itself(image: Path, column: str, number: int) -> None:
    rows, _ = fed(image, {**MODULE, column: number}, MODULE, ENDED)
    assert len(rows["mem_module"]) == 2


@pytest.mark.parametrize(
    "line",
    [
        b'{"line":"failed","more":' + b"[" * 100_000,
        json.dumps({**MODULE, "name": "x" * 32_769}).encode(),
        json.dumps(process(16, environment=[["a", "b"]] * 201)).encode(),
        json.dumps({**MODULE, "pid": "8"}).encode(),
        b"",
        b"\xff",
    ],
)
def test_a_line_of_another_kind_ends_what_is_believed(image: Path, line: bytes) -> None:
    rows, gaps = fed(image, MODULE, line, MODULE, ENDED)
    assert len(rows["mem_module"]) == 1
    assert "no line of the kind agreed on" in gaps[-1].detail


def test_more_than_is_ever_held_is_not_taken(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memprocfs, "MOST_TOLD", 100_000)
    rows, gaps = fed(image, *[MODULE] * 10_000, ENDED)
    assert 0 < len(rows["mem_module"]) < 10_000
    assert (gaps[-1].why, "more than 100000 bytes" in gaps[-1].detail) == ("limited", True)


def test_processes_told_late_or_by_the_thousand_are_counted(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memprocfs, "MOST_PROCESSES", 4)
    (*before, checked) = [{"line": "opened", "version": "1", "build": 17763}, *PROCESSES, {"line": "checked"}]
    rows, gaps = fed(image, *before, *PROCESSES, checked, *PROCESSES, ENDED, first=False)
    assert len(rows["mem_process"]) == 4
    (gap,) = [gap for gap in gaps if "out of their order" in gap.detail]
    assert gap.count == 5


def test_parents_of_one_id_by_the_thousand_are_not_all_asked_and_that_is_said(image: Path) -> None:
    opened, checked = {"line": "opened", "version": "1", "build": 17763}, {"line": "checked"}
    same = process(8, parent=8)
    begun = time.monotonic()
    rows, gaps = fed(image, opened, *PROCESSES, *[same] * 8000, checked, ENDED, first=False)
    assert time.monotonic() - begun < 10
    assert len(rows["mem_process"]) == 8003
    (gap,) = [gap for gap in gaps if "were not asked as parents" in gap.detail]
    assert gap.count == 8001 - 64


def test_failures_without_end_are_counted_and_their_words_cut(image: Path) -> None:
    failed = {"line": "failed", "part": "p" * 30_000, "why": "w"}
    _, gaps = fed(image, *[failed] * 5000, ENDED)
    assert len(gaps) < 110
    assert max(len(gap.detail) for gap in gaps) <= 1000
    assert [gap.count for gap in gaps if "more parts failed" in gap.detail] == [4900]


def test_event_logs_that_are_cut_and_that_are_not_asked_for_are_told_apart(image: Path) -> None:
    logs = [{"line": "log", "name": f"{n}.evtx", "size": 9, "written": n} for n in (0, 0, 4, 9)]
    _, gaps = fed(image, *logs, ENDED)
    said = {
        gap.detail.partition(": ")[2].partition(";")[0]: gap.count for gap in gaps if ".evtx" in gap.detail
    }
    assert said == {
        "event logs in the file cache are named and not read: 0.evtx, 0.evtx": 2,
        "event logs in the file cache were not taken out whole: 4.evtx": 1,
    }


@pytest.mark.parametrize("count", [-5, 10**40])
def test_a_count_that_is_none_can_be_written(image: Path, count: int) -> None:
    _, gaps = fed(image, {"line": "failed", "part": "p", "why": "w", "count": count}, ENDED)
    (gap,) = [gap for gap in gaps if ", p: " in gap.detail]
    assert 0 < gap.count < 1 << 63


def test_without_the_extra_one_sentence_says_what_is_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memprocfs, "PACKAGE", "an_engine_that_is_not_there")
    assert not memprocfs.available()
    (gap,) = memprocfs.read(tmp_path / "never opened")
    assert isinstance(gap, Gap)
    assert gap.detail == memprocfs.missing()
    assert "handles, services, registry values and event logs" in gap.detail
