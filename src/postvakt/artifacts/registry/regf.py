"""A hive's cells: keys, values and their bytes, read without trusting a single number in them.

The hive is a `bytearray` (after its logs were replayed). Offsets are those of cells, counted from the start of the
hive bins data as the format itself counts them: a cell lies in the file at 4096 plus its offset.
Source: the registry file format specification by M. Suhanov (CC BY 4.0), section "Format of primary files".
"""

import struct
from collections.abc import Iterator

import msgspec

from postvakt.artifacts.registry.replay import BASE, BaseBlock
from postvakt.artifacts.troubles import Troubles

NONE = 0xFFFFFFFF
ROOT = 0x04
LATIN = 0x20
PREDEFINED = 0x40
RESIDENT = 0x80000000
SEGMENT = 16344
"""Bytes in each segment of a value that is too large for one cell."""

MOST_NAME = 1024
"""Bytes of a key's name; Windows allows 255 characters."""

LOOK_UPS = 1_000_000

_SIZE = struct.Struct("<i")
_NK = struct.Struct("<2sHQ4xIIxxxxIxxxxII4xI20xHH")
_VK = struct.Struct("<2sHIIIH")
_COUNT = struct.Struct("<2sH")
_WIDTHS = {b"lf": 8, b"lh": 8, b"li": 4, b"ri": 4}


class Key(msgspec.Struct, frozen=True, gc=False):
    """A key node. `written` is a FILETIME, `subkeys` and `values` what it claims to have."""

    offset: int
    flags: int
    written: int
    parent: int
    subkeys: int
    subkey_list: int
    values: int
    value_list: int
    class_offset: int
    class_length: int
    name: str


class Value(msgspec.Struct, frozen=True, gc=False):
    """A value node. `size` is in bytes; `data` is the cell with its bytes, or the bytes themselves if `inline`."""

    offset: int
    name: str
    type: int
    size: int
    data: int
    inline: bool


class Marks:
    """Cells that were met, a byte for every eight bytes of the hive."""

    def __init__(self, size: int) -> None:
        self.flags = bytearray((size >> 3) + 1)

    def add(self, offset: int) -> bool:
        """Mark a cell; tell whether it was new. What lies outside the hive is always new: it cannot be read."""
        place = offset >> 3
        if place >= len(self.flags):
            return True
        if self.flags[place]:
            return False
        self.flags[place] = 1
        return True

    def __contains__(self, offset: int) -> bool:
        return offset >> 3 < len(self.flags) and self.flags[offset >> 3] != 0


