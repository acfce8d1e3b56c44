"""Transaction logs of a hive replayed into its image: what Windows would do when it loads the hive.

Two formats: the old one (`DIRT`, a bitmap of 512-byte pages) and that of Windows 8.1 and later (`HvLE`, entries with
sequence numbers and Marvin32 checksums). Source: the registry file format specification by M. Suhanov (CC BY 4.0),
sections "Format of transaction log files", "Dirty state of a hive" and "Multiple transaction log files".
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from postvakt.model.evidence import Source

BASE = 4096
SECTOR = 512
PAGE = 4096
HIVE_LIMIT = 640 * 1024 * 1024
"""Bytes of a hive held in memory at most; a larger one is read so far and told as limited."""

ENTRY_LIMIT = 256 * 1024 * 1024
LOG_TYPES = frozenset((1, 2, 6))
NEW_LOG = 6
SEED = (0x7A4E55C5, 0x82EF4D88)
MASK = 0xFFFFFFFF

_HEADER = struct.Struct("<4sIIQIIIIIII64s")
_ENTRY = struct.Struct("<4sIIIIIQQ")
_WORDS = struct.Struct("<127I")


class BaseBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A hive's or a log's header. `valid`: its signature and checksum are right."""

    valid: bool
    primary: int
    secondary: int
    written: int
    major: int
    minor: int
    file_type: int
    root: int
    bins: int
    cluster: int
    name: str

    @property
    def dirty(self) -> bool:
        """Tell whether a write to the hive was begun and not ended, or spoiled the header."""
        return not self.valid or self.primary != self.secondary


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a hive's logs. `lost` says in words what could not be brought back; empty where nothing.

    `missing` tells that a log was wanted and none was beside the hive.
    """

    base: BaseBlock
    applied: int = 0
    lost: str = ""
    missing: bool = False


class _Entry(msgspec.Struct, frozen=True):
    """One log entry of the new format: pages are (offset in the hive bins data, bytes)."""

    sequence: int
    bins: int
    pages: tuple[tuple[int, bytes], ...]


def base_block(image: bytes | bytearray) -> BaseBlock | None:
    """Return the header at the start of a hive or log, or None where there are not even 512 bytes."""
    if len(image) < SECTOR:
        return None
    head = _HEADER.unpack_from(image)
    return BaseBlock(
        valid=head[0] == b"regf" and _checksum(image) == int.from_bytes(image[508:512], "little"),
        primary=head[1],
        secondary=head[2],
        written=head[3],
        major=head[4],
        minor=head[5],
        file_type=head[6],
        root=head[8],
        bins=head[9],
        cluster=head[10],
        name=head[11].decode("utf-16-le", "replace").partition("\0")[0],
    )


def _checksum(image: bytes | bytearray) -> int:
    found = 0
    for word in _WORDS.unpack_from(image):
        found ^= word
    # Windows never stores these two: they would look like a header that was not written.
    return {0: 1, MASK: MASK - 1}.get(found, found)


def is_log(image: bytes | bytearray, base: BaseBlock) -> bool:
    """Tell whether a file that begins like a hive is a transaction log."""
    if base.file_type not in LOG_TYPES:
        return False
    return image[SECTOR : SECTOR + 4] in (b"DIRT", b"HvLE") or image[BASE : BASE + 4] != b"hbin"


def replay(image: bytearray, base: BaseBlock, source: Source) -> Replay:
    """Bring a dirty hive's image to the state that Windows would recover from the logs beside it.

    A hive that is not dirty stays as it is, whatever its logs hold: so does Windows.
    """
    if not base.dirty:
        return Replay(base=base)
    heads = list(_heads(source))
    if not heads:
        return Replay(base=base, missing=True, lost=_why_dirty(base))
    if any(head.file_type == NEW_LOG for _, head in heads if head.valid):
        return _replay_new(image, base, [(log, head) for log, head in heads if head.file_type == NEW_LOG])
    return _replay_old(image, base, heads)


def _why_dirty(base: BaseBlock) -> str:
    if not base.valid:
        return "the header's checksum is wrong"
    return f"sequence numbers {base.primary} and {base.secondary} differ"


def _heads(source: Source) -> Iterator[tuple[Source, BaseBlock]]:
    """Yield the logs beside a hive that hold anything, in the order LOG1, LOG2, LOG."""
    for suffix in (".LOG1", ".LOG2", ".LOG"):
        for log in source.siblings(suffix):
            with log.open() as stream:
                head = base_block(stream.read(SECTOR))
            if head is not None and (head.valid or head.file_type in LOG_TYPES):
                yield log, head


def _adopt(image: bytearray, base: BaseBlock, first: bytes) -> BaseBlock:
    """Put a log's copy of the header in place of one that is wrong."""
    if base.valid:
        return base
    image[:SECTOR] = first[:SECTOR]
    image[28:32] = bytes(4)
    return msgspec.structs.replace(base_block(image) or base, valid=True)


