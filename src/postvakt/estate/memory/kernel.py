"""The kernel of an image: its own pages, its pool, its variables, and what it shares with every process."""

import struct
from collections.abc import Sequence

from postvakt.estate.filetime import filetime
from postvakt.estate.memory import pe
from postvakt.estate.memory.description import PAGE, Driver, Machine
from postvakt.estate.memory.layouts import Layout
from postvakt.estate.memory.physical import LARGE, AddressSpace, Physical

ROOT = 0x1AD000
"""The page directory of System: low, as it is on every Windows."""

IMAGE_AT = LARGE
SMALLEST = 10 << 20
SHARED_KERNEL, SHARED_USER = 0xFFFF_F780_0000_0000, 0x7FFE_0000
POOLS = {9600: 0xFFFF_E000_0000_0000}
POOL = 0xFFFF_A300_0000_0000
DRIVERS = 0xFFFF_F805_1000_0000
OTHER_HALVES = (0x1C0, 0x1C8, 0x1D0, 0x1D8, 0x1E8, 0x1F8)
"""Parts of the kernel's address space that are in use on every machine; nothing of ours lies there."""

SELF_BEFORE_14393, SELF = 0x1ED, 0x1B7
EXPORTS, DEBUG = 0x2000, 0x1800
OF_WINDOWS = "\\SystemRoot\\"
VERSION_AT = 0x2100
"""Where a driver of Windows' own says its version."""

BUILD_LABS = {
    9600: "9600.20625.amd64fre.winblue_ltsb.220908-1703",
    14393: "14393.5291.amd64fre.rs1_release.220806-1444",
    17763: "17763.1.amd64fre.rs5_release.180914-1434",
    20348: "20348.1.amd64fre.fe_release.210507-1500",
    26100: "26100.1.amd64fre.ge_release.240331-1435",
}
PROTECT_TO_VALUE = (1, 2, 0x10, 0x20, 4, 8, 0x40, 0x80)
GUARD, NO_CACHE, WRITE_COMBINE = 0x100, 0x200, 0x400
OBJECT_TYPES = {2: "Type", 3: "Directory", 5: "Token", 7: "Process", 8: "Thread", 0x24: "File", 0x2B: "Key"}
PROCESS_TYPE, FILE_TYPE = 7, 0x24
COOKIE = 0x5A
QUOTA = 0x08
"""The mark of an optional header before an object's own."""

NON_PAGED = 2


