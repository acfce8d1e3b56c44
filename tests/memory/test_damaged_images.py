"""Images of the estate as from the field: what is told is true, what survives is found, what is lost is said."""

import random
import struct
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from postvakt.estate.memory import containers, damage, scenes
from postvakt.estate.memory.description import Machine, Process
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.layouts import BUILDS
from postvakt.estate.memory.pe import OPTIONAL_AT
from postvakt.estate.memory.truth import MemoryTruth, told
from postvakt.memory.userland import CUT
from tests.memory import test_estate_images as estate
from tests.memory import whole
from tests.memory.carving import found_by
from tests.memory.reading import Told
from tests.memory.test_estate_images import U64, image, rows, server, truth, written

PAGE = 4096
LEAST = {0.05: 0.85, 0.2: 0.65, 0.4: 0.45}
"""Share of the processes that are found though a share of the pages is lost: a block takes one or two pages."""
LOSSES = [
    (number, among, share, seed)
    for number in BUILDS
    for among in damage.AMONG
    for share in LEAST
    for seed in ((1, 2, 3) if number == 17763 else (1,))
]
HEADER, SPAN = 0x80, 0x900
"""Bytes before and after a process's beginning in which everything lies that is read of it."""


def only_truth(read: Told, true: MemoryTruth) -> None:
    """Nothing that is told was not planted, whatever is lost."""
    processes = {(one.pid, one.created): one for one in true.processes}
    for row in rows(read, "mem_process"):
        one = processes[row["ProcessId"], row["created"]]
        assert (row["ParentProcessId"], row["exited"]) == (one.parent, one.exited)
        line = row["CommandLine"]
        if line is not None and line.strip("\0"):
            assert one.line.startswith(line.partition("\0")[0].removesuffix(CUT))
        if one.listed:
            assert "hidden" not in row["flags"]
    _modules(read, true)
    odd = {
        (row["ProcessId"], row["start"] & U64)
        for row in rows(read, "mem_region")
        if {"private-executable", "mz"} <= set(row["flags"])
    }
    assert odd <= {
        (one.pid, one.start) for one in true.regions if "x" in one.protection and one.head.startswith("4d5a")
    }
    ends = {(one.port, one.remote_port) for one in true.endpoints}
    assert {(row["SourcePort"], row["DestinationPort"] or 0) for row in rows(read, "mem_netconn")} <= ends


def _modules(read: Told, true: MemoryTruth) -> None:
    paths = {(one.pid, one.base): one.path for one in true.modules}
    for row in rows(read, "mem_module"):
        if row["kernel"]:
            continue
        path = paths[row["ProcessId"], row["base"] & U64]
        said = (row["ImageLoaded"] or "").partition("\0")[0].removesuffix(CUT)
        assert path.startswith(said) or path.endswith(said)


def survivors(damaged: Image, true: MemoryTruth) -> set[int]:
    """Return the processes that lie whole in one page, and whose page is there."""
    return {
        one.pid
        for one in true.processes
        if (one.offset - HEADER) // PAGE == (one.offset + SPAN) // PAGE
        and one.offset // PAGE in damaged.pages
    }


@pytest.mark.parametrize(("number", "among", "share", "seed"), LOSSES)
def test_lost_pages(number: int, among: damage.Among, share: float, seed: int, tmp_path: Path) -> None:
    damaged = damage.lose(image(number), share, seed, among=among)
    read = Told(containers.write(damaged, tmp_path / "lost.raw"))
    only_truth(read, truth(number))
    assert survivors(damaged, truth(number)) <= set(read.pids())
    assert len(read.pids()) >= LEAST[share] * len(truth(number).processes)
    assert [gap for gap in read.gaps if gap.why == "lost"]


@pytest.mark.parametrize("form", ["raw", "dump-full", "dump-bitmap", "lime", "elf", "vmem"])
@pytest.mark.parametrize("number", BUILDS)
def test_holes_where_nothing_lies_change_nothing(number: int, form: str, tmp_path: Path) -> None:
    holes = damage.spare_holes(image(number), random.Random(7), 20)
    holed = damage.with_holes(image(number), holes)
    if form == "vmem":
        path = containers.write_vmware(holed, tmp_path / "vm.vmem")[0]
    else:
        path = containers.write(holed, tmp_path / form, form)  # type: ignore[arg-type]
    read = Told(path)
    for ask in estate.ASKED:
        ask(read, truth(number))
    if form in ("lime", "elf", "vmem", "dump-full"):
        assert read.image["runs"] == len(holed.runs)


@pytest.mark.parametrize("form", ["raw", "dump-full", "dump-bitmap", "dump-active", "lime", "elf"])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_cut_files(form: containers.Format, part: float, tmp_path: Path) -> None:
    path = containers.write(image(20348), tmp_path / form, form)
    size = int(path.stat().st_size * part) // PAGE * PAGE + 100
    with path.open("r+b") as file:
        file.truncate(size)
    read = Told(path)
    only_truth(read, truth(20348))
    assert read.image["bytes"] <= size
    assert read.gap("not in the file" if form != "raw" else "ends within a page").why == "truncated"