def _grow(image: bytearray, bins: int) -> None:
    wanted = BASE + bins
    if len(image) < wanted <= HIVE_LIMIT:
        image.extend(bytes(wanted - len(image)))


def _put(image: bytearray, at: int, page: bytes) -> None:
    """Write a page at an offset of the hive bins data; never beyond the limit of a hive."""
    end = BASE + at + len(page)
    if end <= HIVE_LIMIT:
        if end > len(image):
            image.extend(bytes(end - len(image)))
        image[BASE + at : end] = page


def _replay_new(image: bytearray, base: BaseBlock, logs: list[tuple[Source, BaseBlock]]) -> Replay:
    """Apply entries of both logs in sequence, the log with the earlier ones first."""
    usable = sorted((pair for pair in logs if pair[1].valid), key=lambda pair: pair[1].primary)
    if not base.valid:
        # The newest log alone: its copy of the header says what the hive had become.
        usable = usable[-1:]
        for log, _ in usable:
            with log.open() as stream:
                base = _adopt(image, base, stream.read(SECTOR))
    last: int | None = None
    applied = 0
    troubles = []
    for log, head in usable:
        if head.primary < base.secondary:
            continue
        if last is not None and head.primary != last + 1:
            troubles.append(
                f"entry {last + 1} is in neither log, those from {head.primary} on were not applied"
            )
            continue
        with log.open() as stream:
            for entry in _entries(stream, head.primary):
                if isinstance(entry, str):
                    troubles.append(entry)
                    break
                _grow(image, entry.bins)
                for at, page in entry.pages:
                    _put(image, at, page)
                base = msgspec.structs.replace(base, bins=entry.bins)
                last = entry.sequence
                applied += 1
    if not applied and not troubles:
        troubles.append(f"{_why_dirty(base)}, and no log entry continues the hive")
    return Replay(base=base, applied=applied, lost="; ".join(troubles))


def _entries(stream: BinaryIO, first: int) -> Iterator[_Entry | str]:
    """Yield a log's entries from its first one on, as long as each follows the one before.

    What else lies behind them is older and was applied long ago. An entry that is next in turn but damaged
    ends it with a word of what is lost.
    """
    stream.seek(SECTOR)
    expected = first
    while True:
        head = stream.read(_ENTRY.size)
        if len(head) < _ENTRY.size:
            return
        signature, size, _, sequence, bins, count, hash_1, hash_2 = _ENTRY.unpack(head)
        if signature != b"HvLE" or sequence != expected:
            return
        sound = size % SECTOR == 0 and bins % PAGE == 0 and _ENTRY.size + 8 * count <= size <= ENTRY_LIMIT
        rest = stream.read(size - _ENTRY.size) if sound and marvin32(head[:32]) == hash_2 else b""
        if not sound or len(rest) < size - _ENTRY.size or marvin32(rest) != hash_1:
            yield f"log entry {sequence} is damaged; it and what came after it were not applied"
            return
        yield _Entry(sequence, bins, tuple(_pages(rest, count)))
        expected = (expected + 1) & MASK


