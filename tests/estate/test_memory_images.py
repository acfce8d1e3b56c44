"""Memory images: what was described lies where Windows would have it, read back by a reader of the tests' own."""

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from postvakt.commands import estates
from postvakt.estate import programs
from postvakt.estate.memory import extract, scenes
from postvakt.estate.memory.description import Machine, Process, Region
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.layouts import BUILDS, layout
from postvakt.estate.memory.truth import MemoryTruth, told
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ServerPlan, plan
from postvakt.estate.servers import made
from postvakt.estate.stories import KINDS
from tests.estate.memory_reader import ROWS, NowhereError, Windows

FLAGS = {9600: (3, 15), 14393: (3, 15), 17763: (3, 14), 20348: (7, 21)}
"""The first bit of a region's protection, and the bit that says private, by build."""

RX, RW, RWX = 3, 4, 6


@cache
def server(scenario: str = "attacked") -> ServerPlan:
    return next(one for one in plan(len(KINDS), 1, 1) if one.scenario == scenario)


@cache
def attacked(number: int) -> Image:
    return build(scenes.machine(server(), build=number, more=True))


@cache
def clean(number: int) -> Image:
    return build(scenes.machine(scenes.clean_twin(server()), build=number))


@cache
def windows(number: int) -> Windows:
    return Windows(attacked(number).raw(), number)


@cache
def truth(number: int) -> MemoryTruth:
    return told(attacked(number))


def machine(*processes: Process, **given: Any) -> Machine:
    began = scenes.taken(server()) - timedelta(hours=1)
    system = Process(pid=4, parent=0, name="System", created=began)
    made = tuple(msgspec.structs.replace(one, created=began) for one in processes)
    fields = {"build": 14393, "host": "EX01", "taken": began, "processes": (system, *made), **given}
    return Machine(**fields)


def process(pid: int, **given: Any) -> Process:
    fields = {
        "pid": pid,
        "parent": 4,
        "name": "a.exe",
        "path": "C:\\a.exe",
        "line": f"a.exe {pid}",
        "created": scenes.taken(server()),
        **given,
    }
    return Process(**fields)


def digest(image: Image) -> str:
    return hashlib.sha256(image.raw()).hexdigest()


@pytest.mark.parametrize("number", BUILDS)
def test_the_same_machine_gives_the_same_bytes(number: int) -> None:
    again = build(scenes.machine(server(), build=number, more=True))
    assert digest(again) == digest(attacked(number))


def test_another_seed_puts_everything_elsewhere() -> None:
    described = scenes.machine(server(), build=14393)
    other = build(msgspec.structs.replace(described, seed=described.seed + 1))
    first = build(described)
    assert digest(first) != digest(other)
    assert [one.process for one in first.processes] == [one.process for one in other.processes]
    assert first.kernel != other.kernel


@pytest.mark.parametrize("number", BUILDS)
def test_a_page_directory_maps_itself_and_the_shared_page_says_which_windows(number: int) -> None:
    seen = windows(number)
    assert seen.root == 0x1AD000
    shared = seen.memory.virtual(seen.root, 0xFFFFF78000000000, 0x280)
    version = tuple(int.from_bytes(shared[at : at + 4], "little") for at in (0x26C, 0x270))
    assert version == ((6, 3) if number == 9600 else (10, 0))
    assert int.from_bytes(shared[0x260:0x264], "little") == (0 if number == 9600 else number)
    assert shared[0x30:0x44].decode("utf-16-le") == "C:\\Windows"


@pytest.mark.parametrize("number", BUILDS)
def test_the_kernel_is_an_image_with_its_symbols_name_and_its_build(number: int) -> None:
    seen, image = windows(number), attacked(number)
    head = seen.memory.virtual(seen.root, image.kernel, 0x2000)
    assert head[:2] == b"MZ"
    assert head[0x80:0x84] == b"PE\0\0"
    assert b"RSDS" in head
    assert b"ntkrnlmp.pdb\0" in head
    lab = seen.memory.virtual(seen.root, image.symbol("NtBuildLab"), 16)
    assert lab.startswith(b"%d." % number)


