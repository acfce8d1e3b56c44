"""A tiny Windows in a few hundred pages: page tables, processes, regions, laid out by figures of this file alone.

It is no model of a whole machine (the estate builds those); each test bends the one thing that it asks about.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from postvakt.model.evidence import Member

PAGE = 0x1000
POOL = 0xFFFF_A300_0000_0000
SHARED = 0xFFFF_F780_0000_0000
FILETIME_2021 = 132_591_600_000_000_000
MINUTE = 600_000_000
PEB, PARAMETERS, LOADER = 0x2F1000, 0x300000, 0x310000
IMAGE = 0x140000000


class OnDisk:
    """A file on disk as the Source that a reader is given, with what lies beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.member = Member(evidence="held", path=path.name, size=path.stat().st_size)

    @contextmanager
    def open(self) -> Iterator:
        with self.path.open("rb") as stream:
            yield stream

    def siblings(self, *suffixes: str) -> Iterator["OnDisk"]:
        for suffix in suffixes:
            stem = self.path.stem if suffix.startswith("*") else self.path.name
            wanted = (stem + suffix.removeprefix("*")).lower()
            for beside in sorted(self.path.parent.iterdir()):
                if beside.name.lower() == wanted:
                    yield OnDisk(beside)

    @contextmanager
    def local_path(self) -> Iterator[Path]:
        yield self.path


@dataclass(frozen=True)
class Layout:
    """Where a build keeps what is planted here; figures of the symbol tables, written down a second time."""

    build: int
    pid: int
    links: int
    created: int
    exited: int
    parent: int
    peb: int
    name: int
    audit: int
    vads: int
    size: int
    protection: int
    private: int
    kind: int


L9600 = Layout(9600, 0x2E0, 0x2E8, 0x2D0, 0x640, 0x3D0, 0x3E8, 0x438, 0x450, 0x5D8, 0x700, 3, 15, 0)
L14393 = Layout(14393, 0x2E8, 0x2F0, 0x308, 0x690, 0x3E0, 0x3F8, 0x450, 0x468, 0x620, 0x7C8, 3, 15, 0)
L14393_EARLY = Layout(14393, 0x2E8, 0x2F0, 0x308, 0x688, 0x3E0, 0x3F8, 0x450, 0x468, 0x620, 0x7C0, 3, 15, 0)
L17763 = Layout(17763, 0x2E0, 0x2E8, 0x308, 0x690, 0x3E0, 0x3F8, 0x450, 0x468, 0x628, 0x850, 3, 14, 0)
L20348 = Layout(20348, 0x440, 0x448, 0x468, 0x840, 0x540, 0x550, 0x5A8, 0x5C0, 0x7D8, 0xB80, 7, 21, 4)
L26100 = Layout(26100, 0x1D0, 0x1D8, 0x1F8, 0x5C0, 0x2D0, 0x2E0, 0x338, 0x350, 0x558, 0x840, 3, 14, 0)
LAYOUTS = (L9600, L14393, L17763, L20348, L26100)


@dataclass
class Planted:
    """A process as it was planted: `body` its virtual address, `directory` its page table."""

    pid: int
    parent: int
    name: str
    body: int = 0
    directory: int = 0
    vads: list[int] = field(default_factory=list)


