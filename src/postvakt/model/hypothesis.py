"""Who it may have been, as an argument: marks of known actors, weighed for, against and indifferent."""

from typing import Literal

import msgspec

MarkKind = Literal["behaviour", "tool", "infrastructure", "file", "name", "victim", "time"]
Standing = Literal["supported", "possible", "insufficient", "contradicted"]


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """One mark as this host's evidence shows it. `points` is what it adds to or takes from the sum, and `how` the
    arithmetic in words, so that a person can redo it; `findings` open it at its evidence."""

    mark: str
    title: str
    kind: MarkKind
    side: Literal["for", "against", "indifferent", "not-seen", "not-visible"]
    points: float
    how: str
    source: str = ""
    findings: tuple[str, ...] = ()


class HypothesisRow(msgspec.Struct, frozen=True, kw_only=True):
    """One actor held against one host's evidence. `points` is the sum of `weighed`; `told` what the standing rests on
    and what would change it."""

    actor: str
    title: str
    standing: Standing
    points: float
    weighed: tuple[Weighed, ...]
    told: tuple[str, ...] = ()
