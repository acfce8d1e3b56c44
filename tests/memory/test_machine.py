"""A machine's memory: what is planted is found, on each build, and what was tampered with is told."""

import struct
from pathlib import Path

import pytest

from postvakt.model.clock import from_filetime
from tests.memory.reading import Told
from tests.memory.windows import (
    FILETIME_2021,
    L14393,
    L14393_EARLY,
    L17763,
    L20348,
    L26100,
    LAYOUTS,
    MINUTE,
    PAGE,
    PEB,
    Layout,
    Windows,
    exchange,
)

ALL = [4, 796, 4920, 5120]


@pytest.fixture
def told(tmp_path: Path):
    """Reads a machine."""
    return lambda machine: Told(machine.save(tmp_path / "image.raw"))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.build))
def test_every_build(layout: Layout, told) -> None:
    read = told(exchange(layout))
    assert read.pids() == ALL
    assert {row["method"] for row in read.rows["mem_process"]} == {"both"}
    assert {row["confidence"] for row in read.rows["mem_process"]} == {"high"}
    cmd = read.process(5120)
    assert (cmd["Image"], cmd["CommandLine"]) == ("C:\\Windows\\System32\\cmd.exe", '"cmd.exe" /c whoami')
    assert cmd["ParentImage"] == "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
    assert cmd["ParentCommandLine"] == 'w3wp.exe -ap "MSExchangeOWAAppPool"'
    assert {"name": "COMPUTERNAME", "value": "EX01"} in cmd["environment"]
    assert cmd["created"] == cmd["time"] == from_filetime(FILETIME_2021 + 3 * MINUTE)
    assert (read.image["build"], read.image["build_from"]) == (layout.build, "shared-data")
    assert (read.image["list_state"], read.image["host"]) == ("closed", "EX01")
    assert {(clue.kind, clue.value) for clue in read.clues} >= {("host", "EX01")}


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: str(layout.build))
def test_the_build_is_told_by_the_rows_alone(layout: Layout, told) -> None:
    read = told(exchange(layout, shared=False))
    assert (read.image["build"], read.image["build_from"]) == (layout.build, "rows")
    assert read.pids() == ALL


def test_an_early_update_of_2016_keeps_exit_times_elsewhere(told) -> None:
    gone = FILETIME_2021 + 10**10
    for layout in (L14393, L14393_EARLY):
        machine = exchange(layout)
        for pid in range(6000, 6040, 4):
            machine.process(pid, 4, "net.exe", exited=gone)
        machine.ring()
        assert told(machine).process(6000)["exited"] is not None


def test_the_region_that_should_not_be(told) -> None:
    read = told(exchange())
    regions = {row["start"]: row for row in read.rows["mem_region"]}
    odd = regions[0x5A0000]
    assert odd["Image"] == "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
    assert (odd["protection"], odd["private"], odd["size"]) == ("EXECUTE_READWRITE", True, 0x2000)
    assert odd["flags"] == ["private-executable", "mz"]
    assert (odd["present_pages"], odd["writable_executable_pages"]) == (1, 1)
    assert odd["first_bytes"].startswith("4d5a")
    image = regions[0x140000000]
    assert (image["path"], image["flags"]) == ("\\Windows\\System32\\inetsrv\\w3wp.exe", [])


def test_regions_of_2025_are_told_by_their_pages_and_pools(told) -> None:
    read = told(exchange(L26100))
    odd = next(row for row in read.rows["mem_region"] if row["start"] == 0x5A0000)
    assert (odd["protection"], odd["private"], odd["executable"]) == (None, None, None)
    assert (odd["executable_pages"], odd["confidence"]) == (1, "low")
    assert odd["flags"] == ["private-executable", "mz"]
    assert read.gap("told by their pages alone").why == "unsupported"


def test_code_written_after_the_descriptor(told) -> None:
    machine = exchange()
    w3wp = machine.processes[2]
    machine.region(w3wp, 0x800000, 0x800FFF, 4, private=True)
    machine.map(w3wp.directory, 0x800000, machine.page(), 0x65)
    machine.region(w3wp, 0x900000, 0x900FFF, 4, private=True)
    machine.map(w3wp.directory, 0x900000, machine.page(), 0x67 | 1 << 63)
    machine.tree(w3wp)
    flags = {row["start"]: row["flags"] for row in told(machine).rows["mem_region"]}
    assert flags[0x800000] == ["written-code"]
    assert flags[0x900000] == []


def test_modules(told) -> None:
    rows = {row["name"]: row for row in told(exchange()).rows["mem_module"]}
    assert rows["w3wp.exe"]["flags"] == []
    assert rows["w3wp.exe"]["confidence"] == "high"
    odd = rows["App_Web_abc.dll"]
    assert odd["ImageLoaded"] == "C:\\Windows\\Temp\\App_Web_abc.dll"
    assert odd["flags"] == ["no-region", "compiled", "not-system32"]
    assert odd["base"] == 0x7FF8_0000_0000


def test_an_image_that_no_loader_lists(told) -> None:
    machine = exchange()
    w3wp = machine.processes[2]
    machine.region(w3wp, 0x7FF9_0000_0000, 0x7FF9_0000_0FFF, 7, private=False, kind=2)
    machine.tree(w3wp)
    read = told(machine)
    flags = {row["start"]: row["flags"] for row in read.rows["mem_region"]}
    assert flags[0x7FF9_0000_0000] == ["no-module"]
    (module,) = [row for row in read.rows["mem_module"] if row["method"] == "tree"]
    assert (module["base"], module["flags"], module["ProcessId"]) == (0x7FF9_0000_0000, ["unlisted"], 4920)