@pytest.mark.parametrize("number", BUILDS)
def test_the_kernel_s_list_has_who_runs_and_the_pool_has_everybody(number: int) -> None:
    everybody = {one.pid for one in truth(number).processes}
    listed = {one.pid for one in truth(number).processes if one.listed}
    assert listed < everybody
    # The head of the list is no process: what is read of it there is no number of one.
    assert {pid for pid in windows(number).listed() if pid in everybody} == listed
    assert {seen.pid for seen in windows(number).pool()} == everybody


@pytest.mark.parametrize("number", BUILDS)
def test_blocks_tell_what_was_described(number: int) -> None:
    found = {seen.pid: seen for seen in windows(number).pool()}
    for one in truth(number).processes:
        seen = found[one.pid]
        assert (seen.parent, seen.name, seen.at) == (one.parent, one.name[:14], one.offset)


@pytest.mark.parametrize("number", BUILDS)
def test_command_lines_and_environments_are_read_through_all_kinds_of_pages(number: int) -> None:
    reader, read = windows(number), 0
    found = {seen.pid: seen for seen in reader.pool()}
    for one in truth(number).processes:
        if one.line:
            assert reader.parameters(found[one.pid]) == (one.path, one.line)
            assert reader.environment(found[one.pid]) == one.environment
            read += 1
    assert read > 25


@pytest.mark.parametrize("number", BUILDS)
def test_loaders_name_the_modules(number: int) -> None:
    reader = windows(number)
    found = {seen.pid: seen for seen in reader.pool()}
    for built in attacked(number).processes:
        if built.space is not None and built.process.path:
            wanted = [(one.base, one.size, one.path) for one in built.modules if one.linked]
            assert reader.modules(found[built.process.pid]) == wanted
            base = wanted[-1][0]
            assert reader.memory.virtual(found[built.process.pid].root, base, 2) == b"MZ"


@pytest.mark.parametrize("number", [number for number in BUILDS if number in FLAGS])
def test_regions_lie_in_a_tree_and_say_what_may_be_done_in_them(number: int) -> None:
    reader = windows(number)
    protection, private = FLAGS[number]
    found = {seen.pid: seen for seen in reader.pool()}
    for built in attacked(number).processes:
        if built.space is not None:
            regions = reader.regions(found[built.process.pid])
            assert [(start, end) for start, end, _ in regions] == [
                (one.start, one.end) for one in built.regions
            ]
            assert [bool(word >> private & 1) for _, _, word in regions] == [
                one.private for one in built.regions
            ]
            names = ("none", "r", "x", "rx", "rw", "rw-copy", "rwx", "rwx-copy")
            assert [names[word >> protection & 31] for _, _, word in regions] == [
                one.protection for one in built.regions
            ]


def test_of_the_newest_windows_the_regions_tell_only_where_they_lie() -> None:
    reader = windows(26100)
    found = {seen.pid: seen for seen in reader.pool()}
    built = attacked(26100).process(next(one.pid for one in truth(26100).regions if one.step))
    regions = reader.regions(found[built.process.pid])
    assert [(start, end) for start, end, _ in regions] == [(one.start, one.end) for one in built.regions]
    assert {word for _, _, word in regions} == {0}
    assert not truth(26100).region_bits
    assert truth(26100).endpoints == ()


def executable(number: int, image: Image) -> Iterator[tuple[str, int, str]]:
    """Name of the process, protection and first bytes of each private region that may run."""
    reader = Windows(image.raw(), number)
    protection, private = FLAGS[number]
    for seen in reader.pool():
        if seen.peb and seen.regions:
            for start, _, word in reader.regions(seen):
                kind = word >> protection & 31
                if word >> private & 1 and kind in (RX, RWX):
                    yield seen.name, kind, reader.memory.virtual(seen.root, start, 2).hex()


