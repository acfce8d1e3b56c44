"""A writer of Windows registry hives (regf 1.5): base block, bins, key, value, list, security and big-data cells.

Source: the format as the libregf and "Windows registry file format specification" projects document it.
"""

import struct
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from postvakt.estate.filetime import filetime

BASE_BLOCK = 4096
PAGE = 4096
NOWHERE = 0xFFFFFFFF
LIST_LIMIT = 500
"""Subkeys that one hashed list holds before an index over several lists stands above them."""

SEGMENT = 16344
"""Bytes of a value that one cell holds; a longer one lies in segments of this size."""

INLINE = 0x80000000
LATIN_NAME = 0x0020
ROOT_FLAGS = 0x000C
SECURITY = bytes.fromhex(
    "01000480480000005800000000000000140000000200340002000000"
    "000214003f000f00010100000000000512000000"
    "000218003f000f00010200000000000520000000"
    "20020000"
    "01020000000000052000000020020000"
    "010100000000000512000000"
)
"""A security descriptor: SYSTEM and the administrators may do everything; the administrators own it."""

SZ, EXPAND_SZ, BINARY, DWORD, DWORD_BE, LINK, MULTI_SZ, QWORD = 1, 2, 3, 4, 5, 6, 7, 11
NONE = 0


class Value(msgspec.Struct, frozen=True):
    """A value of a key as it is stored; the empty name is the key's default value."""

    name: str
    type: int
    content: bytes


class Key(msgspec.Struct, kw_only=True):
    """A key with its last-write time (aware), values in order, and subkeys in any order."""

    name: str
    written: datetime
    values: Sequence[Value] = ()
    keys: Sequence["Key"] = ()
    class_name: str = ""


def text(name: str, content: str, type: int = SZ) -> Value:  # noqa: A002 (the registry's own word)
    """Return a text value, also of the types REG_EXPAND_SZ and REG_LINK."""
    return Value(name, type, content.encode("utf-16-le") + (b"" if type == LINK else b"\x00\x00"))


def texts(name: str, *content: str) -> Value:
    """Return a REG_MULTI_SZ value."""
    return Value(name, MULTI_SZ, "".join(f"{one}\0" for one in content).encode("utf-16-le") + b"\x00\x00")


def dword(name: str, number: int) -> Value:
    """Return a REG_DWORD value."""
    return Value(name, DWORD, number.to_bytes(4, "little"))


def qword(name: str, number: int) -> Value:
    """Return a REG_QWORD value."""
    return Value(name, QWORD, number.to_bytes(8, "little"))


def binary(name: str, content: bytes) -> Value:
    """Return a REG_BINARY value."""
    return Value(name, BINARY, content)


def regf(root: Key, *, file_name: str, sequence: int = 1, root_first: bool = False) -> bytes:
    """Return a clean hive of a tree. `file_name` is told in the base block, cut to its last 31 characters.

    `root_first` puts the root into the first cell, as Windows does; some readers look for it nowhere else.
    """
    bins = _Bins(filetime(root.written))
    place = bins.allocate(76 + len(_name(root.name)[0])) if root_first else None
    security = bins.allocate(20 + len(SECURITY))
    top = _write(bins, root, NOWHERE, security, ROOT_FLAGS, place)
    head = struct.pack("<2sHIIII", b"sk", 0, security, security, _count(root), len(SECURITY))
    bins.put(security, head + SECURITY)
    cells = bins.sealed()
    return base_block(top, len(cells), filetime(root.written), file_name, sequence, sequence) + cells


def base_block(root: int, size: int, written: int, file_name: str, primary: int, secondary: int) -> bytes:
    """Return the base block of a hive whose bins have `size` bytes."""
    head = struct.pack(
        "<4sIIQIIIIIII", b"regf", primary, secondary, written, 1, 5, 0, 1, root, size, 1
    ) + file_name[-31:].encode("utf-16-le").ljust(64, b"\x00")
    return checked(head.ljust(508, b"\x00")).ljust(BASE_BLOCK, b"\x00")


def checked(head: bytes) -> bytes:
    """Return the first 508 bytes of a base block with their checksum behind them."""
    found = 0
    for (word,) in struct.iter_unpack("<I", head[:508]):
        found ^= word
    found = {0: 1, 0xFFFFFFFF: 0xFFFFFFFE}.get(found, found)
    return head[:508] + struct.pack("<I", found)


