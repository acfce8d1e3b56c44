"""LZXPRESS with Huffman codes, as Windows 10 compresses prefetch files (MAM).

Source: [MS-XCA] 2.1 and 2.2, and the MAM header as the libscca project documents it.
"""

import struct

MARK = b"MAM\x04"
CHUNK = 65_536
TABLE = 256
LONGEST_CODE = 15
MATCH = 256
SHORTEST_MATCH = 3
WORD = 0xFFFFFFFF
MOST = 32 * 1024 * 1024
"""Bytes that a file may say it unpacks to."""


def is_packed(content: bytes) -> bool:
    """Tell whether content begins with the header of a compressed file of this kind."""
    return content[:4] == MARK and len(content) >= 8


def unpacked(content: bytes) -> tuple[bytes, str]:
    """Return what a MAM file holds, and what is wrong where that is not all of it.

    Raises ValueError where it says that it unpacks to more than MOST bytes.
    """
    size = int.from_bytes(content[4:8], "little")
    if size > MOST:
        raise ValueError(f"it says that it unpacks to {size} bytes; {MOST} are the most that is unpacked")
    made = bytearray()
    at = 8
    try:
        while len(made) < size:
            at = _chunk(content, at, made, min(len(made) + CHUNK, size))
    except _DamagedError as why:
        return bytes(made), str(why)
    return bytes(made), ""


class _DamagedError(ValueError):
    """Compressed bytes that no compressor wrote."""


def _chunk(content: bytes, at: int, made: bytearray, until: int) -> int:
    """Unpack one chunk to `made`; return where the next one begins."""
    symbols, lengths = _codes(content[at : at + TABLE])
    bits = _Bits(content, at + TABLE)
    while len(made) < until:
        code = bits.peek(LONGEST_CODE)
        symbol = symbols[code]
        bits.drop(lengths[code])
        if symbol < MATCH:
            made.append(symbol)
            continue
        length = symbol & 15
        if length == 15:
            length = bits.length()
        width = (symbol - MATCH) >> 4
        distance = (1 << width) + (bits.peek(width) if width else 0)
        bits.drop(width)
        _repeat(made, distance, min(length + SHORTEST_MATCH, until - len(made)))
    return bits.at


def _repeat(made: bytearray, distance: int, length: int) -> None:
    if distance > len(made):
        raise _DamagedError("it repeats what is before its beginning")
    start = len(made) - distance
    piece = bytes(made[start : start + length])
    if len(piece) < length:
        piece = (piece * (length // len(piece) + 1))[:length]
    made += piece


def _codes(table: bytes) -> tuple[list[int], list[int]]:
    """Return, for each 15 bits that can come next, the symbol whose code they begin with, and that code's length."""
    if len(table) < TABLE:
        raise _DamagedError("it ends before its end")
    sizes = [size for byte in table for size in (byte & 15, byte >> 4)]
    symbols: list[int] = []
    lengths: list[int] = []
    for length in range(1, LONGEST_CODE + 1):
        share = 1 << (LONGEST_CODE - length)
        for symbol, size in enumerate(sizes):
            if size == length:
                symbols += [symbol] * share
                lengths += [length] * share
        if len(symbols) > 1 << LONGEST_CODE:
            break
    if len(symbols) != 1 << LONGEST_CODE:
        raise _DamagedError("its codes are none")
    return symbols, lengths


class _Bits:
    """Bits in 16-bit words, highest first, between which whole bytes stand."""

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self.at = at
        self._next = 0
        self._spare = 16
        self._next = self._word() << 16
        self._next |= self._word()

    def _word(self) -> int:
        at = self.at
        # The last codes of a file are followed by up to two words that only fill the reader's 32 bits.
        if at > len(self._content) + 4:
            raise _DamagedError("it ends before its end")
        self.at = at + 2
        return int.from_bytes(self._content[at : at + 2], "little")

    def peek(self, count: int) -> int:
        """Return the next bits."""
        return self._next >> (32 - count)

    def drop(self, count: int) -> None:
        """Go on by some bits."""
        self._next = (self._next << count) & WORD
        self._spare -= count
        if self._spare < 0:
            self._next |= self._word() << -self._spare
            self._spare += 16

    def length(self) -> int:
        """Return a long match's length less 3: in a byte, or in two after it; a chunk holds none that needs four."""
        [length] = self._whole("<B")
        if length < 255:
            return int(length) + 15
        [length] = self._whole("<H")
        if length < 15:
            raise _DamagedError("a length is none")
        return int(length)

    def _whole(self, form: str) -> tuple[int, ...]:
        try:
            made = struct.unpack_from(form, self._content, self.at)
        except struct.error:
            raise _DamagedError("it ends before its end") from None
        self.at += struct.calcsize(form)
        return made
