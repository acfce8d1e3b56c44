"""What a zip says it holds: its directory, or where that is lost the headers before each member.

Source: PKWARE APPNOTE 6.3.10, sections 4.3 to 4.6; Info-ZIP's extra fields.
"""

import re
import stat
import struct
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

import msgspec

from postvakt.evidence import compression, limits, names
from postvakt.evidence.container import Entry, Listing
from postvakt.evidence.reading import BLOCK, Fault, NotOpenedError, Stretch
from postvakt.evidence.times import from_filetime, from_unix

END = b"PK\x05\x06"
END64 = b"PK\x06\x06"
LOCATOR64 = b"PK\x06\x07"
CENTRAL = b"PK\x01\x02"
LOCAL = b"PK\x03\x04"
LAST_BYTES = 65_557 + 4096
"""Where the end record is looked for: the longest comment, and some bytes that do not belong to the zip."""

CENTRAL_SIZE = 46
LOCAL_SIZE = 30
ENCRYPTED, SIZES_FOLLOW, UTF8, HIDDEN = 0x1, 0x8, 0x800, 0x2000
UNSET = 0xFFFFFFFF

METHODS = {0: "stored", 8: "deflate", 9: "deflate64", 12: "bzip2", 14: "lzma", 95: "xz"}
AES = 99


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """One member as a header tells it. `data` is where its bytes begin, -1 where only its local header knows."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    extra: bytes = b""
    system: int = 0
    attributes: int = 0
    data: int = -1


def entries(stretch: Stretch) -> Listing:
    """Return what a zip lists. Raises NotOpenedError where it gives nothing, OSError where it cannot be read."""
    listing = Listing(backslash=True)
    with stretch.open() as stream:
        promised = _fill(listing, _directory(stream, stretch.size), stretch.size)
        if promised is None or len(listing.entries) < promised:
            found = Listing(backslash=True)
            for header in _local_headers(stream, stretch.size):
                _add(found, header, stretch.size)
            if len(found.entries) > len(listing.entries) or promised is None:
                listing = found
            told = "none" if promised is None else f"one of {promised} members"
            listing.fault(
                Fault("truncated", f"the zip's directory ({told}) is lost or damaged; read member by member")
            )
            if not found.entries and not listing.entries:
                raise NotOpenedError("unreadable", "not a zip archive, or nothing of it can be read")
    return listing


def _fill(listing: Listing, directory: tuple[int, Iterator[Header]] | None, size: int) -> int | None:
    """Add what the directory lists; return how many members it promised, None where there is no directory."""
    if directory is None:
        return None
    promised, headers = directory
    missing = promised
    for header in headers:
        missing -= 1
        _add(listing, header, size)
    # Folders have headers and are no members: what counts is how many headers were not there.
    return len(listing.entries) + (0 if listing.full else max(missing, 0))


def _directory(stream: BinaryIO, size: int) -> tuple[int, Iterator[Header]] | None:
    """Return how many members the central directory promises, and its headers; None where there is none."""
    start = max(size - LAST_BYTES, 0)
    stream.seek(start)
    last = stream.read(LAST_BYTES)
    position = last.rfind(END)
    while position >= 0:
        found = _end_record(stream, last, position, start)
        if found is not None:
            count, length, offset, shift = found
            # A comment may hold what looks like an end record: a true one leads to a directory.
            for at, by in ((offset, shift), (offset - shift, 0)):
                if _read_at(stream, at, 4) == CENTRAL or (count, length) == (0, 0):
                    return count, _central_headers(stream, at, length, by)
        position = last.rfind(END, 0, position)
    return None


def _end_record(stream: BinaryIO, last: bytes, position: int, start: int) -> tuple[int, int, int, int] | None:
    """Return members, the directory's size, where it begins, and how much further that is than was told."""
    record = last[position : position + 22]
    if len(record) < 22:
        return None
    count, length, offset = struct.unpack_from("<HII", record, 10)
    ends = start + position
    if position >= 20 and last[position - 20 : position - 16] == LOCATOR64:
        (told,) = struct.unpack_from("<Q", last, position - 12)
        for at in (told, ends - 20 - 56):  # the second holds where bytes were put before the zip
            record64 = _read_at(stream, at, 56)
            if record64[:4] == END64 and len(record64) == 56:
                count, length, offset = struct.unpack_from("<QQQ", record64, 32)
                ends = at
                break
    if UNSET in (length, offset) and count == 0xFFFF:
        return None
    # What was put before the zip (a self-extractor) shifts every offset by as much.
    begins = max(ends - length, 0)
    return count, length, begins, begins - offset


