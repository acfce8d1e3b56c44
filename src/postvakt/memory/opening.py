"""A memory image as it was handed in, opened by what its bytes say: which container, where its pages lie."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from postvakt.memory import containers, crashdump
from postvakt.memory.physical import PAGE, Image, RefusedError
from postvakt.model.evidence import Source
from postvakt.model.gap import Gap
from postvakt.model.unread import UNREAD

ARTIFACT = "memory_image"
HOLE = 3 << 30
RESUMED = 4 << 30
"""VMware leaves addresses from 3 GiB to 4 GiB to devices: what follows in the file lies above."""

ZIP = b"PK\x03\x04"
"""An archive is unpacked before; what comes here was named as memory, and is a container that is not read."""

LEAST = 16 * PAGE
"""Bytes of the smallest raw image that is looked into."""
SAMPLES = 64
MOST_OF_ONE = 48
"""Bytes of one value in a page of 4096 that chance does not exceed: 16 are expected."""
MINIDUMP = b"MDMP"


class Opened(msgspec.Struct, frozen=True):
    """An opened image: its container, whether it holds a machine's or one program's memory, what went wrong.

    `header` is a crash dump's; None for other containers.
    """

    memory: Image
    container: str
    file: BinaryIO
    header: crashdump.Header | None
    gaps: tuple[Gap, ...]


@contextlib.contextmanager
def opened(source: Source) -> Iterator[Opened]:
    """Open an image for random access. Raises RefusedError with what to do instead, and OSError."""
    with source.local_path() as path, contextlib.ExitStack() as files:
        file: BinaryIO = files.enter_context(Path(path).open("rb"))
        gaps: list[Gap] = []
        head = file.read(PAGE)
        yield _by_content(file, head, source, gaps)


def _by_content(file: BinaryIO, head: bytes, source: Source, gaps: list[Gap]) -> Opened:
    size = file.seek(0, 2)
    for shape in UNREAD:
        if head.startswith(shape.starts):
            raise RefusedError("unsupported", f"{shape.title}: {shape.instead}")
    if head.startswith(ZIP):
        raise RefusedError(
            "unsupported", "an AFF4 container or another zip archive: export a raw image (aff4 or WinPmem)"
        )
    told = None
    if head.startswith(b"PAGEDU64"):
        container, told = "crash dump", crashdump.header(file)
        container = f"crash dump, type {told.kind}"
        places = list(crashdump.runs(file, told))
    elif head.startswith(containers.LIME):
        container = "LiME"
        places = list(_until_refused(containers.lime(file, size), gaps))
    elif head.startswith(b"\x7fELF"):
        container = "ELF core"
        places = list(_until_refused(containers.elf(file), gaps))
    elif head.startswith(MINIDUMP):
        container, places = "minidump", []
    else:
        container, places = "raw", _raw(file, source, size, gaps)
    memory = Image(file, places)
    gaps += _told(memory, container)
    return Opened(memory, container, file, told, tuple(gaps))


def _until_refused(places: Iterator[containers.Place], gaps: list[Gap]) -> Iterator[containers.Place]:
    """Yield what is told before a damaged header; what follows it is a Gap, unless it is the first."""
    count = 0
    try:
        for place in places:
            count += 1
            yield place
    except RefusedError as why:
        if not count:
            raise
        gaps.append(_gap(why.why, f"{why.detail}; what follows was not read"))


def _raw(file: BinaryIO, source: Source, size: int, gaps: list[Gap]) -> list[containers.Place]:
    if size < LEAST:
        raise RefusedError("unparsed", f"{size} bytes: no memory image, or hardly anything is left of one")
    if is_encrypted(file, size):
        raise RefusedError(
            "encrypted", "its bytes look encrypted or packed all through; decrypt the virtual machine first"
        )
    if size % PAGE:
        gaps.append(_gap("truncated", f"a raw image ends within a page ({size % PAGE} bytes over)"))
    if not source.member.path.lower().endswith(".vmem"):
        return [(0, size, 0)]
    told = _by_snapshot(source, size, gaps)
    if told is not None:
        return told
    if size <= HOLE:
        return [(0, size, 0)]
    gaps.append(
        _gap(
            "limited",
            "no .vmss or .vmsn tells where this memory lies: it is read with the usual hole from 3 GiB to 4 GiB;"
            " if that is wrong, what lies above is read at wrong addresses",
        )
    )
    return [(0, HOLE, 0), (RESUMED, size - HOLE, HOLE)]


def _by_snapshot(source: Source, size: int, gaps: list[Gap]) -> list[containers.Place] | None:
    """Return where a .vmem file's bytes lie, as a snapshot beside it tells: of the same name, or with its suffix added.

    None where there is none. One that tells of another file is a Gap, unless a second one fits.
    """
    refused = []
    for sibling in source.siblings("*.vmss", "*.vmsn", ".vmss", ".vmsn"):
        try:
            with sibling.local_path() as path, Path(path).open("rb") as stream:
                return containers.vmware(stream, size)
        except RefusedError as why:
            refused.append(_gap(why.why, f"the snapshot beside it was not used: {why.detail}"))
        except OSError as error:
            refused.append(
                _gap("unreadable", f"the snapshot beside it was not used: {error.strerror or error}")
            )
    gaps += refused
    return None


def is_encrypted(file: BinaryIO, size: int) -> bool:
    """Tell whether no page of a sample has any pattern: memory always has pages of zeros, of text, of pointers."""
    step = max(PAGE, size // SAMPLES // PAGE * PAGE)
    looked = 0
    for offset in range(0, size - PAGE + 1, step):
        file.seek(offset)
        page = file.read(PAGE)
        looked += 1
        if int(np.bincount(np.frombuffer(page, np.uint8)).max()) > MOST_OF_ONE:
            return False
    return looked >= SAMPLES // 2


def _told(memory: Image, container: str) -> Iterator[Gap]:
    if memory.cut:
        yield _gap(
            "truncated", f"{memory.cut} bytes of memory that the {container} tells of are not in the file"
        )
    if memory.overlapping:
        yield _gap("conflict", f"{memory.overlapping} bytes of memory are told twice; the first was read")


def _gap(why: str, detail: str) -> Gap:
    return msgspec.convert({"artifact": ARTIFACT, "why": why, "detail": detail}, Gap)
