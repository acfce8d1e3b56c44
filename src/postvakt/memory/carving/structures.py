"""Structures of Windows that begin on fixed boundaries: event records, registry cells, file records, programs.

What is promised is headers and strings. A log, a hive or a file whose pages lie scattered is not put together again.
"""

import re
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from postvakt.memory.carving.item import Item
from postvakt.memory.carving.stretch import PAGE, Stretch
from postvakt.memory.carving.text import SHOWN, said
from postvakt.model.clock import FILETIME_OF_1970
from postvakt.model.marks import Mark

EARLIEST = 125_911_584_000_000_000
LATEST = 157_766_880_000_000_000
"""FILETIMEs of 2000 and 2100: what lies outside is no stamp of these servers."""

LONGEST_EVENT = 0x10000
FRAGMENT = b"\x0f\x01\x01\x00"
_STRINGS = re.compile(rb"(?:[\x20-\x7e\xa0-\xff]\x00|[\x00-\xff][\x01-\x05]){4,}")
MOST_STRINGS = 40

KEY_NODE, KEY_VALUE = b"nk", b"vk"
HEADER = 0x20
TEXT_TYPES = (1, 2, 7)
"""REG_SZ, REG_EXPAND_SZ, REG_MULTI_SZ."""

RECORD = 1024
SCRIPTS = (".aspx", ".ashx", ".asmx", ".asp", ".ascx", ".js", ".ps1", ".bat", ".vbs", ".config", ".compiled")
"""Endings of files whose content, where it stands in the record itself, is shown."""

MACHINES = {0x8664: "x64", 0x14C: "x86", 0x1C0: "arm", 0xAA64: "arm64"}
_APP_WEB = re.compile(rb"App_Web_[\w.]{4,60}\.dll|A\0p\0p\0_\0W\0e\0b\0_\0(?:[\w.]\0){4,60}", re.I)


