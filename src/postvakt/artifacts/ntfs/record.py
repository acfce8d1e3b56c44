"""Records of a master file table: blocks of them with their fixups undone, and the attributes of one.

Source: the NTFS on-disk structures as the Linux kernel's driver and the libfsntfs project document them.
"""

import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

MARKS = (b"FILE", b"BAAD")
SIZES = (1024, 4096, 2048, 512)
SECTOR = 512
BLOCK = 4 << 20
"""Bytes that are read at once; a multiple of every record size."""

HEAD_SIZE = 42
NUMBERED = 48
"""Where the fixups begin in records that hold their own number before them."""

STANDARD, NAME, DATA, END = 0x10, 0x30, 0x80, 0xFFFFFFFF
IN_USE, IS_DIRECTORY = 1, 2
DOS = 2
ENTRY_BITS = (1 << 48) - 1
MOST_ATTRIBUTES = 1024
ZONE = "zone.identifier"

_HEAD = struct.Struct(
    "<HHHHIIQ"
)  # from offset 16: sequence, links, first attribute, flags, used, allocated, base
_OWN = struct.Struct("<H38xI")  # from offset 4: where the fixups are, own number
_ATTRIBUTE = struct.Struct("<IIBBH")
_STAMPS = struct.Struct("<4Q")
_NAME = struct.Struct("<Q4QQQIIBB")
_OWNERS = struct.Struct("<II")
_EXTENT = struct.Struct(
    "<Q24xQ"
)  # from offset 16 of what lies elsewhere: first cluster, length of the stream

_FACE = np.dtype(
    {
        "names": ["mark", "fixup_at", "fixup_count", "sequence", "flags", "base"],
        "formats": ["S4", "<u2", "<u2", "<u2", "<u2", "<u8"],
        "offsets": [0, 4, 6, 16, 22, 32],
        "itemsize": HEAD_SIZE,
    }
)


class Name:
    """One $FILE_NAME: the directory it stands in, its times (100 ns since 1601), its text."""

    __slots__ = ("parent", "parent_sequence", "space", "text", "times")

    def __init__(self, reference: int, times: tuple[int, int, int, int], space: int, text: str) -> None:
        self.parent = reference & ENTRY_BITS
        self.parent_sequence = reference >> 48
        self.times = times
        self.space = space
        self.text = text


class Entry:
    """What one record holds. `standard` are created, modified, changed, accessed (100 ns since 1601).

    `number` is what the record says of itself, its place in the table where it is too old to say (Windows 2000).
    `base` is the entry that this record goes on, 0 where it stands for itself. `wrong` says where its attributes
    could not be walked to their end.
    """

    __slots__ = (
        "base", "base_sequence", "flags", "links", "names", "number", "owner", "place", "resident", "security",
        "sequence", "size", "standard", "streams", "wrong", "zone",
    )  # fmt: skip

    def __init__(self, place: int, number: int, head: tuple[int, ...]) -> None:
        self.place = place
        self.number = number
        self.sequence, self.links, _, self.flags, _, _, base = head
        self.base = base & ENTRY_BITS
        self.base_sequence = base >> 48
        self.standard: tuple[int, int, int, int] | None = None
        self.names: list[Name] = []
        self.size: int | None = None
        self.streams: list[str] = []
        self.resident: bytes | None = None
        self.zone: bytes | None = None
        self.owner: int | None = None
        self.security: int | None = None
        self.wrong = ""

    @property
    def in_use(self) -> bool:
        """Whether the file exists; a deleted one's record stays until it is used again."""
        return bool(self.flags & IN_USE)

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory."""
        return bool(self.flags & IS_DIRECTORY)

    def name(self) -> Name | None:
        """Return the long name; the short one (DOS, 8.3) where there is no other, None where there is none."""
        return min(self.names, key=lambda name: name.space == DOS, default=None)

    def holds_nothing(self) -> bool:
        """Tell whether the record was never used, or was wiped of everything."""
        return not (self.names or self.standard or self.streams or self.resident or self.wrong)

    def is_of(self, base: "Entry") -> bool:
        """Tell whether this further record belongs to that entry: a deletion counts the base's sequence up by one."""
        return base.sequence - self.base_sequence in ((0,) if base.in_use else (0, 1))

    def take(self, other: "Entry") -> None:
        """Add what a further record of the same file holds."""
        self.names += other.names
        self.streams += other.streams
        self.standard = self.standard or other.standard
        self.size = other.size if self.size is None else self.size
        self.resident = other.resident if self.resident is None else self.resident
        self.zone = other.zone if self.zone is None else self.zone
        self.wrong = self.wrong or other.wrong