class Kernel:
    """Writes kernel structures by name. A field that the build does not have is passed over."""

    def __init__(self, machine: Machine, layout: Layout, physical: Physical) -> None:
        self.machine = machine
        self.layout = layout
        self.physical = physical
        physical.claim(ROOT, "table")
        self.space = AddressSpace(physical, layout, ROOT, user=False)
        self.size = image_size(layout)
        self.base = 0xFFFF_F800_0000_0000 + (0x1800 + machine.seed % 0x1000) * LARGE
        self._next = POOLS.get(layout.build, POOL)
        self.shared = physical.take("kernel")
        self.types: dict[int, int] = {}

    @property
    def self_map(self) -> int:
        """The entry of every page directory that maps the directory itself."""
        return SELF_BEFORE_14393 if self.layout.build < 14393 else SELF

    def boot(self) -> None:
        """Lay out the kernel's image, the shared page, the variables and the types of objects."""
        for at in range(0, self.size, LARGE):
            self.space.map_large(self.base + at, IMAGE_AT + at)
        for half in OTHER_HALVES:
            entry = self.physical.take("table") | 0x63
            self.physical.write(ROOT + 8 * half, struct.pack("<Q", entry))
        self.physical.write(ROOT + 8 * self.self_map, struct.pack("<Q", ROOT | 0x63 | 1 << 63))
        self._image()
        self._variables()
        self._shared_data()
        if "ObHeaderCookie" in self.layout.symbols:
            self.set("ObHeaderCookie", bytes([COOKIE]))
        for number, name in OBJECT_TYPES.items():
            self.types[number] = self.pool(b"ObjT", self.layout.size("_OBJECT_TYPE"))
            self.put("_OBJECT_TYPE", self.types[number], "Name", self.string(name))
            self.put("_OBJECT_TYPE", self.types[number], "Index", bytes([number]))
            self.space.write(self.symbol("ObTypeIndexTable") + 8 * number, quad(self.types[number]))

    def symbol(self, name: str) -> int:
        return self.base + self.layout.symbols[name]

    def set(self, symbol: str, data: bytes) -> None:
        self.space.write(self.symbol(symbol), data)

    def put(self, structure: str, address: int, field: str, data: bytes) -> None:
        if self.layout.has(structure, field):
            self.space.write(address + self.layout.place(structure, field), data)

    def allocate(self, size: int, align: int = 16) -> int:
        """Return the address of kernel memory that is nobody's yet."""
        address = -(-self._next // align) * align
        self._next = address + size
        for page in range(address // PAGE, (address + size - 1) // PAGE + 1):
            if page not in self.space.frames:
                self.space.map(page * PAGE, self.physical.take("kernel"), "rw")
        return address

    def pool(self, tag: bytes, size: int) -> int:
        """Return the address of a block of the pool, behind its header. What fits into a page lies in one page."""
        whole = -(-(size + self.layout.size("_POOL_HEADER")) // 16) * 16
        if whole <= PAGE and self._next % PAGE + whole > PAGE:
            self._next = -(-self._next // PAGE) * PAGE
        block = self.allocate(whole)
        word = self.layout.bits["_POOL_HEADER.BlockSize"].set(0, min(whole // 16, 0xFF))
        word = self.layout.bits["_POOL_HEADER.PoolType"].set(word, NON_PAGED)
        self.space.write(block, struct.pack("<I", word))
        self.put("_POOL_HEADER", block, "PoolTag", tag)
        return block + self.layout.size("_POOL_HEADER")

    def object(self, tag: bytes, kind: int, size: int, *, quota: bool = False) -> int:
        """Return the address of an object's body, behind its headers."""
        before = self.layout.size("_OBJECT_HEADER_QUOTA_INFO") if quota else 0
        body = self.layout.place("_OBJECT_HEADER", "Body")
        header = self.pool(tag, before + body + size) + before
        index = kind
        if "ObHeaderCookie" in self.layout.symbols:
            index = kind ^ COOKIE ^ (header >> 8 & 0xFF)
        self.put("_OBJECT_HEADER", header, "PointerCount", quad(0x7FFF))
        self.put("_OBJECT_HEADER", header, "HandleCount", quad(3))
        self.put("_OBJECT_HEADER", header, "TypeIndex", bytes([index]))
        self.put("_OBJECT_HEADER", header, "InfoMask", bytes([QUOTA if quota else 0]))
        return header + body

    def string(self, text: str, tag: bytes = b"ObNm") -> bytes:
        """Return a UNICODE_STRING whose text lies in the pool."""
        data = text.encode("utf-16-le")
        address = self.pool(tag, len(data) + 2)
        self.space.write(address, data + b"\0\0")
        return unicode_string(len(data), address)

    def ring(self, links: Sequence[int]) -> None:
        """Link list entries to a ring."""
        for number, address in enumerate(links):
            after, before = links[(number + 1) % len(links)], links[number - 1]
            self.space.write(address, struct.pack("<QQ", after, before))

    def load(self, drivers: Sequence[Driver]) -> list[int]:
        """Lay out the modules of the kernel, itself first, link them, and return their bases."""
        entries, bases = [], []
        kernel = Driver("\\SystemRoot\\system32\\ntoskrnl.exe", self.size)
        for number, driver in enumerate((kernel, *drivers)):
            base = self.base if driver is kernel else DRIVERS + (number << 20)
            if driver is not kernel:
                self._driver(driver, base)
            entry = self.pool(b"MmLd", self.layout.size("_KLDR_DATA_TABLE_ENTRY"))
            for field, data in (
                ("DllBase", quad(base)),
                ("EntryPoint", quad(base + 0x1000)),
                ("SizeOfImage", struct.pack("<I", driver.size)),
                ("FullDllName", self.string(driver.path)),
                ("BaseDllName", self.string(driver.path.rpartition("\\")[2])),
            ):
                self.put("_KLDR_DATA_TABLE_ENTRY", entry, field, data)
            bases.append(base)
            if driver.linked:
                entries.append(entry + self.layout.place("_KLDR_DATA_TABLE_ENTRY", "InLoadOrderLinks"))
        self.ring([self.symbol("PsLoadedModuleList"), *entries])
        return bases

    def _driver(self, driver: Driver, base: int) -> None:
        for at in range(0, driver.size, PAGE):
            self.space.map(base + at, self.physical.take("kernel"), "rwx")
        self.space.write(base, pe.header(size=driver.size, base=base, stamp=0x5F000000))
        if driver.path.startswith(OF_WINDOWS):
            resource = pe.version_resource(driver.path.rpartition("\\")[2], self.layout.kernel.version)
            self.space.write(base + VERSION_AT, resource)

    def _image(self) -> None:
        layout = self.layout
        stamp = 0x60000000 + layout.build
        named = ("PsInitialSystemProcess", "PsLoadedModuleList", "NtBuildNumber")
        exports = pe.exports(EXPORTS, "ntoskrnl.exe", {name: layout.symbols[name] for name in named})
        record = pe.codeview(layout.kernel.pdb, layout.kernel.guid, layout.kernel.age)
        sections = (
            (".rdata", 0x1000, 0x8000, pe.DATA_R),
            ("POOLCODE", 0x10000, 0x1000, pe.TEXT),
            (".text", 0x100000, 0x80000, pe.TEXT),
            (".data", 0x180000, self.size - 0x180000, pe.DATA_RW),
        )
        directories = {pe.EXPORT: (EXPORTS, len(exports)), pe.DEBUG: (DEBUG, 28)}
        head = pe.header(
            size=self.size, base=self.base, stamp=stamp, sections=sections, directories=directories
        )
        self.space.write(self.base, head)
        self.space.write(self.base + EXPORTS, exports)
        self.space.write(self.base + DEBUG, pe.debug_directory(DEBUG + 0x40, record, stamp))
        self.space.write(self.base + DEBUG + 0x40, record)

    def _variables(self) -> None:
        build = self.layout.build
        self.set("NtBuildNumber", struct.pack("<I", 0xF000_0000 | build))
        self.set("NtBuildLab", BUILD_LABS[build].encode() + b"\0")
        values = [
            value | extra if number else value
            for extra in (0, NO_CACHE, GUARD, WRITE_COMBINE)
            for number, value in enumerate(PROTECT_TO_VALUE)
        ]
        self.set("MmProtectToValue", struct.pack("<32I", *values))
        modules, processes = self.symbol("PsLoadedModuleList"), self.symbol("PsActiveProcessHead")
        version = struct.pack(
            "<HHBBHHBBBBHQQQ", 0xF, build, 6, 2, 0x47, pe.X64, 12, 1, 1, 1, 0, self.base, modules, 0
        )
        self.set("KdVersionBlock", version)
        if self.machine.debugger_block:
            block = self.symbol("KdDebuggerDataBlock")
            self.space.write(block + 0x10, struct.pack("<4sIQ", b"KDBG", 0x380, self.base))
            self.space.write(block + 0x48, struct.pack("<QQ", modules, processes))

    def _shared_data(self) -> None:
        self.space.map(SHARED_KERNEL, self.shared, "rw")
        now = filetime(self.machine.taken)
        major, minor = (6, 3) if self.layout.build == 9600 else (10, 0)
        ran = 41 * 3600 * 10**7
        for field, data in (
            ("InterruptTime", _system_time(ran)),
            ("SystemTime", _system_time(now)),
            ("NtSystemRoot", "C:\\Windows".encode("utf-16-le")),
            ("NtBuildNumber", struct.pack("<I", self.layout.build)),
            ("NtProductType", struct.pack("<I", 3)),
            ("ProductTypeIsValid", b"\1"),
            ("NativeProcessorArchitecture", struct.pack("<H", 9)),
            ("NtMajorVersion", struct.pack("<I", major)),
            ("NtMinorVersion", struct.pack("<I", minor)),
        ):
            self.put("_KUSER_SHARED_DATA", SHARED_KERNEL, field, data)

    def share(self, root: int) -> None:
        """Give a process's page directory the kernel's half, and the entry that maps itself."""
        self.physical.write(root + PAGE // 2, self.physical.read(ROOT + PAGE // 2, PAGE // 2))
        self.physical.write(root + 8 * self.self_map, struct.pack("<Q", root | 0x63 | 1 << 63))


def image_size(layout: Layout) -> int:
    """Return the bytes that the kernel's image takes: whole large pages up to its last variable, and no kernel is
    small."""
    return max(SMALLEST, -(-(max(layout.symbols.values()) + 0x1000) // LARGE) * LARGE)


def quad(value: int) -> bytes:
    return struct.pack("<Q", value & 0xFFFF_FFFF_FFFF_FFFF)


def unicode_string(length: int, address: int) -> bytes:
    """Return a UNICODE_STRING of so many bytes at an address."""
    return struct.pack("<HHIQ", length, length + 2, 0, address)


def _system_time(ticks: int) -> bytes:
    return struct.pack("<III", ticks & 0xFFFF_FFFF, ticks >> 32, ticks >> 32)
