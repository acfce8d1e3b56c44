"""Intake: everything in a hand-in is listed and hashed, containers opened; what cannot be read is a Gap."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec

from postvakt.errors import EvidenceError
from postvakt.evidence import collectors, custody, disk, limits, names, unsupported
from postvakt.evidence.container import Entry, is_package, kind_of, promised
from postvakt.evidence.opening import BORDER, Opened, Opener
from postvakt.evidence.reading import Fault, NotOpenedError, whole
from postvakt.evidence.recognise import Recogniser
from postvakt.evidence.seen import ARCHIVE, FILE, LINK, SPECIAL, Met, Seen
from postvakt.evidence.settling import settle
from postvakt.evidence.times import from_unix_nanos
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Evidence, Member
from postvakt.model.gap import Gap, Why


class Intake:
    """Gathers the members of one hand-in."""

    def __init__(self, opener: Opener, recogniser: Recogniser) -> None:
        self._opener = opener
        self._recogniser = recogniser
        self.met = Met()
        self.kinds: dict[str, str] = {}

    def folder(self, root: Path, looked: Mapping[str, Met]) -> None:
        """Take in a folder; what was `looked` at before, by the path that is shown, is not read again.

        Raises EvidenceError where it cannot be listed.
        """
        try:
            disk.entries(root)
        except OSError as why:
            raise EvidenceError(f"{root}: cannot be listed: {why.strerror or why}") from why
        for found in disk.walk(root):
            if isinstance(found, tuple):
                path, fault = found
                self._gap(
                    "unreadable", FILE, path.rstrip("/"), f"cannot be listed: {fault.strerror or fault}"
                )
            elif known := looked.get(found.shown):
                self.met.add(known)
            else:
                self._on_disk(found)
        if not self.met.seen:
            self._gap("empty", FILE, "", "the folder holds no file")

    def file(self, path: Path) -> None:
        """Take in one file. Raises EvidenceError where it cannot be opened, or as the archive that it is."""
        try:
            about = path.stat()
            with whole(path).open():
                pass
        except OSError as why:
            raise EvidenceError(f"{path}: cannot be read: {why.strerror or why}") from why
        shown = names.text(path.name)
        self._on_disk(disk.Found(shown, shown, path, "file", about.st_size, about.st_mtime_ns))
        seen = self.met.seen[0]
        if not seen.sha256:
            raise EvidenceError(f"{path}: {seen.faults[0].detail}")
        refused = next(
            (gap for gap in self.met.gaps if gap.source == shown and gap.artifact == ARCHIVE), None
        )
        if (
            refused is not None
            and not seen.opened
            and refused.why in ("unreadable", "encrypted", "truncated")
        ):
            raise EvidenceError(f"{path}: {refused.detail}")

    def one(self, root: Path, shown: str) -> Met:
        """Return what is met in one file of a folder. Raises OSError where it is gone."""
        self.met = Met()
        self._on_disk(disk.one(root, shown))
        return self.met

    def _on_disk(self, found: disk.Found) -> None:
        seen = Seen(
            path=found.shown,
            plain=found.plain,
            size=found.size,
            modified=from_unix_nanos(found.modified_ns),
            faults=[],
        )
        self.met.seen.append(seen)
        if found.kind != "file":
            self._not_a_file(seen, found.kind, found.target)
            return
        # A plain file is read to its end whatever its size: nothing unfolds.
        head = self._read(seen, lambda: whole(found.path).open(), most=1 << 63)
        if head is not None:
            self._look_inside(seen, head, limits.Budget(seen.size))

    def _read(self, seen: Seen, open_it: Callable[[], BinaryIO], most: int) -> bytes | None:
        """Hash a member and look at its beginning; return that, None where nothing can be read."""
        try:
            with open_it() as stream:
                reading = custody.read(stream, most)
        except OSError as why:
            seen.faults.append(Fault("unreadable", f"cannot be read: {why.strerror or why}"))
            return None
        seen.look = self._recogniser.look(reading)
        seen.size = reading.size
        if reading.fault:
            seen.faults.append(reading.fault)
        if reading.fault is None or reading.fault.why != "limited":
            seen.sha256 = reading.sha256
            return reading.head
        return None

    def _look_inside(self, seen: Seen, head: bytes, budget: limits.Budget) -> None:
        image = seen.look is not None and seen.look.image is not None
        kind = "" if image or not head else kind_of(head, seen.plain)
        path = seen.path
        if not kind:
            told = promised(seen.plain)
            if told and not image:
                begins = f"it begins with {head[:8].hex(' ')}" if head else "it is empty"
                self._gap("unreadable", ARCHIVE, path, f"not the {told} archive that its name says; {begins}")
            return
        if path.count(BORDER) >= limits.LIMITS.depth:
            detail = f"an archive within {limits.LIMITS.depth} others is not opened"
            self._gap("limited", ARCHIVE, path, detail)
            return
        if budget.bytes <= 0 or budget.members <= 0:
            self._gap("limited", ARCHIVE, path, _spent(budget))
            return
        try:
            opened = self._opener.container(path)
        except NotOpenedError as why:
            self._gap(why.fault.why, ARCHIVE, path, why.fault.detail)
            return
        except OSError as why:
            self._gap("unreadable", ARCHIVE, path, f"cannot be read: {why.strerror or why}")
            return
        self._inside(seen, opened, budget)

    def _inside(self, seen: Seen, opened: Opened, budget: limits.Budget) -> None:
        container = opened.container
        for fault in opened.faults:
            self._gap(fault.why, ARCHIVE, seen.path, fault.detail, fault.count)
        if container.kind == "zip" and is_package(container.entries):
            return
        if any(entry.name == "container.description" for entry in container.entries):
            kind = unsupported.AFF4
            self._gap("unsupported", kind.artifact, seen.path, f"{kind.title}; {kind.instead}")
            return
        seen.opened = True
        self.met.containers[seen.path] = container.wraps
        self.kinds[seen.path] = container.kind
        if not container.entries:
            self._gap("empty", ARCHIVE, seen.path, "the archive holds no file")
        for position, entry in enumerate(container.entries):
            if budget.members <= 0 or budget.bytes <= 0:
                left = len(container.entries) - position
                self._gap("limited", ARCHIVE, seen.path, f"{left} of its members: {_spent(budget)}", left)
                return
            budget.members -= 1
            self._entry(seen.path, opened, entry, budget)

    def _entry(self, outer: str, opened: Opened, entry: Entry, budget: limits.Budget) -> None:
        seen = Seen(
            path=f"{outer}{BORDER}{entry.name}",
            plain=f"{outer}{BORDER}{entry.plain}",
            size=max(entry.size, 0),
            modified=entry.modified,
            created=entry.created,
            faults=[],
        )
        self.met.seen.append(seen)
        if entry.kind != "file":
            self._not_a_file(seen, entry.kind, entry.target)
            return
        if entry.fault:
            seen.faults.append(entry.fault)
        if not entry.readable:
            return
        head = self._read(seen, lambda: opened.container.open(entry), most=budget.bytes)
        budget.spend(seen.size)
        if head is not None:
            self._look_inside(seen, head, budget)

    def _not_a_file(self, seen: Seen, kind: str, target: str) -> None:
        seen.size = 0
        if kind == "link":
            detail = "a link" + (f" to {target}" if target else "") + "; links are never followed"
            self._gap("unsupported", LINK, seen.path, detail)
        else:
            self._gap("unsupported", SPECIAL, seen.path, "a device, pipe or socket; never opened")

    def _gap(self, why: Why, artifact: str, source: str, detail: str, count: int = 1) -> None:
        self.met.gaps.append(Gap(artifact=artifact, why=why, source=source, detail=detail, count=count))


def _spent(budget: limits.Budget) -> str:
    if budget.members <= 0:
        return f"not read; {limits.LIMITS.members} members are read of one hand-in's file"
    return f"not read; {budget.whole} bytes are unfolded of one hand-in's file"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What intake found. `beside` are the members read with another: transaction logs with their hive."""

    evidence: Evidence
    members: list[Member]
    gaps: list[Gap]
    beside: list[str] = []


