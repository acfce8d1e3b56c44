"""Opens what was handed in, read-only: lists and hashes it, tells where each file lay and what it is."""

import os
from collections.abc import Sequence
from pathlib import Path

from postvakt.errors import EvidenceError
from postvakt.evidence import intake
from postvakt.evidence.intake import Taken
from postvakt.evidence.opening import opener
from postvakt.evidence.reading import at_random
from postvakt.evidence.scratch import Scratch
from postvakt.evidence.source import MemberSource
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Member, Source

__all__ = ["Taken", "at_random", "source", "take_in"]


def take_in(path: str, artifacts: Sequence[Artifact], *, scratch: Path) -> Taken:
    """List, hash, place and recognise everything in one hand-in: a folder, a file, an archive.

    Members come sorted by path, the same in every run. Raises EvidenceError where the hand-in itself cannot be
    opened, EngineError where `scratch` cannot be written.
    """
    hand_in = Path(os.path.realpath(path))
    if not os.path.exists(hand_in):
        raise EvidenceError(f"{path}: no such file or folder, or it may not be looked at")
    return intake.taken(path, hand_in, opener(hand_in, scratch), artifacts)


def source(hand_in_path: str, member: Member, *, scratch: Path) -> Source:
    """Return a member as parsers take it. Nothing is opened yet: `open` raises OSError where it is gone."""
    return MemberSource(opener(Path(os.path.realpath(hand_in_path)), scratch), Scratch(scratch), member)
