"""Regions of a process's address space, as the tree of its descriptors (VADs) tells.

The tree's nodes stand at the same offsets in all builds that are read here; the bits of their flags do not.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator

import msgspec

from postvakt.memory.builds import Build
from postvakt.memory.paging import Space, is_kernel
from postvakt.memory.scanning import HEADER
from postvakt.memory.userland import text

NODE = 0x50
SHORT = 0x40
FIRST, LAST, FIRST_HIGH, LAST_HIGH, FLAGS, COMMIT, SUBSECTION = 0x18, 0x1C, 0x20, 0x21, 0x30, 0x34, 0x48
FILE_POINTER, FILE_NAME, FILE_OBJECT_KIND = 0x40, 0x58, 5
MOST_REGIONS = 65_536
PROTECTIONS = (
    "NOACCESS", "READONLY", "EXECUTE", "EXECUTE_READ", "READWRITE", "WRITECOPY", "EXECUTE_READWRITE",
    "EXECUTE_WRITECOPY",
)  # fmt: skip
MODES = ("", " NOCACHE", " GUARD", " WRITECOMBINE")
EXECUTABLE = frozenset((2, 3, 6, 7))
IMAGE_KIND = 2
FIRST_BYTES = 16
LOOKED_AT = 4096
MOST_PAGES = 4096
SHORT_TAGS = ("VadS", "VadF")
"""Pools of descriptors without a file."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A region: virtual addresses (`end` is its last byte), what its descriptor and its pages tell.

    None: not known for this build, or not in memory. `executable_pages` counts present pages that may run, whatever the
    descriptor says: it keeps the protection of the first day.
    """

    node: int
    start: int
    end: int
    protection: str | None
    executable: bool | None
    private: bool | None
    image: bool | None
    committed: int
    path: str | None
    present_pages: int | None
    executable_pages: int | None
    writable_executable_pages: int | None
    head: bytes
    sha256: str | None
    tag: str

    @property
    def of_no_file(self) -> bool:
        """Whether it is private: by its bits where they are known, else by the pool that its descriptor lies in."""
        return self.tag in SHORT_TAGS if self.private is None else self.private

    @property
    def may_run(self) -> bool:
        """Whether it may run: by its bits where they are known, else by its pages' own entries."""
        return bool(self.executable_pages) if self.executable is None else self.executable

    @property
    def of_a_program(self) -> bool:
        """Whether it shows a program's file as code: by its bits where they are known, else by its first bytes and its
        pages."""
        if self.image is None:
            return bool(self.path and self.head.startswith(b"MZ") and self.executable_pages)
        return self.image


def regions(kernel: Space, user: Space, root: int, row: Build, troubles: Counter[str]) -> Iterator[Region]:
    """Yield a process's regions. Nodes that are not in memory, and turns in a circle, are counted in `troubles`."""
    waiting: list[int] = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if not node or node in seen:
            continue
        if len(seen) >= MOST_REGIONS:
            troubles[f"a process of more than {MOST_REGIONS} regions"] += 1
            return
        seen.add(node)
        raw = kernel.read_some(node, NODE) if is_kernel(node) else b""
        if len(raw) < SHORT:
            troubles["descriptors of regions are not in memory"] += 1
            continue
        left, right = struct.unpack_from("<QQ", raw, 0)
        waiting += (right, left)
        told = _region(kernel, user, node, raw, row)
        if told is None:
            troubles["descriptors of regions are damaged"] += 1
        else:
            yield told


def _region(kernel: Space, user: Space, node: int, raw: bytes, row: Build) -> Region | None:
    first, last = struct.unpack_from("<II", raw, FIRST)
    start = (first | raw[FIRST_HIGH] << 32) << 12
    end = ((last | raw[LAST_HIGH] << 32) << 12) + 0xFFF
    if end < start or end >> 47:
        return None
    (flags,) = struct.unpack_from("<I", raw, FLAGS)
    (commit,) = struct.unpack_from("<I", raw, COMMIT)
    tag = (kernel.read(node - HEADER + 4, 4) or b"").rstrip().decode("ascii", "replace")
    private = None if row.private is None else bool(row.private.of(flags))
    kind = None if row.region_kind is None else row.region_kind.of(flags)
    code = None if row.protection is None else row.protection.of(flags)
    path = None if private or tag in SHORT_TAGS else _file(kernel, raw)
    there = _pages(user, start, end) if private is not False else (None, None, None)
    head = user.read_some(start, LOOKED_AT) if private is not False or kind == IMAGE_KIND else b""
    return Region(
        node=node,
        start=start,
        end=end,
        protection=None if code is None else PROTECTIONS[code & 7] + MODES[code >> 3],
        executable=None if code is None else (code & 7) in EXECUTABLE,
        private=private,
        image=None if kind is None else kind == IMAGE_KIND,
        committed=commit & 0x7FFF_FFFF,
        path=path,
        present_pages=there[0],
        executable_pages=there[1],
        writable_executable_pages=there[2],
        head=head[:FIRST_BYTES],
        sha256=hashlib.sha256(head).hexdigest() if len(head) == LOOKED_AT else None,
        tag=tag,
    )


def _pages(user: Space, start: int, end: int) -> tuple[int, int, int]:
    """Return how many pages of a region are present, how many of them may run, and how many may run and be written."""
    present = run = both = 0
    for page in user.present(start, end + 1, MOST_PAGES):
        present += 1
        run += page.executable
        both += page.executable and page.writable
    return present, run, both


def _file(kernel: Space, raw: bytes) -> str | None:
    """Return the path of the file that a region shows, without its volume; None for none or not in memory."""
    if len(raw) < SUBSECTION + 8:
        return None
    place = int.from_bytes(raw[SUBSECTION : SUBSECTION + 8], "little")
    area = kernel.word(place) if is_kernel(place) else None
    pointer = kernel.word(area + FILE_POINTER) if area is not None and is_kernel(area) else None
    # The pointer's low four bits count fast references.
    file = None if pointer is None else pointer & ~0xF
    held = kernel.read(file, FILE_NAME + 16) if file is not None and is_kernel(file) else None
    if held is None or int.from_bytes(held[:2], "little") != FILE_OBJECT_KIND:
        return None
    return text(kernel, held, FILE_NAME) or None
