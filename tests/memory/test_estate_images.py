"""Everything that is planted in the estate's images is found in them, on each Windows and in each container."""

import ntpath
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from postvakt.estate.memory import containers, scenes
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.layouts import BUILDS
from postvakt.estate.memory.truth import MemoryTruth, told
from postvakt.estate.plans import ServerPlan, plan
from tests.memory.reading import Told

FORMS = ("raw", "dump-full", "dump-bitmap", "dump-active", "lime", "elf", "vmem")
WITHOUT_MEMORY = {
    "dump-kernel": "no w3wp memory in this file",
    "dump-summary": "no w3wp memory in this file",
    "dump-triage": "no w3wp memory in this file",
    "dump-32": "32-bit",
}
WHOLE_PATH = 14
"""Letters of its name that the kernel keeps of a program."""
U64 = (1 << 64) - 1


@cache
def server() -> ServerPlan:
    return next(one for one in plan(6, 1, 1) if one.scenario == "attacked")


@cache
def image(number: int, clean: bool = False) -> Image:
    planned = scenes.clean_twin(server()) if clean else server()
    return build(scenes.machine(planned, build=number, more=not clean))


@cache
def truth(number: int, clean: bool = False) -> MemoryTruth:
    return told(image(number, clean))


def written(number: int, form: str, folder: Path, clean: bool = False) -> Path:
    if form == "vmem":
        return containers.write_vmware(image(number, clean), folder / "vm.vmem")[0]
    return containers.write(image(number, clean), folder / f"image.{form}", form)  # type: ignore[arg-type]


def rows(read: Told, table: str) -> list[dict[str, Any]]:
    return read.rows.get(table, [])


def processes(read: Told, true: MemoryTruth) -> None:
    found = {row["ProcessId"]: row for row in rows(read, "mem_process")}
    assert set(found) == {one.pid for one in true.processes}
    for one in true.processes:
        row = found[one.pid]
        assert (row["ParentProcessId"], row["created"], row["exited"]) == (
            one.parent,
            one.created,
            one.exited,
        )
        assert row["name"].lower() == one.name[:WHOLE_PATH].lower()
        if one.line:
            assert (row["CommandLine"], row["Image"]) == (one.line, one.path)
        assert ("exited" in row["flags"]) == (one.exited is not None)
    listed = {pid for pid, row in found.items() if row["method"] in ("list", "both")}
    assert listed == {one.pid for one in true.processes if one.listed}
    hidden = {pid for pid, row in found.items() if "hidden" in row["flags"]}
    assert hidden == {one.pid for one in true.processes if not one.listed and one.exited is None}


def modules(read: Told, true: MemoryTruth) -> None:
    found = {
        (row["ProcessId"], row["base"] & U64, row["ImageLoaded"])
        for row in rows(read, "mem_module")
        if not row["kernel"] and "unlisted" not in row["flags"]
    }
    assert found == {(one.pid, one.base, one.path) for one in true.modules if one.linked}
    drivers = {row["ImageLoaded"] for row in rows(read, "mem_module") if row["kernel"]}
    assert {ntpath.basename(path).lower() for path in drivers} >= {
        ntpath.basename(path).lower() for path in true.drivers
    }


def regions(read: Told, true: MemoryTruth) -> None:
    found = {(row["ProcessId"], row["start"] & U64): row for row in rows(read, "mem_region")}
    for one in true.regions:
        row = found[one.pid, one.start]
        assert row["size"] == one.end - one.start
        if true.region_bits:
            assert row["private"] == one.private
        if one.head and one.private and true.region_bits:
            assert (row["first_bytes"] or "").startswith(one.head[:32])
    planted = {
        (one.pid, one.start)
        for one in true.regions
        if one.private and "x" in one.protection and one.head.startswith("4d5a")
    }
    assert {
        place for place, row in found.items() if {"private-executable", "mz"} <= set(row["flags"])
    } == planted


def endpoints(read: Told, true: MemoryTruth) -> None:
    found = {
        (row["ProcessId"], row["Protocol"], row["SourcePort"], row["DestinationIp"], row["DestinationPort"])
        for row in rows(read, "mem_netconn")
    }
    if not true.region_bits:
        assert found == set()
        assert read.gap("where network endpoints keep their data is not known")
        return
    assert found == {
        (
            one.pid,
            one.transport.partition("-")[0],
            one.port,
            one.remote or None,
            one.remote_port if one.remote else None,
        )
        for one in true.endpoints
    }


ASKED: tuple[Callable[[Told, MemoryTruth], None], ...] = (processes, modules, regions, endpoints)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", BUILDS)
def test_what_is_planted_is_found(number: int, form: str, tmp_path: Path) -> None:
    read = Told(written(number, form, tmp_path))
    assert (read.image["holds"], read.image["host"]) == ("system", server().name)
    assert (read.image["build"], read.image["time"]) == (number, truth(number).taken)
    for ask in ASKED:
        ask(read, truth(number))


@pytest.mark.parametrize("number", BUILDS)
def test_a_clean_twin_has_what_every_server_has(number: int, tmp_path: Path) -> None:
    read = Told(written(number, "raw", tmp_path, clean=True))
    for ask in ASKED:
        ask(read, truth(number, clean=True))
    odd = [row for row in rows(read, "mem_region") if {"private-executable", "mz"} <= set(row["flags"])]
    assert odd == []
    assert [row["ProcessId"] for row in rows(read, "mem_process") if "hidden" in row["flags"]] == []


@pytest.mark.parametrize(("form", "words"), WITHOUT_MEMORY.items())
def test_a_dump_without_the_programs_says_so(form: str, words: str, tmp_path: Path) -> None:
    read = Told(written(14393, form, tmp_path))
    assert read.gap(words)
    assert [row["holds"] for row in rows(read, "mem_image")] in ([], ["kernel"], ["unknown"])