@pytest.mark.parametrize("number", FLAGS)
def test_only_an_intruder_s_program_runs_in_private_memory(number: int) -> None:
    planted, ordinary = set(executable(number, attacked(number))), set(executable(number, clean(number)))
    assert ("w3wp.exe", RWX, "4d5a") in planted
    assert ("w3wp.exe", RWX, "4d5a") not in ordinary
    # .NET makes code at run time, and the antivirus its stubs: both in memory that may run.
    assert {("w3wp.exe", RWX, "0000"), ("w3wp.exe", RX, "5541"), ("w3wp.exe", RX, "ff25")} <= ordinary


def test_the_twin_has_nothing_of_an_intruder_s() -> None:
    twin = told(clean(14393))
    everything = (*twin.processes, *twin.modules, *twin.regions, *twin.endpoints, *twin.carved)
    assert len(everything) > 200
    assert {one.step for one in everything} == {""}
    raw = clean(14393).raw()
    assert server().attacker.encode() not in raw
    assert b"X-BEResource" not in raw


def test_the_attacked_server_s_memory_tells_what_its_logs_tell() -> None:
    image = build(scenes.machine(server()))
    runs = {run.process: run for run in programs.attack_runs(server())}
    assert len(runs) == 6
    for one in told(image).processes:
        if one.pid in runs:
            run = runs.pop(one.pid)
            assert (one.parent, one.path, one.created) == (run.parent_process, run.image, run.time)
    assert not runs


def test_one_command_shell_still_waits_under_the_web_server() -> None:
    alive = [
        one for one in told(build(scenes.machine(server()))).processes if one.step and one.exited is None
    ]
    assert [one.name for one in alive] == ["cmd.exe"]
    parents = {one.pid: one for one in truth(14393).processes}
    assert 'w3wp.exe -ap "DefaultAppPool"' in parents[alive[0].parent].line


def test_cached_lines_are_lines_of_the_hand_in() -> None:
    content = b"".join(one.content for one in made(server()) if isinstance(one, Placed))
    carved = [one for one in truth(14393).carved if one.kind in ("iis", "http-proxy", "ecp")]
    assert len(carved) > 50
    assert not [one.text for one in carved if one.text.encode() not in content]
    forged = [one for one in carved if server().attacker in one.text and "ServerInfo~" in one.text]
    # Seven were logged; the page's end cuts through one of them.
    assert len(forged) == 6


@pytest.mark.parametrize(
    "kind", ["iis", "http-proxy", "ecp", "evtx", "mft", "hive", "page", "command-line", "http-request", "pe"]
)
def test_what_may_be_carved_lies_where_the_truth_says(kind: str) -> None:
    raw = attacked(14393).raw()
    begins = {"evtx": b"**\0\0", "mft": b"FILE", "hive": b"hbin", "pe": b"MZ"}
    carved = [one for one in truth(14393).carved if one.kind == kind]
    assert carved
    for one in carved:
        wanted = one.text.encode("utf-16-le" if kind == "command-line" else "utf-8") or begins.get(kind, b"")
        assert raw[one.offset : one.offset + len(wanted)] == wanted


def test_forged_requests_lie_in_the_worker_of_the_control_panel_in_both_alphabets() -> None:
    reader = windows(14393)
    line = programs.worker_line("MSExchangeECPAppPool")
    pid = next(one.pid for one in truth(14393).processes if one.line == line)
    heap = next(one for one in truth(14393).regions if one.pid == pid and one.name == "heap")
    seen = next(seen for seen in reader.pool() if seen.pid == pid)
    content = b"".join(_pages(reader, seen.root, heap.start, heap.end))
    for text in (content, content.decode("utf-16-le", "replace").encode()):
        assert b"Cookie: X-BEResource=a]@" in text
        assert b":444/autodiscover/autodiscover.xml?#~" in text or b":444/mapi/emsmdb/?#~" in text


def _pages(reader: Windows, root: int, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, 4096):
        try:
            yield reader.memory.virtual(root, at, 4096)
        except NowhereError:
            return


