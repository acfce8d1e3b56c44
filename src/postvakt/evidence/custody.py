"""Each byte of the evidence is read once at intake: hashed, and its beginning kept to tell what it is."""

import hashlib
from collections.abc import Iterable
from typing import BinaryIO

import msgspec

from postvakt.evidence.reading import BLOCK, Fault, fault_of

HEAD = 8192
"""Bytes kept of a beginning: what is recognised by, and the first bytes of an event log's second block."""


class Reading(msgspec.Struct, frozen=True):
    """What one pass over a file found. `zeros` is whether every byte is zero; `fault` what stopped it early."""

    sha256: str
    size: int
    head: bytes
    zeros: bool
    fault: Fault | None


def read(stream: BinaryIO, most: int) -> Reading:
    """Read a stream to its end, or to `most` bytes. Raises OSError where it cannot be read."""
    digest = hashlib.sha256()
    size = 0
    head = b""
    zeros = True
    while block := stream.read(BLOCK):
        if size + len(block) > most:
            fault = Fault("limited", f"more than {most} bytes; all that is unfolded of this hand-in's file")
            return Reading("", size, head, zeros, fault)
        digest.update(block)
        size += len(block)
        if len(head) < HEAD:
            head += block[: HEAD - len(head)]
        # Most files say so with their first bytes, and a block is a megabyte.
        zeros = zeros and not block[:16].strip(b"\x00") and not block.strip(b"\x00")
    return Reading(digest.hexdigest(), size, head, zeros and size > 0, fault_of(stream))


def manifest(files: Iterable[tuple[str, str, int]]) -> str:
    """Return the SHA-256 of a folder: that of the sorted lines `sha256  size  path` of its files on disk.

    What lies in archives is not listed again: the archive's own hash covers it.
    """
    lines = sorted(f"{sha256}  {size}  {path}\n" for path, sha256, size in files)
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode())
    return digest.hexdigest()