class _Bins:
    """Bins being filled. Offsets count from the first bin, as the format does."""

    def __init__(self, written: int) -> None:
        self._bytes = bytearray()
        self._written = written
        self._free = 0

    def allocate(self, size: int) -> int:
        """Return the offset of a new cell that holds `size` bytes."""
        needed = (size + 4 + 7) // 8 * 8
        if len(self._bytes) - self._free < needed:
            self._close()
            self._open((needed + 32 + PAGE - 1) // PAGE * PAGE)
        offset = self._free
        struct.pack_into("<i", self._bytes, offset, -needed)
        self._free += needed
        return offset

    def put(self, offset: int, content: bytes) -> None:
        """Fill a cell."""
        self._bytes[offset + 4 : offset + 4 + len(content)] = content

    def cell(self, content: bytes) -> int:
        """Return the offset of a new cell with this content."""
        offset = self.allocate(len(content))
        self.put(offset, content)
        return offset

    def sealed(self) -> bytes:
        """Return all bins."""
        self._close()
        return bytes(self._bytes)

    def _open(self, size: int) -> None:
        start = len(self._bytes)
        head = struct.pack("<4sIIQQI", b"hbin", start, size, 0, self._written if start == 0 else 0, 0)
        self._bytes += head.ljust(size, b"\x00")
        self._free = start + 32

    def _close(self) -> None:
        """What is left of the open bin is one free cell."""
        left = len(self._bytes) - self._free
        if left:
            struct.pack_into("<i", self._bytes, self._free, left)
        self._free = len(self._bytes)


def _count(key: Key) -> int:
    return 1 + sum(_count(child) for child in key.keys)


def _name(name: str) -> tuple[bytes, bool]:
    """Return a name as stored, and whether in one byte a character."""
    try:
        return name.encode("latin-1"), True
    except UnicodeEncodeError:
        return name.encode("utf-16-le"), False


def _write(
    bins: _Bins, key: Key, parent: int, security: int, flags: int = 0, place: int | None = None
) -> int:
    name, latin = _name(key.name)
    offset = bins.allocate(76 + len(name)) if place is None else place
    class_name = key.class_name.encode("utf-16-le")
    class_at = bins.cell(class_name) if class_name else NOWHERE
    values = [_value(bins, value) for value in key.values]
    values_at = bins.cell(struct.pack(f"<{len(values)}I", *values)) if values else NOWHERE
    children = sorted(key.keys, key=lambda child: child.name.upper())
    places = [_write(bins, child, offset, security) for child in children]
    lists_at = _lists(bins, [(place, child.name) for place, child in zip(places, children, strict=True)])
    head = struct.pack(
        "<2sHQIIIIIIIIIIIIIIIHH",
        b"nk",
        flags | (LATIN_NAME if latin else 0),
        filetime(key.written),
        0,
        parent,
        len(children),
        0,
        lists_at,
        NOWHERE,
        len(values),
        values_at,
        security,
        class_at,
        max((2 * len(child.name) for child in children), default=0),
        max((2 * len(child.class_name) for child in children), default=0),
        max((2 * len(value.name) for value in key.values), default=0),
        max((len(value.content) for value in key.values), default=0),
        0,
        len(name),
        len(class_name),
    )
    bins.put(offset, head + name)
    return offset


def _value(bins: _Bins, value: Value) -> int:
    name, latin = _name(value.name)
    size = len(value.content)
    if size <= 4:
        place, told = int.from_bytes(value.content.ljust(4, b"\x00"), "little"), size | INLINE
    elif size <= SEGMENT:
        place, told = bins.cell(value.content), size
    else:
        place, told = _big(bins, value.content), size
    head = struct.pack("<2sHIIIHH", b"vk", len(name), told, place, value.type, int(latin and bool(name)), 0)
    return bins.cell(head + name)


def _big(bins: _Bins, content: bytes) -> int:
    # A segment's cell is four bytes longer than what it holds, so that readers never look past its end.
    segments = [bins.cell(part + bytes(4)) for part in _parts(content)]
    places = bins.cell(struct.pack(f"<{len(segments)}I", *segments))
    return bins.cell(struct.pack("<2sHII", b"db", len(segments), places, 0))


def _parts(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), SEGMENT):
        yield content[start : start + SEGMENT]


def _lists(bins: _Bins, children: list[tuple[int, str]]) -> int:
    if not children:
        return NOWHERE
    lists = [
        bins.cell(_hashed(children[start : start + LIST_LIMIT]))
        for start in range(0, len(children), LIST_LIMIT)
    ]
    if len(lists) == 1:
        return lists[0]
    return bins.cell(struct.pack(f"<2sH{len(lists)}I", b"ri", len(lists), *lists))


def _hashed(children: list[tuple[int, str]]) -> bytes:
    entries = b"".join(struct.pack("<II", place, lh_hash(name)) for place, name in children)
    return struct.pack("<2sH", b"lh", len(children)) + entries


def lh_hash(name: str) -> int:
    """Return the hash by which a list finds a subkey."""
    hashed = 0
    for character in name.upper():
        hashed = (hashed * 37 + ord(character)) & 0xFFFFFFFF
    return hashed