def test_memory_of_a_wiped_server_still_has_the_lines_that_its_logs_lost() -> None:
    wiped = server("half-wiped")
    logs = b"".join(
        one.content for one in made(wiped) if isinstance(one, Placed) and "/HttpProxy/" in one.path
    )
    carved = [one for one in told(build(scenes.machine(wiped))).carved if wiped.attacker in one.text]
    assert wiped.attacker.encode() not in logs
    assert {one.kind for one in carved} >= {"iis", "http-proxy"}


def test_memory_has_the_lines_of_logs_that_no_collector_took() -> None:
    carved = [one for one in told(build(scenes.machine(server("no-web-logs")))).carved if one.step]
    assert {one.kind for one in carved} >= {"iis", "http-proxy"}


def test_a_connection_leads_to_the_operator() -> None:
    ends = {one.remote: one for one in truth(14393).endpoints if one.step}
    assert set(ends) == {server().attacker}
    raw = attacked(14393).raw()
    blocks = [found.start() for found in re.finditer(rb"\x02TcpE", raw)]
    assert len(blocks) == len([one for one in truth(14393).endpoints if one.transport == "tcp"])


def test_an_unlisted_process_is_in_the_pool_alone() -> None:
    image = build(machine(process(8), process(12, listed=False)))
    reader = Windows(image.raw(), 14393)
    assert 12 not in reader.listed()
    assert {seen.pid for seen in reader.pool()} == {4, 8, 12}


def test_an_exited_process_has_no_memory_and_no_place_in_the_list() -> None:
    gone = process(12, exited=scenes.taken(server()), listed=False)
    reader = Windows(build(machine(process(8), gone)).raw(), 14393)
    seen = next(one for one in reader.pool() if one.pid == 12)
    assert (seen.peb, seen.regions) == (0, 0)
    assert reader.memory.entry(seen.at + ROWS[14393].exited) > 0
    assert 12 not in reader.listed()


def test_a_cyclic_list_never_comes_back_to_its_head() -> None:
    image = build(machine(*(process(pid) for pid in range(8, 40, 4)), cyclic=True))
    reader = Windows(image.raw(), 14393)
    head = image.symbol("PsActiveProcessHead")
    link, met = reader.memory.number(reader.root, head), []
    for _ in range(50):
        met.append(link)
        link = reader.memory.number(reader.root, link)
    assert head not in met
    assert len(set(met)) == 9


def test_a_library_off_the_loader_s_lists_has_a_region_and_no_entry() -> None:
    reader = windows(14393)
    built = attacked(14393).process(next(one.pid for one in truth(14393).modules if not one.linked))
    hidden = next(one for one in built.modules if not one.linked)
    seen = next(one for one in reader.pool() if one.pid == built.process.pid)
    assert hidden.base not in [base for base, _, _ in reader.modules(seen)]
    assert hidden.base in [start for start, _, _ in reader.regions(seen)]
    assert reader.memory.virtual(seen.root, hidden.base, 2) == b"MZ"


@pytest.mark.parametrize(("number", "place", "indirect"), [(9600, 0x418, False), (14393, 0x428, True)])
def test_a_process_of_32_bits_points_to_its_other_half(number: int, place: int, indirect: bool) -> None:
    image = build(machine(process(8, wow64=True), build=number))
    reader = Windows(image.raw(), number)
    seen = next(one for one in reader.pool() if one.pid == 8)
    half = reader.memory.entry(seen.at + place)
    assert (reader.memory.number(reader.root, half) if indirect else half) == seen.peb + 0x1000
    assert "C:\\Windows\\System32\\wow64.dll" in [path for _, _, path in reader.modules(seen)]


def test_a_wrong_page_directory_leads_nowhere() -> None:
    reader = Windows(build(machine(process(8), process(12, directory="wrong"))).raw(), 14393)
    found = {seen.pid: seen for seen in reader.pool()}
    assert reader.parameters(found[8])[1] == "a.exe 8"
    with pytest.raises(NowhereError):
        reader.parameters(found[12])


