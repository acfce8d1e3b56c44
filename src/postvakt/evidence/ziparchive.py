"""Zip archives, read in place: a member is found by its header and unpacked while it is read."""

import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from postvakt.evidence import compression, limits, ziplist
from postvakt.evidence.container import Container, Entry
from postvakt.evidence.reading import BLOCK, DamageError, Stretch, decoded

DECODERS: dict[int, Callable[[BinaryIO], Iterator[bytes]]] = {
    8: compression.inflated,
    9: compression.inflated64,
    12: compression.bunzipped,
    14: compression.unlzmaed,
    95: compression.unxzed,
}


class Zip(Container):
    """An opened zip. Raises NotOpenedError where it gives nothing, OSError where it cannot be read."""

    kind = "zip"

    def __init__(self, stretch: Stretch) -> None:
        self._stretch = stretch
        listing = ziplist.entries(stretch)
        self.entries = tuple(listing.entries)
        self.faults = listing.faults()

    def open(self, entry: Entry) -> BinaryIO:
        return decoded(lambda: self._blocks(entry), entry.size if entry.size >= 0 else BLOCK)

    def stretch(self, entry: Entry) -> Stretch | None:
        _, packed, method, _, size, _ = entry.place
        if method != 0 or packed != size or entry.fault is not None:
            return None
        start = self._start(entry)
        return None if start is None else self._stretch.part(start, packed)

    def _start(self, entry: Entry) -> int | None:
        """Return where a member's packed bytes begin; its local header has a say in that."""
        offset, *_, data = entry.place
        if data >= 0:
            return data
        with self._stretch.open() as stream:
            stream.seek(offset)
            header = stream.read(ziplist.LOCAL_SIZE)
        if len(header) < ziplist.LOCAL_SIZE or header[:4] != ziplist.LOCAL:
            return None
        return (
            offset
            + ziplist.LOCAL_SIZE
            + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        )

    def _blocks(self, entry: Entry) -> Iterator[bytes]:
        start = self._start(entry)
        if start is None:
            raise DamageError("unreadable", "no member begins where the directory says")
        _, packed, method, crc, size, _ = entry.place
        run = self._stretch.part(start, packed)
        with run.open() as stream:
            blocks = _stored(stream) if method == 0 else DECODERS[method](stream)
            yield from _checked(blocks, size, crc, limits.LIMITS.of_member(packed))
        if run.size < packed and method == 0:
            raise DamageError("truncated", f"{run.size} of {packed} bytes are there")


def _stored(stream: BinaryIO) -> Iterator[bytes]:
    while block := stream.read(BLOCK):
        yield block


def _checked(blocks: Iterator[bytes], size: int, crc: int, most: int) -> Iterator[bytes]:
    """Yield at most as many bytes as were declared; DamageError where they are more, less, or not those meant."""
    read = checksum = 0
    for block in blocks:
        if 0 <= size < read + len(block):
            yield block[: size - read]
            raise DamageError(
                "unreadable", f"holds more than the {size} bytes it declares; the rest is not read"
            )
        if read + len(block) > most:
            yield block[: most - read]
            raise DamageError("limited", f"unfolds to more than {most} bytes")
        read += len(block)
        checksum = zlib.crc32(block, checksum)
        yield block
    if size < 0:
        return
    if read < size:
        raise DamageError("truncated", f"{read} of {size} bytes could be read")
    if checksum != crc:
        raise DamageError("unreadable", "its checksum differs: the bytes are not those that were packed")
