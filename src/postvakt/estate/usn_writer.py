"""A writer of NTFS change journals ($UsnJrnl:$J) with records of version 2 and 3.

Source: USN_RECORD_V2 and USN_RECORD_V3 of Microsoft's winioctl.h, and their alignment to pages of 4096 bytes.
"""

import struct
from collections.abc import Iterable
from datetime import datetime

import msgspec

from postvakt.estate.filetime import filetime

PAGE = 4096
HEADS = {2: 60, 3: 76}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a file: when (aware), which file, in which directory (entry and sequence number), why."""

    time: datetime
    name: str
    entry: int
    sequence: int = 1
    parent: int = 5
    parent_sequence: int = 5
    reason: int
    attributes: int = 0x20
    version: int = 2


def journal(changes: Iterable[Change], *, sparse: int = 0) -> bytes:
    """Return a journal as it is copied: `sparse` zero bytes (whole pages) where old records were, then the records.

    No record reaches over a page; the rest of a page that has no room for the next one is zero. A record's number
    is its place in the journal.
    """
    content = bytearray(sparse // PAGE * PAGE)
    for change in changes:
        size = len(record(change, 0))
        if len(content) % PAGE + size > PAGE:
            content.extend(bytes(-len(content) % PAGE))
        content += record(change, len(content))
    return bytes(content)


def record(change: Change, usn: int) -> bytes:
    """Return one record of the journal, padded to 8 bytes."""
    text = change.name.encode("utf-16-le")
    at = HEADS[change.version]
    size = (at + len(text) + 7) // 8 * 8
    width = 8 if change.version == 2 else 16
    references = b"".join(
        (sequence << 48 | entry).to_bytes(width, "little")
        for entry, sequence in ((change.entry, change.sequence), (change.parent, change.parent_sequence))
    )
    head = struct.pack("<IHH", size, change.version, 0) + references
    head += struct.pack("<QQIIII", usn, filetime(change.time), change.reason, 0, 0, change.attributes)
    return (head + struct.pack("<HH", len(text), at) + text).ljust(size, b"\x00")
