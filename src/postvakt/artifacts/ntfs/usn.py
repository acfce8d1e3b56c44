"""$UsnJrnl:$J, the change journal of an NTFS volume: each file that was made, written, renamed, deleted, and when.

A record names the file and its directory's entry, not its path. With the volume's $MFT in the same case the path is a
join away: `usn_record.parent_entry` and `parent_sequence` are `mft_entry.entry` and `sequence` of the directory.
"""

import functools
import re
import struct
from collections.abc import Generator, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from postvakt.artifacts.ntfs.record import ENTRY_BITS
from postvakt.artifacts.ntfs.times import instants_of
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import BATCH_ROWS, Read, Reader, Rows, schema

USN_RECORD = TableSpec(
    name="usn_record",
    title="Changes of files as the volume's change journal tells them",
    locator="offset",
    logsources=(LogSource(product="windows", service="usn"),),
    columns=(
        Column("usn", "int", about="place of the record in the whole journal, from its beginning years ago"),
        Column("name", kind="file_name", about="as the volume spells it; the journal keeps no path"),
        Column("extension", about="lower case"),
        Column("reason", about="what happened since the file was opened: `FILE_CREATE|DATA_EXTEND|CLOSE`"),
        Column("attributes", about="of the file: `HIDDEN|ARCHIVE`"),
        Column("entry", "int", about="the file's record in $MFT"),
        Column("sequence", "int", about="how often that record had been used"),
        Column("parent_entry", "int", about="the directory's record in $MFT: join with `mft_entry.entry`"),
        Column("parent_sequence", "int"),
        Column("source_info", "int", about="1, 2, 4: not a user but replication or storage management wrote"),
        Column("security_id", "int", about="number of the descriptor in $Secure"),
        Column("version", "int", about="of the record"),
    ),
)

ARTIFACT = Artifact(
    name="usn",
    title="NTFS change journal",
    tables=("usn_record",),
    where="$Extend\\$UsnJrnl:$J of each NTFS volume",
    paths=(r"(^|[/_:\\]|%3a)(\$|%24)j(\.(bin|raw|copy\d*))?$", r"(^|[/_])(\$|%24)?usnjrnl(\.(bin|raw))?$"),
)

BLOCK = 4 << 20
ZEROS = bytes(BLOCK)
LONGEST = 4096
"""Bytes of a record at most: none reaches over a page."""

WRITTEN = re.compile(rb"[^\x00]")
LIKELY = re.compile(rb"[\x00-\xff][\x00-\x10]\x00\x00[\x02-\x04]\x00\x00\x00")
LENGTH, SAID, NAMED = struct.Struct("<IHH"), struct.Struct("<QQIIIIHH"), struct.Struct("<HH")
HEADS = {2: (24, 60), 3: (40, 76)}
"""By version: where what both versions hold alike begins, and where the name does."""

RANGES, RANGES_SIZE = 4, 64
ALIGNED = 8

REASONS = (
    (0x00000100, "FILE_CREATE"), (0x00000200, "FILE_DELETE"), (0x00001000, "RENAME_OLD_NAME"),
    (0x00002000, "RENAME_NEW_NAME"), (0x00000001, "DATA_OVERWRITE"), (0x00000002, "DATA_EXTEND"),
    (0x00000004, "DATA_TRUNCATION"), (0x00000010, "NAMED_DATA_OVERWRITE"), (0x00000020, "NAMED_DATA_EXTEND"),
    (0x00000040, "NAMED_DATA_TRUNCATION"), (0x00000400, "EA_CHANGE"), (0x00000800, "SECURITY_CHANGE"),
    (0x00004000, "INDEXABLE_CHANGE"), (0x00008000, "BASIC_INFO_CHANGE"), (0x00010000, "HARD_LINK_CHANGE"),
    (0x00020000, "COMPRESSION_CHANGE"), (0x00040000, "ENCRYPTION_CHANGE"), (0x00080000, "OBJECT_ID_CHANGE"),
    (0x00100000, "REPARSE_POINT_CHANGE"), (0x00200000, "STREAM_CHANGE"), (0x00400000, "TRANSACTED_CHANGE"),
    (0x00800000, "INTEGRITY_CHANGE"), (0x01000000, "DESIRED_STORAGE_CLASS_CHANGE"), (0x80000000, "CLOSE"),
)  # fmt: skip
ATTRIBUTES = (
    (0x1, "READONLY"), (0x2, "HIDDEN"), (0x4, "SYSTEM"), (0x10, "DIRECTORY"), (0x20, "ARCHIVE"), (0x40, "DEVICE"),
    (0x80, "NORMAL"), (0x100, "TEMPORARY"), (0x200, "SPARSE_FILE"), (0x400, "REPARSE_POINT"), (0x800, "COMPRESSED"),
    (0x1000, "OFFLINE"), (0x2000, "NOT_CONTENT_INDEXED"), (0x4000, "ENCRYPTED"), (0x8000, "INTEGRITY_STREAM"),
    (0x20000, "NO_SCRUB_DATA"),
)  # fmt: skip


def parse(source: Source) -> Iterator[Read]:
    """Yield the records of a journal in its order, then its Gaps."""
    troubles = Troubles("usn_record")
    waiting = _Waiting()
    with source.open() as stream:
        for at, record in _Journal(stream, troubles).records():
            waiting.add(at, record)
            if len(waiting) == BATCH_ROWS:
                yield waiting.rows()
                waiting = _Waiting()
    if len(waiting):
        yield waiting.rows()
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(USN_RECORD,), parse=parse)


