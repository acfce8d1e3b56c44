"""Template definitions of an EVTX chunk, as trees of elements, and how one is known again in another chunk.

Source: [MS-EVEN6] 2.2.12 (BinXml); the layout of names and definitions as the libevtx project documents it.
"""

import struct

import msgspec

FRAGMENT = b"\x0f\x01\x01\x00"
ALWAYS = 0xFFFF
"""The dependency of an element that is there whatever the values."""

KINDS = frozenset((*range(0x02), *range(0x03, 0x0B), *range(0x0D, 0x12), 0x13, 0x14, 0x15, 0x21, 0x81))
"""The kinds of values that a definition may announce; what a value is, its record says."""

_DEEPEST = 8
_QUAD, _WORD, _NAME = struct.Struct("<I"), struct.Struct("<H"), struct.Struct("<IHH")
_SLOT = struct.Struct("<HB")
_TEXT = struct.Struct("<BH")


class UnknownShapeError(Exception):
    """A definition of a shape that is not known here."""


class Element(msgspec.Struct):
    name: str
    depends: int
    attributes: list[tuple[str, int | str]]
    children: list["Element"]
    slots: list[int]
    texts: list[str]

    def content(self) -> int | str:
        """Return the one slot or text that an element without children holds, an empty text for nothing."""
        if self.children or len(self.slots) + len(self.texts) > 1:
            raise UnknownShapeError
        return self.slots[0] if self.slots else "".join(self.texts)


class Known:
    """A definition that was read, and how another is told to be the same: it has the same bytes but for where names
    stand, and the same names there."""

    def __init__(self, content: bytes, names: list[tuple[int, bytes, bool]], number: int) -> None:
        """`names` are the places of its names, the count and letters of each, and whether it stands there itself."""
        self.number = number
        mask = bytearray(b"\xff" * len(content))
        form, at = ["<"], 0
        for place, _, inside in names:
            # The link to the next name of its kind differs as well.
            mask[place : place + (8 if inside else 4)] = bytes(8 if inside else 4)
            form.append(f"{place - at}xI")
            at = place + 4
        self._mask = int.from_bytes(mask, "little")
        self._plain = int.from_bytes(content, "little") & self._mask
        self._offsets = struct.Struct("".join(form))
        self._inside = [(order, place + 4) for order, (place, _, inside) in enumerate(names) if inside]
        self._outside = [
            (order, name, 6 + len(name)) for order, (_, name, inside) in enumerate(names) if not inside
        ]

    def is_at(self, chunk: bytes, start: int, size: int) -> bool:
        """Tell whether so many bytes of a chunk are the same definition."""
        if int.from_bytes(chunk[start : start + size], "little") & self._mask != self._plain:
            return False
        offsets = self._offsets.unpack_from(chunk, start)
        for order, place in self._inside:
            if offsets[order] != start + place:
                return False
        for order, name, end in self._outside:
            offset = offsets[order]
            if chunk[offset + 6 : offset + end] != name:
                return False
        return True


class DefinitionReader:
    """Reads one definition. `names` are the places of its names: the count and letters of each, whether it stands
    there itself. `sound` is set where it was read to its end."""

    def __init__(self, chunk: bytes, start: int, size: int) -> None:
        self._chunk = chunk[: start + size]
        self._whole = chunk
        self._start = start
        self._at = start
        self.names: list[tuple[int, bytes, bool]] = []
        self.sound = False

    def root(self) -> Element:
        if self._chunk[self._at : self._at + 4] != FRAGMENT:
            raise UnknownShapeError
        self._at += 4
        root = self._element(0)
        if self._byte() != 0x00 or self._at != len(self._chunk):
            raise UnknownShapeError
        self.sound = True
        return root

    def _byte(self) -> int:
        if self._at >= len(self._chunk):
            raise UnknownShapeError
        self._at += 1
        return self._chunk[self._at - 1]

    def _element(self, depth: int) -> Element:
        token = self._byte()
        if token not in (0x01, 0x41) or depth > _DEEPEST:
            raise UnknownShapeError
        (depends,) = _WORD.unpack_from(self._chunk, self._at)
        self._at += 6
        element = Element(self._name(), depends, [], [], [], [])
        if token == 0x41:
            self._attributes(element)
        closing = self._byte()
        if closing == 0x03:
            return element
        if closing != 0x02:
            raise UnknownShapeError
        while (token := self._byte()) != 0x04:
            self._at -= 1
            if token in (0x01, 0x41):
                element.children.append(self._element(depth + 1))
                continue
            content = self._content()
            if isinstance(content, int):
                element.slots.append(content)
            else:
                element.texts.append(content)
        return element

    def _attributes(self, element: Element) -> None:
        (size,) = _QUAD.unpack_from(self._chunk, self._at)
        self._at += 4
        end = self._at + size
        while self._at < end:
            if self._byte() not in (0x06, 0x46):
                raise UnknownShapeError
            name = self._name()
            element.attributes.append((name, self._content()))
        if self._at != end:
            raise UnknownShapeError

    def _content(self) -> int | str:
        token = self._byte()
        if token in (0x0D, 0x0E):
            slot, kind = _SLOT.unpack_from(self._chunk, self._at)
            self._at += 3
            if kind not in KINDS:
                raise UnknownShapeError
            return int(slot)
        if token not in (0x05, 0x45):
            raise UnknownShapeError
        kind, count = _TEXT.unpack_from(self._chunk, self._at)
        self._at += 3 + 2 * count
        if kind != 0x01 or self._at > len(self._chunk):
            raise UnknownShapeError
        text = self._chunk[self._at - 2 * count : self._at].decode("utf-16-le")
        if "\0" in text:
            raise UnknownShapeError
        return text

    def _name(self) -> str:
        (offset,) = _QUAD.unpack_from(self._chunk, self._at)
        place = self._at - self._start
        self._at += 4
        inside = offset == self._at
        _, _, count = _NAME.unpack_from(self._whole, offset)
        end = offset + 8 + 2 * count
        if end + 2 > len(self._whole):
            raise UnknownShapeError
        if inside:
            self._at = end + 2
        self.names.append((place, self._whole[offset + 6 : end], inside))
        name = self._whole[offset + 8 : end].decode("utf-16-le")
        # The reader writes names as they are, also where that is no JSON any more.
        if not name.isprintable() or '"' in name or "\\" in name:
            raise UnknownShapeError
        return name
