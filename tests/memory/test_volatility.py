"""What an analyst had Volatility 3 write, read as our tables. The JSON is written here, in its format."""

import io
import json
import random
import re
import time
from typing import Any

import pytest

from postvakt.artifacts import READERS
from postvakt.evidence import custody
from postvakt.evidence.recognise import Recogniser
from postvakt.memory import READERS as MEMORY
from postvakt.memory.readers import VOLATILITY_JSON, VOLATILITY_READER
from postvakt.model.gap import Gap
from tests.artifacts.sources import Row, alone, pieces

Columns = dict[str, Any]


def process(pid: int, parent: int, name: str, **more: Any) -> Columns:
    return {
        "CreateTime": "2021-03-02T02:51:36+00:00", "ExitTime": None, "File output": "Disabled", "Handles": None,
        "ImageFileName": name, "Offset(V)": 0xA300_0000_1040 + pid, "PID": pid, "PPID": parent, "SessionId": 0,
        "Threads": 3, "Wow64": False, **more, "__children": [],
    }  # fmt: skip


WORKER = process(8, 4, "w3wp.exe")
SHELL = process(12, 8, "cmd.exe", ExitTime="2021-03-02T02:51:40+00:00")
LINE = {"Args": "cmd.exe /c whoami", "PID": 12, "Process": "cmd.exe", "__children": []}
LIBRARY = {
    "Base": 0x7FF0_0000, "File output": "Disabled", "LoadCount": -1, "LoadTime": "2021-03-02T02:00:00+00:00",
    "Name": "App_Web_x.dll", "PID": 8, "Path": "C:\\Temp\\App_Web_x.dll", "Process": "w3wp.exe", "Size": 20480,
    "__children": [],
}  # fmt: skip
DRIVER = {
    "Base": 0xF803_7D60_0000, "File output": "Disabled", "Name": "evil.sys", "Offset": 0xA300_0000_0010,
    "Path": "\\??\\C:\\Temp\\evil.sys", "Size": 16384, "__children": [],
}  # fmt: skip
FAR = {
    "Created": "2021-03-02T02:51:36+00:00", "ForeignAddr": "203.0.113.7", "ForeignPort": 443,
    "LocalAddr": "192.0.2.1", "LocalPort": 50000, "Offset": 0xA300_0006_2A40, "Owner": "w3wp.exe", "PID": 8,
    "Proto": "TCPv4", "State": "ESTABLISHED", "__children": [],
}  # fmt: skip
PORT = {
    **FAR,
    "ForeignAddr": "*",
    "ForeignPort": 0,
    "LocalAddr": "::",
    "PID": None,
    "Proto": "UDPv6",
    "State": "",
}
INJECTED = {
    "CommitCharge": 4, "Disasm": "", "End VPN": 0x100FFF, "File output": "Disabled",
    "Hexdump": "4d 5a 90 00 03 00 00 00 04 00 00 00 ff ff 00 00 b8 00", "Notes": None, "PID": 8, "PrivateMemory": 1,
    "Process": "w3wp.exe", "Protection": "PAGE_EXECUTE_READWRITE", "Start VPN": 0x100000, "Tag": "VadS",
    "__children": [],
}  # fmt: skip
HANDLE = {
    "GrantedAccess": 0x1FFFFF, "HandleValue": 68, "Name": "lsass.exe Pid 612", "Offset": 0xA300_0000_2000, "PID": 12,
    "Process": "cmd.exe", "Type": "Process", "__children": [],
}  # fmt: skip
SERVICE = {
    "Binary": "C:\\store.exe", "Binary (Registry)": '"C:\\store.exe" -s', "Display": "Information Store", "Dll": None,
    "Name": "MSExchangeIS", "Offset": 1, "Order": 7, "PID": 8, "Start": "SERVICE_AUTO_START",
    "State": "SERVICE_RUNNING", "Type": "SERVICE_WIN32_OWN_PROCESS", "__children": [],
}  # fmt: skip


def told(content: bytes, path: str = "answer.json") -> tuple[dict[str, list[Row]], list[Gap]]:
    rows, gaps, clues = pieces(VOLATILITY_READER, alone(content, path))
    assert clues == []
    return {table: some for table, some in rows.items() if some}, gaps


def written(*objects: Columns) -> bytes:
    """JSON as Volatility lays it out: columns sorted, a line each."""
    return b"\n" + json.dumps(objects, indent=2, sort_keys=True).encode() + b"\n"


def lines(*objects: Columns) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in objects)


def test_processes_with_their_parents() -> None:
    rows, gaps = told(written(WORKER, SHELL), "windows.psscan.json")
    worker, shell = rows["mem_process"]
    assert gaps == []
    assert (shell["ProcessId"], shell["ParentImage"], shell["flags"]) == (12, "w3wp.exe", ["exited"])
    assert shell["virtual"] == 0xFFFF_A300_0000_1040 + 12 - (1 << 64)
    assert worker["created"].isoformat() == "2021-03-02T02:51:36+00:00"
    assert (shell["tier"], shell["method"], shell["confidence"]) == ("volatility3 psscan", "scan", "medium")


