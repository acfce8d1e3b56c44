"""Text in memory: how far it reaches around a place, in one byte or in two a letter, and what it says."""

import re

import msgspec
import numpy as np

from postvakt.memory.carving.stretch import Stretch

LONGEST = 8192
"""Letters that are looked at on each side of a place."""

SHOWN = 4096
"""Letters that a row keeps of a text."""

NEAR = 512
ENDS_OF_LINES = b"\0\r\n"
_LINE = np.ones(65536, bool)
_LINE[[0, 10, 13]] = False
_LINE[0x0530:] = False
_PLAIN = _LINE.copy()
_PLAIN[:32] = False
_PLAIN[9] = True
_PLAIN[0x7F:0xA0] = False
_ASCII = np.zeros(65536, bool)
_ASCII[32:127] = True
_ASCII[9] = True
_BLOCK = _PLAIN.copy()
_BLOCK[[10, 13]] = True
_BLOCK_ASCII = _ASCII.copy()
_BLOCK_ASCII[[10, 13]] = True
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Letters(msgspec.Struct, frozen=True):
    """Which letters belong to a text: those of one byte, as a table that makes the others zero, and those of two."""

    narrow: bytes
    wide: object  # numpy array of bool by code unit


def _letters(narrow: object, wide: object) -> Letters:
    return Letters(bytes(int(bool(ok)) for ok in np.asarray(narrow)[:256]), wide)


LINE = _letters(np.array([code not in ENDS_OF_LINES for code in range(256)]), _LINE)
"""Everything that does not end a line: an attacker chose these bytes."""
PLAIN = _letters(_ASCII, _PLAIN)
"""What prints on one line."""
BLOCK = _letters(_BLOCK_ASCII, _BLOCK)
"""What prints, on several lines."""


class Text(msgspec.Struct, frozen=True):
    """A text and where it stands: offsets, bytes a letter. Letter `n` of `raw` stands at `start + n * step`."""

    raw: str
    start: int
    end: int
    step: int

    @property
    def encoding(self) -> str:
        """Name the encoding as rows tell it."""
        return "utf-16le" if self.step == 2 else "ascii"

    def cut(self, low: int, high: int) -> "Text":
        """Return the part between two letters."""
        low, high = max(low, 0), min(high, len(self.raw))
        return Text(
            self.raw[low:high], self.start + low * self.step, self.start + high * self.step, self.step
        )

    def said(self) -> str:
        """Return what it says, bounded; bytes that are no text survive as escapes."""
        return said(self.raw, self.step)


def said(raw: str, step: int) -> str:
    """Return letters as text: bytes as UTF-8, with escapes for what is none and for what would not print."""
    kept = raw[:SHOWN]
    if kept.isascii() and kept.isprintable():
        return kept
    if step == 2:
        text = kept.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "backslashreplace")
    elif kept.isascii():
        text = kept
    else:
        text = kept.encode("latin-1").decode("utf-8", "backslashreplace")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def step_of(data: bytes, offset: int, length: int) -> int:
    """Return how many bytes a letter takes at a place that an anchor matched."""
    return 2 if length > 1 and offset + 1 < len(data) and data[offset + 1] == 0 else 1


def around(stretch: Stretch, offset: int, step: int, letters: Letters, *, across: bool = False) -> Text:
    """Return the text around a place, as far as its letters go on and at most LONGEST of them on each side.

    `across`: also over the edges of pages that only may belong together.
    """
    low, high = stretch.reach(offset, across=across)
    low = max(low, offset - LONGEST * step)
    high = min(high, offset + LONGEST * step)
    if step == 2:
        return _wide(stretch.data, offset, low, high, letters)
    start = _back(stretch.data, offset, low, letters.narrow)
    end = _forth(stretch.data, offset, high, letters.narrow)
    return Text(stretch.data[start:end].decode("latin-1"), start, end, 1)


def _back(data: bytes, offset: int, low: int, table: bytes) -> int:
    for near in (max(low, offset - NEAR), low):
        found = data[near:offset].translate(table).rfind(b"\0")
        if found >= 0:
            return near + found + 1
    return low


def _forth(data: bytes, offset: int, high: int, table: bytes) -> int:
    for near in (min(high, offset + NEAR), high):
        found = data[offset:near].translate(table).find(b"\0")
        if found >= 0:
            return offset + found
    return high


def _wide(data: bytes, offset: int, low: int, high: int, letters: Letters) -> Text:
    low += (offset - low) % 2
    high -= (high - offset) % 2
    units = np.frombuffer(data, "<u2", (high - low) // 2, low)
    others = np.flatnonzero(~np.asarray(letters.wide)[units])
    at = (offset - low) // 2
    place = int(np.searchsorted(others, at))
    first = int(others[place - 1]) + 1 if place else 0
    last = int(others[place]) if place < len(others) else len(units)
    raw = units[first:last].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return Text(raw, low + 2 * first, low + 2 * last, 2)


def is_cut(stretch: Stretch, text: Text, *, begun: bool = False, ended: bool = False) -> bool:
    """Tell whether a text meets an edge beyond which more of it may have stood, or crosses one.

    `begun`, `ended`: what it is shows that it is whole on that side.
    """
    if stretch.crosses(text.start, text.end):
        return True
    return (not begun and stretch.is_edge(text.start)) or (not ended and stretch.is_edge(text.end))