def _pages(rest: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    references = struct.unpack_from(f"<{2 * count}I", rest)
    at = 8 * count
    for offset, size in zip(references[::2], references[1::2], strict=True):
        if at + size > len(rest):
            return
        yield offset, rest[at : at + size]
        at += size


def marvin32(content: bytes) -> int:
    """Return the Marvin32 checksum of the bytes under the seed that Windows uses for its hive logs."""
    low, high = SEED
    whole = len(content) // 4
    tail = content[4 * whole :] + b"\x80"
    words = struct.unpack_from(f"<{whole}I", content)
    for word in (*words, int.from_bytes(tail, "little"), 0):
        low = (low + word) & MASK
        high ^= low
        low = ((low << 20 | low >> 12) + high) & MASK
        high = (high << 9 | high >> 23) & MASK ^ low
        low = ((low << 27 | low >> 5) + high) & MASK
        high = (high << 19 | high >> 13) & MASK
    return high << 32 | low


def _replay_old(image: bytearray, base: BaseBlock, logs: list[tuple[Source, BaseBlock]]) -> Replay:
    """Apply the pages of the one log that belongs to the hive as it lies there."""
    written = base.written if base.valid else _first_bin_time(image)
    chosen = _belonging(logs, written)
    if chosen is None:
        return Replay(base=base, lost=f"{_why_dirty(base)}, and no log beside it belongs to this state")
    log, head = chosen
    with log.open() as stream:
        first = stream.read(SECTOR)
        base = _adopt(image, base, first)
        base = msgspec.structs.replace(base, bins=head.bins, root=head.root)
        _grow(image, head.bins)
        applied, whole = _apply_pages(image, stream, head)
    lost = "" if whole else f"the log ends after {applied} of its pages"
    return Replay(base=base, applied=applied, lost=lost)


def _belonging(logs: list[tuple[Source, BaseBlock]], written: int) -> tuple[Source, BaseBlock] | None:
    """Return the log to apply: the first whose time is the hive's, else a second that is newer than the first.

    The second case is a log that went on after the hive could not be written (Windows 8 and later, and Windows 7
    since March 2016, take it).
    """
    valid = [pair for pair in logs if pair[1].valid and pair[1].primary == pair[1].secondary]
    matching = [pair for pair in valid if pair[1].written == written]
    if matching:
        return matching[0]
    first, second = (
        next((pair for pair in valid if pair[0].member.path.upper().endswith(name)), None)
        for name in (".LOG1", ".LOG2")
    )
    if second is not None and second[1].written > (first[1].written if first else written):
        return second
    return None


def _first_bin_time(image: bytearray) -> int:
    return int.from_bytes(image[BASE + 20 : BASE + 28], "little") if image[BASE : BASE + 4] == b"hbin" else 0


def _apply_pages(image: bytearray, stream: BinaryIO, head: BaseBlock) -> tuple[int, bool]:
    """Write the dirty pages of an old log; return how many, and whether all that it promises were there."""
    sector = SECTOR * min(max(head.cluster, 1), 8)
    stream.seek(sector)
    vector = stream.read(4 + min(head.bins, HIVE_LIMIT) // SECTOR // 8)
    if vector[:4] != b"DIRT":
        return 0, False
    stream.seek(sector + (len(vector) + sector - 1) // sector * sector)
    applied = 0
    for position, byte in enumerate(vector[4:]):
        for bit in range(8):
            if byte >> bit & 1:
                page = stream.read(SECTOR)
                if len(page) < SECTOR:
                    return applied, False
                _put(image, (position * 8 + bit) * SECTOR, page)
                applied += 1
    return applied, True
