"""What every kind of container looks like from outside: a list of entries, each to be opened for itself."""

import abc
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import BinaryIO, Literal

import msgspec

from postvakt.evidence import limits, names
from postvakt.evidence.reading import Fault, Stretch

EntryKind = Literal["file", "link", "special"]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One member as its container lists it.

    `name` is sanitised and unique, `plain` the same without the mark that keeps duplicates apart. `size` is as
    declared, -1 where the container does not say. `fault` says why it cannot be read, or not whole: then
    `readable` tells whether its bytes can be asked for all the same. `place` is the container's own business.
    """

    name: str
    plain: str
    size: int
    kind: EntryKind = "file"
    target: str = ""
    modified: datetime | None = None
    created: datetime | None = None
    fault: Fault | None = None
    readable: bool = True
    place: tuple[int, ...] = ()


class Container(abc.ABC):
    """An opened container. `faults` are those of the container as a whole."""

    kind: str
    entries: Sequence[Entry]
    faults: Sequence[Fault]
    wraps = False
    """Whether it is a mere wrapper around one file, which then lies where the wrapper lies (`u_ex.log.gz`)."""

    @abc.abstractmethod
    def open(self, entry: Entry) -> BinaryIO:
        """Open an entry's bytes. Raises OSError where they cannot be read."""

    def stretch(self, entry: Entry) -> Stretch | None:
        """Return where an entry's bytes lie as they are; None where they must be unpacked first."""
        return None


class Listing:
    """Gathers the entries of a container: names sanitised and kept apart, their number bounded."""

    def __init__(self, *, backslash: bool) -> None:
        self.entries: list[Entry] = []
        self._backslash = backslash
        self._apart = names.Apart()
        self._wrong: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._faults: list[Fault] = []
        self._seen = 0

    @property
    def full(self) -> bool:
        """Whether the limit of members is reached; what is added then is counted and not kept."""
        return len(self.entries) >= limits.LIMITS.members

    @property
    def overflowing(self) -> bool:
        """Whether more was added than is kept."""
        return self._seen > len(self.entries)

    def add(self, stored: str, entry: Entry) -> None:
        """Add an entry under its stored name; the name that it carries is replaced."""
        self._seen += 1
        if self.full:
            return
        plain, wrong = names.within(stored, backslash=self._backslash)
        name = self._apart.take(plain)
        if wrong:
            self._note(f"a name that {wrong}", f"{names.text(stored)} is read as {name}")
        if name != plain:
            self._note("a name that was there before", f"{plain} is read as {name}")
        self.entries.append(msgspec.structs.replace(entry, name=name, plain=plain))

    def _note(self, kind: str, first: str) -> None:
        self._wrong[kind] += 1
        self._first.setdefault(kind, first)

    def fault(self, fault: Fault) -> None:
        """Note what is wrong with the container as a whole."""
        self._faults.append(fault)

    def faults(self) -> tuple[Fault, ...]:
        """Return what was wrong, names included."""
        found = list(self._faults)
        for kind, count in sorted(self._wrong.items()):
            found.append(Fault("conflict", f"{kind}: {self._first[kind]}", count))
        if self.overflowing:
            detail = f"{self._seen} members or more; the first {len(self.entries)} are read"
            found.append(Fault("limited", detail, self._seen - len(self.entries)))
        return tuple(found)


MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08PK\x03\x04", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"\x1f\x8b\x08", "gz"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zst"),
)
BZIP2 = re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", re.DOTALL)

SUFFIXES: tuple[tuple[str, str], ...] = (
    (".tar.gz", "tar.gz"),
    (".tgz", "tar.gz"),
    (".tar.bz2", "tar.bz2"),
    (".tbz2", "tar.bz2"),
    (".tar.xz", "tar.xz"),
    (".txz", "tar.xz"),
    (".tar.zst", "tar.zst"),
    (".zip", "zip"),
    (".7z", "7z"),
    (".tar", "tar"),
    (".gz", "gz"),
    (".bz2", "bz2"),
    (".xz", "xz"),
    (".zst", "zst"),
)
"""Names that promise a container, the longer ending first."""

WRAPPERS = (".gz", ".bz2", ".xz", ".zst")
"""Endings that a wrapper around one file adds to its name."""

DELETED = re.compile(r"\$i[a-z0-9]{6}\.")
"""A recycle bin's note of a deleted file, named with that file's ending."""

PACKAGE = re.compile(r"\[content_types\]\.xml|meta-inf/manifest\.mf|mimetype|androidmanifest\.xml")


def sniff(head: bytes) -> str:
    """Return the kind of container that these first bytes begin, empty for none."""
    for magic, kind in MAGIC:
        if head.startswith(magic):
            return kind
    if BZIP2.match(head):
        return "bz2"
    return "tar" if is_tar_header(head[:512]) else ""


def kind_of(head: bytes, name: str) -> str:
    """Return the kind of container that a file is, empty for none. A zip is found from its end and a tar goes on behind
    a damaged header, so there the name is enough to try."""
    told = promised(name)
    return sniff(head) or (told if told in ("zip", "tar") else "")


def promised(name: str) -> str:
    """Return the kind of container that a name promises, empty for none."""
    low = name.rpartition("/")[2].lower()
    if DELETED.match(low):
        return ""
    return next((kind for suffix, kind in SUFFIXES if low.endswith(suffix)), "")


def is_package(entries: Iterable[Entry]) -> bool:
    """Tell whether a zip is a document or program (docx, xlsx, jar, nupkg, odt): listed, and not opened."""
    return any(PACKAGE.fullmatch(entry.name.lower()) for entry in entries)


def is_tar_header(block: bytes) -> bool:
    """Tell whether 512 bytes are a tar header, by its checksum."""
    if len(block) < 512 or not block[0]:
        return False
    digits = block[148:156].strip(b"\x00 ")
    if not digits or not digits.isdigit() or digits.strip(b"01234567"):
        return False
    return int(digits, 8) == sum(block[:148]) + 8 * 0x20 + sum(block[156:])
