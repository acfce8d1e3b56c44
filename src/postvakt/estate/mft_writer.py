"""A writer of NTFS master file tables ($MFT): records with fixups, $STANDARD_INFORMATION, $FILE_NAME, $DATA.

Source: the NTFS on-disk structures as the Linux kernel's driver and the libfsntfs project document them.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from postvakt.estate.filetime import filetime

RECORD = 1024
SECTOR = 512
FIRST_ATTRIBUTE = 0x38
UPDATE_SEQUENCE = b"\x07\x00"
ROOT = 5
RESIDENT_LIMIT = 400
"""Bytes of a stream that are kept in the record; a longer one is described as lying in clusters elsewhere."""

CLUSTER = 4096
STANDARD, NAME, DATA, INDEX_ROOT, END = 0x10, 0x30, 0x80, 0x90, 0xFFFFFFFF
IN_USE, DIRECTORY = 1, 2
POSIX, WIN32, DOS, WIN32_AND_DOS = 0, 1, 2, 3
ARCHIVE = 0x20
FOLDER_ATTRIBUTE = 0x10000000


EMPTY_INDEX = struct.pack("<IIII", NAME, 1, CLUSTER, 1) + struct.pack("<IIIIQHHI", 16, 32, 32, 0, 0, 16, 0, 2)
"""The index of a directory's names, without one."""


class Times(msgspec.Struct, frozen=True):
    """The four times of an attribute, aware."""

    created: datetime
    modified: datetime
    changed: datetime
    accessed: datetime


