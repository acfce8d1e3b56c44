"""What an image is to hold, as values: the machine, its processes with their memory, its connections, loose pages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

PAGE = 4096
Protection = Literal["none", "r", "x", "rx", "rw", "rw-copy", "rwx", "rwx-copy"]
PROTECTIONS: tuple[Protection, ...] = ("none", "r", "x", "rx", "rw", "rw-copy", "rwx", "rwx-copy")
"""In the order of the numbers by which Windows knows them."""

Residence = Literal["valid", "transition", "prototype", "by-region", "paged-out", "absent"]
"""Where a page is: mapped; trimmed and still in memory; shared and reached by a prototype, which the page's entry
names or which the region's own list holds; in the page file; never touched."""


class Module(msgspec.Struct, frozen=True, kw_only=True):
    """One image file in a process. `linked`: whether the loader's lists name it; `wiped`: whether its header is
    gone."""

    path: str
    size: int = 0x5000
    base: int = 0
    """Where it lies; 0 lets the builder choose, the same place in every process."""

    text: bytes = b""
    """What stands in its second page."""

    linked: bool = True
    wiped: bool = False
    mapped: bool = True
    """Whether a region with the file behind it exists; without one the loader's entry is a lie."""

    residence: Residence = "valid"
    step: str = ""
    """The step of an attack that this belongs to; empty for what every such machine has."""

    @property
    def name(self) -> str:
        return self.path.rpartition("\\")[2]


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """One private region of a process. `pages` are the contents of its first pages; the others were never touched."""

    name: str
    pages: tuple[bytes, ...] = ()
    size: int = 0
    """In bytes; at least what the pages take."""

    protection: Protection = "rw"
    residence: Residence = "valid"
    file: str = ""
    """A file that is mapped here as data."""

    start: int = 0
    step: str = ""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process. One without a path has no user memory, as System has none."""

    pid: int
    parent: int
    name: str
    path: str = ""
    line: str = ""
    environment: Mapping[str, str] = msgspec.field(default_factory=dict)
    created: datetime
    exited: datetime | None = None
    """An exited process has no memory of its own any more; its block lies in the pool until that is used again."""

    listed: bool = True
    """Whether the kernel's list of processes has it: one that hides, and one that has exited, are not in it."""

    session: int = 0
    modules: tuple[Module, ...] = ()
    regions: tuple[Region, ...] = ()
    heap: tuple[bytes, ...] = ()
    """What stands in the heap, in order, each at a multiple of 16."""

    parameters: Residence = "valid"
    """Where the pages with the command line are."""

    directory: Literal["right", "wrong"] = "right"
    """`wrong`: the block names a page directory that is none."""

    wow64: bool = False
    step: str = ""


Transport = Literal["tcp", "tcp-listener", "udp"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, or a port that is listened on."""

    pid: int
    local: str
    port: int
    remote: str = ""
    remote_port: int = 0
    transport: Transport = "tcp"
    state: str = "ESTABLISHED"
    created: datetime
    step: str = ""


class Driver(msgspec.Struct, frozen=True):
    """One module of the kernel. `linked`: whether the kernel's list has it."""

    path: str
    size: int = 0x4000
    linked: bool = True


class Loose(msgspec.Struct, frozen=True, kw_only=True):
    """Content in pages that belong to no process, as the file cache and freed memory leave it.

    More than a page of content lies in pages that are scattered.
    """

    kind: str
    content: bytes
    at: int = 0
    """How far into its first page it begins."""

    source: str = ""
    """The file whose pages these are, where they are a file's."""

    step: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """All that an image is built from. The same value gives the same bytes."""

    build: int
    variant: str = ""
    host: str
    taken: datetime
    seed: int = 1
    size: int = 32 << 20
    """In bytes."""

    processes: tuple[Process, ...]
    endpoints: tuple[Endpoint, ...] = ()
    drivers: tuple[Driver, ...] = ()
    loose: tuple[Loose, ...] = ()
    cyclic: bool = False
    """Whether the kernel's list of processes comes back to its middle and never to its head."""

    debugger_block: bool = True
    """Whether the kernel's block for debuggers is readable: where nobody debugs, Windows keeps it encoded."""
