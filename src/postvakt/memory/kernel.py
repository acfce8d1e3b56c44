"""What the kernel tells of itself: build and clock (KUSER_SHARED_DATA), modules, build text, its symbols' name."""

import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from postvakt.memory.finding import SHARED_DATA
from postvakt.memory.paging import Space, is_kernel
from postvakt.memory.physical import PAGE, Physical
from postvakt.memory.process import EARLIEST, LATEST
from postvakt.memory.scanning import HEADER
from postvakt.memory.userland import BASE, ENTRY_SIZE, SHORT_ENTRY, Module, listed, module

SYSTEM_TIME, ZONE_BIAS, BUILD, PRODUCT, MAJOR, MINOR = 0x14, 0x20, 0x260, 0x264, 0x26C, 0x270
IMAGE_NUMBER, PROCESSOR = 0x2C, 0x26A
X86, X64, AMD64 = 0x14C, 0x8664, 9
ROOT = ":\\Win".encode("utf-16-le")
ROOT_AT = 0x32
"""Where the shared page keeps the folder of Windows, behind the drive's letter."""
SEARCHED = 1 << 20
PRODUCTS = {1: "workstation", 2: "domain controller", 3: "server"}
LAB = re.compile(rb"(\d{4,5})\.(\d{1,6})\.amd64(?:fre|chk)\.[\w.\-]{1,60}")
MOST_IMAGE = 32 << 20
MOST_MODULE = 1 << 30
MOST_MODULES = 8192
DEBUG_DIRECTORY = 6
CODEVIEW = 2
KERNEL_NAMES = ("ntoskrnl.exe", "ntkrnlmp.exe")


class SharedData(msgspec.Struct, frozen=True):
    """The page that the kernel shows to every program. `build` is 0 where Windows does not write it (before 10);
    `clock` is a FILETIME, `bias` in 100 ns (UTC is local time plus it)."""

    build: int
    major: int
    minor: int
    product: str
    clock: int
    bias: int


class Slip(msgspec.Struct, frozen=True):
    """The symbols that belong to this kernel, as a symbol server names them."""

    database: str
    guid: str
    age: int


class Driver(msgspec.Struct, frozen=True):
    """A kernel module with how it was found (`list`, `scan`, `both`) and its entry's physical address."""

    module: Module
    method: str
    base: int


def shared_data(space: Space) -> SharedData | None:
    """Return what the shared page tells, None where it is not in memory or is none."""
    raw = space.read(SHARED_DATA, 0x300)
    if raw is None:
        return None
    low, high = struct.unpack_from("<II", raw, SYSTEM_TIME)
    clock = high << 32 | low
    build, kind = struct.unpack_from("<II", raw, BUILD)
    major, minor = struct.unpack_from("<II", raw, MAJOR)
    if not (EARLIEST < clock < LATEST) or major not in (6, 10):
        return None
    # The topmost bits tell a free build from a checked one.
    number = build & 0xFFFF if major == 10 else 0
    bias_low, bias_high = struct.unpack_from("<Ii", raw, ZONE_BIAS)
    return SharedData(number, major, minor, PRODUCTS.get(kind, ""), clock, bias_high << 32 | bias_low)


def another_windows(memory: Physical) -> str | None:
    """Return which Windows the page that it shares with programs tells of, where no process of it could be read.

    None where no such page is found: it is known by where it keeps the folder of Windows.
    """
    for address, window in memory.windows(SEARCHED, PAGE):
        at = window.find(ROOT)
        while at >= 0:
            start = at - ROOT_AT
            if (address + start) % PAGE == 0 and start >= 0 and len(window) - start >= MINOR + 4:
                told = _which(window[start : start + MINOR + 4])
                if told is not None:
                    return told
            at = window.find(ROOT, at + 1)
    return None


def _which(raw: bytes) -> str | None:
    image, architecture = (
        struct.unpack_from("<H", raw, IMAGE_NUMBER)[0],
        struct.unpack_from("<H", raw, PROCESSOR)[0],
    )
    major, minor = struct.unpack_from("<II", raw, MAJOR)
    if major not in (5, 6, 10) or minor > 4:
        return None
    bits = "64" if image == X64 or (image != X86 and architecture == AMD64) else "32"
    return f"a {bits}-bit Windows {major}.{minor}"