class _Journal:
    """The records in a stream. Zeros are where the journal was cut off at its old end, or a page had no room left."""

    def __init__(self, stream: BinaryIO, troubles: Troubles) -> None:
        self._stream = stream
        self._troubles = troubles
        self._given = 0
        self._broken_until = -1

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield each record with its offset; note what is none."""
        at, left = 0, b""
        while block := self._stream.read(BLOCK):
            if not left and block == ZEROS[: len(block)]:
                at += len(block)
                continue
            content = left + block
            end = yield from self._within(content, at, len(content) - LONGEST)
            left = content[end:]
            at += end
        yield from self._within(left, at, len(left))
        if not self._given and self._broken_until < 0:
            self._troubles.note("empty", "no record is in it", None)

    def _within(self, content: bytes, base: int, until: int) -> Generator[tuple[int, bytes], None, int]:
        """Yield the records that begin before `until`; return where the next one may begin."""
        at = 0
        while at < until:
            size, version = _shape(content, at)
            if not size:
                at = self._next(content, base, at)
            elif at + size > len(content):
                self._troubles.note("truncated", "the file ends within a record", base + at)
                self._broken_until = base + len(content)
                return len(content)
            else:
                if version == RANGES:
                    detail = "records of version 4, which tell of written ranges and hold no name or time"
                    self._troubles.note("unsupported", detail, base + at)
                else:
                    yield base + at, content[at : at + size]
                self._given += 1
                at += size
        return at

    def _next(self, content: bytes, base: int, at: int) -> int:
        """Return where the next record may begin, after zeros or after what is no record."""
        written = WRITTEN.search(content, at)
        if written is None:
            return len(content)
        if written.start() - at >= ALIGNED:
            return written.start() - (base + written.start()) % ALIGNED
        begin = at
        while found := LIKELY.search(content, at + 1):
            at = found.start()
            if _shape(content, at)[0]:
                break
        at = at if found else len(content)
        if base + begin != self._broken_until:
            self._troubles.note("unparsed", "bytes that are no record", base + begin)
        self._broken_until = base + at
        return at


def _shape(content: bytes, at: int) -> tuple[int, int]:
    """Return size and version of a record, the size 0 where there is none."""
    if at + LENGTH.size > len(content):
        return 0, 0
    size, version, minor = LENGTH.unpack_from(content, at)
    if minor or size % ALIGNED or size > LONGEST:
        return 0, 0
    if version == RANGES:
        return (size, version) if size >= RANGES_SIZE else (0, 0)
    if version not in HEADS or size < HEADS[version][1]:
        return 0, 0
    head = HEADS[version][1]
    if at + head <= len(content):
        length, name_at = NAMED.unpack_from(content, at + head - NAMED.size)
        if name_at != head or length % 2 or head + length > size:
            return 0, 0
    return size, version


class _Waiting:
    """Records on their way into a batch, column by column."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in GATHERED}
        self._stamps: list[int] = []

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, at: int, record: bytes) -> None:
        """Take one record as a row."""
        _, version, _ = LENGTH.unpack_from(record)
        begin, head = HEADS[version]
        usn, stamp, reason, source_info, security, attributes, length, _ = SAID.unpack_from(record, begin)
        name = record[head : head + length].decode("utf-16-le", "backslashreplace")
        width = (begin - 8) // 2
        entry, sequence, far = _reference(record[8 : 8 + width])
        parent, parent_sequence, parent_far = _reference(record[8 + width : begin])
        stem, dot, extension = name.lower().rpartition(".")
        self._stamps.append(stamp)
        row = (
            at, _signed(usn), name, extension if dot and stem else "", _words(reason, REASONS),
            _words(attributes, ATTRIBUTES), entry, sequence, parent, parent_sequence, source_info, security, version,
            [*_kept("FileReferenceNumber", far), *_kept("ParentFileReferenceNumber", parent_far)] or None,
        )  # fmt: skip
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)

    def rows(self) -> Rows:
        """Return the batch."""
        ticks = np.array(self._stamps, np.uint64)
        columns = {**self._columns, "time": instants_of(ticks, believable=True)}
        shape = schema(USN_RECORD)
        made = [pa.array(columns[field.name], field.type) for field in shape]
        return Rows(USN_RECORD, pa.RecordBatch.from_arrays(made, schema=shape))


GATHERED = (
    "locator", "usn", "name", "extension", "reason", "attributes", "entry", "sequence", "parent_entry",
    "parent_sequence", "source_info", "security_id", "version", "unmapped",
)  # fmt: skip


def _reference(raw: bytes) -> tuple[int | None, int | None, str]:
    """Return entry and sequence number; a reference that is none of NTFS (version 3 knows ReFS too) as hexadecimal."""
    number = int.from_bytes(raw, "little")
    if number >> 64:
        return None, None, f"{number:#x}"
    return number & ENTRY_BITS, number >> 48, ""


def _kept(name: str, value: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value}] if value else []


def _signed(number: int) -> int | None:
    return number if number < 1 << 63 else None


@functools.lru_cache(maxsize=4096)
def _words(bits: int, names: tuple[tuple[int, str], ...]) -> str:
    """Return the words for bits, `|` between; bits without a word together as hexadecimal."""
    known = [word for bit, word in names if bits & bit]
    rest = bits & ~sum(bit for bit, _ in names)
    return "|".join([*known, hex(rest)] if rest else known)
