"""Messages between supervisor and worker: four bytes of length, then msgpack."""

import os
import struct
from typing import Any

import msgspec

HEAD = struct.Struct("<I")


class Job(msgspec.Struct, frozen=True):
    """What a worker is asked to do."""

    function: str
    spec: dict[str, Any]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `fault` is empty, a reason (crashed, out-of-memory, disk-full), or the name of a
    PostvaktError that is to cross to the caller."""

    result: Any = None
    fault: str = ""
    detail: str = ""


def encode(message: msgspec.Struct) -> bytes:
    """Return a message as a frame."""
    body = msgspec.msgpack.encode(message)
    return HEAD.pack(len(body)) + body


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything. Raises OSError where the other end is gone."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def read_exact(descriptor: int, size: int) -> bytes | None:
    """Return exactly `size` bytes, or None where the other end is gone."""
    pieces = []
    while size:
        piece = os.read(descriptor, min(size, 1 << 20))
        if not piece:
            return None
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def read(descriptor: int) -> bytes | None:
    """Return the body of the next frame, or None where the other end is gone."""
    head = read_exact(descriptor, HEAD.size)
    return None if head is None else read_exact(descriptor, HEAD.unpack(head)[0])