def _central_headers(stream: BinaryIO, offset: int, length: int, shift: int) -> Iterator[Header]:
    stream.seek(offset)
    first = True
    read = 0
    while read < length:
        fixed = stream.read(CENTRAL_SIZE)
        if len(fixed) < CENTRAL_SIZE or fixed[:4] != CENTRAL:
            return
        fields = struct.unpack("<4s6H3I5H2I", fixed)
        name_size, extra_size, comment_size = fields[10:13]
        name, extra = stream.read(name_size), stream.read(extra_size)
        stream.seek(comment_size, 1)
        read += CENTRAL_SIZE + name_size + extra_size + comment_size
        size, packed, at = _sizes(extra, fields[9], fields[8], fields[16])
        if first:
            here = stream.tell()
            shift = 0 if _read_at(stream, at, 4) == LOCAL else shift
            stream.seek(here)
            first = False
        yield Header(
            name=name,
            flags=fields[3],
            method=fields[4],
            crc=fields[7],
            packed=packed,
            size=size,
            offset=at + shift,
            extra=extra,
            system=fields[1] >> 8,
            attributes=fields[15],
        )


def _read_at(stream: BinaryIO, offset: int, size: int) -> bytes:
    try:
        stream.seek(offset)
    except (OSError, OverflowError, ValueError):
        return b""
    return stream.read(size)


