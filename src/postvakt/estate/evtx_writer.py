"""A writer of Windows event logs (EVTX): file, chunks of 64 KiB with their checksums, records, templates.

Each chunk defines a template where it first uses it and points there afterwards, as Windows does.
"""

import functools
import struct
import uuid
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from postvakt.estate import binxml
from postvakt.estate.binxml import Element, Names, Slot
from postvakt.estate.filetime import filetime
from postvakt.estate.traces import Trace

FILE_HEADER = 4096
CHUNK = 65536
CHUNK_HEADER = 512
DIRTY = 1
NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
PAYLOAD = 13
"""The slot of the system template that holds what the event says: EventData or UserData."""


class Kind(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One kind of event of one provider: what all its records share.

    `payload` is the element under Event whose slots have the kinds `kinds`, in order.
    """

    provider: str
    guid: uuid.UUID | None
    event_id: int
    payload: Element
    kinds: tuple[int, ...]
    version: int | None = 0
    level: int = 4
    task: int = 0
    opcode: int | None = 0
    keywords: int = 0x8000000000000000
    qualifiers: int | None = None


class Event(msgspec.Struct, frozen=True):
    """One event. `values` fill the slots of its kind's payload in order; None leaves a slot empty. `trace` is the
    trace of an attack that it is; the file does not tell it."""

    time: datetime
    kind: Kind
    values: tuple[Any, ...]
    process: int = 4
    thread: int = 8
    user: str | None = None
    trace: Trace | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """What the records of one log share, and how the file is left.

    `first` is the first EventRecordID; numbers in `lost` are passed over, as where records are missing.
    `dirty` leaves the file header as Windows leaves it while the log is open.
    """

    channel: str
    computer: str
    first: int = 1
    lost: frozenset[int] = frozenset()
    dirty: bool = False


def evtx(log: Log, events: Iterable[Event]) -> bytes:
    """Return a log file of these events, in the order given. Raises ValueError for an event larger than a chunk."""
    chunks: list[bytes] = []
    chunk = _Chunk(1)
    number, count = log.first, 0
    for event in events:
        while number in log.lost:
            number += 1
        needed = _longest(event, log)
        if needed > CHUNK - CHUNK_HEADER:
            raise ValueError(f"event {event.kind.event_id} may need {needed} bytes; a chunk has 65024")
        if not chunk.fits(needed):
            chunks.append(chunk.sealed())
            chunk = _Chunk(count + 1)
        chunk.add(event, number, log)
        number += 1
        count += 1
    chunks.append(chunk.sealed())
    return _file_header(len(chunks), count + 1, dirty=log.dirty) + b"".join(chunks)


def _file_header(chunks: int, following: int, *, dirty: bool) -> bytes:
    """A file that was not closed still tells what it told when it was opened: one empty chunk."""
    last, told = (0, 1) if dirty else (chunks - 1, following)
    head = struct.pack("<8sQQQIHHHH", b"ElfFile\x00", 0, last, told, 128, 1, 3, FILE_HEADER, last + 1)
    head = head.ljust(120, b"\x00")
    flags = DIRTY if dirty else 0
    return (head + struct.pack("<II", flags, zlib.crc32(head))).ljust(FILE_HEADER, b"\x00")


class _Chunk:
    """One chunk being filled."""

    def __init__(self, first_number: int) -> None:
        self._body = bytearray()
        self._names = Names()
        self._templates: dict[uuid.UUID, int] = {}
        self._heads = [0] * 32
        self._first_number = first_number
        self._ids: list[int] = []
        self._last = CHUNK_HEADER

    def fits(self, needed: int) -> bool:
        return CHUNK_HEADER + len(self._body) + needed <= CHUNK

    def add(self, event: Event, number: int, log: Log) -> None:
        """Write one record."""
        at = self._last = CHUNK_HEADER + len(self._body)
        kind = event.kind
        system = _system(kind.provider, kind.guid, log.channel, log.computer)
        out = bytearray(struct.pack("<IIQQ", 0x2A2A, 0, number, filetime(event.time)))
        self._instance(out, at, system)
        filled = [
            *_shared(kind),
            (binxml.FILETIME, filetime(event.time).to_bytes(8, "little")),
            (binxml.NULL, b""),
            (binxml.UINT32, event.process.to_bytes(4, "little")),
            (binxml.UINT32, event.thread.to_bytes(4, "little")),
            (binxml.UINT64, number.to_bytes(8, "little")),
            binxml.encoded(binxml.UINT8, kind.version),
            binxml.encoded(binxml.SID, event.user),
        ]
        begun = len(out) + 4 + 4 * (len(filled) + 1) + sum([len(content) for _, content in filled])
        filled.append((binxml.BINXML, self._payload(event, at + begun)))
        out += binxml.values(filled)
        out += binxml.END
        out += bytes(-(len(out) + 4) % 8)
        size = len(out) + 4
        struct.pack_into("<I", out, 4, size)
        self._body += out
        self._body += size.to_bytes(4, "little")
        self._ids.append(number)

    def _payload(self, event: Event, at: int) -> bytes:
        out = bytearray()
        self._instance(out, at, event.kind.payload)
        out += binxml.values(list(map(binxml.encoded, event.kind.kinds, event.values)))
        out += binxml.END
        return bytes(out)

    def _instance(self, out: bytearray, at: int, root: Element) -> None:
        """Write the head of a template instance, and the definition where this chunk has none yet."""
        name = _identity(root)
        identity = name.bytes_le
        out += binxml.FRAGMENT
        known = self._templates.get(name)
        if known is not None:
            out += b"\x0c\x01" + identity[:4] + known.to_bytes(4, "little")
            return
        offset = at + len(out) + 10
        out += b"\x0c\x01" + identity[:4] + offset.to_bytes(4, "little")
        definition = binxml.fragment(root, offset + 24, self._names)
        bucket = identity[0] % 32
        out += struct.pack("<I", self._heads[bucket]) + identity + struct.pack("<I", len(definition))
        out += definition
        self._heads[bucket] = self._templates[name] = offset

    def sealed(self) -> bytes:
        """Return the chunk with its header and checksums."""
        free = CHUNK_HEADER + len(self._body)
        nothing = 2**64 - 1
        first = self._first_number
        numbers = (first, nothing, nothing, nothing)
        if self._ids:
            numbers = (first, first + len(self._ids) - 1, self._ids[0], self._ids[-1])
        head = struct.pack("<8sQQQQIII", b"ElfChnk\x00", *numbers, 128, self._last, free)
        head += struct.pack("<I", zlib.crc32(self._body))
        head = head.ljust(120, b"\x00")
        tables = struct.pack("<96I", *self._names.heads, *self._heads)
        head += struct.pack("<II", 0, zlib.crc32(tables, zlib.crc32(head)))
        return (head + tables + self._body).ljust(CHUNK, b"\x00")


@functools.cache
def _shared(kind: Kind) -> tuple[tuple[int, bytes], ...]:
    """The first six values, which every record of a kind has alike."""
    return (
        binxml.encoded(binxml.UINT8, kind.level),
        binxml.encoded(binxml.UINT8, kind.opcode),
        binxml.encoded(binxml.UINT16, kind.task),
        binxml.encoded(binxml.UINT16, kind.event_id),
        binxml.encoded(binxml.UINT16, kind.qualifiers),
        binxml.encoded(binxml.HEX64, kind.keywords),
    )


@functools.cache
def _system(provider: str, guid: uuid.UUID | None, channel: str, computer: str) -> Element:
    """The template that all events of a provider in one log share; its slots are those of Windows' own."""
    named = (("Name", provider), *((("Guid", f"{{{guid}}}"),) if guid else ()))
    system = Element(
        "System",
        children=(
            Element("Provider", named),
            Element("EventID", (("Qualifiers", Slot(4, binxml.UINT16)),), (Slot(3, binxml.UINT16),), 3),
            Element("Version", (), (Slot(11, binxml.UINT8),), 11),
            Element("Level", (), (Slot(0, binxml.UINT8),), 0),
            Element("Task", (), (Slot(2, binxml.UINT16),), 2),
            Element("Opcode", (), (Slot(1, binxml.UINT8),), 1),
            Element("Keywords", (), (Slot(5, binxml.HEX64),), 5),
            Element("TimeCreated", (("SystemTime", Slot(6, binxml.FILETIME)),)),
            Element("EventRecordID", (), (Slot(10, binxml.UINT64),), 10),
            Element("Correlation", (("ActivityID", Slot(7, binxml.GUID)),)),
            Element(
                "Execution", (("ProcessID", Slot(8, binxml.UINT32)), ("ThreadID", Slot(9, binxml.UINT32)))
            ),
            Element("Channel", (), (channel,)),
            Element("Computer", (), (computer,)),
            Element("Security", (("UserID", Slot(12, binxml.SID)),)),
        ),
    )
    return Element("Event", (("xmlns", NAMESPACE),), (system, Slot(PAYLOAD, binxml.BINXML)))


@functools.cache
def _identity(root: Element) -> uuid.UUID:
    """Name a template by what it says: the same template has the same GUID in every file."""
    return uuid.uuid5(uuid.NAMESPACE_URL, repr(root))


@functools.cache
def _room(root: Element) -> int:
    return binxml.longest(root) + 64


def _longest(event: Event, log: Log) -> int:
    """Return the bytes that an event needs where its chunk knows nothing of it yet."""
    kind = event.kind
    system = _system(kind.provider, kind.guid, log.channel, log.computer)
    told = sum(
        [
            len(value) if isinstance(value, bytes) else 2 * len(value) + 2 if isinstance(value, str) else 16
            for value in event.values
            if not isinstance(value, tuple)
        ]
    )
    told += sum([2 * len(t) + 2 for value in event.values if isinstance(value, tuple) for t in value])
    return _room(system) + _room(kind.payload) + 256 + 12 * len(event.values) + told
