"""What a member is: by its content first, by its place where the content does not say."""

import codecs
import re
import struct
from collections.abc import Sequence

import msgspec

from postvakt.evidence import unsupported
from postvakt.evidence.custody import Reading
from postvakt.evidence.heads import of_head, of_path
from postvakt.evidence.reading import Fault
from postvakt.model.artifact import Artifact

HEAD = 4096
"""Bytes in which an artifact's `heads` are searched."""

PADDING = 64
"""Zeros kept at the end of what is searched: a block of an event log is a short header and thousands of them."""

ODD = bytes(byte for byte in range(32) if byte not in (9, 10, 11, 12, 13, 27)) + b"\x7f"
"""Control characters that a log or a script does not hold."""

ODD_SHARE = 0.02

FAMILIAR: tuple[tuple[bytes, str], ...] = (
    (b"ElfFile\x00", "event"),
    (b"ElfChnk\x00", "event"),
    (b"regf", "registry"),
    (b"#Fields", "log"),
    (b"#Software: Microsoft Exchange", "log"),
    (b"#Software:", "log"),
)
"""Beginnings that are never passed over in silence, with the name of what they are when no artifact claims them."""

HIVE = b"regf"
LOG_TYPES = (1, 2, 6)
"""Types of a registry base block that make it a transaction log (offset 28): old, old, and new format."""

LOG_NAME = re.compile(r"(?P<hive>.+)\.log[12]?$", re.IGNORECASE | re.DOTALL)


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What a member's bytes say of themselves, without its name. `claims` are indexes of artifacts."""

    claims: tuple[int, ...] = ()
    later: tuple[int, ...] = ()
    empty: bool = False
    zeros: bool = False
    text: bool = False
    hive_log: bool = False
    familiar: str = ""
    begins: str = ""
    image: unsupported.Kind | None = None


class Choice(msgspec.Struct, frozen=True):
    """The artifact a member is read as, empty for none; `fault` with `named` where name and content disagree."""

    artifact: str = ""
    named: str = ""
    fault: Fault | None = None


class Recogniser:
    """Tells members apart by a set of artifacts."""

    def __init__(self, artifacts: Sequence[Artifact]) -> None:
        self._artifacts = tuple(artifacts)
        self._paths = [tuple(of_path(p) for p in artifact.paths) for artifact in artifacts]
        self._starts = [(index, a.starts) for index, a in enumerate(artifacts) if a.starts]
        self._heads = [(index, of_head(head)) for index, a in enumerate(artifacts) for head in a.heads]
        self.hive = next((a.name for a in artifacts if HIVE in a.starts), "registry")

    def look(self, reading: Reading) -> Look:
        """Return what the bytes say."""
        head = as_text(reading.head[:HEAD])
        hive_log = reading.head[:4] == HIVE and reading.head[28:32] in _LOG_TYPES
        claims = () if hive_log else self._claims(reading.head, head)
        begins = head.lstrip()
        return Look(
            claims=claims,
            # Asked only of what nothing claims.
            later=()
            if claims
            else tuple(i for i, starts in self._starts if any(s in reading.head for s in starts)),
            empty=reading.size == 0,
            zeros=reading.zeros,
            text=is_text(head),
            hive_log=hive_log,
            familiar=next((name for start, name in FAMILIAR if begins.startswith(start)), ""),
            begins=reading.head[:8].hex(" "),
            image=unsupported.by_content(reading.head, reading.size),
        )

    def _claims(self, raw: bytes, head: bytes) -> tuple[int, ...]:
        searched = head[: len(head.rstrip(b"\0")) + PADDING]
        lowered = searched.lower()
        found = {index for index, starts in self._starts if raw.startswith(starts) or head.startswith(starts)}
        for index, sought in self._heads:
            if index not in found and sought.found(searched, lowered):
                found.add(index)
        return tuple(sorted(found))

    def choose(self, look: Look, path: str) -> Choice:
        """Return what a member is, by its content and its lower-case path."""
        if look.hive_log:
            return Choice()
        if look.claims and not (look.empty or look.zeros):
            best = max(look.claims, key=lambda index: self._weight(index, path))
            return Choice(self._artifacts[best].name)
        named = [i for i in self._named(path) if not (look.text and self._artifacts[i].binary)]
        if look.empty or look.zeros:
            return self._blank(look, named)
        for index in named:
            if self._fits(index, look) and not (look.image and not look.familiar):
                return Choice(self._artifacts[index].name)
        name = self._artifacts[named[0]].name if named else look.familiar
        if not name or (look.image and not look.familiar):
            return Choice()
        if look.familiar and not named:
            detail = "begins like a log that is read here, and is of no kind that is known"
        else:
            detail = f"the content is not what the name says; it begins with {look.begins}"
        return Choice(named=name, fault=Fault("unparsed", detail))

    def by_name(self, path: str) -> str:
        """Return the artifact that a path alone names, empty for none."""
        named = self._named(path)
        return self._artifacts[named[0]].name if named else ""

    def _blank(self, look: Look, named: Sequence[int]) -> Choice:
        if not named:
            return Choice()
        detail = "no byte in it" if look.empty else "every byte in it is zero"
        return Choice(named=self._artifacts[named[0]].name, fault=Fault("empty", detail))

    def _named(self, path: str) -> list[int]:
        """Return the artifacts whose place this is and whose name is enough, the highest rank first."""
        found = [
            index
            for index, artifact in enumerate(self._artifacts)
            if not artifact.needs_content and self._lies(index, path)
        ]
        return sorted(found, key=lambda index: -self._artifacts[index].rank)

    def _fits(self, index: int, look: Look) -> bool:
        """Tell whether content that does not claim an artifact may be it all the same: a log without its header, a
        binary file whose first block is lost."""
        artifact = self._artifacts[index]
        if artifact.starts:
            return index in look.later
        return look.text or not artifact.heads

    def _weight(self, index: int, path: str) -> tuple[int, bool, int]:
        return self._artifacts[index].rank, self._lies(index, path), -index

    def _lies(self, index: int, path: str) -> bool:
        """Tell whether a path is an artifact's place."""
        lowered = path.lower()
        return any(pattern.found(path, lowered) for pattern in self._paths[index])


_LOG_TYPES = tuple(struct.pack("<I", kind) for kind in LOG_TYPES)


def as_text(head: bytes) -> bytes:
    """Return a beginning as UTF-8 where it is UTF-16, with or without its mark, and as it is otherwise."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return _utf8(head[2:], encoding)
    if head.startswith(codecs.BOM_UTF8):
        return head[3:]
    pairs = len(head) // 2
    if pairs >= 8:
        odd = head[1 : 2 * pairs : 2].count(0)
        if odd > 0.9 * pairs or odd < 0.1 * pairs:
            even = head[: 2 * pairs : 2].count(0)
            if odd > 0.9 * pairs and even < 0.1 * pairs:
                return _utf8(head, "utf-16-le")
            if even > 0.9 * pairs and odd < 0.1 * pairs:
                return _utf8(head, "utf-16-be")
    return head


def _utf8(head: bytes, encoding: str) -> bytes:
    return head[: len(head) // 2 * 2].decode(encoding, "replace").encode("utf-8", "replace")


def is_text(head: bytes) -> bool:
    """Tell whether a beginning is text of some encoding: hardly a control character in it."""
    return len(head) - len(head.translate(None, ODD)) <= ODD_SHARE * len(head)