class Block:
    """Records that lie side by side, their sectors' ends put right. `first` is the number of the first record.

    `marked` are those that begin as a record does, `zero` those without a byte, `torn` those of whose sectors one
    is not of the same writing as the others (or that the file system itself has marked BAAD).
    """

    def __init__(self, content: bytes, size: int, first: int) -> None:
        self.first = first
        self.size = size
        self._bytes = np.frombuffer(bytearray(content), np.uint8).reshape(-1, size)
        self.face: Any = self._bytes[:, :HEAD_SIZE].copy().view(_FACE)[:, 0]
        bad = self.face["mark"] == MARKS[1]
        self.marked = (self.face["mark"] == MARKS[0]) | bad
        self.zero = ~self._bytes.any(axis=1)
        self.torn = self._restore() | bad

    def __len__(self) -> int:
        return len(self._bytes)

    def _restore(self) -> Any:
        sectors = self.size // SECTOR
        at = self.face["fixup_at"].astype(np.intp)
        sound = self.marked & (self.face["fixup_count"] == sectors + 1)
        sound &= (at >= HEAD_SIZE) & (at % 2 == 0) & (at + 2 * (sectors + 1) <= SECTOR - 2)
        rows = np.flatnonzero(sound)
        words = self._bytes.view("<u2")
        places = at[rows] // 2
        whole = np.ones(len(rows), bool)
        for sector in range(sectors):
            end = (sector + 1) * SECTOR // 2 - 1
            fits = words[rows, end] == words[rows, places]
            words[rows[fits], end] = words[rows[fits], places[fits] + sector + 1]
            whole &= fits
        torn = self.marked & ~sound
        torn[rows] = ~whole
        return torn

    def entry(self, row: int) -> Entry:
        """Decode one record of the block, whatever its state."""
        return decode(self._bytes[row].tobytes(), self.first + row)


def record_size(head: bytes) -> int:
    """Return how long the records of a table are (bytes), by the first that says so; 1024 where none does."""
    for at in range(0, len(head) - HEAD_SIZE, SECTOR):
        if head[at : at + 4] in MARKS:
            (told,) = struct.unpack_from("<I", head, at + 28)
            if told in SIZES:
                return int(told)
    return SIZES[0]


def blocks(stream: BinaryIO, size: int) -> Iterator[Block]:
    """Yield a table in blocks of whole records; bytes after the last whole record are not among them."""
    first = 0
    while content := _full(stream):
        whole = len(content) // size
        if whole:
            yield Block(content[: whole * size], size, first)
        first += whole


def _full(stream: BinaryIO) -> bytes:
    content = stream.read(BLOCK)
    while content and len(content) < BLOCK and (more := stream.read(BLOCK - len(content))):
        content += more
    return content


def decode(record: bytes, place: int) -> Entry:
    """Return what a record holds; where its attributes run out of it, what came before and a word in `wrong`."""
    head = _HEAD.unpack_from(record, 16)
    fixup_at, number = _OWN.unpack_from(record, 4)
    entry = Entry(place, number if fixup_at >= NUMBERED else place, head)
    at = head[2]
    for _ in range(MOST_ATTRIBUTES):
        if at + 4 > len(record):
            entry.wrong = "its attributes run past its end"
            return entry
        if record[at : at + 4] == b"\xff\xff\xff\xff":
            return entry
        if at + 24 > len(record):
            entry.wrong = "its attributes run past its end"
            return entry
        kind, length, elsewhere, name_length, name_at = _ATTRIBUTE.unpack_from(record, at)
        if length < 24 or at + length > len(record) or kind == 0 or kind % 16:
            entry.wrong = "an attribute is none"
            return entry
        if kind in (STANDARD, NAME, DATA):
            _read(entry, kind, record[at : at + length], elsewhere, name_at, name_length)
        at += length
    entry.wrong = "its attributes have no end"
    return entry


def _read(entry: Entry, kind: int, attribute: bytes, elsewhere: int, name_at: int, name_length: int) -> None:
    if elsewhere:
        if kind == DATA and len(attribute) >= 56:
            first_cluster, size = _EXTENT.unpack_from(attribute, 16)
            if first_cluster == 0:
                _data(entry, _text(attribute, name_at, name_length), None, size)
        return
    length, at = struct.unpack_from("<IH", attribute, 16)
    value = attribute[at : at + length]
    if len(value) < length:
        entry.wrong = "an attribute's value runs out of it"
    if kind == NAME:
        _name(entry, value)
    elif kind == DATA:
        _data(entry, _text(attribute, name_at, name_length), value, length)
    elif len(value) >= 48:
        entry.standard = _STAMPS.unpack_from(value)
        if len(value) >= 72:
            entry.owner, entry.security = _OWNERS.unpack_from(value, 48)


def _name(entry: Entry, value: bytes) -> None:
    if len(value) < _NAME.size:
        entry.wrong = "a name is cut"
        return
    reference, created, modified, changed, accessed, _, _, _, _, length, space = _NAME.unpack_from(value)
    text = value[_NAME.size : _NAME.size + 2 * length].decode("utf-16-le", "backslashreplace")
    entry.names.append(Name(reference, (created, modified, changed, accessed), space, text))


def _data(entry: Entry, name: str, content: bytes | None, size: int) -> None:
    if not name:
        entry.size = size
        entry.resident = content
        return
    entry.streams.append(name)
    if name.lower() == ZONE:
        entry.zone = content


def _text(attribute: bytes, at: int, length: int) -> str:
    return attribute[at : at + 2 * length].decode("utf-16-le", "backslashreplace") if length else ""