def _sizes(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """Return size, packed size and offset, the 64-bit ones where the 32-bit fields say so."""
    values = [size, packed, offset]
    body = dict(fields(extra)).get(0x0001, b"")
    position = 0
    for index, value in enumerate(values):
        if value == UNSET and position + 8 <= len(body):
            (values[index],) = struct.unpack_from("<Q", body, position)
            position += 8
    return values[0], values[1], values[2]


def fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields of a header as (id, body); what does not fit ends them."""
    position = 0
    while position + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, position)
        body = extra[position + 4 : position + 4 + size]
        if len(body) < size:
            return
        yield kind, body
        position += 4 + size


def _local_headers(stream: BinaryIO, size: int) -> Iterator[Header]:
    """Yield members by the header before each, from the start on; what is no header is searched over."""
    position = 0
    while position < size:
        header = _local_header(stream, position)
        if header is None:
            position = _next_local(stream, position + 1)
            if position < 0:
                return
            continue
        unknown = header.flags & SIZES_FOLLOW and not header.packed
        packed = _measured(stream, header, size) if unknown else header.packed
        yield msgspec.structs.replace(header, packed=packed, size=-1 if unknown else header.size)
        position = header.data + packed


def _local_header(stream: BinaryIO, position: int) -> Header | None:
    fixed = _read_at(stream, position, LOCAL_SIZE)
    if len(fixed) < LOCAL_SIZE or fixed[:4] != LOCAL:
        return None
    values = struct.unpack("<4s5H3I2H", fixed)
    name, extra = stream.read(values[9]), stream.read(values[10])
    if not name or len(name) < values[9]:
        return None
    size, packed, _ = _sizes(extra, values[8], values[7], 0)
    return Header(
        name=name,
        flags=values[2],
        method=values[3],
        crc=values[6],
        packed=packed,
        size=size,
        offset=position,
        extra=extra,
        data=position + LOCAL_SIZE + values[9] + values[10],
    )


def _next_local(stream: BinaryIO, position: int) -> int:
    """Return where the next member's header begins, -1 for nowhere."""
    stream.seek(max(position, 0))
    rest = b""
    base = max(position, 0)
    while block := stream.read(BLOCK):
        window = rest + block
        found = window.find(LOCAL)
        if found >= 0:
            return base + found
        rest = window[-3:]
        base += len(window) - len(rest)
    return -1


def _measured(stream: BinaryIO, header: Header, size: int) -> int:
    """Return how many packed bytes a member has whose sizes stand behind it, by unpacking it or by the next header."""
    if header.method == 8 and not header.flags & ENCRYPTED:
        stream.seek(min(header.data, size))
        decoder = zlib.decompressobj(compression.RAW_DEFLATE)
        unfolded = 0
        try:
            while not decoder.eof and (packed := stream.read(compression.PACKED_BLOCK)):
                while packed and unfolded <= limits.LIMITS.total_floor:
                    unfolded += len(decoder.decompress(packed, BLOCK))
                    packed = decoder.unconsumed_tail
            return stream.tell() - len(decoder.unused_data) - header.data
        except zlib.error:
            pass
    following = _next_local(stream, min(header.data, size))
    return (following if following >= 0 else size) - header.data


def _add(listing: Listing, header: Header, size: int) -> None:
    raw, attributes = header.name, header.attributes
    if raw.endswith((b"/", b"\\")) and header.size in (0, -1) and header.packed <= 2:
        return
    modified, created = _times(header.extra)
    fault, readable = _fault(header, size)
    linked = header.system == 3 and stat.S_ISLNK(attributes >> 16)
    special = header.system == 3 and _is_special(attributes >> 16)
    listing.add(
        _name(header),
        Entry(
            name="",
            plain="",
            size=header.size,
            kind="link" if linked else "special" if special else "file",
            modified=modified,
            created=created,
            fault=fault,
            readable=readable,
            place=(header.offset, header.packed, header.method, header.crc, header.size, header.data),
        ),
    )


def _is_special(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _fault(header: Header, size: int) -> tuple[Fault | None, bool]:
    if header.flags & (ENCRYPTED | HIDDEN):
        how = "AES" if header.method == AES else "ZipCrypto"
        return Fault("encrypted", f"{how}; unpack it with its password and hand in what it holds"), False
    if header.method not in METHODS:
        return Fault(
            "unsupported", f"packed by method {header.method}; unpack it and hand in the folder"
        ), False
    most = limits.LIMITS.of_member(header.packed)
    if header.size > most:
        told = f"{header.size} bytes out of {header.packed}; at most {most} are unfolded"
        return Fault("limited", told), False
    if header.offset >= size:
        return Fault("truncated", "lies behind the end of the archive"), False
    return None, True


def _name(header: Header) -> str:
    if header.flags & UTF8:
        return header.name.decode("utf-8", "surrogateescape")
    body = dict(fields(header.extra)).get(0x7075, b"")
    if len(body) > 5 and body[0] == 1 and int.from_bytes(body[1:5], "little") == zlib.crc32(header.name):
        return body[5:].decode("utf-8", "surrogateescape")
    return names.decoded(header.name)


def _times(extra: bytes) -> tuple[datetime | None, datetime | None]:
    """Return modification and creation time where a member carries them in UTC.

    The DOS time of every zip is local time of an unknown zone: it is not told as an instant.
    """
    known = dict(fields(extra))
    ntfs = known.get(0x000A, b"")
    times = re.search(rb"\x01\x00\x18\x00(.{24})", ntfs[4:], re.DOTALL)
    if times:
        modified, _, created = struct.unpack("<3Q", times[1])
        return from_filetime(modified), from_filetime(created)
    unix = known.get(0x5455, b"")
    if len(unix) >= 5 and unix[0] & 1:
        (seconds,) = struct.unpack_from("<i", unix, 1)
        created_at = struct.unpack_from("<i", unix, 9)[0] if unix[0] & 7 == 7 and len(unix) >= 13 else None
        return from_unix(seconds), None if created_at is None else from_unix(created_at)
    old = known.get(0x5855, b"")
    if len(old) >= 8:
        return from_unix(struct.unpack_from("<i", old, 4)[0]), None
    return None, None
