"""What is true of an image: everything that was planted, where it lies, and to which step of an attack it belongs."""

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from postvakt.estate.memory.description import PAGE, Loose
from postvakt.estate.memory.image import Image
from postvakt.estate.memory.processes import Built

PLAIN = ("iis", "http-proxy", "ecp", "log")
"""Kinds of loose pages that hold lines of text."""

FILE_RECORD = 1024


class ProcessTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One process. Without a listing only a search of the pool finds it; without memory its command line is gone."""

    pid: int
    parent: int
    name: str
    path: str = ""
    line: str = ""
    created: datetime
    exited: datetime | None = None
    listed: bool = True
    offset: int
    """The physical address of its block."""

    environment: dict[str, str] = msgspec.field(default_factory=dict)
    step: str = ""


class ModuleTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One module of a process."""

    pid: int
    base: int
    size: int
    path: str
    linked: bool = True
    step: str = ""


class RegionTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One private region, or one with a file that is no image behind it. `head` are its first bytes, as far as memory
    has them."""

    pid: int
    start: int
    end: int
    protection: str
    private: bool = True
    file: str = ""
    head: str = ""
    name: str
    step: str = ""


class EndpointTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One connection or port."""

    pid: int
    transport: str
    local: str
    port: int
    remote: str = ""
    remote_port: int = 0
    state: str = ""
    created: datetime
    step: str = ""


class CarvedTruth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that lies whole in one page: a line, a record, a command line. `source` is the file whose page it
    is."""

    kind: str
    offset: int
    text: str = ""
    source: str = ""
    step: str = ""


class MemoryTruth(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `file` is the image's path beside the hand-ins."""

    file: str = ""
    build: int
    taken: datetime
    host: str
    size: int
    kernel: int
    region_bits: bool
    """Whether the build's regions say what may be done in them."""

    drivers: tuple[str, ...]
    processes: tuple[ProcessTruth, ...]
    modules: tuple[ModuleTruth, ...]
    regions: tuple[RegionTruth, ...]
    endpoints: tuple[EndpointTruth, ...]
    carved: tuple[CarvedTruth, ...]


def told(image: Image, file: str = "") -> MemoryTruth:
    """Return what is true of an image."""
    machine = image.machine
    return MemoryTruth(
        file=file,
        build=machine.build,
        taken=machine.taken,
        host=machine.host,
        size=image.size,
        kernel=image.kernel,
        region_bits=image.layout.has_region_bits,
        drivers=tuple(driver.path for driver in machine.drivers if driver.linked),
        processes=tuple(_process(one) for one in image.processes),
        modules=tuple(module for one in image.processes for module in _modules(one)),
        regions=tuple(region for one in image.processes for region in _regions(one)),
        endpoints=tuple(
            EndpointTruth(
                pid=one.pid,
                transport=one.transport,
                local=one.local,
                port=one.port,
                remote=one.remote,
                remote_port=one.remote_port,
                state=one.state if one.transport == "tcp" else "",
                created=one.created,
                step=one.step,
            )
            for one in machine.endpoints
        ),
        carved=tuple(carved for loose, frames in image.loose for carved in _carved(loose, frames)),
    )


def _process(built: Built) -> ProcessTruth:
    one = built.process
    return ProcessTruth(
        pid=one.pid,
        parent=one.parent,
        name=one.name,
        path=one.path,
        line=one.line if built.space is not None else "",
        created=one.created,
        exited=one.exited,
        listed=one.listed,
        offset=built.physical,
        environment=dict(one.environment) if built.space is not None else {},
        step=one.step,
    )


def _modules(built: Built) -> Iterator[ModuleTruth]:
    for module in built.modules:
        yield ModuleTruth(
            pid=built.process.pid,
            base=module.base,
            size=module.size,
            path=module.path,
            linked=module.linked,
            step=module.step,
        )


def _regions(built: Built) -> Iterator[RegionTruth]:
    for region in built.regions:
        if not region.image:
            present = built.space is not None and region.start // PAGE in built.space.frames
            head = built.space.read(region.start, 16).hex() if built.space is not None and present else ""
            yield RegionTruth(
                pid=built.process.pid,
                start=region.start,
                end=region.end,
                protection=region.protection,
                private=region.private,
                file=region.file,
                head=head,
                name=region.name,
                step=region.step,
            )


def _carved(loose: Loose, frames: tuple[int, ...]) -> Iterator[CarvedTruth]:
    """Yield what lies whole in the first page of loose content: what runs over its end is cut."""
    at = frames[0] + loose.at
    page = loose.content[: PAGE - loose.at]
    if loose.kind in PLAIN:
        for line in re.finditer(rb"\r\n([^\r\n]+)(?=\r\n)", page):
            if not line[1].startswith(b"#"):
                text = line[1].decode("ascii", "backslashreplace")
                yield CarvedTruth(
                    kind=loose.kind,
                    offset=at + line.start(1),
                    text=text,
                    source=loose.source,
                    step=loose.step,
                )
    elif loose.kind == "evtx":
        for record in re.finditer(rb"\*\*\0\0", page):
            if _whole(page, record.start()):
                yield CarvedTruth(
                    kind="evtx", offset=at + record.start(), source=loose.source, step=loose.step
                )
    elif loose.kind == "mft":
        for place in range(0, len(page), FILE_RECORD):
            if page[place : place + 4] == b"FILE":
                yield CarvedTruth(kind="mft", offset=at + place, source=loose.source, step=loose.step)
    elif loose.kind == "http-request":
        text = page.decode("ascii", "backslashreplace")
        yield CarvedTruth(kind=loose.kind, offset=at, text=text, step=loose.step)
    elif loose.kind == "command-line":
        text = page.decode("utf-16-le").rstrip("\0")
        yield CarvedTruth(kind="command-line", offset=at, text=text, step=loose.step)
    else:
        yield CarvedTruth(kind=loose.kind, offset=at, source=loose.source, step=loose.step)


def _whole(page: bytes, at: int) -> bool:
    """Whether a record of an event log has its head in this page, and its length is one that a record can have."""
    size = int.from_bytes(page[at + 4 : at + 8], "little")
    return at + 24 <= len(page) and 24 < size < 0x10000
