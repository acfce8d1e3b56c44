"""$MFT: every file of a volume with its path and both sets of times; deleted ones while their record is not used again.

A file's times stand twice in its record. Those of $STANDARD_INFORMATION ($SI) are what Windows shows, and any program
may set them; those of $FILE_NAME ($FN) only the file system writes. `timestomped` is true where

- $SI created lies more than a second before $FN created: the file claims to be older than its name; or
- $SI created has no fraction of a second while $FN created has one: tools that take a time as text write whole
  seconds, the system's clock hardly ever gives one (one time in 10,000,000).

Neither proves an intent: unpacking, installing, and moving between volumes also carry old times along. It is null
where a record lacks one of the two.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from postvakt.artifacts.files import SCANNED_EXTENSIONS
from postvakt.artifacts.ntfs.record import IS_DIRECTORY, Block, Entry, Name, blocks, record_size
from postvakt.artifacts.ntfs.times import instants_of
from postvakt.artifacts.ntfs.tree import ROOT, Tree
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Member, Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import BATCH_ROWS, Read, Reader, Rows, schema

STAMPS = ("created", "modified", "mft_changed", "accessed")

MFT_ENTRY = TableSpec(
    name="mft_entry",
    title="Every file of a volume as its master file table tells it, deleted ones too",
    locator="offset",
    logsources=(
        LogSource(product="windows", service="file"),
        LogSource(product="exchange", service="file"),
        LogSource(product="windows", service="mft"),
    ),
    fields=(("TargetFilename", "path"), ("TargetFilename", "other_paths"), ("path", "other_paths")),
    columns=(
        Column("entry", "int", about="number of the record in the table"),
        Column("sequence", "int", about="how often the record was used; a deletion counts too"),
        Column("in_use", "bool", about="false: the file is deleted, its record not used again yet"),
        Column("is_directory", "bool"),
        Column("path", kind="file_path", about="lower case; (orphan) stands for directories that are gone"),
        Column("name", kind="file_name", about="as the volume spells it"),
        Column("folder", about="of the path; of no kind, so that nobody takes its own folder for the file's"),
        Column("extension", about="lower case; empty for a directory"),
        Column("other_paths", "strings", kind="file_path", about="of further names (hard links, short names)"),
        Column("size", "int", unit="bytes", about="of the unnamed stream; null for a directory"),
        *(Column(f"si_{name}", "time", about="$STANDARD_INFORMATION; programs may set it") for name in STAMPS),
        *(Column(f"fn_{name}", "time", about="$FILE_NAME; the file system's own") for name in STAMPS),
        Column("timestomped", "bool", about="$SI created is over 1 s before $FN created, or lost its fraction"),
        Column("streams", "strings", kind="file_name", about="names of alternate data streams"),
        Column("zone_identifier", kind="message", about="where a download came from, as its stream says"),
        Column("resident", kind="message", about="the file's text, for scripts so small that the record holds it"),
        Column("links", "int", about="hard links"),
        Column("owner_id", "int", about="for quotas; mostly 0"),
        Column("security_id", "int", about="number of the descriptor in $Secure"),
        Column("parent_entry", "int", about="record of the directory"),
        Column("parent_sequence", "int"),
    ),
)  # fmt: skip

ARTIFACT = Artifact(
    name="mft",
    title="NTFS master file table",
    tables=("mft_entry",),
    where="$MFT of each NTFS volume",
    paths=(r"(^|[/_:\\])(\$|%24)mft(\.(bin|raw|copy\d*))?$", r"(^|[/_])mft(\.(bin|raw))?$"),
    starts=(b"FILE0\x00", b"FILE*\x00", b"BAAD0\x00", b"BAAD*\x00"),
)

DRIVE = re.compile(r"(?:^|[/_.\\])([a-z])(?:%3a|:)?[/_\\]+(?:\$|%24)?mft[^/]*$")
MIRROR = "mftmirr"
"""The copy of the table's first entries that each volume keeps; it ends before the table does."""

RESERVED = range(12, 24)
"""Entries that the file system keeps for later; a new volume leaves some of them without a byte."""

MOVED = "records lie elsewhere than their number says: what was before them is missing"
MOST_FURTHER = 100_000
"""Further records (of files that do not fit into one) whose content is held until their file's row is made."""


