"""Memory images that were packed (.zst, .gz): unpacked into bounded scratch space, its zeros left as holes."""

import shutil
import sys
import tempfile
import zlib
from collections.abc import Generator, Iterator
from typing import BinaryIO

from postvakt.memory.physical import RefusedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD = b"\x28\xb5\x2f\xfd"
GZIP = b"\x1f\x8b"
BLOCK = 1 << 20
MOST = 1 << 39
MOST_RATIO = 32_768
"""Bytes of memory for each packed byte at most: what was never used packs to nearly nothing, and costs no disk here."""
KEPT_FREE = 1 << 30
"""Bytes of the disk that are left to others."""


def is_packed(head: bytes) -> bool:
    """Tell whether a file's first bytes are those of a packed stream that is read here."""
    return head.startswith((ZSTD, GZIP))


def unpacked(stream: BinaryIO, size: int) -> tuple[BinaryIO, str]:
    """Return a nameless file that holds what a packed stream of `size` bytes holds, and what went wrong on the way.

    Raises RefusedError where the disk has no room for it or nothing can be unpacked.
    """
    # Held open for as long as the image is read: it has no name that could be left behind.
    out = tempfile.TemporaryFile()  # noqa: SIM115
    most = min(MOST, MOST_RATIO * size)
    room = shutil.disk_usage(tempfile.gettempdir()).free - KEPT_FREE
    written, wrong = 0, ""
    try:
        for block in _blocks(stream):
            written += len(block)
            room -= _write(out, block)
            if written > most or room < 0:
                limit = f"more than {most} bytes" if written > most else "more than the disk has room for"
                raise RefusedError("limited", f"unfolds to {limit}; unpack it and hand in the image")
    except (zlib.error, zstd.ZstdError, EOFError) as why:
        wrong = f"the packed bytes are damaged or end too soon after {written} bytes of memory ({why})"
    except RefusedError:
        out.close()
        raise
    if not written:
        out.close()
        raise RefusedError("unreadable", wrong or "nothing is packed in it")
    out.truncate(written)
    return out, wrong


def _write(out: BinaryIO, block: bytes) -> int:
    """Write a block, or leave a hole for one of zeros; return the bytes that it takes on disk."""
    if block.count(0) == len(block):
        out.seek(len(block), 1)
        return 0
    return out.write(block)


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    packed = stream.read(BLOCK)
    while packed:
        if packed.startswith(ZSTD):
            packed = yield from _unzstd(stream, packed)
        elif packed.startswith(GZIP):
            packed = yield from _gunzip(stream, packed)
        else:
            raise EOFError("what follows the packed bytes is no packed stream")


def _unzstd(stream: BinaryIO, packed: bytes) -> Generator[bytes, None, bytes]:
    decoder = zstd.ZstdDecompressor()
    while True:
        block = decoder.decompress(packed, BLOCK)
        if block:
            yield block
        if decoder.eof:
            return decoder.unused_data or stream.read(BLOCK)
        packed = stream.read(BLOCK) if decoder.needs_input else b""
        if decoder.needs_input and not packed:
            raise EOFError("no more packed bytes")


def _gunzip(stream: BinaryIO, packed: bytes) -> Generator[bytes, None, bytes]:
    decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)
    while True:
        block = decoder.decompress(packed, BLOCK)
        if block:
            yield block
        if decoder.eof:
            return decoder.unused_data or stream.read(BLOCK)
        packed = decoder.unconsumed_tail or stream.read(BLOCK)
        if not packed and not block:
            raise EOFError("no more packed bytes")