def test_a_cut_virtual_machine_is_not_read_by_its_snapshot(tmp_path: Path) -> None:
    path = written(17763, "vmem", tmp_path)
    with path.open("r+b") as file:
        file.truncate(20 << 20)
    read = Told(path)
    assert read.gap("was not used").why == "conflict"
    only_truth(read, truth(17763))


def test_a_cut_snapshot_is_told(tmp_path: Path) -> None:
    path = written(17763, "vmem", tmp_path)
    beside = path.with_suffix(".vmss")
    beside.write_bytes(beside.read_bytes()[:-30])
    assert Told(path).gap("does not tell where region 1 lies").why == "unparsed"


@pytest.mark.parametrize("suffix", [".vmsn", ".VMSS"])
def test_a_snapshot_of_either_name_is_used(suffix: str, tmp_path: Path) -> None:
    path = written(14393, "vmem", tmp_path)
    path.with_suffix(".vmss").rename(path.with_suffix(suffix))
    read = Told(path)
    assert not [gap for gap in read.gaps if "snapshot" in gap.detail]
    for ask in estate.ASKED:
        ask(read, truth(14393))


def test_an_early_kernel_of_2016(tmp_path: Path) -> None:
    machine = scenes.machine(server(), build=14393, variant="early", more=True)
    early = build(machine)
    read = Told(containers.write(early, tmp_path / "early.raw"))
    assert "early updates" in read.image["offsets"]
    for ask in estate.ASKED:
        ask(read, told(early))


def changed(number: int, **what: Any) -> tuple[Machine, Image]:
    machine = msgspec.structs.replace(scenes.machine(server(), build=number, more=True), **what)
    return machine, build(machine)


@pytest.mark.parametrize("number", BUILDS)
def test_a_list_that_turns_in_a_circle(number: int, tmp_path: Path) -> None:
    _, image = changed(number, cyclic=True)
    read = Told(containers.write(image, tmp_path / "cyclic.raw"))
    assert set(read.pids()) == {one.pid for one in told(image).processes}
    assert read.image["list_state"] == "broken"
    assert read.gap("Windows' list of processes is broken").why == "lost"
    only_truth(read, told(image))


@pytest.mark.parametrize("number", BUILDS)
def test_a_process_with_a_wrong_page_directory(number: int, tmp_path: Path) -> None:
    machine = scenes.machine(server(), build=number, more=True)

    def bent(one: Process) -> Process:
        return msgspec.structs.replace(one, directory="wrong") if one.name == "lsass.exe" else one

    _, image = changed(number, processes=tuple(map(bent, machine.processes)))
    read = Told(containers.write(image, tmp_path / "wrong.raw"))
    (row,) = [row for row in rows(read, "mem_process") if row["name"] == "lsass.exe"]
    assert (row["CommandLine"], "no-memory" in row["flags"]) == (None, True)
    assert read.gap("own memory is paged out or not in the image").count == 1
    only_truth(read, told(image))
    others = [one for one in told(image).processes if one.line and one.name != "lsass.exe"]
    assert {one.pid: read.process(one.pid)["CommandLine"] for one in others} == {
        one.pid: one.line for one in others
    }


@pytest.mark.parametrize("size", [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_programs_that_lie_about_their_size(size: int, tmp_path: Path) -> None:
    pages = {
        number: page[: OPTIONAL_AT + 56] + struct.pack("<I", size) + page[OPTIONAL_AT + 60 :]
        if page.startswith(b"MZ")
        else page
        for number, page in image(17763).pages.items()
    }
    bent = msgspec.structs.replace(image(17763), pages=pages)
    path = containers.write(bent, tmp_path / "sizes.raw")
    read = Told(path)
    for ask in estate.ASKED:
        ask(read, truth(17763))
    programs = [
        row
        for table, row in whole.swept(path, rows(read, "mem_process"), found_by())
        if table == "mem_carved" and row["kind"] == "program"
    ]
    assert {row["size"] for row in programs} <= {size}


@cache
def twin() -> Image:
    return image(17763, clean=True)


def test_two_images_of_one_host_are_told_each_for_itself(tmp_path: Path) -> None:
    before = Told(containers.write(twin(), tmp_path / "monday.raw"))
    after = Told(written(17763, "raw", tmp_path))
    assert before.image["host"] == after.image["host"]
    assert before.image["time"] != after.image["time"]
    for read, true in ((before, truth(17763, clean=True)), (after, truth(17763))):
        for ask in estate.ASKED:
            ask(read, true)


def test_a_machine_of_32_bits_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x86.raw"
    path.write_bytes(containers.thirty_two_bits())
    read = Told(path)
    assert read.gap("it is of a 32-bit Windows 6.3, not a 64-bit Windows Server").why == "unsupported"
    assert not rows(read, "mem_process")


@pytest.mark.parametrize("architecture", [9, 0])
def test_a_windows_of_another_layout_is_named(architecture: int, tmp_path: Path) -> None:
    content = bytearray(containers.thirty_two_bits())
    shared = 0x20000
    struct.pack_into("<HH", content, shared + 0x2C, 0x8664, 0x8664)
    struct.pack_into("<H", content, shared + 0x26A, architecture)
    struct.pack_into("<II", content, shared + 0x26C, 6, 1)
    path = tmp_path / "2008.raw"
    path.write_bytes(content)
    assert Told(path).gap("it is of a 64-bit Windows 6.1").why == "unsupported"
