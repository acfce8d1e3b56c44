"""One program's dump: what it tells, and what it cannot."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.memory.dumps import IMAGE_FILE, PRIVATE, Minidump
from tests.memory.reading import Told
from tests.memory.windows import IMAGE, PAGE, PARAMETERS, PEB, Windows

BLOCK = 0x2F0000
W3WP = "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
SHELL = "C:\\Windows\\Temp\\App_Web_x1.dll"
BUSY, INJECTED = 0x7FF8_0000_0000, 0x5A0000


def memory() -> dict[int, bytes]:
    """Return the pages of a program with its PEB, by virtual address."""
    machine = Windows(shared=False)
    planted = machine.process(4920, 796, "w3wp.exe")
    machine.program(planted, W3WP, 'w3wp.exe -ap "MSExchangeECPAppPool"')
    pages = {}
    for address in (PEB, PARAMETERS, PARAMETERS + PAGE):
        at = machine.physical(planted.directory, address)
        pages[address] = bytes(machine.memory[at : at + PAGE])
    pages[BLOCK] = struct.pack("<Q", PEB).rjust(0x68, b"\0").ljust(PAGE, b"\0")
    pages[INJECTED] = b"MZ".ljust(PAGE, b"\x90")
    return pages


def full() -> Minidump:
    """Return a full dump of w3wp with a region that should not be."""
    return (
        Minidump()
        .system()
        .misc(4920, 1_614_760_000)
        .threads(0x1000, BLOCK)
        .modules((IMAGE, 0x5000, W3WP), (BUSY, 0x3000, SHELL))
        .regions(
            (IMAGE, PAGE, 0x20, IMAGE_FILE), (INJECTED, PAGE, 0x40, PRIVATE), (BLOCK, PAGE, 0x104, PRIVATE)
        )
        .add(0xFFF0, b"of a kind that nobody knows")
    )


@pytest.fixture
def told(tmp_path: Path) -> Callable[[bytes], Told]:
    """Reads a dump."""

    def read(content: bytes) -> Told:
        (tmp_path / "w3wp.dmp").write_bytes(content)
        return Told(tmp_path / "w3wp.dmp")

    return read


def test_a_full_dump(told: Callable[[bytes], Told]) -> None:
    read = told(full().bytes(memory()))
    process = read.process(4920)
    assert (process["Image"], process["CommandLine"]) == (W3WP, 'w3wp.exe -ap "MSExchangeECPAppPool"')
    assert process["time"].isoformat() == "2021-03-03T08:26:40+00:00"
    assert (process["Computer"], process["method"], process["flags"]) == ("EX01", "dump", [])
    assert [(row["name"], row["flags"]) for row in read.rows["mem_module"]] == [
        ("w3wp.exe", []),
        ("App_Web_x1.dll", ["compiled", "not-system32"]),
    ]
    regions = {row["start"]: row for row in read.rows["mem_region"]}
    assert regions[INJECTED]["flags"] == ["private-executable", "mz"]
    assert regions[INJECTED]["protection"] == "EXECUTE_READWRITE"
    assert (regions[BLOCK]["protection"], regions[BLOCK]["flags"]) == ("READWRITE GUARD", [])
    assert regions[IMAGE]["flags"] == []
    assert (read.image["build"], read.image["container"], read.gaps) == (17763, "minidump", [])
    assert [(clue.kind, clue.value) for clue in read.clues] == [("host", "EX01")]


def test_a_small_dump_says_so(told: Callable[[bytes], Told]) -> None:
    dump = Minidump(flags=0).system().threads(BLOCK).modules((IMAGE, 0x5000, W3WP)).bytes()
    read = told(dump)
    assert read.gap("a small dump").why == "limited"
    assert read.gap("command line and environment").why == "lost"
    assert read.gap("no list of regions").why == "limited"
    (process,) = read.rows["mem_process"]
    assert (process["ProcessId"], process["Image"], process["flags"]) == (None, W3WP, ["no-memory"])


def test_another_machine(told: Callable[[bytes], Told]) -> None:
    assert told(Minidump().system(machine=0).bytes({})).gap("not x64").why == "unsupported"


def test_an_image_that_no_list_names(told: Callable[[bytes], Told]) -> None:
    dump = Minidump().system().regions((INJECTED, PAGE, 0x20, IMAGE_FILE)).bytes(memory())
    assert told(dump).rows["mem_region"][0]["flags"] == ["no-module"]


def test_a_truncated_dump(told: Callable[[bytes], Told]) -> None:
    content = full().bytes(memory())
    read = told(content[: len(content) - PAGE])
    assert read.gap("are not in the file").why == "truncated"
    assert len(read.rows["mem_module"]) == 2
    assert told(content[:20]).gaps[0].why == "unparsed" or told(content[:20]).gaps[0].why == "truncated"


def test_streams_that_are_not_there(told: Callable[[bytes], Told]) -> None:
    head = struct.pack("<4sIIIIIQ", b"MDMP", 0xA793, 4, 32, 0, 0, 0)
    streams = b"".join(struct.pack("<III", kind, 0xFFFFFFF0, 0xFFFFFFF0) for kind in (3, 4, 9, 16))
    read = told(head + streams)
    assert read.gap("past the end of the file").count == 4
    assert told(struct.pack("<4sII", b"MDMP", 0xA793, 1 << 31).ljust(32, b"\0")).gaps[0].why == "unparsed"