def parse(source: Source) -> Iterator[Read]:
    """Yield the entries of a table in its order, then those whose first record is lost, then the Gaps."""
    troubles = Troubles("mft_entry")
    with source.open() as stream:
        length = record_size(stream.read(1 << 20))
    with source.open() as stream:
        survey = _Survey(stream, length, source.member, troubles)
    waiting = _Waiting(survey.tree, length)
    with source.open() as stream:
        for entry in _entries(stream, length, survey):
            waiting.add(entry)
            if entry.wrong:
                troubles.note("unparsed", entry.wrong, entry.place * length)
            if entry.number != entry.place:
                troubles.note("conflict", MOVED, entry.place * length)
            if len(waiting) == BATCH_ROWS:
                yield waiting.rows()
                waiting = _Waiting(survey.tree, length)
    if len(waiting):
        yield waiting.rows()
    survey.tell(source.member.size, troubles)
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(MFT_ENTRY,), parse=parse)


def drive_of(member: Member) -> str:
    """Return the drive that a member's place tells, `c:`; empty where it does not."""
    if member.windows_path[1:3] == ":/":
        return member.windows_path[:2]
    found = DRIVE.search(member.path.lower())
    return f"{found[1]}:" if found else ""


def _entries(stream: BinaryIO, length: int, survey: "_Survey") -> Iterator[Entry]:
    for block in blocks(stream, length):
        for row in np.flatnonzero(block.marked & (block.face["base"] == 0)).tolist():
            entry = block.entry(row)
            survey.complete(entry)
            if not entry.holds_nothing():
                yield entry
    yield from survey.left()


