"""Transaction logs of registry hives, in the format that Windows 8.1 brought (HvLE entries).

With it a hive can be left as it lies on the disk of a running server: the last changes only in LOG1.
"""

import struct

from postvakt.estate.regf_writer import BASE_BLOCK, PAGE, checked

SECTOR = 512
ENTRY_HEADER = 40
SEED = 0x82EF4D887A4E55C5
LOG_TYPE = 6
WORD = 0xFFFFFFFF


def unsaved(before: bytes, after: bytes) -> tuple[bytes, bytes]:
    """Return a dirty hive that still holds `before`, and its LOG1, which leads to `after`.

    Both are clean hives as `regf_writer.regf` makes them; `after` may be the longer one.
    """
    (sequence,) = struct.unpack_from("<I", before, 4)
    primary = _base_block(before, sequence + 1, sequence) + before[BASE_BLOCK:]
    head = _base_block(after, sequence, sequence, LOG_TYPE)[:SECTOR]
    return primary, head + _entry(before[BASE_BLOCK:], after[BASE_BLOCK:], sequence)


def _base_block(hive: bytes, primary: int, secondary: int, kind: int = 0) -> bytes:
    head = bytearray(hive[:508])
    struct.pack_into("<II", head, 4, primary, secondary)
    struct.pack_into("<I", head, 28, kind)
    return checked(bytes(head)) + hive[SECTOR:BASE_BLOCK]


def _entry(before: bytes, after: bytes, sequence: int) -> bytes:
    dirty = [
        start for start in range(0, len(after), PAGE) if before[start : start + PAGE] != after[start : start + PAGE]
    ]  # fmt: skip
    references = b"".join(struct.pack("<II", start, PAGE) for start in dirty)
    body = references + b"".join(after[start : start + PAGE] for start in dirty)
    size = (ENTRY_HEADER + len(body) + SECTOR - 1) // SECTOR * SECTOR
    body = body.ljust(size - ENTRY_HEADER, b"\x00")
    head = struct.pack("<4sIIIII", b"HvLE", size, 0, sequence, len(after), len(dirty))
    head += struct.pack("<Q", marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def marvin32(content: bytes, seed: int = SEED) -> int:
    """Return the 64-bit Marvin32 hash that a log entry carries of its pages and of its own head."""
    low, high = seed & WORD, seed >> 32
    whole = len(content) // 4 * 4
    tail = (content[whole:] + b"\x80").ljust(4, b"\x00")
    for (word,) in struct.iter_unpack("<I", content[:whole] + tail + bytes(4)):
        low = (low + word) & WORD
        high ^= low
        low = (_turned(low, 20) + high) & WORD
        high = _turned(high, 9) ^ low
        low = (_turned(low, 27) + high) & WORD
        high = _turned(high, 19)
    return high << 32 | low


def _turned(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & WORD
