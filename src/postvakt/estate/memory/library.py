"""The image files that processes share: one set of pages and one list of prototype entries for each file."""

import zlib

import msgspec

from postvakt.estate.memory import pe
from postvakt.estate.memory.description import PAGE, Module
from postvakt.estate.memory.kernel import FILE_TYPE, Kernel, quad
from postvakt.estate.memory.physical import PRESENT, TOUCHED

PROGRAMS, LIBRARIES = 0x7FF6_1000_0000, 0x7FFB_1000_0000
APART = 0x0100_0000
FILLER = b"\xcc" * 64


class Shared(msgspec.Struct, frozen=True, kw_only=True):
    """One image file in memory. `prototypes` is where its list of entries lies in the kernel."""

    base: int
    size: int
    frames: tuple[int, ...]
    prototypes: int
    subsection: int


class Library:
    """Image files by path; the first process that has one decides where it lies."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._held: dict[str, Shared] = {}

    def image(self, module: Module) -> Shared:
        """Return the shared pages of a module, made when it is first asked for: its header and its second page."""
        key = module.path.lower()
        if key not in self._held:
            self._held[key] = self._make(module, len(self._held))
        return self._held[key]

    def _make(self, module: Module, number: int) -> Shared:
        dll = not module.path.lower().endswith(".exe")
        base = module.base or (LIBRARIES if dll else PROGRAMS) + number * APART
        stamp = 0x5F00_0000 + zlib.crc32(module.path.lower().encode()) % 0x0100_0000
        head = b"" if module.wiped else pe.header(size=module.size, base=base, stamp=stamp, dll=dll)
        frames = []
        for content in (head, module.text or FILLER):
            frame = self.kernel.physical.take("user")
            self.kernel.physical.write(frame, content[:PAGE])
            frames.append(frame)
        prototypes = self.prototypes(frames, module.size // PAGE)
        subsection = self.section(module.path, image=True, pages=module.size // PAGE)
        return Shared(
            base=base,
            size=module.size,
            frames=tuple(frames),
            prototypes=prototypes,
            subsection=subsection,
        )

    def prototypes(self, frames: list[int], pages: int) -> int:
        """Return where a list of prototype entries lies; the pages behind the last frame are not in memory."""
        address = self.kernel.pool(b"MmSt", 8 * max(pages, len(frames)))
        for number, frame in enumerate(frames):
            self.kernel.space.write(address + 8 * number, quad(frame | PRESENT | TOUCHED | 1 << 63))
        return address

    def section(self, path: str, *, image: bool, pages: int) -> int:
        """Return the address of a subsection with the control area and the file object of a file."""
        kernel, layout = self.kernel, self.kernel.layout
        subsection = kernel.pool(b"MmSt", layout.size("_SUBSECTION"))
        area = kernel.pool(b"MmCa", layout.size("_CONTROL_AREA"))
        file = kernel.object(b"File", FILE_TYPE, layout.size("_FILE_OBJECT"))
        flags = layout.bits["_MMSECTION_FLAGS.File"].set(0, 1)
        if image:
            flags = layout.bits["_MMSECTION_FLAGS.Image"].set(flags, 1)
        for structure, address, field, data in (
            ("_FILE_OBJECT", file, "Type", b"\5\0"),
            ("_FILE_OBJECT", file, "Size", layout.size("_FILE_OBJECT").to_bytes(2, "little")),
            ("_FILE_OBJECT", file, "FileName", kernel.string(path[2:])),
            # The kernel keeps a count in the lowest bits of this pointer.
            ("_CONTROL_AREA", area, "FilePointer", quad(file | 1)),
            ("_CONTROL_AREA", area, "u", flags.to_bytes(4, "little")),
            ("_SUBSECTION", subsection, "ControlArea", quad(area)),
            ("_SUBSECTION", subsection, "PtesInSubsection", pages.to_bytes(4, "little")),
        ):
            kernel.put(structure, address, field, data)
        return subsection
