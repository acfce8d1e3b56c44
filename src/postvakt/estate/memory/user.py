"""The user memory of one process: its own block, its parameters, the loader's lists, its heap and regions."""

import random
import struct

import msgspec

from postvakt.estate.filetime import filetime
from postvakt.estate.memory.description import PAGE, Module, Process, Protection, Region, Residence
from postvakt.estate.memory.kernel import Kernel, quad, unicode_string
from postvakt.estate.memory.library import Library, Shared
from postvakt.estate.memory.physical import AddressSpace
from postvakt.estate.memory.regions import Laid

HEAP_SIZE = 0x40000
APART = 0x10_0000
LOADER_STEP = 0x180
SYSTEM32 = "C:\\Windows\\System32\\"
ALWAYS = (f"{SYSTEM32}ntdll.dll", f"{SYSTEM32}kernel32.dll")
"""What every process has loaded."""

WOW64 = tuple(f"{SYSTEM32}{name}" for name in ("wow64.dll", "wow64win.dll", "wow64cpu.dll"))
"""And what one of 32 bits has besides."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """One module of a process where it lies."""

    base: int
    size: int
    path: str
    linked: bool
    mapped: bool
    step: str = ""


class User:
    """Lays out the user memory of one process."""

    def __init__(
        self, kernel: Kernel, library: Library, dice: random.Random, process: Process, space: AddressSpace
    ) -> None:
        self.kernel = kernel
        self.library = library
        self.process = process
        self.space = space
        self.regions: list[Laid] = []
        self.modules: list[Loaded] = []
        self._next = 0x100_0000_0000 + dice.randrange(0x1000) * 0x1_0000 * 0x10
        self._low = 0x20_0000 + dice.randrange(0x40) * PAGE

    def lay(self, block: int) -> int:
        """Lay out everything and return where the process's own block (PEB) lies."""
        for module in self._modules():
            self._module(module)
        peb = self._low
        parameters = self._parameters()
        loader = self._loader()
        heap = self._heap()
        data = bytearray(PAGE)
        layout = self.kernel.layout
        major, minor = (6, 3) if layout.build == 9600 else (10, 0)
        for field, value in (
            ("ImageBaseAddress", quad(self.modules[0].base)),
            ("Ldr", quad(loader)),
            ("ProcessParameters", quad(parameters)),
            ("ProcessHeap", quad(heap)),
            ("OSMajorVersion", struct.pack("<I", major)),
            ("OSMinorVersion", struct.pack("<I", minor)),
            ("OSBuildNumber", struct.pack("<H", layout.build)),
            ("SessionId", struct.pack("<I", self.process.session)),
        ):
            self._set(data, "_PEB", field, value)
        self._private("peb", peb, (bytes(data),), PAGE, "rw", "valid")
        self.kernel.put("_EPROCESS", block, "Peb", quad(peb))
        self.kernel.put("_EPROCESS", block, "SectionBaseAddress", quad(self.modules[0].base))
        if self.process.wow64:
            self._wow64(block, peb + 0x1000)
        for region in self.process.regions:
            self._region(region)
        return peb

    def _modules(self) -> list[Module]:
        own = Module(path=self.process.path)
        paths = ALWAYS + (WOW64 if self.process.wow64 else ())
        return [own, *(Module(path=path) for path in paths), *self.process.modules]

    def _module(self, module: Module) -> None:
        shared = self.library.image(module)
        self.modules.append(
            Loaded(
                base=shared.base,
                size=shared.size,
                path=module.path,
                linked=module.linked,
                mapped=module.mapped,
                step=module.step,
            )
        )
        if module.mapped:
            self._map_image(module, shared)

    def _map_image(self, module: Module, shared: Shared) -> None:
        for number, frame in enumerate(shared.frames):
            protection: Protection = "rx" if number else "r"
            at = shared.base + number * PAGE
            self.space.place(at, frame, protection, module.residence, shared.prototypes + 8 * number)
        self.regions.append(
            Laid(
                start=shared.base,
                end=shared.base + shared.size,
                protection="rwx-copy",
                private=False,
                name=module.name,
                file=module.path,
                image=True,
                subsection=shared.subsection,
                prototypes=shared.prototypes,
                step=module.step,
            )
        )

    def _set(self, data: bytearray, structure: str, field: str, value: bytes) -> None:
        if self.kernel.layout.has(structure, field):
            at = self.kernel.layout.place(structure, field)
            data[at : at + len(value)] = value

    def _somewhere(self, size: int) -> int:
        address = self._next
        self._next += (-(-size // APART) + 1) * APART
        return address

    def _private(
        self,
        name: str,
        start: int,
        pages: tuple[bytes, ...],
        size: int,
        protection: Protection,
        residence: Residence,
        step: str = "",
    ) -> None:
        prototypes = 0
        frames = [self._frame(content, residence) for content in pages]
        if residence == "prototype":
            prototypes = self.library.prototypes(frames, len(frames))
        for number, frame in enumerate(frames):
            at = start + number * PAGE
            self.space.place(at, frame, protection, residence, prototypes + 8 * number)
        end = start + max(size, len(pages) * PAGE)
        self.regions.append(
            Laid(start=start, end=end, protection=protection, private=True, name=name, step=step)
        )

    def _frame(self, content: bytes, residence: Residence) -> int:
        if residence in ("paged-out", "absent"):
            return 0
        frame = self.kernel.physical.take("user")
        self.kernel.physical.write(frame, content[:PAGE])
        return frame

    def _parameters(self) -> int:
        layout, process = self.kernel.layout, self.process
        size = layout.size("_RTL_USER_PROCESS_PARAMETERS")
        start = self._somewhere(8 * PAGE)
        data = bytearray(size)
        texts = bytearray()

        def text(value: str) -> bytes:
            encoded = value.encode("utf-16-le")
            address = start + size + len(texts)
            texts.extend(encoded + b"\0\0")
            texts.extend(bytes(-len(texts) % 8))
            return unicode_string(len(encoded), address)

        folder = process.path.rpartition("\\")[0] + "\\"
        variables = "".join(f"{name}={value}\0" for name, value in process.environment.items()) + "\0"
        for field, value in (
            ("MaximumLength", struct.pack("<I", size)),
            ("Length", struct.pack("<I", size)),
            # The pointers are addresses already, not distances.
            ("Flags", struct.pack("<I", 1)),
            ("CurrentDirectory", text(folder)),
            ("ImagePathName", text(process.path)),
            ("CommandLine", text(process.line)),
        ):
            self._set(data, "_RTL_USER_PROCESS_PARAMETERS", field, value)
        environment = variables.encode("utf-16-le")
        at = start + size + len(texts)
        self._set(data, "_RTL_USER_PROCESS_PARAMETERS", "Environment", quad(at))
        self._set(data, "_RTL_USER_PROCESS_PARAMETERS", "EnvironmentSize", quad(len(environment)))
        pages = _pages(bytes(data) + bytes(texts) + environment)
        self._private("parameters", start, pages, 0, "rw", process.parameters)
        return start

    def _loader(self) -> int:
        layout = self.kernel.layout
        structure = "_LDR_DATA_TABLE_ENTRY"
        linked = [module for module in self.modules if module.linked]
        head = layout.size("_PEB_LDR_DATA") + 0x28
        entries = [head + LOADER_STEP * number for number in range(len(linked))]
        texts_at = head + LOADER_STEP * len(linked)
        texts = bytearray()
        start = self._somewhere(16 * PAGE)
        data = bytearray(texts_at)
        data[: layout.size("_PEB_LDR_DATA")] = self._loader_head(start, entries)
        for number, (at, module) in enumerate(zip(entries, linked, strict=True)):
            entry = bytearray(LOADER_STEP)
            self._links(entry, start, entries, number)
            for field, value in (
                ("DllBase", quad(module.base)),
                ("EntryPoint", quad(module.base + 0x1000)),
                ("SizeOfImage", struct.pack("<I", module.size)),
                ("ObsoleteLoadCount", b"\xff\xff"),
                ("LoadTime", quad(filetime(self.process.created))),
                ("FullDllName", self._text(texts, start + texts_at, module.path)),
                ("BaseDllName", self._text(texts, start + texts_at, module.path.rpartition("\\")[2])),
            ):
                self._set(entry, structure, field, value)
            data[at : at + LOADER_STEP] = entry
        self._private("loader", start, _pages(bytes(data + texts)), 16 * PAGE, "rw", "valid")
        return start

    def _text(self, texts: bytearray, at: int, value: str) -> bytes:
        encoded = value.encode("utf-16-le")
        address = at + len(texts)
        texts.extend(encoded + b"\0\0")
        texts.extend(bytes(-len(texts) % 8))
        return unicode_string(len(encoded), address)

    LISTS = (
        ("InLoadOrderModuleList", "InLoadOrderLinks"),
        ("InMemoryOrderModuleList", "InMemoryOrderLinks"),
        ("InInitializationOrderModuleList", "InInitializationOrderLinks"),
    )

    def _ring(self, start: int, entries: list[int], head: str, links: str) -> list[int]:
        layout = self.kernel.layout
        inside = layout.place("_LDR_DATA_TABLE_ENTRY", links)
        return [start + layout.place("_PEB_LDR_DATA", head), *(start + entry + inside for entry in entries)]

    def _loader_head(self, start: int, entries: list[int]) -> bytes:
        data = bytearray(self.kernel.layout.size("_PEB_LDR_DATA"))
        self._set(data, "_PEB_LDR_DATA", "Length", struct.pack("<I", len(data)))
        self._set(data, "_PEB_LDR_DATA", "Initialized", b"\1")
        for head, links in self.LISTS:
            ring = self._ring(start, entries, head, links)
            self._set(data, "_PEB_LDR_DATA", head, struct.pack("<QQ", ring[1], ring[-1]))
        return bytes(data)

    def _links(self, entry: bytearray, start: int, entries: list[int], number: int) -> None:
        for head, links in self.LISTS:
            ring = self._ring(start, entries, head, links)
            after, before = ring[(number + 2) % len(ring)], ring[number]
            self._set(entry, "_LDR_DATA_TABLE_ENTRY", links, struct.pack("<QQ", after, before))

    def _heap(self) -> int:
        start = self._somewhere(HEAP_SIZE)
        data = bytearray(0x100)
        for block in self.process.heap:
            data += block
            data += bytes(-len(data) % 16)
        if len(data) > HEAP_SIZE:
            raise ValueError(f"the heap of {self.process.name} holds {len(data)} bytes of {HEAP_SIZE}")
        self._private("heap", start, _pages(bytes(data)), HEAP_SIZE, "rw", "valid")
        return start

    def _region(self, region: Region) -> None:
        size = -(-region.size // PAGE) * PAGE
        start = region.start or self._somewhere(max(size, PAGE * len(region.pages)))
        if not region.file:
            laid = (region.name, start, region.pages, size, region.protection, region.residence, region.step)
            self._private(*laid)
            return
        frames = [self._frame(content, region.residence) for content in region.pages]
        prototypes = self.library.prototypes(frames, max(len(frames), size // PAGE))
        subsection = self.library.section(region.file, image=False, pages=max(len(frames), size // PAGE))
        for number, frame in enumerate(frames):
            at = start + number * PAGE
            self.space.place(at, frame, region.protection, region.residence, prototypes + 8 * number)
        self.regions.append(
            Laid(
                start=start,
                end=start + max(size, len(frames) * PAGE),
                protection=region.protection,
                private=False,
                name=region.name,
                file=region.file,
                subsection=subsection,
                prototypes=prototypes,
                step=region.step,
            )
        )

    def _wow64(self, block: int, peb32: int) -> None:
        """The block of the process's 32-bit half, which its kernel block points to."""
        kernel = self.kernel
        data = bytearray(PAGE)
        struct.pack_into("<I", data, 8, self.modules[0].base & 0xFFFF_FFFF)
        self._private("peb32", peb32, (bytes(data),), PAGE, "rw", "valid")
        if kernel.layout.has("_EWOW64PROCESS", "Peb"):
            half = kernel.pool(b"Wow6", kernel.layout.size("_EWOW64PROCESS"))
            kernel.put("_EWOW64PROCESS", half, "Peb", quad(peb32))
            kernel.put("_EPROCESS", block, "WoW64Process", quad(half))
        # Windows 8.1 points to the 32-bit block itself.
        kernel.put("_EPROCESS", block, "Wow64Process", quad(peb32))


def _pages(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + PAGE] for at in range(0, len(data), PAGE))
