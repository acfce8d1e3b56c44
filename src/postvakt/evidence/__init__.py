"""Opens what was handed in, read-only: lists and hashes it, tells where each file lay and what it is."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from postvakt.errors import EvidenceError
from postvakt.evidence import disk, intake
from postvakt.evidence.intake import Taken
from postvakt.evidence.opening import opener
from postvakt.evidence.reading import at_random
from postvakt.evidence.scratch import Scratch
from postvakt.evidence.seen import Met
from postvakt.evidence.source import MemberSource
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Member, Source

__all__ = ["Met", "Taken", "at_random", "look", "on_disk", "source", "take_in"]


def on_disk(path: str) -> Iterator[tuple[str, int]]:
    """Yield the files of a folder that was handed in, as shown, with their bytes; nothing is opened, nothing of another
    hand-in is told."""
    hand_in = Path(os.path.realpath(path))
    for found in disk.walk(hand_in) if hand_in.is_dir() else ():
        if isinstance(found, disk.Found) and found.kind == "file":
            yield found.shown, found.size


def look(path: str, shown: Iterable[str], artifacts: Sequence[Artifact], *, scratch: Path) -> dict[str, Met]:
    """Hash and look into some files of a folder that was handed in, as far as they are there, for `take_in`.

    Raises EngineError where `scratch` cannot be written.
    """
    hand_in = Path(os.path.realpath(path))
    return intake.looked(hand_in, shown, opener(hand_in, scratch), artifacts)


def take_in(
    path: str, artifacts: Sequence[Artifact], *, scratch: Path, looked: Mapping[str, Met] | None = None
) -> Taken:
    """List, hash, place and recognise everything in one hand-in: a folder, a file, an archive.

    Members come sorted by path, the same in every run. What was `looked` at is not read again. Raises EvidenceError
    where the hand-in itself cannot be opened, EngineError where `scratch` cannot be written.
    """
    hand_in = Path(os.path.realpath(path))
    if not os.path.exists(hand_in):
        raise EvidenceError(f"{path}: no such file or folder, or it may not be looked at")
    return intake.taken(path, hand_in, opener(hand_in, scratch), artifacts, looked or {})


def source(hand_in_path: str, member: Member, *, scratch: Path) -> Source:
    """Return a member as parsers take it. Nothing is opened yet: `open` raises OSError where it is gone."""
    return MemberSource(opener(Path(os.path.realpath(hand_in_path)), scratch), Scratch(scratch), member)
