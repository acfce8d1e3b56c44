"""Prefetch files of every version, and the compression of Windows 10, for the exhibits and tests of prefetch."""

import struct
from collections.abc import Sequence
from datetime import datetime

from postvakt.estate.filetime import filetime

FIRST_SECTION = {17: 152, 23: 240, 26: 304, 30: 304, 31: 296}
TIMES_AT = {17: 120, 23: 128, 26: 128, 30: 128, 31: 128}
COUNT_AT = {17: 144, 23: 152, 26: 208, 30: 208, 31: 200}
VOLUME = {17: 40, 23: 104, 26: 104, 30: 96, 31: 96}
CHUNK = 65_536
CODE = 9
"""Bits of every code: 512 symbols of one length, so that a symbol is its own code."""


def prefetch(
    version: int,
    executable: str,
    files: Sequence[str],
    runs: Sequence[datetime],
    *,
    count: int = 0,
    serial: int = 0x1A2B3C4D,
    short: bool = False,
) -> bytes:
    """A prefetch file; `short` is the file information of Windows 10 since 2019, told as version 30."""
    layout = 31 if short else version
    names = "".join(f"{name}\0" for name in files).encode("utf-16-le")
    names_at = FIRST_SECTION[layout]
    volume_at = (names_at + len(names) + 7) // 8 * 8
    device = "\\VOLUME{01d70000-1a2b3c4d}".encode("utf-16-le")
    volume = struct.pack("<IIQI", VOLUME[layout], len(device) // 2, filetime(runs[0]), serial)
    volume = volume.ljust(VOLUME[layout], b"\0") + device
    size = volume_at + len(volume)
    content = bytearray(size)
    struct.pack_into("<I4sII", content, 0, version, b"SCCA", 17, size)
    content[16:76] = executable.encode("utf-16-le")[:58].ljust(60, b"\0")
    struct.pack_into("<I", content, 76, 0xC0FFEE01)
    struct.pack_into(
        "<9I", content, 84, names_at, 0, names_at, 0, names_at, len(names), volume_at, 1, len(volume)
    )
    for position, run in enumerate(runs):
        struct.pack_into("<Q", content, TIMES_AT[layout] + 8 * position, filetime(run))
    struct.pack_into("<I", content, COUNT_AT[layout], count or len(runs))
    content[names_at : names_at + len(names)] = names
    content[volume_at:] = volume
    return bytes(content)


def packed(content: bytes) -> bytes:
    """A MAM file of the content, with a match wherever the last bytes were there before."""
    chunks = (_chunk(content, at) for at in range(0, len(content), CHUNK))
    return b"MAM\x04" + struct.pack("<I", len(content)) + b"".join(chunks)


def _chunk(content: bytes, begin: int) -> bytes:
    writer = _Writer()
    at, end = begin, min(begin + CHUNK, len(content))
    seen: dict[bytes, int] = {}
    while at < end:
        before = seen.get(content[at : at + 4], -1)
        seen[content[at : at + 4]] = at
        length = _same(content, before, at, end) if before >= 0 and at - before < 1 << 15 else 0
        if length < 4:
            writer.bits(content[at], CODE)
            at += 1
        else:
            writer.match(at - before, length)
            at += length
    return bytes([CODE | CODE << 4]) * 256 + bytes(writer.made)


def _same(content: bytes, before: int, at: int, end: int) -> int:
    length = 0
    while at + length < end and content[before + length] == content[at + length]:
        length += 1
    return length


class _Writer:
    """Bits in words of 16, each put where a reader that holds 32 bits will look for it."""

    def __init__(self) -> None:
        self.made = bytearray(4)
        self._words = [0, 2]
        self._written = 0

    def bits(self, value: int, count: int) -> None:
        for shift in reversed(range(count)):
            if value >> shift & 1:
                word, bit = divmod(self._written, 16)
                at = self._words[word]
                (before,) = struct.unpack_from("<H", self.made, at)
                struct.pack_into("<H", self.made, at, before | 0x8000 >> bit)
            self._written += 1
            if self._written > 16 and self._written % 16 == 1:
                self._words.append(len(self.made))
                self.made += bytes(2)

    def match(self, distance: int, length: int) -> None:
        width = distance.bit_length() - 1
        rest = length - 3
        self.bits(256 + (width << 4) + min(rest, 15), CODE)
        if rest >= 15:
            if rest - 15 < 255:
                self.made += bytes([rest - 15])
            else:
                self.made += b"\xff" + struct.pack("<H", rest)
        self.bits(distance - (1 << width), width)
