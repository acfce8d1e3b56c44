"""Binary XML of Windows event logs: elements, typed values, template definitions.

Source: [MS-EVEN6] 2.2.12 (BinXml), and the layout of chunks as the libevtx project documents it.
"""

import struct
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from postvakt.estate.filetime import filetime

NULL = 0x00
STRING = 0x01
UINT8 = 0x04
UINT16 = 0x06
UINT32 = 0x08
UINT64 = 0x0A
BOOLEAN = 0x0D
BINARY = 0x0E
GUID = 0x0F
FILETIME = 0x11
SID = 0x13
HEX32 = 0x14
HEX64 = 0x15
BINXML = 0x21
STRINGS = 0x81
"""An array of texts: what ReportEvent leaves; each becomes a `Data` element without a name."""

FRAGMENT = b"\x0f\x01\x01\x00"
END = b"\x00"
ALWAYS = 0xFFFF
"""The dependency of an element that is written whatever its value."""


class Slot(msgspec.Struct, frozen=True):
    """A place in a template that a record fills. One whose value is null leaves nothing behind."""

    index: int
    kind: int


class Element(msgspec.Struct, frozen=True, eq=False):
    """An element of a template; `depends` names the slot without whose value it is left out.

    Elements are told apart by identity: a log meets each of a few dozen templates many thousand times.
    """

    name: str
    attributes: tuple[tuple[str, str | Slot], ...] = ()
    children: tuple["Element | Slot | str", ...] = ()
    depends: int = ALWAYS


class Names:
    """The names that one chunk has written so far; each stands once, in one of 64 chains by its hash."""

    def __init__(self) -> None:
        self.heads = [0] * 64
        self._known: dict[str, int] = {}

    def reference(self, name: str, at: int) -> bytes:
        """Return an offset to a name for the place `at` in the chunk, with the name itself where it is new."""
        known = self._known.get(name)
        if known is not None:
            return known.to_bytes(4, "little")
        hashed = name_hash(name)
        offset = at + 4
        before = self.heads[hashed % 64]
        self.heads[hashed % 64] = offset
        self._known[name] = offset
        text = name.encode("utf-16-le")
        return struct.pack("<IIHH", offset, before, hashed, len(name)) + text + b"\x00\x00"


def name_hash(name: str) -> int:
    """Return the 16 bits by which a chunk finds a name."""
    hashed = 0
    for character in name:
        hashed = (hashed * 65599 + ord(character)) & 0xFFFFFFFF
    return hashed & 0xFFFF


def fragment(root: Element, at: int, names: Names) -> bytes:
    """Return an element as a fragment that begins at offset `at` of its chunk."""
    out = bytearray(FRAGMENT)
    _element(out, root, at, names)
    out += END
    return bytes(out)


def longest(root: Element) -> int:
    """Return how many bytes a fragment needs where none of its names is known yet."""
    return len(fragment(root, 0, Names()))


def _element(out: bytearray, element: Element, at: int, names: Names) -> None:
    out += struct.pack("<BHI", 0x41 if element.attributes else 0x01, element.depends, 0)
    start = len(out)
    out += names.reference(element.name, at + start)
    if element.attributes:
        _attributes(out, element.attributes, at, names)
    if element.children:
        out.append(0x02)
        for child in element.children:
            if isinstance(child, Element):
                _element(out, child, at, names)
            else:
                out += _content(child)
        out.append(0x04)
    else:
        out.append(0x03)
    struct.pack_into("<I", out, start - 4, len(out) - start)


def _attributes(
    out: bytearray, attributes: tuple[tuple[str, str | Slot], ...], at: int, names: Names
) -> None:
    out += bytes(4)
    start = len(out)
    for position, (name, value) in enumerate(attributes):
        out.append(0x06 if position == len(attributes) - 1 else 0x46)
        out += names.reference(name, at + len(out))
        out += _content(value)
    struct.pack_into("<I", out, start - 4, len(out) - start)


def _content(content: str | Slot) -> bytes:
    if isinstance(content, Slot):
        return struct.pack("<BHB", 0x0E, content.index, content.kind)
    text = content.encode("utf-16-le")
    return struct.pack("<BBH", 0x05, 0x01, len(text) // 2) + text


def values(filled: list[tuple[int, bytes]]) -> bytes:
    """Return the values of a template instance: how many, the size and kind of each, the bytes of all."""
    described = b"".join([struct.pack("<HBB", len(content), kind, 0) for kind, content in filled])
    return struct.pack("<I", len(filled)) + described + b"".join([content for _, content in filled])


def sid(text: str) -> bytes:
    """Return a security identifier (`S-1-5-18`) in its binary form ([MS-DTYP] 2.4.2)."""
    _, revision, authority, *parts = text.split("-")
    head = struct.pack("<BB", int(revision), len(parts)) + int(authority).to_bytes(6, "big")
    return head + b"".join(int(part).to_bytes(4, "little") for part in parts)


def _text(value: str) -> bytes:
    return value.encode("utf-16-le")


def _texts(value: tuple[str, ...]) -> bytes:
    return b"".join(text.encode("utf-16-le") + b"\x00\x00" for text in value)


def _guid(value: uuid.UUID) -> bytes:
    return value.bytes_le


def _instant(value: datetime) -> bytes:
    return filetime(value).to_bytes(8, "little")


def _number(size: int) -> Callable[[int], bytes]:
    def encoded(value: int) -> bytes:
        return value.to_bytes(size, "little")

    return encoded


def _flag(value: bool) -> bytes:
    return int(value).to_bytes(4, "little")


ENCODED: Mapping[int, Callable[[Any], bytes]] = {
    STRING: _text,
    UINT8: _number(1),
    UINT16: _number(2),
    UINT32: _number(4),
    UINT64: _number(8),
    BOOLEAN: _flag,
    BINARY: bytes,
    GUID: _guid,
    FILETIME: _instant,
    SID: sid,
    HEX32: _number(4),
    HEX64: _number(8),
    BINXML: bytes,
    STRINGS: _texts,
}
"""How a value of each kind becomes bytes."""


def encoded(kind: int, value: Any) -> tuple[int, bytes]:
    """Return a value with its kind; None is a null of any kind."""
    if value is None:
        return NULL, b""
    return kind, ENCODED[kind](value)
