"""How content is kept that antivirus would take away: compressed and written as letters, opened in memory only."""

import base64
import binascii
import zlib

ENDING = ".enc"
FIRST_LINE = b"postvakt-encoded-1"
WIDTH = 76
LIMIT = 4 * 1024 * 1024
"""Bytes that one piece of content may unfold to."""


def encode(plain: bytes) -> bytes:
    """Return content in its kept form: a first line that names it, then base64 of zlib in short lines."""
    letters = base64.b64encode(zlib.compress(plain, level=9))
    lines = [letters[at : at + WIDTH] for at in range(0, len(letters), WIDTH)]
    return b"\n".join([FIRST_LINE, *lines]) + b"\n"


def decode(kept: bytes) -> bytes:
    """Return what was encoded. Raises ValueError where this is not the kept form or is damaged."""
    first, _, letters = kept.partition(b"\n")
    if first.strip() != FIRST_LINE:
        raise ValueError(f"does not begin with the line {FIRST_LINE.decode()}")
    opened = zlib.decompressobj()
    try:
        plain = opened.decompress(base64.b64decode(b"".join(letters.split()), validate=True), LIMIT)
    except (binascii.Error, zlib.error) as why:
        raise ValueError(f"is damaged: {why}") from why
    if not opened.eof:
        raise ValueError(f"is cut short, or unfolds to more than {LIMIT} bytes")
    return plain
