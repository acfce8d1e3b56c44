"""Packed streams, unpacked block by block in bounded memory. What comes before damage is given out."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from postvakt.evidence import limits
from postvakt.evidence.reading import BLOCK, DamageError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKED_BLOCK = 64 * 1024
SMALL_BLOCK = 8 * 1024
"""Packed bytes handed to a decoder at a time; little where what it gave is lost when it finds damage."""

RAW_DEFLATE = -zlib.MAX_WBITS
GZIP = 16 + zlib.MAX_WBITS
ZSTD = b"\x28\xb5\x2f\xfd"
EARLY_END = "the packed bytes end too soon"
TRAILING = "what follows the end of the packed bytes is not read"


class _Decoder(Protocol):
    """What the decoders of bzip2, xz and Zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def inflated(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a raw DEFLATE stream holds. Raises DamageError."""
    yield from _inflate(stream, zlib.decompressobj(RAW_DEFLATE), b"")


def gunzipped(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what gzip streams, one after the other, hold. Raises DamageError."""
    rest = b""
    while True:
        decoder = zlib.decompressobj(GZIP)
        yield from _inflate(stream, decoder, rest)
        rest = _following(stream, decoder.unused_data)
        if not rest:
            return
        if not rest.startswith(b"\x1f\x8b"):
            raise DamageError("unparsed", TRAILING)


def _inflate(stream: BinaryIO, decoder: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    full = False
    while not decoder.eof:
        if not packed and not full:
            packed = stream.read(PACKED_BLOCK)
            if not packed:
                raise DamageError("truncated", EARLY_END)
        before = decoder.copy()
        try:
            block = decoder.decompress(packed, BLOCK)
        except zlib.error as why:
            yield from _last(before, packed)
            raise DamageError("unreadable", f"the packed bytes are damaged ({why})") from None
        full = len(block) >= BLOCK
        packed = decoder.unconsumed_tail
        yield block


def _last(decoder: "zlib._Decompress", packed: bytes) -> Iterator[bytes]:
    """Yield what comes out byte by byte before the damage is met."""
    gathered = bytearray()
    for position in range(len(packed)):
        try:
            gathered += decoder.decompress(packed[position : position + 1])
        except zlib.error:
            break
    yield bytes(gathered)


def inflated64(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what a Deflate64 stream holds (Windows Explorer packs files over 2 GiB so). Raises DamageError."""
    # Loaded where it is needed: it looks its own version up among all packages.
    import inflate64

    decoder = inflate64.Inflater()
    while not decoder.eof:
        packed = stream.read(SMALL_BLOCK)
        if not packed:
            raise DamageError("truncated", EARLY_END)
        try:
            block = decoder.inflate(packed)
        except (ValueError, OSError, EOFError, RuntimeError) as why:
            raise DamageError("unreadable", f"the packed bytes are damaged ({why})") from None
        yield bytes(block)


def bunzipped(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what bzip2 streams, one after the other, hold. Raises DamageError."""
    return _unpacked(stream, bz2.BZ2Decompressor, b"BZh")


def unxzed(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what xz streams, one after the other, hold. Raises DamageError."""
    return _unpacked(stream, _xz_decoder, b"\xfd7zXZ\x00")


def unzstded(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what Zstandard frames, one after the other, hold. Raises DamageError."""
    return _unpacked(stream, zstd.ZstdDecompressor, ZSTD)


def _xz_decoder() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.LIMITS.dictionary)


def unlzmaed(stream: BinaryIO) -> Iterator[bytes]:
    """Yield what an LZMA stream within a zip holds. Raises DamageError.

    Source: APPNOTE 5.8.8; the five property bytes are those of the LZMA SDK.
    """
    header = stream.read(4)
    properties = stream.read(int.from_bytes(header[2:4], "little"))
    if len(header) < 4 or len(properties) < 5 or properties[0] >= 9 * 5 * 5:
        raise DamageError("unreadable", "the LZMA header is damaged")
    size = int.from_bytes(properties[1:5], "little")
    if size > limits.LIMITS.dictionary:
        raise DamageError(
            "limited", f"wants a dictionary of {size} bytes; {limits.LIMITS.dictionary} are given"
        )
    rest, lc = divmod(properties[0], 9)
    chain = [
        {"id": lzma.FILTER_LZMA1, "dict_size": max(size, 4096), "lc": lc, "lp": rest % 5, "pb": rest // 5}
    ]
    return _unpacked(stream, lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain), None)


def _unpacked(stream: BinaryIO, make: Callable[[], _Decoder], magic: bytes | None) -> Iterator[bytes]:
    packed = b""
    while True:
        decoder = _made(make)
        while not decoder.eof:
            if not packed and decoder.needs_input:
                packed = stream.read(SMALL_BLOCK)
                if not packed:
                    if magic is None:  # a raw stream need not mark its end; the member's size does
                        return
                    raise DamageError("truncated", EARLY_END)
            try:
                block = decoder.decompress(packed, BLOCK)
            except (OSError, lzma.LZMAError, zstd.ZstdError, EOFError, ValueError) as why:
                if "emory usage limit" in str(why):
                    most = limits.LIMITS.dictionary
                    raise DamageError(
                        "limited", f"wants more than {most} bytes of memory to be unpacked"
                    ) from None
                raise DamageError("unreadable", f"the packed bytes are damaged ({why})") from None
            packed = b""
            yield block
        packed = _following(stream, decoder.unused_data)
        if not packed or magic is None:
            return
        if not packed.startswith(magic):
            raise DamageError("unparsed", TRAILING)


def _made(make: Callable[[], _Decoder]) -> _Decoder:
    try:
        return make()
    except (lzma.LZMAError, ValueError) as why:
        raise DamageError("unreadable", f"the packed bytes are damaged ({why})") from None


def _following(stream: BinaryIO, rest: bytes) -> bytes:
    """Return what comes after a packed stream and its padding of zeros; nothing at the end."""
    while True:
        rest = rest.lstrip(b"\x00")
        if rest:
            return rest + (stream.read(SMALL_BLOCK) if len(rest) < 6 else b"")
        rest = stream.read(SMALL_BLOCK)
        if not rest:
            return b""
