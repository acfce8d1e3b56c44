"""Processes as the kernel and they themselves know of them: the block in the pool, the user memory behind it."""

import random
import struct

import msgspec

from postvakt.estate.filetime import filetime
from postvakt.estate.memory.description import PAGE, Machine, Process
from postvakt.estate.memory.kernel import PROCESS_TYPE, ROOT, SHARED_USER, Kernel, quad, unicode_string
from postvakt.estate.memory.library import Library
from postvakt.estate.memory.physical import AddressSpace
from postvakt.estate.memory.regions import Laid, tree
from postvakt.estate.memory.user import Loaded, User

SYSTEM = 4
STILL_ACTIVE = 0x103


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """One process in an image: where its block lies, and what its memory holds."""

    process: Process
    block: int
    physical: int
    """The block's physical address."""

    root: int
    peb: int
    modules: tuple[Loaded, ...]
    regions: tuple[Laid, ...]
    space: AddressSpace | None
    """What it maps; none where nothing of it is left, or it never had any."""


class Builder:
    """Builds processes one after another into a kernel."""

    def __init__(self, machine: Machine, kernel: Kernel, library: Library, dice: random.Random) -> None:
        self.machine = machine
        self.kernel = kernel
        self.library = library
        self.dice = dice

    def build(self, process: Process) -> Built:
        """Build one process and return where it lies."""
        kernel = self.kernel
        size = kernel.layout.size("_EPROCESS")
        block = kernel.object(b"Proc", PROCESS_TYPE, size, quota=process.pid != SYSTEM)
        root = ROOT if process.pid == SYSTEM else kernel.physical.take("table")
        self._block(process, block, root)
        physical = kernel.space.frame(block)
        if process.exited is not None or process.pid == SYSTEM:
            kernel.put("_EPROCESS", block, "ExitStatus", b"\0" * 4 if process.exited else b"\3\1\0\0")
            return self._empty(process, block, physical, root)
        space = AddressSpace(kernel.physical, kernel.layout, root, user=True)
        for field in ("ExitStatus", "LastThreadExitStatus"):
            kernel.put("_EPROCESS", block, field, struct.pack("<I", STILL_ACTIVE))
        self._handles(process, block)
        space.map(SHARED_USER, kernel.shared, "r")
        user = User(kernel, self.library, self.dice, process, space)
        peb = user.lay(block) if process.path else 0
        shared = Laid(start=SHARED_USER, end=SHARED_USER + PAGE, protection="r", private=True, name="shared")
        regions = [*user.regions, shared]
        tree(kernel, block, regions)
        kernel.share(root)
        return Built(
            process=process,
            block=block,
            physical=physical,
            root=root,
            peb=peb,
            modules=tuple(user.modules),
            regions=tuple(sorted(regions, key=lambda one: one.start)),
            space=space,
        )

    def _empty(self, process: Process, block: int, physical: int, root: int) -> Built:
        return Built(
            process=process,
            block=block,
            physical=physical,
            root=root,
            peb=0,
            modules=(),
            regions=(),
            space=None,
        )

    def _block(self, process: Process, block: int, root: int) -> None:
        kernel = self.kernel
        name = process.name.encode("ascii", "replace")[:14]
        if process.directory == "wrong":
            root = kernel.physical.take("user")
            kernel.physical.write(root, self.dice.randbytes(PAGE))
        for field, data in (
            ("Pcb.Header.Type", b"\3"),
            ("Pcb.Header.Size", b"\xb6"),
            ("Pcb.DirectoryTableBase", quad(root)),
            ("UniqueProcessId", quad(process.pid)),
            ("InheritedFromUniqueProcessId", quad(process.parent)),
            ("ImageFileName", name),
            ("CreateTime", quad(filetime(process.created))),
            ("ExitTime", quad(filetime(process.exited) if process.exited else 0)),
            ("ActiveThreads", struct.pack("<I", 0)),
            ("HighestUserAddress", quad(0x7FFF_FFFE_FFFF)),
        ):
            kernel.put("_EPROCESS", block, field, data)
        for field in ("ActiveProcessLinks", "ThreadListHead", "Pcb.ThreadListHead"):
            if kernel.layout.has("_EPROCESS", field):
                head = block + kernel.layout.place("_EPROCESS", field)
                kernel.put("_EPROCESS", block, field, quad(head) * 2)
        if process.path:
            device = "\\Device\\HarddiskVolume2" + process.path[2:]
            audit = kernel.pool(b"SeAu", 0x10 + 2 * len(device) + 2)
            text = device.encode("utf-16-le")
            kernel.space.write(audit, unicode_string(len(text), audit + 0x10) + text + b"\0\0")
            kernel.put("_EPROCESS", block, "SeAuditProcessCreationInfo", quad(audit))

    def _handles(self, process: Process, block: int) -> None:
        kernel = self.kernel
        table = kernel.pool(b"Obtb", kernel.layout.size("_HANDLE_TABLE"))
        code = kernel.allocate(PAGE, PAGE)
        links = table + kernel.layout.place("_HANDLE_TABLE", "HandleTableList")
        kernel.put("_HANDLE_TABLE", table, "TableCode", quad(code))
        kernel.put("_HANDLE_TABLE", table, "UniqueProcessId", struct.pack("<I", process.pid))
        kernel.put("_HANDLE_TABLE", table, "HandleTableList", quad(links) * 2)
        kernel.put("_EPROCESS", block, "ObjectTable", quad(table))
