"""The formats in which memory is handed in, and its damage: each read back by its own documentation, in the test."""

import gzip
import json
import lzma
import random
import struct
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest

from postvakt.estate import programs
from postvakt.estate.memory import containers, damage, scenes
from postvakt.estate.memory.containers import contained
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.minidump import minidump
from postvakt.estate.plans import ServerPlan, plan
from tests.estate.memory_reader import NowhereError, Windows

PAGE = 4096
WINE = Path(__file__).parent / "wine"
BUILD = 14393


@cache
def server() -> ServerPlan:
    return next(one for one in plan(6, 1, 1) if one.scenario == "attacked")


@cache
def image() -> Image:
    return build(scenes.machine(server(), build=BUILD, more=True))


@cache
def raw() -> bytes:
    return image().raw()


def pool(content: bytes) -> set[int]:
    return {seen.pid for seen in Windows(content, BUILD).pool()}


def at_their_places(parts: list[tuple[int, bytes]]) -> bytes:
    whole = bytearray(len(raw()))
    for address, data in parts:
        whole[address : address + len(data)] = data
    return bytes(whole)


def dump_pages(dump: bytes) -> list[tuple[int, bytes]]:
    """The pages of a full dump, by its runs; of one with a map of bits, by the map."""
    (kind,) = struct.unpack_from("<I", dump, 0xF98)
    if kind == 1:
        count, _, total = struct.unpack_from("<IIQ", dump, 0x88)
        runs = [struct.unpack_from("<QQ", dump, 0x98 + 16 * number) for number in range(count)]
        assert sum(pages for _, pages in runs) == total
        numbers = [number for first, pages in runs for number in range(first, first + pages)]
        start = 0x2000
    else:
        assert dump[0x2000:0x2008] == b"SDMPDUMP"
        start, total, last = struct.unpack_from("<QQQ", dump, 0x2020)
        bits = dump[0x2038 : 0x2038 + -(-last // 8)]
        numbers = [number for number in range(last) if bits[number >> 3] >> (number & 7) & 1]
        assert len(numbers) == total
    assert len(dump) == start + len(numbers) * PAGE
    assert struct.unpack_from("<Q", dump, 0xFA0) == (len(dump),)
    return [
        (number * PAGE, dump[start + PAGE * at : start + PAGE * at + PAGE])
        for at, number in enumerate(numbers)
    ]


def test_a_raw_image_is_sparse_and_whole(tmp_path: Path) -> None:
    path = containers.write(image(), tmp_path / "memory.raw")
    assert path.read_bytes() == raw()
    assert path.stat().st_blocks * 512 < len(raw()) / 4


def test_packed_images_unpack_to_the_raw_one_and_are_the_same_each_time() -> None:
    packed = contained(image(), "raw.gz")
    assert gzip.decompress(packed) == raw()
    assert packed == contained(image(), "raw.gz")
    small = contained(image(), "raw.zst")
    with pa.input_stream(pa.BufferReader(small), compression="zstd") as stream:
        assert stream.read() == raw()
    assert len(small) < 400_000


@pytest.mark.parametrize(("form", "kind"), [("dump-full", 1), ("dump-bitmap", 5)])
def test_complete_dumps_hold_every_page(form: containers.Format, kind: int) -> None:
    dump = contained(image(), form)
    assert dump[:8] == b"PAGEDU64"
    assert struct.unpack_from("<I", dump, 0xF98) == (kind,)
    assert struct.unpack_from("<Q", dump, 0x10) == (0x1AD000,)
    # There is no memory at page 0 and where devices lie; nothing of ours is there.
    assert at_their_places(dump_pages(dump)) == raw()


def test_an_active_dump_lacks_what_nobody_uses() -> None:
    dump = contained(image(), "dump-active")
    assert struct.unpack_from("<I", dump, 0xF98) == (6,)
    whole = at_their_places(dump_pages(dump))
    assert pool(whole) == pool(raw())
    cached = next(one for one in image().loose if one[0].kind == "http-proxy")
    assert raw()[cached[1][0] : cached[1][0] + 8] == cached[0].content[:8]
    assert whole[cached[1][0] : cached[1][0] + 8] == bytes(8)


@pytest.mark.parametrize(("form", "kind"), [("dump-kernel", 6), ("dump-summary", 2)])
def test_a_kernel_s_dump_has_blocks_and_no_process_s_memory(form: containers.Format, kind: int) -> None:
    dump = contained(image(), form)
    assert struct.unpack_from("<I", dump, 0xF98) == (kind,)
    whole = at_their_places(dump_pages(dump))
    assert pool(whole) == pool(raw())
    reader = Windows(whole, BUILD)
    line = programs.worker_line("MSExchangeOWAAppPool")
    assert line.encode("utf-16-le") in raw()
    assert line.encode("utf-16-le") not in whole
    seen = next(one for one in reader.pool() if one.name == "w3wp.exe")
    with pytest.raises((NowhereError, UnicodeDecodeError)):
        reader.parameters(seen)


def test_a_small_dump_has_no_memory_at_all() -> None:
    dump = contained(image(), "dump-triage")
    assert dump[:8] == b"PAGEDU64"
    assert struct.unpack_from("<I", dump, 0xF98) == (4,)
    assert len(dump) == 0x10000
    assert b"w3wp" not in dump


def test_a_dump_of_32_bits_says_so() -> None:
    dump = contained(image(), "dump-32")
    assert dump[:8] == b"PAGEDUMP"
    assert struct.unpack_from("<I", dump, 0x20) == (0x14C,)


def test_lime_tells_each_run_and_its_pages() -> None:
    content, parts, at = contained(image(), "lime"), [], 0
    while at < len(content):
        magic, version, first, last, _ = struct.unpack_from("<IIQQQ", content, at)
        assert (magic, version) == (0x4C694D45, 1)
        parts.append((first, content[at + 32 : at + 33 + last - first]))
        at += 33 + last - first
    assert len(parts) == 2
    assert at_their_places(parts) == raw()


def test_an_elf_core_tells_each_run_and_its_pages() -> None:
    content = contained(image(), "elf")
    assert content[:6] == b"\x7fELF\2\1"
    kind, machine = struct.unpack_from("<HH", content, 16)
    (start,), (size, count) = struct.unpack_from("<Q", content, 32), struct.unpack_from("<HH", content, 54)
    assert (kind, machine, size, count) == (4, 62, 56, 2)
    parts = []
    for number in range(count):
        load, _, at, _, place, length, memory, _ = struct.unpack_from(
            "<IIQQQQQQ", content, start + size * number
        )
        assert (load, length) == (1, memory)
        parts.append((place, content[at : at + length]))
    assert at_their_places(parts) == raw()


def test_a_virtual_machine_s_memory_has_its_map_beside_it(tmp_path: Path) -> None:
    holed = damage.with_holes(image(), damage.spare_holes(image(), random.Random(2), 3))
    memory, state = containers.write_vmware(holed, tmp_path / "ex01.vmem")
    told = state.read_bytes()
    magic, _, groups, name, at, size = struct.unpack_from("<III64sQQ", told)
    assert (magic, groups, name.rstrip(b"\0"), at + size) == (0xBED2BED2, 1, b"memory", len(told))
    values: dict[tuple[str, int], int] = {}
    while told[at]:
        count, length = told[at] >> 6, told[at + 1]
        index, value = struct.unpack_from("<II", told, at + 2 + length) if count else (0, 0)
        values[told[at + 2 : at + 2 + length].decode(), index] = value
        at += 2 + length + 4 * (count + 1)
    content = memory.read_bytes()
    parts = []
    for number in range(len(holed.runs)):
        start, place, pages = (values[name, number] for name in ("regionPageNum", "regionPPN", "regionSize"))
        parts.append((place * PAGE, content[start * PAGE : (start + pages) * PAGE]))
    assert at_their_places(parts) == raw()


def test_a_machine_of_32_bits_has_none_of_our_tables() -> None:
    content = containers.thirty_two_bits()
    with pytest.raises(ValueError, match=r"min\(\)"):
        Windows(content, BUILD)


def streams(dump: bytes) -> dict[int, bytes]:
    magic, version, count, at = struct.unpack_from("<4sIII", dump)
    assert (magic, version & 0xFFFF) == (b"MDMP", 0xA793)
    rows = [struct.unpack_from("<III", dump, at + 12 * number) for number in range(count)]
    return {kind: dump[place : place + size] for kind, size, place in rows}


@cache
def worker() -> tuple[int, bytes]:
    line = programs.worker_line("DefaultAppPool")
    pid = next(one.process.pid for one in image().processes if one.process.line == line)
    return pid, minidump(image(), pid)


def test_a_minidump_names_the_process_and_its_modules() -> None:
    pid, dump = worker()
    read = streams(dump)
    assert struct.unpack_from("<III", read[15])[2] == pid
    assert struct.unpack_from("<HHHBBIII", read[7])[5:] == (10, 0, BUILD)
    (count,) = struct.unpack_from("<I", read[4])
    names = []
    for number in range(count):
        base, size, _, _, at = struct.unpack_from("<QIIII", read[4], 4 + 108 * number)
        (length,) = struct.unpack_from("<I", dump, at)
        names.append((base, size, dump[at + 4 : at + 4 + length].decode("utf-16-le")))
    assert names == [(one.base, one.size, one.path) for one in image().process(pid).modules if one.linked]
    assert names[-1][2].endswith("\\root\\e22c2559\\92c7e946\\App_Web_q1z3kd0v.dll")


def test_a_minidump_holds_the_memory_of_the_process() -> None:
    pid, dump = worker()
    memory: dict[int, bytes] = {}
    count, at = struct.unpack_from("<QQ", streams(dump)[9])
    for number in range(count):
        start, size = struct.unpack_from("<QQ", streams(dump)[9], 16 + 16 * number)
        memory[start] = dump[at : at + size]
        at += size
    assert at == len(dump)
    reader = Windows(raw(), BUILD)
    seen = next(one for one in reader.pool() if one.pid == pid)
    for start, content in memory.items():
        if start != 0x7FFE0000:
            try:
                assert reader.memory.virtual(seen.root, start, 16) == content[:16]
            except NowhereError as why:
                assert "the region knows" in str(why)  # noqa: PT017 (mapped by its region's own list)
    assert b"POST /aspnet_client/discover.aspx" in b"".join(memory.values())


def test_a_minidump_tells_of_the_one_region_where_a_program_may_run_and_be_written() -> None:
    _, dump = worker()
    read = streams(dump)[16]
    head, size, count = struct.unpack_from("<IIQ", read)
    rows = [struct.unpack_from("<QQIIQIIII", read, head + size * number) for number in range(count)]
    places = [row[0] for row in rows]
    assert places == sorted(places)
    assert all(row[0] + row[4] == after for row, after in zip(rows, places[1:], strict=False))
    written = [row[0] for row in rows if (row[5], row[6], row[7]) == (0x1000, 0x40, 0x20000)]
    assert len(written) == 2
    regions = {one.name: one.start for one in image().process(worker()[0]).regions if one.protection == "rwx"}
    assert sorted(regions) == ["code", "injected"]
    assert sorted(regions.values()) == written


def test_what_has_no_memory_has_no_minidump() -> None:
    with pytest.raises(ValueError, match="process 4 has no memory"):
        minidump(image(), 4)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
def test_a_share_of_the_kernel_s_pages_is_lost_by_seed(share: float) -> None:
    first, again, other = (damage.lose(image(), share, seed) for seed in (1, 1, 2))
    kernel = [number for number in image().pages if image().use[number] == "kernel"]
    lost = set(image().pages) - set(first.pages)
    assert lost <= set(kernel)
    assert len(lost) == round(share * len(kernel))
    assert first.pages == again.pages
    assert first.pages != other.pages
    assert pool(first.raw()) < pool(raw())


def test_page_tables_are_lost_with_all_others() -> None:
    lost = damage.lose(image(), 0.4, 1, among="all")
    gone = {image().use[number] for number in set(image().pages) - set(lost.pages)}
    assert gone >= {"table", "kernel", "user", "loose"}
    assert len(lost.pages) == len(image().pages) - round(0.4 * len(image().pages))


def test_an_image_cut_off_within_a_page_keeps_what_lies_before() -> None:
    size = 20 * (1 << 20) + 100
    cut = damage.truncated(image(), size)
    assert cut.raw() == raw()[:size]
    assert sum(cut.runs[-1]) * PAGE == size - 100


def test_holes_make_runs_and_take_nothing_that_was_used() -> None:
    holes = damage.spare_holes(image(), random.Random(1), 12)
    holed = damage.with_holes(image(), holes)
    assert holed.raw() == raw()
    assert len(holed.runs) == len(image().runs) + 12
    pages = sum(count for _, count in image().runs)
    assert sum(count for _, count in holed.runs) == pages - 12
    assert at_their_places(dump_pages(contained(holed, "dump-full"))) == raw()


def test_a_hole_where_something_lay_takes_it_away() -> None:
    (system,) = (one for one in image().processes if one.process.pid == 4)
    holed = damage.with_holes(image(), ((system.physical // PAGE, 1),))
    assert 4 not in pool(holed.raw())
    with pytest.raises(ValueError, match="a dump's header has room for 40 runs"):
        contained(damage.with_holes(image(), damage.spare_holes(image(), random.Random(1), 60)), "dump-full")


class Worker:
    """The process of our own that Wine ran, whose minidump is kept; `wine/make.sh` and `wine/trim.py` made it."""

    dump = lzma.decompress((WINE / "worker.dmp.xz").read_bytes())
    truth = json.loads((WINE / "worker.truth.json").read_bytes())


def test_the_minidump_that_wine_wrote_holds_what_its_process_held() -> None:
    read = streams(Worker.dump)
    (count,) = struct.unpack_from("<I", read[4])
    rows = [struct.unpack_from("<QIIII", read[4], 4 + 108 * number) for number in range(count)]
    lengths = [struct.unpack_from("<I", Worker.dump, row[4])[0] for row in rows]
    names = [
        Worker.dump[row[4] + 4 : row[4] + 4 + length].decode("utf-16-le")
        for row, length in zip(rows, lengths, strict=True)
    ]
    assert names == [one["path"] for one in Worker.truth["modules"]]
    assert names[0] == "C:\\srv\\worker.exe"
    ranges, at = struct.unpack_from("<QQ", read[9])
    assert ranges == Worker.truth["ranges"]
    assert len(Worker.dump) - at == Worker.truth["bytes"]
    memory = Worker.dump[at:]
    assert Worker.truth["ascii"].encode() in memory
    assert Worker.truth["utf16"].encode("utf-16-le") in memory
    head, size, count = struct.unpack_from("<IIQ", read[16])
    regions = [struct.unpack_from("<QQIIQIIII", read[16], head + size * number) for number in range(count)]
    written = [(row[0], row[4]) for row in regions if (row[5], row[6], row[7]) == (0x1000, 0x40, 0x20000)]
    assert written == [(one["start"], one["size"]) for one in Worker.truth["executable_private"]]


def test_no_word_of_the_machine_it_was_made_on_lies_in_the_kept_minidump() -> None:
    words = (b"OLDPWD", b"/home", b"/mnt")
    assert not [
        word for word in words if word in Worker.dump or word.decode().encode("utf-16-le") in Worker.dump
    ]
    assert "COMPUTERNAME=EX01".encode("utf-16-le") in Worker.dump
