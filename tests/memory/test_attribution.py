"""Pages led back to the programs that own them."""

from pathlib import Path

from postvakt.memory.attribution import Owners
from postvakt.memory.machine import Machine
from postvakt.memory.opening import opened
from postvakt.memory.paging import Tables
from tests.memory.windows import PAGE, OnDisk, Windows, exchange

HEAP, FRESH = 0x41_0000_0000, 0x7FF7_0000_0000


class Pages:
    """The owners of a machine's pages, by process id."""

    def __init__(self, machine: Windows, path: Path) -> None:
        with opened(OnDisk(machine.save(path))) as image:
            told = Machine(image.memory, image.header)
            alive = [f.process for f in told.found if f.process.peb and not f.process.exited]
            self.pids = [process.process_id for process in alive]
            self.owners = Owners(Tables(image.memory), image.memory.size, [one.directory for one in alive])


def named(found: Pages, physical: int) -> list[tuple[int, int]]:
    return [(found.pids[place], address) for place, address in found.owners.of(physical)]


def test_a_page_is_led_back_to_its_program(tmp_path: Path) -> None:
    machine = exchange()
    w3wp, cmd = machine.processes[2], machine.processes[3]
    private, shared, standby, nobody = (machine.page() for _ in range(4))
    machine.map(w3wp.directory, HEAP, private)
    machine.map(w3wp.directory, FRESH, shared)
    machine.map(cmd.directory, HEAP + 5 * PAGE, shared)
    machine.map(w3wp.directory, HEAP + PAGE, standby, 0x880)
    found = Pages(machine, tmp_path / "m")
    assert named(found, private + 0x123) == [(4920, HEAP + 0x123)]
    assert sorted(named(found, shared)) == [(4920, FRESH), (5120, HEAP + 5 * PAGE)]
    assert named(found, standby) == [(4920, HEAP + PAGE)]
    assert named(found, nobody) == []
    assert named(found, machine.physical(machine.kernel, w3wp.body)) == []
    assert not found.owners.cut


def test_a_large_page(tmp_path: Path) -> None:
    machine = exchange()
    w3wp = machine.processes[2]
    at = machine.entry(w3wp.directory, HEAP, 21)
    machine.memory[at : at + 8] = (0xE7).to_bytes(8, "little")
    assert (4920, HEAP + 0x3010) in named(Pages(machine, tmp_path / "m"), 0x3010)


def test_tables_in_a_circle_are_bounded(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("postvakt.memory.attribution.MOST_TABLES", 200)
    machine = exchange()
    w3wp = machine.processes[2]
    for index in range(256):
        entry = (w3wp.directory | 0x67).to_bytes(8, "little")
        machine.memory[w3wp.directory + 8 * index : w3wp.directory + 8 * index + 8] = entry
    assert Pages(machine, tmp_path / "m").owners.cut