class Windows:
    """Memory that grows page by page. Page 0 is left empty, the kernel's page table lies at page 1."""

    def __init__(self, layout: Layout = L17763, *, shared: bool = True) -> None:
        self.layout = layout
        self.memory = bytearray(2 * PAGE)
        self.kernel = PAGE
        self.top = POOL
        self.processes: list[Planted] = []
        if shared:
            page = self.page()
            self.map(self.kernel, SHARED, page)
            struct.pack_into("<II", self.memory, page + 0x14, FILETIME_2021 & 0xFFFFFFFF, FILETIME_2021 >> 32)
            struct.pack_into("<II", self.memory, page + 0x260, 0xF0000000 | layout.build, 3)
            struct.pack_into("<II", self.memory, page + 0x26C, 10, 0)

    def page(self) -> int:
        """Return the address of a new page."""
        self.memory += bytes(PAGE)
        return len(self.memory) - PAGE

    def entry(self, directory: int, address: int, shift: int = 12) -> int:
        """Return where the entry for an address stands in the tables, which are made as needed."""
        table = directory
        for level in (39, 30, 21, 12):
            at = table + 8 * (address >> level & 511)
            if level == shift:
                return at
            told = struct.unpack_from("<Q", self.memory, at)[0]
            if not told & 1:
                told = self.page() | 0x67
                struct.pack_into("<Q", self.memory, at, told)
            table = told & 0xFFFFFFFFF000
        raise AssertionError

    def map(self, directory: int, address: int, page: int, bits: int = 0x67) -> None:
        """Map a page; `bits` is what the entry holds beside the frame."""
        struct.pack_into("<Q", self.memory, self.entry(directory, address), page | bits)

    def physical(self, directory: int, address: int) -> int:
        """Return where an address lies."""
        told = struct.unpack_from("<Q", self.memory, self.entry(directory, address))[0]
        return (told & 0xFFFFFFFFF000) | (address & 0xFFF)

    def write(self, directory: int, address: int, data: bytes) -> None:
        """Write at a virtual address, page by page."""
        while data:
            there = PAGE - address % PAGE
            place = self.physical(directory, address)
            self.memory[place : place + len(data[:there])] = data[:there]
            data, address = data[there:], address + there

    def word(self, address: int, value: int) -> None:
        """Write a number into the kernel's half."""
        self.write(self.kernel, address, struct.pack("<Q", value))

    def allocate(self, tag: bytes, size: int, *, at: int | None = None) -> int:
        """Return the address after a pool header with that tag, on pages of its own."""
        start = self.top if at is None else self.top + at
        pages = (start % PAGE + size + 0x10 + PAGE - 1) // PAGE
        for index in range(pages):
            # Pages of one structure are strangers in physical memory.
            self.page()
            self.map(self.kernel, self.top + index * PAGE, self.page(), 0x63 | 1 << 63)
        self.top += (pages + 1) * PAGE
        self.write(self.kernel, start, struct.pack("<BBBB4sQ", 0, 0, 1, 2, tag, 0))
        return start + 0x10

    def process(
        self,
        pid: int,
        parent: int,
        name: str,
        *,
        exited: int = 0,
        tag: bytes = b"Proc",
        at: int | None = None,
    ) -> Planted:
        """Plant a process without memory of its own."""
        told, layout = Planted(pid, parent, name), self.layout
        told.body = self.allocate(tag, 0x40 + layout.size, at=at) + 0x40
        told.directory = self.kernel if pid == 4 else self.page()
        raw = bytearray(layout.size)
        raw[0] = 3
        struct.pack_into("<QQ", raw, 0x18, told.body + 0x18, told.body + 0x18)
        struct.pack_into("<Q", raw, 0x28, told.directory)
        struct.pack_into("<Q", raw, layout.pid, pid)
        struct.pack_into("<Q", raw, layout.parent, parent)
        struct.pack_into("<Q", raw, layout.created, FILETIME_2021 + len(self.processes) * MINUTE)
        struct.pack_into("<Q", raw, layout.exited, exited)
        raw[layout.name : layout.name + 15] = name.encode()[:14].ljust(15, b"\0")
        self.write(self.kernel, told.body, bytes(raw))
        self.processes.append(told)
        return told

    def program(
        self, told: Planted, path: str, command: str, modules: tuple[tuple[int, int, str], ...] = ()
    ) -> None:
        """Give a process a PEB, parameters, an environment, and a loader's list."""
        directory = told.directory
        for address in (PEB, PARAMETERS, PARAMETERS + PAGE, LOADER, LOADER + PAGE):
            self.map(directory, address, self.page(), 0x67 | 1 << 63)
        self.word(told.body + self.layout.peb, PEB)
        self.write(directory, PEB + 0x10, struct.pack("<QQQ", IMAGE, LOADER, PARAMETERS))
        texts = PARAMETERS + 0x800
        for at, text in ((0x38, "C:\\Windows\\"), (0x60, path), (0x70, command)):
            self.string(directory, PARAMETERS + at, text, texts)
            texts += 0x200
        environment = "COMPUTERNAME=EX01\0windir=C:\\Windows\0\0".encode("utf-16-le")
        self.write(directory, texts, environment)
        self.write(directory, PARAMETERS + 0x80, struct.pack("<Q", texts))
        self.write(directory, PARAMETERS + 0x3F0, struct.pack("<Q", len(environment)))
        self.loader(directory, modules)

    def string(self, directory: int, at: int, text: str, place: int) -> None:
        """Write a UNICODE_STRING and its letters."""
        raw = text.encode("utf-16-le")
        self.write(directory, place, raw)
        self.write(directory, at, struct.pack("<HHIQ", len(raw), len(raw), 0, place))

    def loader(self, directory: int, modules: tuple[tuple[int, int, str], ...]) -> None:
        """Write the loader's ring of modules: (base, size, path)."""
        ring = [LOADER + 0x10, *(LOADER + 0x100 + 0x180 * index for index in range(len(modules)))]
        for index, at in enumerate(ring):
            links = struct.pack("<QQ", ring[(index + 1) % len(ring)], ring[index - 1])
            self.write(directory, at, links)
        for index, (base, size, path) in enumerate(modules):
            at = ring[index + 1]
            self.write(directory, at + 0x30, struct.pack("<QQI", base, base, size))
            self.string(directory, at + 0x48, path, LOADER + 0xC00 + 0x100 * index)
            self.string(directory, at + 0x58, path.rpartition("\\")[2], LOADER + 0xC80 + 0x100 * index)
            self.write(directory, at + 0x100, struct.pack("<Q", FILETIME_2021))

    def region(
        self, told: Planted, start: int, end: int, protection: int, *, private: bool, kind: int = 0
    ) -> int:
        """Plant a region's descriptor; `tree` joins them."""
        node = self.allocate(b"VadS" if private else b"Vad ", 0x80)
        layout = self.layout
        flags = protection << layout.protection | private << layout.private | kind << layout.kind
        first, last = start >> 12, end >> 12
        raw = struct.pack("<IIBB", first & 0xFFFFFFFF, last & 0xFFFFFFFF, first >> 32, last >> 32)
        self.write(self.kernel, node + 0x18, raw)
        self.write(self.kernel, node + 0x30, struct.pack("<II", flags, 1))
        told.vads.append(node)
        return node

    def file(self, node: int, path: str) -> None:
        """Tie a region's descriptor to a file."""
        subsection, area = self.allocate(b"MmSt", 0x40), self.allocate(b"MmCa", 0x80)
        file, letters = self.allocate(b"File", 0xD8), self.allocate(b"IoNm", 0x200)
        self.word(node + 0x48, subsection)
        self.word(subsection, area)
        self.word(area + 0x40, file | 0x7)
        self.write(self.kernel, file, struct.pack("<HH", 5, 0xD8))
        self.string(self.kernel, file + 0x58, path, letters)

    def tree(self, told: Planted) -> None:
        """Hang the descriptors of a process one below the other."""
        self.word(told.body + self.layout.vads, told.vads[0] if told.vads else 0)
        for node, below in zip(told.vads, told.vads[1:], strict=False):
            self.word(node + 8, below)

    def ring(self, *left_out: Planted) -> None:
        """Join the processes and the list's head, which lies in pages of the kernel; some are left out of it."""
        links = self.layout.links
        listed = [p.body + links for p in self.processes if p not in left_out]
        ring = [self.allocate(b"Head", 0x20), *listed]
        for index, at in enumerate(ring):
            self.word(at, ring[(index + 1) % len(ring)])
            self.word(at + 8, ring[index - 1])

    def save(self, path: Path) -> Path:
        """Write a raw image."""
        path.write_bytes(self.memory)
        return path