def looked(
    hand_in: Path, shown: Iterable[str], opener: Opener, artifacts: Sequence[Artifact]
) -> dict[str, Met]:
    """Return what is met in files of a folder, by the paths that are shown; not in those that are gone."""
    intake = Intake(opener, Recogniser(artifacts))
    found: dict[str, Met] = {}
    for path in shown:
        with suppress(OSError):
            found[path] = intake.one(hand_in, path)
    return found


def taken(
    path: str, hand_in: Path, opener: Opener, artifacts: Sequence[Artifact], before: Mapping[str, Met]
) -> Taken:
    """Take in what lies at `hand_in`. Raises EvidenceError where it cannot be opened."""
    recogniser = Recogniser(artifacts)
    intake = Intake(opener, recogniser)
    if hand_in.is_dir():
        intake.folder(hand_in, before)
        on_disk = [seen for seen in intake.met.seen if BORDER not in seen.path]
        sha256 = custody.manifest((seen.path, seen.sha256, seen.size) for seen in on_disk)
        kind = "folder"
    else:
        intake.file(hand_in)
        on_disk = intake.met.seen[:1]
        sha256 = on_disk[0].sha256
        kind = intake.kinds.get(on_disk[0].path, "file")
    members, gaps, beside = settle(intake.met, recogniser, sha256[:16])
    encrypted = [gap.source for gap in gaps if gap.why == "encrypted"]
    evidence = Evidence(
        id=sha256[:16],
        path=path,
        kind=kind,
        sha256=sha256,
        bytes=sum(seen.size for seen in on_disk),
        recognised_as=collectors.recognised((member.path for member in members), encrypted),
    )
    return Taken(evidence=evidence, members=members, gaps=gaps, beside=beside)
