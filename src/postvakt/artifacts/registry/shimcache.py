"""ShimCache: the programs that Windows looked at for compatibility, with each file's own time of change.

An entry shows that the file was there, not that it ran; only older formats carry a flag for that.
Source: the layouts published by Mandiant (2012) and by E. Zimmerman for Windows 8 to 10; checked against real caches.
"""

import struct
from collections.abc import Iterator

import msgspec

from postvakt.artifacts.registry.regf import text
from postvakt.artifacts.registry.trace import filetime

MOST_ENTRIES = 20_000


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One entry: `modified` in microseconds since 1970; `executed` is None where the format does not tell."""

    position: int
    path: str
    modified: int | None
    executed: bool | None = None
    size: int | None = None


class Layout(msgspec.Struct, frozen=True):
    """A table of fixed entries that refer to their paths: its start, and where in an entry each thing stands."""

    name: str
    start: int
    width: int
    offset_at: int
    offset_width: int
    time_at: int
    word_at: int


XP = 0xDEADBEEF
NT52 = 0xBADC0FFE
NT61 = 0xBADC0FEE
WIN8_START = 0x80
WIN8 = {b"00ts": "Windows 8.0, 2012", b"10ts": "Windows 8.1, 2012 R2"}
WIN10 = frozenset((0x30, 0x34))

LAYOUTS: dict[tuple[int, bool], Layout] = {
    (NT52, False): Layout("Windows Server 2003, Vista, 2008", 8, 0x18, 4, 4, 8, 16),
    (NT52, True): Layout("Windows Server 2003, Vista, 2008 (x64)", 8, 0x20, 8, 8, 16, 24),
    (NT61, False): Layout("Windows 7, 2008 R2", 0x80, 0x20, 4, 4, 8, 16),
    (NT61, True): Layout("Windows 7, 2008 R2 (x64)", 0x80, 0x30, 8, 8, 16, 24),
}
EXECUTED = 2
MOST_FLAGS = 0xFF


def entries(cache: bytes) -> tuple[str, Iterator[Seen]]:
    """Return the format's name and the entries of a cache, the latest first; an empty name for an unknown format."""
    head = int.from_bytes(cache[:4], "little")
    if head == XP:
        return "Windows XP", _xp(cache)
    if head in (NT52, NT61):
        start = LAYOUTS[head, False].start
        wide = cache[start + 4 : start + 8] == bytes(4)
        layout = LAYOUTS[head, wide]
        return layout.name, _fixed(cache, layout)
    if cache[WIN8_START : WIN8_START + 4] in WIN8:
        return WIN8[cache[WIN8_START : WIN8_START + 4]], _win8(cache)
    if head in WIN10 and cache[head : head + 4] == b"10ts":
        return "Windows 10, 2016 and later", _win10(cache, head)
    return "", iter(())


def _xp(cache: bytes) -> Iterator[Seen]:
    count = int.from_bytes(cache[4:8], "little")
    for position in range(min(count, MOST_ENTRIES)):
        entry = cache[0x190 + position * 0x228 : 0x190 + (position + 1) * 0x228]
        if len(entry) < 0x228:
            return
        size = int.from_bytes(entry[536:544], "little")
        yield Seen(
            position=position,
            path=text(entry[:528]).partition("\0")[0],
            modified=filetime(entry, 528),
            size=size,
        )


def _fixed(cache: bytes, layout: Layout) -> Iterator[Seen]:
    count = min(int.from_bytes(cache[4:8], "little"), MOST_ENTRIES)
    # Server 2003 has the file's size where Vista and 2008 have flags: small numbers in every entry are flags.
    words = {
        int.from_bytes(cache[at : at + 4], "little")
        for at in range(layout.start + layout.word_at, layout.start + count * layout.width, layout.width)
    }
    sized = layout.name.startswith("Windows Server 2003") and max(words, default=0) > MOST_FLAGS
    for position in range(count):
        start = layout.start + position * layout.width
        entry = cache[start : start + layout.width]
        if len(entry) < layout.width:
            return
        length = int.from_bytes(entry[:2], "little")
        at = int.from_bytes(entry[layout.offset_at : layout.offset_at + layout.offset_width], "little")
        word = int.from_bytes(entry[layout.word_at : layout.word_at + 4], "little")
        yield Seen(
            position=position,
            path=text(cache[at : at + length]),
            modified=filetime(entry, layout.time_at),
            executed=None if sized else bool(word & EXECUTED),
            size=word if sized else None,
        )


def _tagged(cache: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the entries of a cache of Windows 8 and later: each says how long it is."""
    at = start
    for position in range(MOST_ENTRIES):
        if cache[at : at + 4] not in (b"00ts", b"10ts") or at + 12 > len(cache):
            return
        size = int.from_bytes(cache[at + 8 : at + 12], "little")
        yield position, cache[at + 12 : at + 12 + size]
        at += 12 + size


def _win8(cache: bytes) -> Iterator[Seen]:
    for position, entry in _tagged(cache, WIN8_START):
        length = int.from_bytes(entry[:2], "little")
        # Behind the path stands the name of a package, mostly empty, with its length.
        at = 4 + length + int.from_bytes(entry[2 + length : 4 + length], "little")
        if at + 16 > len(entry):
            return
        flags = struct.unpack_from("<I", entry, at)[0]
        yield Seen(
            position=position, path=text(entry[2 : 2 + length]), modified=filetime(entry, at + 8),
            executed=bool(flags & EXECUTED),
        )  # fmt: skip


def _win10(cache: bytes, start: int) -> Iterator[Seen]:
    for position, entry in _tagged(cache, start):
        length = int.from_bytes(entry[:2], "little")
        if 2 + length + 8 > len(entry):
            return
        yield Seen(position=position, path=text(entry[2 : 2 + length]), modified=filetime(entry, 2 + length))