def test_a_process_taken_out_of_the_list(told) -> None:
    machine = exchange()
    hidden = machine.processes[3]
    links = machine.layout.links
    machine.ring(hidden)
    machine.word(hidden.body + links, machine.processes[0].body + links)
    machine.word(hidden.body + links + 8, machine.processes[2].body + links)
    read = told(machine)
    assert (read.image["list_state"], read.image["listed"], read.image["processes"]) == ("closed", 3, 4)
    assert (read.process(5120)["method"], read.process(5120)["flags"]) == ("scan", ["hidden"])
    assert read.process(796)["flags"] == ["no-parent"]


def test_one_that_points_to_itself_is_hidden_too(told) -> None:
    machine = exchange()
    hidden = machine.processes[3]
    machine.ring(hidden)
    for at in (0, 8):
        machine.word(hidden.body + machine.layout.links + at, hidden.body + machine.layout.links)
    read = told(machine)
    assert read.image["listed"] == 3
    assert read.process(5120)["flags"] == ["hidden"]


def test_a_lost_neighbour_hides_nobody(told) -> None:
    machine = exchange()
    links = machine.processes[3].body + machine.layout.links
    place = machine.physical(machine.kernel, links)
    head = int.from_bytes(machine.memory[place : place + 8], "little")
    for lost in (machine.processes[2].body, head):
        page = machine.physical(machine.kernel, lost) & ~0xFFF
        machine.memory[page : page + PAGE] = bytes(PAGE)
    read = told(machine)
    assert read.pids() == [4, 796, 5120]
    assert "unlisted" in read.process(5120)["flags"]
    assert [row["flags"] for row in read.rows["mem_process"] if "hidden" in row["flags"]] == []
    assert read.image["list_state"] == "broken"


def test_a_process_that_has_exited(told) -> None:
    machine = exchange()
    gone = machine.process(6000, 4920, "net.exe", exited=FILETIME_2021 + 10**11)
    machine.ring(gone)
    links = machine.layout.links
    machine.word(gone.body + links, machine.processes[0].body + links)
    machine.word(gone.body + links + 8, machine.processes[0].body + links)
    row = told(machine).process(6000)
    assert (row["method"], row["flags"]) == ("scan", ["exited"])


def test_a_process_whose_pool_tag_is_gone(told) -> None:
    machine = exchange()
    machine.process(7000, 4, "tool.exe", tag=b"XXXX")
    machine.ring()
    row = told(machine).process(7000)
    assert (row["method"], "no-tag" in row["flags"]) == ("list", True)


def test_a_name_that_is_not_the_paths(told) -> None:
    machine = exchange()
    odd = machine.process(7000, 4, "lsass.exe")
    machine.program(odd, "C:\\Windows\\Temp\\m.exe", "m.exe")
    machine.ring()
    assert "name-differs" in told(machine).process(7000)["flags"]


def test_a_process_over_the_end_of_its_page(told) -> None:
    machine = exchange(L20348)
    machine.process(7000, 4, "split.exe", at=PAGE - 0x200)
    machine.ring()
    row = told(machine).process(7000)
    assert (row["name"], row["method"]) == ("split.exe", "both")


def test_a_parent_whose_id_was_used_again(told) -> None:
    machine = exchange()
    machine.process(4920, 4, "notepad.exe")
    machine.ring()
    read = told(machine)
    assert read.process(5120)["ParentImage"] == "C:\\Windows\\System32\\inetsrv\\w3wp.exe"


def test_a_list_that_turns_in_a_circle(told) -> None:
    machine = exchange()
    links = machine.layout.links
    machine.word(machine.processes[2].body + links, machine.processes[1].body + links)
    read = told(machine)
    assert read.pids() == ALL
    assert read.image["list_state"] == "broken"
    assert read.gap("list of processes is broken").why == "lost"


def test_regions_and_modules_that_turn_in_a_circle(told) -> None:
    machine = exchange()
    w3wp = machine.processes[2]
    machine.word(w3wp.vads[-1] + 8, w3wp.vads[0])
    machine.write(w3wp.directory, 0x310000 + 0x100, struct.pack("<Q", 0x310000 + 0x100))
    read = told(machine)
    assert len(read.rows["mem_region"]) == 2
    assert read.gap("leads back into itself").count == 1


def test_a_wrong_page_directory(told) -> None:
    machine = exchange()
    machine.word(machine.processes[3].body + 0x28, 0x3000)
    read = told(machine)
    assert read.pids() == ALL
    assert read.process(5120)["CommandLine"] is None
    assert "no-memory" in read.process(5120)["flags"]
    assert read.gap("own memory is paged out or not in the image").count == 1


def test_no_program_memory_is_told_loudly(told) -> None:
    machine = exchange()
    for planted in machine.processes[1:]:
        struct.pack_into("<Q", machine.memory, machine.entry(planted.directory, PEB), 0)
    assert told(machine).gap("no w3wp memory in this file").why == "lost"


def test_the_kernels_tables_are_lost(told) -> None:
    machine = exchange()
    machine.memory[PAGE : 2 * PAGE] = bytes(PAGE)
    read = told(machine)
    assert read.pids() == ALL
    assert {row["method"] for row in read.rows["mem_process"]} == {"scan"}
    assert read.gap("page tables were not found").why == "lost"


def test_two_images_in_one(told) -> None:
    twice = exchange()
    twice.memory += bytes(exchange(L17763).memory)
    assert len(told(twice).rows["mem_process"]) >= 4


@pytest.mark.parametrize("content", [bytes(64 * PAGE), b"Proc" * 1024 * 64], ids=["zeros", "tags"])
def test_no_windows_at_all(content: bytes, told) -> None:
    empty = Windows(shared=False)
    empty.memory = bytearray(content)
    read = told(empty)
    assert read.gap("no process was found").why == "unparsed"
    assert read.image["bytes"] == len(content)