def same(instant: datetime) -> Times:
    """Return four times that are one instant, as a new file has them."""
    return Times(instant, instant, instant, instant)


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """One name of a file: in which directory (entry and its sequence number), in which name space, with its times."""

    text: str
    parent: int
    parent_sequence: int = 1
    times: Times
    space: int = WIN32_AND_DOS


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the table. `times` are those of $STANDARD_INFORMATION, None for an entry without.

    `content` is the unnamed stream, `streams` the named ones; `length` overrides the length of `content`, which
    then lies outside the table. A deleted file keeps its sequence number plus one. `base` and `base_sequence`
    make this a further record of another entry.
    """

    entry: int
    names: tuple[Name, ...] = ()
    times: Times | None = None
    sequence: int = 1
    in_use: bool = True
    is_directory: bool = False
    content: bytes | None = None
    length: int | None = None
    streams: tuple[tuple[str, bytes], ...] = ()
    owner: int = 0
    security: int = 0
    base: int = 0
    base_sequence: int = 0


def mft(nodes: Iterable[Node], *, begun: datetime) -> bytes:
    """Return a whole $MFT that holds the nodes, its own entry and the root directory; the entries between are free.

    `begun` is when the volume was formatted. Raises ValueError where a node does not fit into one record.
    """
    told = {node.entry: node for node in nodes}
    count = max((*told, ROOT)) + 1
    born = same(begun)
    own = Node(
        entry=0,
        names=(Name(text="$MFT", parent=ROOT, parent_sequence=ROOT, times=born),),
        times=born,
        length=count * RECORD,
    )
    root = Node(
        entry=ROOT,
        names=(Name(text=".", parent=ROOT, parent_sequence=ROOT, times=born),),
        times=born,
        sequence=ROOT,
        is_directory=True,
    )
    whole = {0: own, ROOT: root, **told}
    return b"".join(record(whole.get(at) or Node(entry=at, in_use=False)) for at in range(count))


def record(node: Node) -> bytes:
    """Return the record of one node. Raises ValueError where it does not fit."""
    attributes = b"".join(_numbered(_attributes(node))) + struct.pack("<II", END, 0)
    used = FIRST_ATTRIBUTE + len(attributes)
    if used > RECORD:
        raise ValueError(f"entry {node.entry} takes {used} bytes; a record holds {RECORD}")
    flags = IN_USE * node.in_use | DIRECTORY * node.is_directory
    links = sum(name.space != DOS for name in node.names)
    base = _reference(node.base, node.base_sequence)
    head = struct.pack(
        "<4sHHQHHHHIIQHHI", b"FILE", 0x30, RECORD // SECTOR + 1, 0, node.sequence, links,
        FIRST_ATTRIBUTE, flags, used, RECORD, base, 8, 0, node.entry,
    )  # fmt: skip
    return _fixed(bytearray((head.ljust(FIRST_ATTRIBUTE, b"\x00") + attributes).ljust(RECORD, b"\x00")))


def _fixed(content: bytearray) -> bytes:
    """Put the update sequence number at the end of each sector, and what stood there into the head."""
    content[0x30:0x32] = UPDATE_SEQUENCE
    for sector in range(RECORD // SECTOR):
        end = (sector + 1) * SECTOR - 2
        at = 0x32 + 2 * sector
        content[at : at + 2] = content[end : end + 2]
        content[end : end + 2] = UPDATE_SEQUENCE
    return bytes(content)


def _numbered(attributes: Iterable[bytes]) -> Iterator[bytes]:
    for number, attribute in enumerate(attributes):
        yield attribute[:14] + struct.pack("<H", number) + attribute[16:]


def _attributes(node: Node) -> Iterator[bytes]:
    if node.times:
        flags = FOLDER_ATTRIBUTE if node.is_directory else ARCHIVE
        stamps = struct.pack("<QQQQ", *_ticks(node.times))
        yield _resident(
            STANDARD, stamps + struct.pack("<IIIIIIQQ", flags, 0, 0, 0, node.owner, node.security, 0, 0)
        )
    length = len(node.content or b"") if node.length is None else node.length
    for name in node.names:
        yield _resident(NAME, _name(name, node.is_directory, length), indexed=1)
    if node.is_directory:
        yield _resident(INDEX_ROOT, EMPTY_INDEX, "$I30")
    elif node.content is not None or node.length is not None:
        yield _stream("", node.content or b"", length)
    for name_of, content in node.streams:
        yield _stream(name_of, content, len(content))


def _stream(name: str, content: bytes, length: int) -> bytes:
    if length == len(content) <= RESIDENT_LIMIT:
        return _resident(DATA, content, name)
    return _elsewhere(DATA, length, name)


def _name(name: Name, is_directory: bool, length: int) -> bytes:
    flags = FOLDER_ATTRIBUTE if is_directory else ARCHIVE
    size = 0 if is_directory else length
    held = -(-size // CLUSTER) * CLUSTER
    head = struct.pack("<Q", _reference(name.parent, name.parent_sequence))
    head += struct.pack("<QQQQ", *_ticks(name.times)) + struct.pack("<QQII", held, size, flags, 0)
    return head + bytes((len(name.text.encode("utf-16-le")) // 2, name.space)) + name.text.encode("utf-16-le")


def _resident(kind: int, content: bytes, name: str = "", *, indexed: int = 0) -> bytes:
    text = name.encode("utf-16-le")
    at = _even(24 + len(text))
    size = _even(at + len(content))
    head = struct.pack("<IIBBHHHIHBB", kind, size, 0, len(name), 24, 0, 0, len(content), at, indexed, 0)
    return ((head + text).ljust(at, b"\x00") + content).ljust(size, b"\x00")


def _elsewhere(kind: int, length: int, name: str) -> bytes:
    """A stream in one run of clusters; what lies there is not part of the table."""
    text = name.encode("utf-16-le")
    clusters = max(-(-length // CLUSTER), 1)
    runs = b"\x44" + struct.pack("<II", clusters, 0x1000) + b"\x00"
    at = _even(64 + len(text))
    size = _even(at + len(runs))
    head = struct.pack("<IIBBHHH", kind, size, 1, len(name), 64, 0, 0)
    head += struct.pack("<QQHHIQQQ", 0, clusters - 1, at, 0, 0, clusters * CLUSTER, length, length)
    return ((head + text).ljust(at, b"\x00") + runs).ljust(size, b"\x00")


def _even(size: int) -> int:
    return (size + 7) // 8 * 8


def _reference(entry: int, sequence: int) -> int:
    return sequence << 48 | entry


def _ticks(times: Times) -> tuple[int, ...]:
    return tuple(filetime(at) for at in (times.created, times.modified, times.changed, times.accessed))