def drivers(
    memory: Physical, space: Space, head: int, hits: Iterable[int], troubles: Counter[str]
) -> list[Driver]:
    """Return the kernel's modules by list and by scan. `head` is the list's head where the image tells it, else 0;
    `hits` are the physical addresses of pool headers of loader entries."""
    scanned: dict[int, Module] = {}
    starts: list[int] = []
    for header in hits:
        raw = memory.read(header + HEADER, ENTRY_SIZE) or memory.read(header + HEADER, SHORT_ENTRY)
        told = None if raw is None else _driver(space, raw, 0)
        if told is not None and raw is not None and len(scanned) < MOST_MODULES:
            scanned[header + HEADER] = told
            starts.append(int.from_bytes(raw[:8], "little"))
    walked = _walked(space, head, starts, troubles)
    found = []
    for place in {*scanned, *walked}:
        method = "both" if place in scanned and place in walked else "list" if place in walked else "scan"
        found.append(Driver(walked.get(place) or scanned[place], method, place))
    return sorted(found, key=lambda driver: (driver.module.base, driver.base))


def _walked(space: Space, head: int, starts: list[int], troubles: Counter[str]) -> dict[int, Module]:
    """Return the listed modules by physical address: from the head, else from the entry that leads furthest."""
    best: dict[int, Module] = {}
    first = space.word(head) if head else None
    for start in ([first] if first is not None else [])[:1] + starts[:8]:
        lost: Counter[str] = Counter()
        reached: dict[int, Module] = {}
        for told in listed(space, head or 1, start, lost):
            place = space.translate(told.entry)
            raw = space.read_some(told.entry, ENTRY_SIZE)
            if place is not None and _driver(space, raw, told.entry) is not None:
                reached[place] = told
        if len(reached) > len(best):
            best = reached
    if starts and not best:
        troubles["the list of kernel modules leads nowhere"] += 1
    return best


def _driver(space: Space, raw: bytes, entry: int) -> Module | None:
    base, _, size = struct.unpack_from("<QQI", raw, BASE)
    links = struct.unpack_from("<QQ", raw)
    if not (all(map(is_kernel, links)) and is_kernel(base) and base % PAGE == 0 and 0 < size <= MOST_MODULE):
        return None
    return module(space, raw, entry)


def kernel_of(found: Iterable[Driver]) -> Module | None:
    """Return the kernel's own module."""
    return next((d.module for d in found if (d.module.name or "").lower() in KERNEL_NAMES), None)


def lab(space: Space, kernel: Module) -> tuple[int, str] | None:
    """Return the build number and the text of NtBuildLab in the kernel's image, None where it is not in memory."""
    before = b""
    for raw in _pieces(space, kernel):
        told = LAB.search(before + raw)
        if told is not None:
            return int(told[1]), told[0].decode("ascii")
        before = raw[-80:]
    return None


def _pieces(space: Space, kernel: Module) -> Iterator[bytes]:
    end = kernel.base + min(kernel.size, MOST_IMAGE)
    for address in range(kernel.base, end, PAGE):
        yield space.read_some(address, PAGE)


def slip(space: Space, kernel: Module) -> Slip | None:
    """Return which symbols belong to the kernel, as its own debug directory names them."""
    raw = space.read_some(kernel.base, PAGE)
    at = int.from_bytes(raw[0x3C:0x40], "little")
    if raw[:2] != b"MZ" or raw[at : at + 4] != b"PE\x00\x00" or len(raw) < at + 24 + 112 + 8 * 7:
        return None
    place, size = struct.unpack_from("<II", raw, at + 24 + 112 + 8 * DEBUG_DIRECTORY)
    table = space.read_some(kernel.base + place, min(size, 28 * 16))
    for entry in range(0, len(table) - 27, 28):
        kind, length, address = struct.unpack_from("<III", table, entry + 12)
        held = space.read_some(kernel.base + address, min(length, 300)) if kind == CODEVIEW else b""
        if held[:4] == b"RSDS" and len(held) > 24:
            first, second, third = struct.unpack_from("<IHH", held, 4)
            guid = f"{first:08X}{second:04X}{third:04X}{held[12:20].hex().upper()}"
            name = held[24:].partition(b"\x00")[0].decode("ascii", "replace")
            return Slip(name, guid, int.from_bytes(held[20:24], "little"))
    return None
