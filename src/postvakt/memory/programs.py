"""Rows of one program's own dump: the process, its modules and regions."""

import hashlib
import ntpath
from collections.abc import Iterator
from typing import BinaryIO

from postvakt.memory import minidump
from postvakt.memory.opening import ARTIFACT
from postvakt.memory.regions import FIRST_BYTES, LOOKED_AT
from postvakt.memory.rows import Row, module_flags, pairs, signed, unix
from postvakt.memory.tables import MEM_IMAGE, MEM_MODULE, MEM_PROCESS, MEM_REGION, OWN
from postvakt.memory.userland import Parameters, parameters
from postvakt.model.gap import Gap, Why
from postvakt.model.table import TableSpec

BLOCK_PEB = 0x60
MOST_BLOCKS = 64


class Program:
    """A program's dump, read. Raises RefusedError where it is none."""

    def __init__(self, file: BinaryIO, path: str) -> None:
        self._path = path
        self.dump = minidump.read(file)
        self._space = minidump.Flat(self.dump.memory)
        self._own = self._parameters()

    def _parameters(self) -> Parameters | None:
        """Return what the first thread block that is in the dump leads to."""
        if self.dump.machine != minidump.AMD64:
            return None
        for block in self.dump.blocks[:MOST_BLOCKS]:
            raw = self._space.read(block + BLOCK_PEB, 8)
            own = parameters(self._space, int.from_bytes(raw, "little")) if raw else None
            if own is not None:
                return own
        return None

    @property
    def image(self) -> str | None:
        """The program's path: its first module, as the loader keeps it."""
        first = self.dump.modules[0].path if self.dump.modules else None
        return first or (self._own.image if self._own else None) or None

    @property
    def host(self) -> str | None:
        """COMPUTERNAME of its environment."""
        variables = self._own.environment if self._own else None
        return next((value for name, value in variables or () if name.upper() == "COMPUTERNAME"), None)

    def tables(self) -> Iterator[tuple[TableSpec, Iterator[Row]]]:
        """Yield each table with its rows."""
        yield MEM_PROCESS, iter([self._process()])
        yield MEM_MODULE, self._modules()
        yield MEM_REGION, self._regions()
        yield MEM_IMAGE, iter([self._image()])

    def _common(self) -> Row:
        return {"ProcessId": self.dump.process_id, "Image": self.image, "method": "dump", "tier": OWN}

    def _process(self) -> Row:
        own, dump = self._own, self.dump
        return {
            **self._common(),
            "time": unix(dump.created),
            "locator": 0,
            "CommandLine": own.command if own else None,
            "CurrentDirectory": own.folder if own else None,
            "Computer": self.host,
            "name": ntpath.basename(self.image or "") or None,
            "created": unix(dump.created),
            "threads": len(dump.blocks),
            "environment": pairs(own.environment) if own else None,
            "flags": [] if own and own.command is not None else ["no-memory"],
            "confidence": "high",
        }

    def _modules(self) -> Iterator[Row]:
        for module in self.dump.modules:
            yield {
                **self._common(),
                "time": None,
                "locator": module.locator,
                "ImageLoaded": module.path or None,
                "name": ntpath.basename(module.path) or None,
                "base": signed(module.base),
                "size": module.size,
                "linked": unix(module.stamp),
                "kernel": False,
                "flags": list(module_flags(module.path)),
                "confidence": "high",
            }

    def _regions(self) -> Iterator[Row]:
        known = {module.base for module in self.dump.modules}
        for area in self.dump.regions or ():
            head = self._space.read_some(area.base, LOOKED_AT) if area.private or area.image else b""
            flags = []
            if area.private and area.executable:
                flags.append("private-executable")
            if area.private and head.startswith(b"MZ"):
                flags.append("mz")
            if area.image and head.startswith(b"MZ") and area.base not in known:
                flags.append("no-module")
            yield {
                **self._common(),
                "time": None,
                "locator": area.locator,
                "start": signed(area.base),
                "size": signed(area.size),
                "protection": area.protection,
                "executable": area.executable,
                "private": area.private,
                "image": area.image,
                "first_bytes": head[:FIRST_BYTES].hex() or None,
                "sha256": hashlib.sha256(head).hexdigest() if len(head) == LOOKED_AT else None,
                "flags": flags,
                "confidence": "high",
            }

    def _image(self) -> Row:
        memory = self.dump.memory
        return {
            "time": unix(self.dump.taken),
            "locator": 0,
            "container": "minidump",
            "holds": "program",
            "bytes": memory.present,
            "runs": sum(1 for _ in memory.runs),
            "build": self.dump.build or None,
            "build_from": "dump",
            "host": self.host,
            "processes": 1,
            "tier": OWN,
        }

    def gaps(self) -> Iterator[Gap]:
        """Yield what the dump does not hold or could not be read of it."""
        dump, name = self.dump, ntpath.basename(self.image or "") or "the program"
        if not dump.whole:
            yield _gap(
                "limited", f"a small dump: stacks and modules, not the memory of {name}; ask for a full one"
            )
        if dump.machine != minidump.AMD64:
            yield _gap(
                "unsupported", "a dump of a program that is not x64: only its modules and regions are told"
            )
        elif self._own is None or self._own.command is None:
            yield _gap("lost", "command line and environment are not in the dump")
        if dump.regions is None:
            yield _gap("limited", "the dump has no list of regions (MemoryInfoList): none is told")
        if dump.memory.cut:
            yield _gap(
                "truncated", f"{dump.memory.cut} bytes of memory that the dump tells of are not in the file"
            )
        if dump.memory.overlapping:
            yield _gap(
                "conflict", f"{dump.memory.overlapping} bytes of memory are told twice; the first was read"
            )
        for detail, count in sorted(dump.troubles.items()):
            yield _gap("unparsed", detail, count)


def _gap(why: Why, detail: str, count: int = 1) -> Gap:
    return Gap(artifact=ARTIFACT, why=why, detail=detail, count=count)
