"""A process as its kernel structure tells of it, and whether bytes can be such a structure."""

import struct
from typing import Literal

import msgspec

from postvakt.memory.builds import Build
from postvakt.memory.paging import FRAME, HIGHEST_USER, is_kernel
from postvakt.memory.physical import PAGE

KIND = 3
"""_DISPATCHER_HEADER.Type of a process."""
DIRECTORY = 0x28
NO_FLUSH, END_OF_MEMORY = 1 << 63, (1 << 52) - 1
"""The topmost bit of a page directory's register, and the highest address that it may hold."""
PROFILES = 0x18
"""An empty list's head that tells where in virtual memory the structure stands."""
MOST_ID = 1 << 26
EARLIEST = 119_600_064_000_000_000
LATEST = 157_766_880_000_000_000
"""FILETIMEs of 1980 and 2100."""
SYSTEM = 4

Method = Literal["list", "scan", "both"]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """What an _EPROCESS holds. `base` is its physical address, `address` the virtual one where known.

    `name` has at most 15 letters. Times are FILETIMEs, 0 for none; other numbers are as stored.
    """

    base: int
    address: int | None
    process_id: int
    parent_id: int
    name: str
    directory: int
    created: int
    exited: int
    peb: int
    audit: int
    regions: int
    threads: int | None
    wow64: int | None
    following: int
    preceding: int


def process(raw: bytes, base: int, row: Build, end: int) -> Process | None:
    """Return the process that bytes hold under a row, None where they cannot be one. `end` is the memory's size."""
    if len(raw) < row.span or raw[0] & 0x7F != KIND:
        return None
    word = struct.Struct("<Q").unpack_from
    (directory,) = word(raw, DIRECTORY)
    (number,), (parent,) = word(raw, row.process_id), word(raw, row.parent_id)
    following, preceding = struct.unpack_from("<QQ", raw, row.links)
    (created,), (exited,), (peb,) = word(raw, row.created), word(raw, row.exited), word(raw, row.peb)
    name = name_of(raw[row.name : row.name + 15])
    if (
        not 0 < directory & FRAME < end
        or directory & ~NO_FLUSH > END_OF_MEMORY
        or number & 3
        or not 0 < number < MOST_ID
        or parent & 3
        or parent >= MOST_ID
        or not is_kernel(following)
        or not is_kernel(preceding)
        or not name
        or not (EARLIEST < created < LATEST or (created == 0 and number == SYSTEM))
        or not (exited == 0 or created <= exited < LATEST)
        or peb > HIGHEST_USER
        or peb % PAGE
    ):
        return None
    return Process(
        base=base,
        address=own_address(raw, base),
        process_id=number,
        parent_id=parent,
        name=name,
        directory=directory & FRAME,
        created=created,
        exited=exited,
        peb=peb,
        audit=word(raw, row.audit)[0],
        regions=word(raw, row.regions)[0],
        threads=None if row.threads is None else struct.unpack_from("<I", raw, row.threads)[0],
        wow64=None if row.wow64 is None else word(raw, row.wow64)[0],
        following=following,
        preceding=preceding,
    )


def name_of(raw: bytes) -> str:
    """Return the letters before the first zero, empty where one is a control character.

    They are of the machine's code page, which is not known here: each byte beyond ASCII stays one letter.
    """
    name = raw.partition(b"\x00")[0]
    return name.decode("latin-1") if all(letter >= 0x20 and letter != 0x7F for letter in name) else ""


def own_address(raw: bytes, base: int) -> int | None:
    """Return where a process stands in virtual memory, as its empty list of profiles tells; None if it does not."""
    (following,) = struct.unpack_from("<Q", raw, PROFILES)
    address: int = following - PROFILES
    return address if is_kernel(following) and address & 0xFFF == base & 0xFFF else None
