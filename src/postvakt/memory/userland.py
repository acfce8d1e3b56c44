"""What a program keeps of itself: command line, environment, loaded modules, as its PEB leads to them.

All of it stands in memory that the program itself may write: it is what the program says. Offsets are the same in all
builds that are read here (symbols of 9600, 14393, 17763 and 20348 agree).
"""

import struct
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

import msgspec

from postvakt.memory.paging import HIGHEST_USER

PEB_SIZE = 0x28
IMAGE_BASE, LOADER, PARAMETERS = 0x10, 0x18, 0x20
PARAMETERS_SIZE = 0x3F8
FOLDER, IMAGE, COMMAND, ENVIRONMENT, ENVIRONMENT_SIZE = 0x38, 0x60, 0x70, 0x80, 0x3F0
LOAD_ORDER = 0x10
ENTRY_SIZE = 0x108
SHORT_ENTRY = 0x68
BASE, ENTRY_POINT, SIZE, FULL_NAME, NAME, STAMP, LOADED = 0x30, 0x38, 0x40, 0x48, 0x58, 0x80, 0x100
MOST_MODULES = 4096
MOST_ENVIRONMENT = 128 * 1024
MOST_VARIABLES = 2048
CUT = "\N{HORIZONTAL ELLIPSIS}"
"""Stands where the rest of a text is not in memory."""


class Readable(Protocol):
    """A space that can be read by virtual address."""

    def read(self, address: int, size: int) -> bytes | None: ...

    def read_some(self, address: int, size: int) -> bytes: ...


class Parameters(msgspec.Struct, frozen=True):
    """How a program was started; None where it is not in memory."""

    image: str | None
    command: str | None
    folder: str | None
    environment: tuple[tuple[str, str], ...] | None
    image_base: int
    loader: int


class Module(msgspec.Struct, frozen=True):
    """A module in a list of the loader: virtual addresses, size in bytes, `loaded` a FILETIME (0: not told)."""

    entry: int
    base: int
    size: int
    path: str | None
    name: str | None
    stamp: int
    loaded: int


def text(space: Readable, raw: bytes, at: int) -> str | None:
    """Return what a UNICODE_STRING at a place in `raw` points at, None where it is not in memory."""
    length, _, pointer = struct.unpack_from("<HH4xQ", raw, at)
    if not length:
        return ""
    if not pointer or length & 1:
        return None
    got = space.read_some(pointer, length)
    got = got[: len(got) & ~1]
    if not got:
        return None
    told = got.decode("utf-16-le", "backslashreplace")
    return told if len(got) == length else told + CUT


def parameters(space: Readable, peb: int) -> Parameters | None:
    """Return what the PEB at a virtual address leads to, None where that is not in memory."""
    raw = space.read(peb, PEB_SIZE) if peb else None
    if raw is None:
        return None
    image_base, loader, place = struct.unpack_from("<QQQ", raw, IMAGE_BASE)
    held = space.read_some(place, PARAMETERS_SIZE) if 0 < place <= HIGHEST_USER else b""
    if len(held) < ENVIRONMENT + 8:
        return Parameters(None, None, None, None, image_base, loader)
    (pointer,) = struct.unpack_from("<Q", held, ENVIRONMENT)
    size = struct.unpack_from("<Q", held, ENVIRONMENT_SIZE)[0] if len(held) == PARAMETERS_SIZE else 0
    return Parameters(
        text(space, held, IMAGE),
        text(space, held, COMMAND),
        text(space, held, FOLDER),
        _environment(space, pointer, size),
        image_base,
        loader,
    )


def _environment(space: Readable, pointer: int, size: int) -> tuple[tuple[str, str], ...] | None:
    raw = space.read_some(pointer, min(size, MOST_ENVIRONMENT)) if 0 < pointer <= HIGHEST_USER else b""
    if not raw:
        return None
    told = raw[: len(raw) & ~1].decode("utf-16-le", "backslashreplace").partition("\x00\x00")[0]
    variables = []
    for line in told.split("\x00")[:MOST_VARIABLES]:
        # Windows keeps the folder of each drive under a name that begins with "=".
        name, _, value = line[1:].partition("=") if line.startswith("=") else line.partition("=")
        if line:
            variables.append((f"={name}" if line.startswith("=") else name, value))
    return tuple(variables)


def modules(space: Readable, loader: int, troubles: Counter[str]) -> Iterator[Module]:
    """Yield the modules in load order. What stops the walk is counted in `troubles`."""
    head = loader + LOAD_ORDER
    raw = space.read(head, 16) if 0 < loader <= HIGHEST_USER else None
    if raw is None:
        troubles["the loader's list of modules is not in memory"] += 1
        return
    yield from listed(space, head, int.from_bytes(raw[:8], "little"), troubles)


def listed(space: Readable, head: int, first: int, troubles: Counter[str]) -> Iterator[Module]:
    """Yield the modules of a ring of loader entries, until it is back at its head, breaks or turns in a circle."""
    entry, seen = first, {head}
    while entry not in seen:
        if len(seen) > MOST_MODULES:
            troubles[f"a list of more than {MOST_MODULES} modules"] += 1
            return
        seen.add(entry)
        raw = space.read_some(entry, ENTRY_SIZE)
        if len(raw) < SHORT_ENTRY:
            troubles["a list of modules breaks off: its next entry is not in memory"] += 1
            return
        told = module(space, raw, entry)
        if told is not None:
            yield told
        entry = int.from_bytes(raw[:8], "little")
    if entry != head:
        troubles["a list of modules leads back into itself"] += 1


def module(space: Readable, raw: bytes, entry: int) -> Module | None:
    """Return what a loader's entry tells, None where it has neither a base nor a name."""
    base, _, size = struct.unpack_from("<QQI", raw, BASE)
    path, name = text(space, raw, FULL_NAME), text(space, raw, NAME)
    if not base and not path and not name:
        return None
    stamp = struct.unpack_from("<I", raw, STAMP)[0] if len(raw) >= STAMP + 4 else 0
    loaded = struct.unpack_from("<Q", raw, LOADED)[0] if len(raw) >= LOADED + 8 else 0
    return Module(entry, base, size, path, name, stamp, loaded)