def exchange(layout: Layout = L17763, **options: bool) -> Windows:
    """Return a server with System, svchost, w3wp and its cmd, all listed; w3wp has a region that should not be."""
    machine = Windows(layout, **options)
    machine.process(4, 0, "System")
    svchost = machine.process(796, 640, "svchost.exe")
    w3wp = machine.process(4920, 796, "w3wp.exe")
    cmd = machine.process(5120, 4920, "cmd.exe")
    inetsrv = "C:\\Windows\\System32\\inetsrv\\w3wp.exe"
    machine.program(svchost, "C:\\Windows\\System32\\svchost.exe", "svchost.exe -k iissvcs")
    modules = ((IMAGE, 0x5000, inetsrv), (0x7FF8_0000_0000, 0x3000, "C:\\Windows\\Temp\\App_Web_abc.dll"))
    machine.program(w3wp, inetsrv, 'w3wp.exe -ap "MSExchangeOWAAppPool"', modules)
    machine.program(cmd, "C:\\Windows\\System32\\cmd.exe", '"cmd.exe" /c whoami')
    image = machine.region(w3wp, IMAGE, IMAGE + 0x4FFF, 7, private=False, kind=2)
    machine.file(image, "\\Windows\\System32\\inetsrv\\w3wp.exe")
    machine.region(w3wp, 0x5A0000, 0x5A1FFF, 6, private=True)
    page = machine.page()
    machine.memory[page : page + 2] = b"MZ"
    machine.map(w3wp.directory, 0x5A0000, page)
    machine.tree(w3wp)
    machine.ring()
    return machine