def test_a_tree_is_told_from_its_root_down_with_paths_and_lines() -> None:
    below = {**SHELL, "Path": "C:\\Windows\\System32\\cmd.exe", "Cmd": "cmd.exe /c whoami", "Audit": None}
    root = {
        **WORKER,
        "Path": "C:\\inetsrv\\w3wp.exe",
        "Cmd": "w3wp.exe -ap",
        "Audit": None,
        "__children": [below],
    }
    rows, _ = told(written(root), "x.json")
    shell = rows["mem_process"][1]
    assert (shell["Image"], shell["CommandLine"]) == ("C:\\Windows\\System32\\cmd.exe", "cmd.exe /c whoami")
    assert (shell["ParentImage"], shell["ParentCommandLine"]) == ("C:\\inetsrv\\w3wp.exe", "w3wp.exe -ap")
    assert shell["tier"] == "volatility3 pstree"
    assert len({row["locator"] for row in rows["mem_process"]}) == 2


@pytest.mark.parametrize(
    ("columns", "table", "tier", "expected"),
    [
        (LINE, "mem_process", "cmdline", {"ProcessId": 12, "CommandLine": "cmd.exe /c whoami"}),
        (LIBRARY, "mem_module", "dlllist",
         {"ImageLoaded": "C:\\Temp\\App_Web_x.dll", "flags": ["compiled", "not-system32"], "kernel": False}),
        (DRIVER, "mem_module", "modules or modscan",
         {"name": "evil.sys", "kernel": True, "base": 0xFFFF_F803_7D60_0000 - (1 << 64)}),
        (FAR, "mem_netconn", "netscan or netstat",
         {"Protocol": "tcp", "DestinationIp": "203.0.113.7", "DestinationPort": 443, "Image": "w3wp.exe"}),
        (PORT, "mem_netconn", "netscan or netstat",
         {"Protocol": "udp", "SourceIp": "::", "DestinationIp": None, "ProcessId": None, "state": None}),
        (INJECTED, "mem_region", "malfind or vadinfo",
         {"start": 0x100000, "size": 0x1000, "protection": "EXECUTE_READWRITE", "flags": ["private-executable", "mz"],
          "first_bytes": "4d5a90000300000004000000ffff0000"}),
        (HANDLE, "mem_handle", "handles",
         {"type": "Process", "object": "lsass.exe Pid 612", "access": 0x1FFFFF}),
        (SERVICE, "mem_service", "svcscan",
         {"state": "RUNNING", "starts": "AUTO_START", "CommandLine": '"C:\\store.exe" -s'}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", [written, lines])
def test_each_plugin_by_its_columns(
    columns: Columns, table: str, tier: str, expected: Columns, form: Any
) -> None:
    rows, gaps = told(form(columns))
    ((name, (row,)),) = rows.items()
    assert gaps == []
    assert (name, row["tier"]) == (table, f"volatility3 {tier}")
    assert {column: row[column] for column in expected} == expected


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_rows_point_at_their_objects(mark: bytes) -> None:
    content = mark + written({**LINE, "Args": "ünïcode"}, LINE)
    rows, _ = told(content)
    assert [content[row["locator"] :][:1] for row in rows["mem_process"]] == [b"{", b"{"]


@pytest.mark.parametrize(
    ("encoding", "odd"),
    [("utf-8", b"\xff\xed\xa0\x80"), ("utf-16-le", b"\x00\xd8"), ("utf-16-be", b"\xd8\x00")],
)
def test_bytes_that_are_no_text_move_no_row(encoding: str, odd: bytes) -> None:
    mark = "\ufeff".encode(encoding) if encoding != "utf-8" else b""
    content = mark + written({**LINE, "Args": "<odd>"}, LINE).decode().encode(encoding)
    content = content.replace("<odd>".encode(encoding), odd)
    rows, gaps = told(content)
    assert gaps == []
    first, second = rows["mem_process"]
    assert set(first["CommandLine"]) == {"\ufffd"}
    assert content[second["locator"] :].startswith("{".encode(encoding))


def test_a_region_too_large_to_be_has_no_size() -> None:
    rows, _ = told(written({**INJECTED, "Start VPN": -(1 << 63), "End VPN": (1 << 63) - 1}))
    assert rows["mem_region"][0]["size"] is None


def test_an_address_with_half_a_character_in_its_zone_can_be_written() -> None:
    rows, _ = told(written({**FAR, "ForeignAddr": "fe80::1%\ud800"}))
    assert rows["mem_netconn"][0]["DestinationIp"] == "fe80::1%\ufffd"


def test_no_process_is_its_own_parent() -> None:
    rows, _ = told(written(process(8, 8, "w3wp.exe")))
    (row,) = rows["mem_process"]
    assert (row["ParentImage"], row["flags"]) == (None, ["no-parent"])


def test_parents_of_one_id_by_the_thousand_are_not_all_asked_and_that_is_said() -> None:
    begun = time.monotonic()
    rows, (gap,) = told(lines(*[WORKER] * 6000, *[SHELL] * 6000))
    assert time.monotonic() - begun < 10
    assert {row["ParentImage"] for row in rows["mem_process"] if row["ProcessId"] == 12} == {"w3wp.exe"}
    assert (gap.why, gap.count) == ("limited", 2 * (6000 - 64))
    assert "not asked as parents" in gap.detail


def test_what_powershell_redirected_is_read() -> None:
    content = "\ufeff".encode("utf-16-le") + written(LINE, LINE).decode().encode("utf-16-le")
    rows, gaps = told(content)
    assert gaps == []
    assert [content[row["locator"] :][:2] for row in rows["mem_process"]] == [b"{\0", b"{\0"]


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (b"Volatility 3 Framework 2.28.2\n\nPID\tPPID\n4\t0\n", "unsupported", "`-r json`"),
        (b"\n[]\n", "empty", "told nothing"),
        (written({"PID": 1, "COMM": "bash", "__children": []}), "unsupported", "COMM, PID"),
        (written(LINE)[:-20], "truncated", "no end"),
        (written(LINE, {"PID": 3, "__children": []}), "unparsed", "without the columns"),
    ],
)
def test_what_is_not_read_is_said(content: bytes, why: str, words: str) -> None:
    _, (gap,) = told(content)
    assert (gap.why, words in gap.detail) == (why, True)


def test_what_stands_before_a_cut_is_read() -> None:
    rows, (gap,) = told(written(LINE, LINE, LINE)[:-30])
    assert len(rows["mem_process"]) == 2
    assert gap.why == "truncated"


def test_a_broken_object_costs_itself() -> None:
    rows, (gap,) = told(lines(LINE) + b'{"PID": broken}\n' + lines(LINE))
    assert len(rows["mem_process"]) == 2
    assert (gap.why, gap.locator) == ("unparsed", len(lines(LINE)))


ODD = (
    None, True, -1, 1 << 63, 10**400, 1e999, "-", "\ud800", "x" * 100_000, [], {}, [[]], "9999-99-99",
    "0001-01-01T00:00:00+14:00",
)  # fmt: skip


@pytest.mark.parametrize("subject", [WORKER, LINE, LIBRARY, DRIVER, FAR, INJECTED, HANDLE, SERVICE])
def test_hostile_values_are_none_or_cut(subject: Columns) -> None:
    for column in subject:
        for odd in ODD:
            rows, gaps = told(written({**subject, column: odd}))
            assert rows or gaps


@pytest.mark.parametrize(
    "content",
    [
        b'{"__children": [' * 100_000,
        b"[" * 1_000_000 + b"{",
        b'{"PID": ' + b"9" * 100_000 + b', "Process": 1, "Args": 2, "__children": []}',
        b"{" * 1_000_000,
        b"{\n" * 500_000,
        b'{"a": "' + b"\\" * 1_000_001,
        lines({**LINE, "__children": [LINE] * 1000}) * 20,
    ],
)
def test_hostile_files_end_soon(content: bytes) -> None:
    begun = time.monotonic()
    rows, gaps = told(content)
    assert rows or gaps
    assert time.monotonic() - begun < 5


def test_bent_bytes_give_rows_and_gaps_alone() -> None:
    chance = random.Random("volatility")
    whole = written(WORKER, SHELL, {**WORKER, "__children": [SHELL]})
    for _ in range(150):
        bent = bytearray(whole)
        for _ in range(chance.randint(1, 20)):
            at = chance.randrange(len(bent))
            bent[at : at + chance.randint(0, 3)] = chance.choice(
                (b"{", b"}", b'"', b"\\", b"9", b"\xff", b"[", b"\0")
            )
        rows, gaps = told(bytes(bent))
        assert rows or gaps


@pytest.mark.parametrize("subject", [WORKER, LINE, LIBRARY, DRIVER, FAR, INJECTED, HANDLE, SERVICE])
@pytest.mark.parametrize("form", [written, lines])
def test_it_is_told_by_its_content(subject: Columns, form: Any) -> None:
    told_apart = Recogniser([reader.artifact for reader in (*READERS, *MEMORY, VOLATILITY_READER)])
    for content in (form(subject), form(subject).decode().encode("utf-16")):
        look = told_apart.look(custody.read(io.BytesIO(content), len(content)))
        assert told_apart.choose(look, "c:/evidence/memory.json").artifact == "volatility_json"


def test_other_json_is_not_taken() -> None:
    (head, banner) = VOLATILITY_JSON.heads
    assert re.search(banner, b"Volatility 3 Framework 2.28.2\n")
    assert not re.search(head, b'[{"EventID": 4624, "Channel": "Security"}]')
