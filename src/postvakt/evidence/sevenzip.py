"""7z archives: solid, so unpacked once into scratch, all members one behind the other in one file.

The library gives the directory and the decoders. The walk over them is our own: a bad name, a bad checksum or damage in
one block must not cost the rest, and nothing is ever written under a member's name.
"""

import lzma
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from postvakt.evidence import limits
from postvakt.evidence.container import Container, Entry, Listing
from postvakt.evidence.reading import BLOCK, Fault, NotOpenedError, Stretch, whole
from postvakt.evidence.scratch import pour
from postvakt.evidence.times import from_filetime
from postvakt.model.gap import Why

# What the library and the decoders under it let out on damaged input; there is no narrower word for it.
FAULTS = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NameError, OSError,
    RuntimeError, TypeError, ValueError, lzma.LZMAError, struct.error, zlib.error,
)  # fmt: skip

ENCRYPTED = "unpack it with its password and hand in the folder"
LZMA, LZMA2, PPMD = b"\x03\x01\x01", b"\x21", b"\x03\x04\x01"
CONTENT, ENTRIES, WRONG = "content", "entries.json", "faults.json"


class SevenZip(Container):
    """A 7z that was unfolded into a folder. Raises OSError where that cannot be read."""

    kind = "7z"

    def __init__(self, folder: Path) -> None:
        self._content = whole(folder / CONTENT)
        self.entries = msgspec.json.decode((folder / ENTRIES).read_bytes(), type=tuple[Entry, ...])
        self.faults = msgspec.json.decode((folder / WRONG).read_bytes(), type=tuple[Fault, ...])

    def open(self, entry: Entry) -> BinaryIO:
        return self.stretch(entry).open()

    def stretch(self, entry: Entry) -> Stretch:
        offset, size = entry.place
        return self._content.part(offset, size)


def unfold(stretch: Stretch, folder: Path) -> None:
    """Unpack a 7z into `folder`. Raises NotOpenedError where nothing can be listed, EngineError on a full disk."""
    # The library takes a fifth of a second to import and most hand-ins hold no 7z.
    from py7zr import SevenZipFile
    from py7zr.exceptions import ArchiveError, PasswordRequired

    with stretch.open() as stream, (folder / CONTENT).open("wb") as out:
        try:
            archive = SevenZipFile(stream)
        except PasswordRequired:
            raise NotOpenedError("encrypted", f"its directory is encrypted; {ENCRYPTED}") from None
        except (ArchiveError, *FAULTS) as why:
            raise NotOpenedError("unreadable", f"not a 7z archive, or damaged ({_told(why)})") from None
        unfolding = _Unfolding(archive, stretch, out, folder)
        unfolding.faults = (ArchiveError, *FAULTS)
        unfolding.locked = PasswordRequired
        try:
            listing = unfolding.listing()
        except (ArchiveError, *FAULTS) as why:
            raise NotOpenedError("unreadable", f"its directory is damaged ({_told(why)})") from None
    (folder / ENTRIES).write_bytes(msgspec.json.encode(listing.entries))
    (folder / WRONG).write_bytes(msgspec.json.encode(listing.faults()))