class _Survey:
    """A first pass over the table: its directories, further records of files, and its state."""

    def __init__(self, stream: BinaryIO, length: int, member: Member, troubles: Troubles) -> None:
        self.tree = Tree(drive_of(member))
        self._length = length
        self._further: dict[int, list[Entry]] = {}
        self._held = 0
        self._zeros: tuple[int, int] | None = None
        self._told: int | None = None
        self._is_mirror = MIRROR in member.path.lower()
        self._records = 0
        self._marked = 0
        for block in blocks(stream, length):
            self._states(block, troubles)
            self._keep(block, troubles)

    def _states(self, block: Block, troubles: Troubles) -> None:
        at = block.first * self._length
        if len(torn := np.flatnonzero(block.torn)):
            detail = "the sectors of a record are not of one writing"
            troubles.note("conflict", detail, at + int(torn[0]) * self._length, len(torn))
        if len(other := np.flatnonzero(~block.marked & ~block.zero)):
            troubles.note(
                "unparsed", "bytes that are no record", at + int(other[0]) * self._length, len(other)
            )
        self._holes(block, troubles)
        self._records += len(block)
        self._marked += int(block.marked.sum())

    def _holes(self, block: Block, troubles: Troubles) -> None:
        """Zeros among records are lost ones; at the table's end they are room that was never used."""
        written = np.flatnonzero(~block.zero)
        zeros = np.flatnonzero(block.zero)
        zeros = zeros[~np.isin(zeros + block.first, RESERVED)]
        last = int(written[-1]) if len(written) else -1
        if last >= 0 and self._zeros:
            troubles.note("lost", "records are zero", *self._zeros)
            self._zeros = None
        inner = zeros[zeros < last]
        if len(inner):
            place = (block.first + int(inner[0])) * self._length
            troubles.note("lost", "records are zero", place, len(inner))
        after = zeros[zeros > last]
        if len(after):
            first, count = self._zeros or ((block.first + int(after[0])) * self._length, 0)
            self._zeros = (first, count + len(after))

    def _keep(self, block: Block, troubles: Troubles) -> None:
        face = block.face
        wanted = block.marked & (((face["flags"] & IS_DIRECTORY) != 0) | (face["base"] != 0))
        if block.first == 0 and block.marked[0]:
            own = block.entry(0)
            if (name := own.name()) and name.text == "$MFT":
                self._told = own.size
        for row in np.flatnonzero(wanted).tolist():
            entry = block.entry(row)
            place = entry.place * self._length
            if entry.base:
                self._hold(entry, place, troubles)
            elif not self.tree.add(entry):
                troubles.note("limited", "directories past the bound; paths in them are not known", place)

    def _hold(self, entry: Entry, place: int, troubles: Troubles) -> None:
        if entry.holds_nothing() and entry.size is None:
            return
        if self._held >= MOST_FURTHER:
            troubles.note("limited", "further records of files past the bound", place)
            return
        self._held += 1
        self._further.setdefault(entry.base, []).append(entry)

    def complete(self, entry: Entry) -> None:
        """Add to an entry what its further records hold."""
        mine = [other for other in self._further.get(entry.number, ()) if other.is_of(entry)]
        for other in mine:
            entry.take(other)
            self._further[entry.number].remove(other)

    def left(self) -> Iterator[Entry]:
        """Yield the further records with a name whose first record is of another file by now, or is lost."""
        for records in self._further.values():
            yield from (entry for entry in records if entry.names)

    def tell(self, size: int, troubles: Troubles) -> None:
        """Note what is wrong with the table as a whole; `size` is how long the file is (bytes)."""
        if not self._records and not size:
            troubles.note("empty", "the file has no bytes", None)
        elif not self._marked:
            troubles.note("unparsed", "no record of a master file table is in it", 0)
        whole = self._records * self._length
        if self._told is not None and self._told > whole and not self._is_mirror:
            missing = -(-(self._told - whole) // self._length)
            troubles.note(
                "truncated", f"the table tells of {self._told} bytes; {size} are there", whole, missing
            )
        elif size > whole:
            troubles.note("truncated", "the file ends within a record", whole)


class _Waiting:
    """Entries on their way into a batch, column by column."""

    def __init__(self, tree: Tree, length: int) -> None:
        self._tree = tree
        self._length = length
        self._columns: dict[str, list[Any]] = {name: [] for name in GATHERED}
        self._stamps: list[tuple[int, ...]] = []

    def __len__(self) -> int:
        return len(self._stamps)

    def add(self, entry: Entry) -> None:
        """Take one entry as a row."""
        name = entry.name()
        path = None
        text, parent, parent_sequence, fn = "", None, None, NO_STAMPS
        if name is not None:
            text, parent, parent_sequence, fn = name.text, name.parent, name.parent_sequence, name.times
            path = self._path(entry, name)
        folder, _, last = (path or "").rpartition("/")
        stem, dot, extension = last.rpartition(".")
        extension = "" if entry.is_directory or not (dot and stem) else extension
        self._stamps.append((*(entry.standard or NO_STAMPS), *fn))
        row = (
            entry.place * self._length, entry.number, entry.sequence, entry.in_use, entry.is_directory, path,
            None if name is None else text, folder, extension,
            [self._path(entry, other) for other in entry.names if other is not name] or None,
            None if entry.is_directory else entry.size, entry.streams or None, _text(entry.zone),
            _text(entry.resident) if extension in SCANNED_EXTENSIONS else None,
            entry.links, entry.owner, entry.security, parent, parent_sequence,
        )  # fmt: skip
        for column, value in zip(self._columns.values(), row, strict=True):
            column.append(value)

    def _path(self, entry: Entry, name: Name) -> str:
        if entry.number == ROOT:
            return self._tree.root
        return self._tree.path(name.parent, name.parent_sequence, name.text)

    def rows(self) -> Rows:
        """Return the batch."""
        ticks = np.array(self._stamps, np.uint64)
        created, named = ticks[:, 0], ticks[:, len(STAMPS)]
        columns: dict[str, Any] = dict(self._columns)
        for at, name in enumerate((*(f"si_{name}" for name in STAMPS), *(f"fn_{name}" for name in STAMPS))):
            columns[name] = instants_of(ticks[:, at])
        columns["timestomped"] = pa.array(stomped(created, named), mask=(created == 0) | (named == 0))
        columns["time"] = instants_of(np.where(named != 0, named, created), believable=True)
        shape = schema(MFT_ENTRY)
        made = [
            pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(len(self), field.type)
            for field in shape
        ]  # fmt: skip
        return Rows(MFT_ENTRY, pa.RecordBatch.from_arrays(made, schema=shape))


GATHERED = (
    "locator", "entry", "sequence", "in_use", "is_directory", "path", "name", "folder", "extension", "other_paths",
    "size", "streams", "zone_identifier", "resident", "links", "owner_id", "security_id", "parent_entry",
    "parent_sequence",
)  # fmt: skip
NO_STAMPS = (0, 0, 0, 0)
SECOND = 10_000_000


def stomped(created: Any, named: Any) -> Any:
    """Tell which $SI created (`created`, 100 ns since 1601) look set by a program, by the $FN created beside them."""
    earlier = (named > created) & (named - created > SECOND)
    return earlier | ((created % SECOND == 0) & (named % SECOND != 0))


def _text(content: bytes | None) -> str | None:
    if not content:
        return None
    encoding = "utf-16" if content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"
    return content.decode(encoding, "backslashreplace")