@pytest.mark.parametrize("residence", ["valid", "transition", "prototype"])
def test_pages_that_are_in_memory_are_reached(residence: str) -> None:
    region = Region(name="here", pages=(b"first", b"second"), residence=residence)  # type: ignore[arg-type]
    image = build(machine(process(8, regions=(region,), parameters=residence)))
    reader = Windows(image.raw(), 14393)
    seen = next(one for one in reader.pool() if one.pid == 8)
    start = next(one.start for one in image.process(8).regions if one.name == "here")
    assert reader.memory.virtual(seen.root, start, 5) == b"first"
    assert reader.memory.virtual(seen.root, start + 4096, 6) == b"second"
    assert reader.parameters(seen)[1] == "a.exe 8"


@pytest.mark.parametrize("residence", ["paged-out", "absent", "by-region"])
def test_pages_that_no_entry_leads_to_are_not_reached(residence: str) -> None:
    file = "C:\\data.bin" if residence == "by-region" else ""
    region = Region(name="gone", pages=(b"first",), residence=residence, file=file)  # type: ignore[arg-type]
    image = build(machine(process(8, regions=(region,))))
    reader = Windows(image.raw(), 14393)
    seen = next(one for one in reader.pool() if one.pid == 8)
    start = next(one.start for one in image.process(8).regions if one.name == "gone")
    with pytest.raises(NowhereError):
        reader.memory.virtual(seen.root, start, 5)
    assert (b"first" in image.raw()) == (residence == "by-region")


def test_a_region_s_own_list_leads_to_its_page() -> None:
    region = Region(name="file", pages=(b"mapped",), residence="by-region", file="C:\\data.bin")
    image = build(machine(process(8, regions=(region,))))
    reader = Windows(image.raw(), 14393)
    laid = next(one for one in image.process(8).regions if one.name == "file")
    entry = reader.memory.number(reader.root, laid.prototypes)
    assert reader.memory.physical(entry & 0xFFFFFFFFF000, 6) == b"mapped"


def test_early_kernels_of_2016_keep_the_exit_elsewhere() -> None:
    gone = process(12, exited=scenes.taken(server()), listed=False)
    reader = Windows(build(machine(gone, variant="early")).raw(), 14393)
    seen = next(one for one in reader.pool() if one.pid == 12)
    assert reader.memory.entry(seen.at + 0x690) == 0
    assert reader.memory.entry(seen.at + 0x688) > 0


def test_a_build_without_a_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="7601: no layout; there are 9600, 14393"):
        build(machine(process(8), build=7601))
    assert scenes.windows_build(server("exchange-2010")) is None


@pytest.mark.shared
def test_layouts_are_those_of_the_symbol_tables(shared_evidence: Path) -> None:
    made = {}
    for version, table in extract.tables(shared_evidence / "memory" / "isf"):
        one = extract.layout(table, version)
        made.setdefault(one.build, []).append(one)
    assert {number: made[number][0] for number in sorted(made)} == {
        number: layout(number) for number in BUILDS if number != 26100
    }
    # Another kernel of the same build differs in where its variables lie, and in the block's size, and in nothing else.
    for newer, older in made.values():
        for name, structure in newer.structures.items():
            assert structure.fields == older.structures[name].fields, name
        assert newer.bits == older.bits


def test_numbers_of_processes_come_once() -> None:
    for number in BUILDS:
        pids = [one.pid for one in truth(number).processes]
        assert len(set(pids)) == len(pids)


def test_an_estate_writes_memory_beside_the_hand_ins_where_asked(tmp_path: Path) -> None:
    list(estates.write(tmp_path / "new", hosts=2, seed=4, days=1, memory=True))
    truths = json.loads((tmp_path / "new" / "truth.json").read_bytes())
    for one in truths:
        image = tmp_path / "new" / "evidence" / one["memory"]["file"]
        reader = Windows(image.read_bytes(), one["memory"]["build"])
        assert {seen.pid for seen in reader.pool()} == {row["pid"] for row in one["memory"]["processes"]}
        assert one["memory"]["host"] == one["host"]
        assert image.stat().st_blocks * 512 < image.stat().st_size / 4