def event(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the header of an event record with the strings after it, if it is one."""
    start = mark.offset
    high = stretch.reach(start)[1]
    head = stretch.data[start : min(start + 28, high)]
    if len(head) < 28 or (start + stretch.skew) % 8:
        return
    _, size, number, ticks = struct.unpack_from("<IIQQ", head)
    if (
        28 <= size <= LONGEST_EVENT
        and not size % 4
        and EARLIEST <= ticks < LATEST
        and head[24:28] == FRAGMENT
    ):
        yield _event(stretch, start, size, number, ticks, high)


def _event(stretch: Stretch, start: int, size: int, number: int, ticks: int, high: int) -> Item:
    end = start + size
    trailer = stretch.data[end - 4 : end] if end <= high else b""
    intact = len(trailer) == 4 and struct.unpack("<I", trailer)[0] == size
    if not intact:
        end = min(end, stretch.reach(start, across=False)[1])
    strings = [
        said(found[0].decode("utf-16-le", "replace"), 2)
        for _, found in zip(
            range(MOST_STRINGS), _STRINGS.finditer(stretch.data, start + 24, end), strict=False
        )
    ]
    return Item(
        kind="evtx_record",
        start=start,
        end=end,
        encoding="utf-16le",
        text=" | ".join(strings)[:SHOWN],
        fragment=not intact,
        time=_micros(ticks),
        fields={"record_id": min(number, 2**63 - 1), "detail": "template unresolved"},
    )


def cells(stretch: Stretch) -> Iterator[Item]:
    """Yield keys and values of a registry hive's page that begins a bin."""
    for start in _aligned(stretch, PAGE, int.from_bytes(b"hbin", "little")):
        high = min(start + PAGE, stretch.reach(start)[1])
        if high - start < HEADER:
            continue
        base, size = struct.unpack_from("<II", stretch.data, start + 4)
        if base % PAGE or size % PAGE or not size or size > 1 << 26:
            continue
        page = stretch.data[start:high]
        at = HEADER
        while at + 8 <= len(page):
            (length,) = struct.unpack_from("<i", page, at)
            span = abs(length)
            if span < 8 or span % 8:
                break
            yield from _cell(page, at, span, base, start, is_free=length > 0)
            at += span


def _cell(page: bytes, at: int, span: int, base: int, start: int, *, is_free: bool) -> Iterator[Item]:
    body = page[at + 4 : at + span]
    if body[:2] == KEY_NODE and len(body) >= 0x4C:
        flags, ticks = struct.unpack_from("<HQ", body, 2)
        (length,) = struct.unpack_from("<H", body, 0x48)
        name = _name(body[0x4C : 0x4C + length], narrow=bool(flags & 0x20))
        if name and EARLIEST <= ticks < LATEST:
            fields = {"name": name, "detail": "deleted" if is_free else None}
            yield _binary(
                "registry_key", start + at, start + at + span, name, _micros(ticks), at + span > PAGE, fields
            )
    elif body[:2] == KEY_VALUE and len(body) >= 0x14:
        length, size, place, kind, flags = struct.unpack_from("<HIIIH", body, 2)
        name = _name(body[0x14 : 0x14 + length], narrow=bool(flags & 1)) or "(default)"
        if length <= 1024 and kind < 20 and len(body) >= 0x14 + length:
            value = _value(page, size, place - base, kind, body[8:12])
            fields = {"name": name, "value": value, "detail": "deleted" if is_free else None}
            text = f"{name} = {value}" if value is not None else name
            yield _binary("registry_value", start + at, start + at + span, text, None, value is None, fields)


def _value(page: bytes, size: int, at: int, kind: int, inline: bytes) -> str | None:
    """Return a value's data as text where it is text or a number and stands on this page."""
    length = size & 0x7FFFFFFF
    if size & 0x80000000:
        raw = inline[: min(length, 4)]
    elif at >= 0 and at + 4 + length <= len(page):
        raw = page[at + 4 : at + 4 + length]
    else:
        return None
    if kind in TEXT_TYPES:
        return said(raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace").rstrip("\0"), 2)
    if kind in (4, 11) and raw:
        return str(int.from_bytes(raw, "little"))
    return raw[:64].hex()


def _name(raw: bytes, *, narrow: bool) -> str:
    text = raw.decode("latin-1") if narrow else raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace")
    return said(text, 2) if text and all(ord(c) >= 32 for c in text) else ""


def file_records(stretch: Stretch) -> Iterator[Item]:
    """Yield records of the master file table: name, times, and the content of small scripts."""
    for start in _aligned(stretch, RECORD, int.from_bytes(b"FILE", "little")):
        if start + RECORD > stretch.reach(start)[1]:
            continue
        record = _mended(stretch.data[start : start + RECORD])
        if record is not None:
            yield from _file_record(record, start)


def _mended(raw: bytes) -> bytes | None:
    """Return a record with the last word of each sector as it was, None where it is no record."""
    place, count, _, _, _, first = struct.unpack_from("<HHQHHH", raw, 4)
    if count != 3 or not 0x28 <= place <= 0x30 or not 0x30 <= first <= 0x100 or first % 8:
        return None
    record = bytearray(raw)
    number = raw[place : place + 2]
    for sector in (1, 2):
        end = sector * 512 - 2
        # What the disk has differs from what memory holds before it is written: both are right.
        if raw[end : end + 2] == number:
            record[end : end + 2] = raw[place + 2 * sector : place + 2 * sector + 2]
    return bytes(record)


def _file_record(record: bytes, start: int) -> Iterator[Item]:
    flags = struct.unpack_from("<H", record, 22)[0]
    stamps: tuple[int, ...] = ()
    name, parent, content = "", 0, None
    for kind, body in _attributes(record):
        if kind == 0x10 and len(body) >= 32:
            stamps = struct.unpack_from("<4Q", body)
        elif kind == 0x30 and len(body) >= 66:
            length, space = body[64], body[65]
            told = body[66 : 66 + 2 * length].decode("utf-16-le", "replace")
            if len(told) == length and (not name or space != 2):
                name, parent = said(told, 2), struct.unpack_from("<Q", body)[0] & 0xFFFFFFFFFFFF
        elif kind == 0x80 and content is None:
            content = body
    if not name or not all(EARLIEST <= ticks < LATEST for ticks in stamps) or not stamps:
        return
    is_script = name.lower().endswith(SCRIPTS)
    shown = said(content.decode("latin-1"), 1) if content and is_script else None
    fields: dict[str, Any] = {
        "name": name,
        "created": _micros(stamps[0]),
        "modified": _micros(stamps[1]),
        "detail": f"parent record {parent}"
        + ("" if flags & 1 else ", deleted")
        + (", folder" if flags & 2 else ""),
        "value": shown,
    }
    text = f"{name}: {shown}" if shown else name
    yield _binary("mft_record", start, start + RECORD, text, _micros(stamps[0]), False, fields)


def _attributes(record: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of the attributes that stand in a record."""
    at = struct.unpack_from("<H", record, 20)[0]
    while at + 24 <= RECORD:
        kind, length = struct.unpack_from("<II", record, at)
        if kind == 0xFFFFFFFF or length < 24 or length % 8 or at + length > RECORD:
            return
        if not record[at + 8]:
            size, place = struct.unpack_from("<IH", record, at + 16)
            if place + size <= length:
                yield kind, record[at + place : at + place + size]
        at += length


def programs(stretch: Stretch) -> Iterator[Item]:
    """Yield headers of programs and libraries."""
    for start in _aligned(stretch, PAGE, int.from_bytes(b"MZ", "little"), bits=16):
        high = min(start + PAGE, stretch.reach(start)[1])
        page = stretch.data[start:high]
        if len(page) < 0x100:
            continue
        (place,) = struct.unpack_from("<I", page, 0x3C)
        if not 0x40 <= place <= len(page) - 0x60 or page[place : place + 4] != b"PE\0\0":
            continue
        machine, sections, stamp, _, _, _, flags = struct.unpack_from("<HHIIIHH", page, place + 4)
        magic = struct.unpack_from("<H", page, place + 24)[0]
        if machine not in MACHINES or not 0 < sections <= 96 or magic not in (0x10B, 0x20B):
            continue
        (size,) = struct.unpack_from("<I", page, place + 24 + 56)
        yield _program(stretch, start, machine, stamp, size, is_library=bool(flags & 0x2000))


def _program(stretch: Stretch, start: int, machine: int, stamp: int, size: int, *, is_library: bool) -> Item:
    kind = f"{MACHINES[machine]} {'library' if is_library else 'program'}"
    high = min(stretch.reach(start)[1], start + max(size, PAGE))
    found = _APP_WEB.search(stretch.data, start, high)
    name = None
    if found is not None:
        name = found[0].replace(b"\0", b"").decode("ascii", "backslashreplace")
    return Item(
        kind="program",
        start=start,
        end=min(start + PAGE, high),
        encoding="binary",
        text=f"{kind}, {size} bytes in memory" + (f", {name}" if name else ""),
        # Only its first page is known to be its own.
        fragment=not stretch.sure,
        fields={"name": name, "size": size, "compiled": stamp * 1_000_000},
    )


def _aligned(stretch: Stretch, step: int, magic: int, bits: int = 32) -> list[int]:
    """Return the offsets, at multiples of `step` in memory, at which a number stands."""
    first = -stretch.skew % step
    width = bits // 8
    count = (len(stretch.data) - first) // width
    if count <= 0:
        return []
    units = np.frombuffer(stretch.data, f"<u{width}", count, first)[:: step // width]
    return [first + place * step for place in np.flatnonzero(units == magic).tolist()]


def _binary(
    kind: str, start: int, end: int, text: str, time: int | None, fragment: bool, fields: dict[str, Any]
) -> Item:
    return Item(
        kind=kind,
        start=start,
        end=end,
        encoding="binary",
        text=text,
        time=time,
        fragment=fragment,
        fields=fields,
    )


def _micros(ticks: int) -> int:
    return (ticks - FILETIME_OF_1970) // 10