class Hive:
    """Cells of one hive. What is wrong with them is noted in `troubles`, never raised."""

    def __init__(self, image: bytearray, base: BaseBlock, troubles: Troubles) -> None:
        self.image = image
        self.base = base
        self.troubles = troubles
        there = max(0, len(image) - BASE)
        self.size = min(there, base.bins) if base.valid and base.bins else there
        self._end = BASE + self.size
        self._left = LOOK_UPS + self.size // 16

    @property
    def exhausted(self) -> bool:
        """Tell whether look-ups were ended because a hostile hive would have made them endless."""
        return self._left < 0

    def _note(self, detail: str, offset: int) -> None:
        self.troubles.note("unparsed", detail, offset)

    def cell(self, offset: int, least: int) -> tuple[int, int] | None:
        """Return where a cell's content starts and ends in the image; None where it cannot hold `least` bytes."""
        start = BASE + offset + 4
        if offset & 7 or start + least > self._end:
            self._note("a cell is referred to that lies outside the hive or between cells", offset)
            return None
        size = _SIZE.unpack_from(self.image, start - 4)[0]
        if size > 0:
            self._note("a cell is referred to that is marked free; it was read", offset)
        stop = start - 4 + abs(size)
        if stop < start + least:
            self._note("a cell is too small for what it should hold", offset)
            return None
        if stop > self._end:
            self._note("a cell runs beyond the end of the hive", offset)
            return start, self._end
        return start, stop

    def key(self, offset: int) -> Key | None:
        """Return the key in a cell, or None (noted) where there is none."""
        place = self.cell(offset, _NK.size)
        if place is None:
            return None
        key = self.key_at(offset, place[1])
        if key is None:
            self._note("a cell that should hold a key does not", offset)
        return key

    def key_at(self, offset: int, stop: int) -> Key | None:
        """Return the key whose cell begins at `offset` and ends before `stop` in the image, or None."""
        start = BASE + offset + 4
        if start + _NK.size > stop:
            return None
        (
            signature, flags, written, parent, subkeys, subkey_list, values, value_list, class_offset,
            length, class_length,
        ) = _NK.unpack_from(self.image, start)  # fmt: skip
        if signature != b"nk" or length > MOST_NAME:
            return None
        name = self._name(start + _NK.size, length, stop, latin=flags & LATIN != 0)
        return Key(
            offset, flags, written, parent, subkeys, subkey_list, values, value_list, class_offset,
            class_length, name,
        )  # fmt: skip

    def _name(self, start: int, length: int, stop: int, *, latin: bool) -> str:
        end = start + length
        raw = self.image[start : end if end < stop else stop]
        return raw.decode("latin-1") if latin else text(raw)

    def value(self, offset: int) -> Value | None:
        """Return the value in a cell, or None (noted) where there is none."""
        place = self.cell(offset, _VK.size)
        if place is None:
            return None
        value = self.value_at(offset, place[1])
        if value is None:
            self._note("a cell that should hold a value does not", offset)
        return value

    def value_at(self, offset: int, stop: int) -> Value | None:
        """Return the value whose cell begins at `offset` and ends before `stop` in the image, or None."""
        start = BASE + offset + 4
        if start + _VK.size > stop:
            return None
        signature, length, size, data, kind, flags = _VK.unpack_from(self.image, start)
        if signature != b"vk":
            return None
        name = self._name(start + _VK.size + 2, length, stop, latin=flags & 1 != 0) if length else ""
        return Value(offset, name, kind, size & ~RESIDENT, data, size & RESIDENT != 0)

    def bytes_of(self, value: Value, most: int) -> bytes:
        """Return a value's bytes, at most `most` of them; fewer (noted) where the hive does not have them."""
        wanted = value.size if value.size < most else most
        if value.inline:
            if value.size > 4:
                self._note("a value claims more bytes than fit into its own cell", value.offset)
            return value.data.to_bytes(4, "little")[:wanted]
        if not value.size:
            return b""
        place = self.cell(value.data, 1)
        if place is None:
            return b""
        start, stop = place
        if value.size > SEGMENT and self.base.minor > 3 and self.image[start : start + 2] == b"db":
            found = self._segments(start, stop, wanted)
        else:
            end = start + wanted
            found = bytes(self.image[start : end if end < stop else stop])
        if len(found) < wanted:
            self._note("a value's bytes are fewer than it claims", value.offset)
        return found

    def _segments(self, start: int, stop: int, wanted: int) -> bytes:
        if start + 8 > stop:
            return b""
        _, count, table = struct.unpack_from("<2sHI", self.image, start)
        found = bytearray()
        for offset in self._offsets(table, min(count, wanted // SEGMENT + 1)):
            place = self.cell(offset, 4)
            if place is None:
                break
            found += self.image[place[0] : min(place[0] + SEGMENT, place[1])]
        return bytes(found[:wanted])

    def _offsets(self, offset: int, count: int) -> tuple[int, ...]:
        """Return the offsets in a plain list's cell, fewer (noted) where the cell is too small."""
        place = self.cell(offset, 4) if count else None
        if place is None:
            return ()
        fit = min(count, (place[1] - place[0]) // 4)
        if fit < count:
            self._note("a list is longer than its cell", offset)
        return struct.unpack_from(f"<{fit}I", self.image, place[0])

    def value_offsets(self, key: Key, met: Marks | set[int]) -> tuple[int, ...]:
        """Return the offsets of a key's values; none of a list that was met before."""
        if not key.values or key.flags & PREDEFINED:
            return ()
        if not _is_new(key.value_list, met):
            self._note("a list of values belongs to two keys; the second was not read", key.offset)
            return ()
        return self._offsets(key.value_list, key.values)

    def subkey_offsets(self, key: Key, met: Marks | set[int]) -> Iterator[int]:
        """Yield the offsets of a key's subkeys in their order; nothing of a list that was met before."""
        if not key.subkeys:
            return
        found = 0
        for leaf in self._leaves(key.subkey_list, met):
            yield from leaf
            found += len(leaf)
        if found < key.subkeys:
            self._note("a key has fewer subkeys than it claims", key.offset)

    def _leaves(
        self, offset: int, met: Marks | set[int], *, nested: bool = False
    ) -> Iterator[tuple[int, ...]]:
        place = self.cell(offset, 4)
        if place is None:
            return
        if not _is_new(offset, met):
            self._note("a list of subkeys is referred to twice; the second time it was not read", offset)
            return
        start, stop = place
        signature, count = _COUNT.unpack_from(self.image, start)
        width = _WIDTHS.get(signature)
        if width is None or (nested and signature == b"ri"):
            self._note("a cell that should hold a list of subkeys does not", offset)
            return
        fit = min(count, (stop - start - 4) // width)
        if fit < count:
            self._note("a list is longer than its cell", offset)
        listed = struct.unpack_from(f"<{fit * width // 4}I", self.image, start + 4)[:: width // 4]
        if signature != b"ri":
            yield listed
            return
        for leaf in listed:
            yield from self._leaves(leaf, met, nested=True)

    def class_of(self, key: Key) -> str:
        """Return a key's class name, empty where it has none."""
        if not key.class_length or key.class_offset == NONE:
            return ""
        place = self.cell(key.class_offset, min(key.class_length, 4))
        if place is None:
            return ""
        return text(self.image[place[0] : min(place[0] + key.class_length, place[1])])

    def root(self) -> Key | None:
        """Return the root key: where the header says, or else the first key that says it is the root."""
        place = self.cell(self.base.root, _NK.size)
        root = self.key_at(self.base.root, place[1]) if place else None
        if root is not None:
            return root
        self._note("the header does not lead to the root key; it was looked for", self.base.root)
        at = self.image.find(b"nk", BASE + 32)
        while at != -1:
            offset = at - BASE - 4
            if not offset & 7:
                key = self.key_at(offset, self._end)
                if key is not None and key.flags & ROOT:
                    return key
            at = self.image.find(b"nk", at + 1)
        return None

    def subkeys(self, key: Key) -> Iterator[Key]:
        """Yield a key's subkeys. Look-ups of one hive are bounded altogether; beyond that nothing is found."""
        met: set[int] = set()
        for offset in self.subkey_offsets(key, met):
            self._left -= 1
            if self._left < 0:
                return
            found = self.key(offset)
            if found is not None:
                yield found

    def values(self, key: Key) -> Iterator[Value]:
        """Yield a key's values, bounded like `subkeys`."""
        for offset in self.value_offsets(key, set()):
            self._left -= 1
            if self._left < 0:
                return
            found = self.value(offset)
            if found is not None:
                yield found


def _is_new(offset: int, met: Marks | set[int]) -> bool:
    if isinstance(met, Marks):
        return met.add(offset)
    if offset in met:
        return False
    met.add(offset)
    return True


def text(raw: bytes | bytearray) -> str:
    """Return UTF-16 as text; what is no UTF-16 is kept as backslash escapes, an odd last byte too."""
    return raw.decode("utf-16-le", "backslashreplace")