class _Unfolding:
    """One archive on its way into one file."""

    faults: tuple[type[BaseException], ...] = FAULTS
    locked: type[BaseException]

    def __init__(self, archive: Any, stretch: Stretch, out: BinaryIO, folder: Path) -> None:
        self._archive = archive
        self._stream = archive.fp
        self._out = out
        self._folder = folder
        self._written = 0
        self._most = limits.LIMITS.of_member(stretch.size)

    def listing(self) -> Listing:
        """Return every member, its bytes written."""
        listing = Listing(backslash=False)
        packed = _packed_runs(self._archive)
        folders = _folders(self._archive)
        current: Any = None
        decoder: Any = None
        stopped: Fault | None = None
        for file in getattr(self._archive, "files", ()):
            start = self._written
            fault = None
            if file.id in folders:
                continue
            if not file.emptystream and not listing.full:
                if file.folder is not current:
                    current = file.folder
                    decoder, stopped = self._decoder(current, packed)
                fault = stopped
                if stopped is None:
                    stopped, fault = self._write(file, decoder)
            listing.add(file.filename, self._entry(file, start, fault))
        return listing

    def _decoder(self, folder: Any, packed: dict[int, tuple[int, int]]) -> tuple[Any, Fault | None]:
        wanted = _memory(folder)
        if wanted > limits.LIMITS.dictionary:
            told = f"wants {wanted} bytes of memory to be unpacked; {limits.LIMITS.dictionary} are given"
            return None, Fault("limited", told)
        try:
            start, size = packed[id(folder)]
            self._stream.seek(start)
            return folder.get_decompressor(size, reset=True), None
        except self.locked:
            return None, Fault("encrypted", ENCRYPTED)
        except self.faults as why:
            return None, Fault("unsupported", f"cannot be unpacked ({_told(why)})")

    def _write(self, file: Any, decoder: Any) -> tuple[Fault | None, Fault | None]:
        """Write a member; return what stops the rest of its block, and what is wrong with itself."""
        if self._written + file.uncompressed > self._most:
            fault = Fault("limited", f"{file.uncompressed} bytes; the archive may unfold to {self._most}")
            return fault, fault
        gone: list[Fault] = []
        blocks = _Blocks(self._blocks(file.uncompressed, decoder, gone))
        size = pour(blocks, self._out, self._folder)
        self._written += size
        if gone:
            why: Why = "truncated" if size else "unreadable"
            own = Fault(why, f"{size} of {file.uncompressed} bytes could be read ({gone[0].detail})")
            return Fault("unreadable", f"behind damage in its block ({gone[0].detail})"), own
        if file.crc32 is not None and file.crc32 != blocks.checksum:
            return None, Fault("unreadable", "its checksum differs: the bytes are not those that were packed")
        return None, None

    def _blocks(self, size: int, decoder: Any, gone: list[Fault]) -> Iterator[bytes]:
        idle = 0
        while size:
            position = self._stream.tell()
            try:
                block = bytes(decoder.decompress(self._stream, min(size, BLOCK)))
            except self.faults as why:
                gone.append(Fault("unreadable", _told(why)))
                return
            idle = 0 if block or self._stream.tell() != position else idle + 1
            if idle > 1:
                gone.append(Fault("truncated", "the packed bytes end too soon"))
                return
            size -= len(block)
            if block:
                yield block

    def _entry(self, file: Any, start: int, fault: Fault | None) -> Entry:
        about = file.file_properties()
        size = self._written - start
        return Entry(
            name="",
            plain="",
            size=file.uncompressed or 0,
            kind="link" if file.is_symlink or file.is_junction else "special" if file.is_socket else "file",
            modified=_instant(about.get("lastwritetime")),
            created=_instant(about.get("creationtime")),
            fault=fault,
            readable=fault is None or size > 0,
            place=(start, size),
        )


class _Blocks:
    """Blocks with the one verb of a stream, their checksum taken on the way."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.checksum = 0

    def read(self, _size: int) -> bytes:
        block = next(self._blocks, b"")
        self.checksum = zlib.crc32(block, self.checksum)
        return block


def _packed_runs(archive: Any) -> dict[int, tuple[int, int]]:
    """Return where each block's packed bytes begin and how many there are, by the block's identity."""
    streams = getattr(archive.header, "main_streams", None)
    if streams is None:
        return {}
    runs = {}
    index = 0
    base = archive.afterheader + streams.packinfo.packpos
    for folder in streams.unpackinfo.folders:
        runs[id(folder)] = (base + streams.packinfo.packpositions[index], streams.packinfo.packsizes[index])
        index += max(len(folder.packed_indices), 1)
    return runs


def _memory(folder: Any) -> int:
    """Return the bytes that the decoders of a block will ask for. Source: 7-Zip's DOC/Methods.txt."""
    wanted = 0
    for coder in folder.coders:
        method, properties = coder["method"], coder.get("properties") or b""
        if method in (LZMA, PPMD) and len(properties) >= 5:
            wanted += int.from_bytes(properties[1:5], "little")
        elif method == LZMA2 and properties:
            wanted += (2 | properties[0] & 1) << (properties[0] // 2 + 11)
    return wanted


def _folders(archive: Any) -> set[int]:
    """Return the ids of members that are folders: marked so, or without bytes and not marked as empty files."""
    info = getattr(archive.header, "files_info", None)
    empty_files = iter(info.emptyfiles if info else ())
    found = set()
    for file in getattr(archive, "files", ()):
        if file.emptystream:
            is_file = next(empty_files, False)
            attributes = file.file_properties().get("attributes")
            if file.is_directory or (attributes is None and not is_file):
                found.add(file.id)
    return found


def _instant(ticks: Any) -> Any:
    return None if ticks is None else from_filetime(int(ticks))


def _told(why: BaseException) -> str:
    return " ".join(str(why).split())[:120] or type(why).__name__
