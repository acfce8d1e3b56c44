"""Translation: pages of each size, entries that are not valid, and what paging hides."""

import struct
from pathlib import Path

import pytest

from postvakt.memory.paging import Page, Space, Tables
from postvakt.memory.physical import Image
from tests.memory.windows import PAGE, POOL, Windows

USER = 0x7FF6_1234_5000
GIB = 1 << 30


class Opened:
    """Address spaces over what a machine holds now."""

    def __init__(self, machine: Windows, path: Path, size: int = 0) -> None:
        machine.save(path)
        self.stream = path.open("r+b")
        if size:
            self.stream.truncate(size)
        self.memory = Image(self.stream, [(0, size or len(machine.memory), 0)])
        tables = Tables(self.memory)
        self.kernel = Space(tables, machine.kernel)
        self.user = Space(tables, machine.kernel, self.kernel)


@pytest.fixture
def machine() -> Windows:
    return Windows(shared=False)


def entry(machine: Windows, address: int, value: int, shift: int = 12) -> None:
    struct.pack_into("<Q", machine.memory, machine.entry(machine.kernel, address, shift), value)


def marked(machine: Windows, text: bytes) -> int:
    page = machine.page()
    machine.memory[page : page + len(text)] = text
    return page


def test_a_page(machine: Windows, tmp_path: Path) -> None:
    machine.map(machine.kernel, USER, marked(machine, b"here"))
    space = Opened(machine, tmp_path / "m").user
    assert space.read(USER, 4) == b"here"
    assert space.read(USER + PAGE - 2, 4) is None
    assert len(space.read_some(USER + PAGE - 2, 4)) == 2
    assert space.hidden == {"not mapped": 1}


@pytest.mark.parametrize(("shift", "size"), [(21, 2 << 20), (30, GIB)])
def test_large_pages(machine: Windows, tmp_path: Path, shift: int, size: int) -> None:
    address = 0x7F00_0000_0000 + 3 * size
    entry(machine, address, size | 0xE7, shift)
    opened = Opened(machine, tmp_path / "m", 2 * size)
    opened.stream.seek(size + 0x12345)
    opened.stream.write(b"large")
    opened.stream.flush()
    assert opened.user.read(address + 0x12345, 5) == b"large"
    assert list(opened.user.present(address, address + size)) == [Page(address, size, size, True, True)]


def test_a_page_in_transition(machine: Windows, tmp_path: Path) -> None:
    entry(machine, USER, marked(machine, b"standby") | 0x880)
    space = Opened(machine, tmp_path / "m").user
    assert space.read(USER, 7) == b"standby"
    assert space.restored == {"transition": 1}


def test_a_page_in_transition_with_an_inverted_bit(machine: Windows, tmp_path: Path) -> None:
    entry(machine, USER, marked(machine, b"standby") | 0x880 | 1 << 45)
    assert Opened(machine, tmp_path / "m").user.read(USER, 7) == b"standby"


@pytest.mark.parametrize("bits", [0x63, 0x880], ids=["valid", "transition"])
def test_a_page_through_its_prototype(machine: Windows, tmp_path: Path, bits: int) -> None:
    prototype = machine.allocate(b"MmSt", 64)
    machine.word(prototype, marked(machine, b"shared") | bits)
    entry(machine, USER, (prototype & (1 << 48) - 1) << 16 | 0x400)
    space = Opened(machine, tmp_path / "m").user
    assert space.read(USER, 6) == b"shared"
    assert space.restored == {"prototype": 1}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0, "not mapped"),
        (0x80, "demand zero"),
        (0x1234 << 32 | 0x2080, "paged out"),
        (0xFFFFFFFF0000 << 16 | 0x400, "in a file"),
        (1 << 40 | 0x67, "not in the image"),
    ],
)
def test_what_paging_hides(machine: Windows, tmp_path: Path, value: int, reason: str) -> None:
    entry(machine, USER, value)
    space = Opened(machine, tmp_path / "m").user
    assert space.read(USER, 1) is None
    assert space.read(USER + 8, 1) is None
    assert space.hidden == {reason: 1}


def test_addresses_that_are_none(machine: Windows, tmp_path: Path) -> None:
    space = Opened(machine, tmp_path / "m").user
    for address in (0x1_0000_0000_0000, -1, 1 << 64, (1 << 64) - 1):
        assert space.read(address, 16) is None


def test_a_table_that_leads_to_itself(machine: Windows, tmp_path: Path) -> None:
    for index in range(512):
        struct.pack_into("<Q", machine.memory, machine.kernel + 8 * index, machine.kernel | 0x67)
    space = Opened(machine, tmp_path / "m").user
    assert sum(1 for _ in space.present(0, 1 << 47, most=1000)) == 1000
    assert space.translate(USER) == machine.kernel


def test_tables_that_lead_nowhere_end(machine: Windows, tmp_path: Path) -> None:
    below, last = machine.page(), machine.page()
    for index in range(512):
        struct.pack_into("<Q", machine.memory, machine.kernel + 8 * index, below | 0x67)
        struct.pack_into("<Q", machine.memory, below + 8 * index, below | 0x67)
        struct.pack_into("<Q", machine.memory, last + 8 * index, 0x80)
    struct.pack_into("<Q", machine.memory, below, last | 0x67)
    space = Opened(machine, tmp_path / "m").user
    assert sum(1 for _ in space.present(0, 1 << 47, most=50)) <= 50


def test_present_pages_of_the_kernels_half(machine: Windows, tmp_path: Path) -> None:
    page = machine.page()
    machine.map(machine.kernel, POOL + 5 * PAGE, page, 0x63 | 1 << 63)
    space = Opened(machine, tmp_path / "m").kernel
    assert list(space.present(POOL, POOL + 16 * PAGE)) == [Page(POOL + 5 * PAGE, page, PAGE, False, True)]
