"""Tar archives, read in place: a member's bytes lie in them as they are.

Source: POSIX.1-2017, pax interchange format; GNU tar manual, "Basic Tar Format".
"""

from collections.abc import Iterator, Mapping
from typing import BinaryIO

import msgspec

from postvakt.evidence.container import Container, Entry, EntryKind, Listing, is_tar_header
from postvakt.evidence.reading import BLOCK, Fault, NotOpenedError, Stretch
from postvakt.evidence.times import from_unix

UNIT = 512
LONGEST_EXTENSION = 1 << 20
"""Bytes of an extended header that are taken; no path is that long."""

HARD_LINK = b"1"
KINDS: dict[bytes, EntryKind] = {b"2": "link", b"3": "special", b"4": "special", b"6": "special"}
WITHOUT_BYTES = b"123456"
EXTENSIONS = {b"g": "", b"x": "", b"L": "path", b"K": "linkpath"}
FOLDERS_AND_LABELS = b"5VD"


class _Header(msgspec.Struct, frozen=True):
    """One header with what extended headers before it change; `data` is where the member's bytes begin."""

    name: str
    size: int
    kind: bytes
    target: str
    modified: float
    data: int
    created: float | None = None
    sparse: bool = False

    @property
    def end(self) -> int:
        """Where the next header begins."""
        return self.data + (0 if self.kind in WITHOUT_BYTES else -(-self.size // UNIT) * UNIT)


class Tar(Container):
    """An opened tar. Raises NotOpenedError where it gives nothing, OSError where it cannot be read."""

    def __init__(self, stretch: Stretch, kind: str = "tar") -> None:
        self.kind = kind
        self._stretch = stretch
        listing = Listing(backslash=False)
        known: dict[str, tuple[int, int]] = {}
        with stretch.open() as stream:
            for header in _headers(stream, stretch.size, listing):
                _add(listing, header, stretch.size, known)
                if listing.overflowing:
                    break
        self.entries = tuple(listing.entries)
        self.faults = listing.faults()
        if not self.entries and self.faults:
            raise NotOpenedError("unreadable", "not a tar archive, or nothing of it can be read")

    def open(self, entry: Entry) -> BinaryIO:
        return self.stretch(entry).open()

    def stretch(self, entry: Entry) -> Stretch:
        offset, size = entry.place
        return self._stretch.part(offset, size)


def _add(listing: Listing, header: _Header, end: int, known: dict[str, tuple[int, int]]) -> None:
    place = (header.data, header.size)
    fault = None
    kind = KINDS.get(header.kind, "file")
    if header.kind == HARD_LINK:
        linked = known.get(header.target)
        place, kind = (linked, "file") if linked else (place, "link")
    elif header.sparse:
        fault = Fault("unsupported", "a sparse member; unpack the archive and hand in the folder")
    elif kind == "file" and header.data + header.size > end:
        fault = Fault("truncated", f"{max(end - header.data, 0)} of {header.size} bytes are there")
    known.setdefault(header.name, place)
    listing.add(
        header.name,
        Entry(
            name="",
            plain="",
            size=place[1] if kind == "file" else 0,
            kind=kind,
            target=header.target,
            modified=from_unix(header.modified),
            created=None if header.created is None else from_unix(header.created),
            fault=fault,
            readable=not header.sparse,
            place=place,
        ),
    )


def _headers(stream: BinaryIO, end: int, listing: Listing) -> Iterator[_Header]:
    """Yield the members in order; over what is no header the next one is searched, and that is noted."""
    position = 0
    lasting: dict[str, str] = {}
    passing: dict[str, str] = {}
    while (start := _nonzero(stream, position)) is not None:
        # Two blocks of zeros end an archive; what lies behind them is looked at all the same.
        position = start
        block = _read_at(stream, position, UNIT)
        if not is_tar_header(block):
            found = _resumed(stream, position, end)
            detail = f"no member's header at byte {position}; {found - position} bytes are skipped"
            listing.fault(Fault("truncated", detail))
            position = found
            continue
        header = _parsed(block, position + UNIT)
        if header.kind in EXTENSIONS:
            body = _read_at(stream, header.data, min(header.size, LONGEST_EXTENSION))
            name = EXTENSIONS[header.kind]
            target = lasting if header.kind == b"g" else passing
            target.update({name: _text(body)} if name else _pax(body))
            position = header.end
            continue
        header = _extended(header, {**lasting, **passing})
        passing = {}
        position = header.end
        if header.kind not in FOLDERS_AND_LABELS and not (
            header.kind == b"\x00" and header.name.endswith("/")
        ):
            yield header
    if position > end:
        listing.fault(Fault("truncated", f"ends {position - end} bytes before its last member does"))


def _read_at(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)


def _nonzero(stream: BinaryIO, position: int) -> int | None:
    """Return where the next block begins that is not all zeros, None at the end."""
    block = _read_at(stream, position, UNIT)
    while block:
        rest = block.lstrip(b"\x00")
        if rest:
            return position + (len(block) - len(rest)) // UNIT * UNIT
        position += len(block)
        block = stream.read(BLOCK)
    return None


def _resumed(stream: BinaryIO, position: int, end: int) -> int:
    """Return where the next header begins, or the end."""
    position += UNIT
    stream.seek(position)
    while block := stream.read(BLOCK):
        for start in range(0, len(block), UNIT):
            if is_tar_header(block[start : start + UNIT]):
                return position + start
        position += len(block)
    return max(end, position)


def _parsed(block: bytes, data: int) -> _Header:
    name = _text(block[:100])
    if block[257:263] == b"ustar\x00" and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    kind = block[156:157]
    return _Header(
        name=name,
        size=_number(block[124:136]),
        kind=kind,
        target=_text(block[157:257]),
        modified=_number(block[136:148]),
        data=data,
        sparse=kind == b"S",
    )


def _number(field: bytes) -> int:
    """Return an octal number, or GNU's base 256; what is neither, or negative, is 0."""
    if field[0] == 0x80:
        return min(int.from_bytes(field[1:], "big"), 1 << 62)
    digits = field.strip(b"\x00 ")
    try:
        return max(int(digits or b"0", 8), 0)
    except ValueError:
        return 0


def _text(raw: bytes) -> str:
    return raw.split(b"\x00", 1)[0].decode("utf-8", "surrogateescape")


def _pax(body: bytes) -> dict[str, str]:
    """Return the records of a pax header, `length key=value\\n`; damage ends them."""
    found = {}
    position = 0
    while position < len(body):
        digits, space, _ = body[position : position + 20].partition(b" ")
        if not space or not digits.isdigit() or int(digits) <= len(digits) + 1:
            break
        record = body[position + len(digits) + 1 : position + int(digits)]
        key, _, value = record.rstrip(b"\n").partition(b"=")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position += int(digits)
    return found


def _extended(header: _Header, known: Mapping[str, str]) -> _Header:
    size = known.get("size", "")
    return msgspec.structs.replace(
        header,
        name=known.get("path", header.name).split("\x00", 1)[0],
        target=known.get("linkpath", header.target),
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 19 else header.size,
        modified=_seconds(known.get("mtime"), header.modified),
        created=_seconds(known.get("LIBARCHIVE.creationtime"), None),
        sparse=header.sparse or any(key.startswith("GNU.sparse.") for key in known),
    )


def _seconds(text: str | None, otherwise: float | None) -> float | None:
    try:
        return otherwise if text is None else float(text)
    except ValueError:
        return otherwise
