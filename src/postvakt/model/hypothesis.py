"""Who it may have been, as an argument: marks of known actors, weighed for, against and indifferent."""

from typing import Literal

import msgspec

from postvakt.model.actor import MarkKind

Standing = Literal["supported", "possible", "insufficient", "contradicted"]
Side = Literal["for", "against", "indifferent", "not-seen", "not-visible"]


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """One mark as this host's evidence shows it. `points` is what it adds to or takes from the sum, and `how` the
    arithmetic in words, so that a person can redo it; `findings` open it at its evidence. `shared_with` are the
    other actors that show it."""

    mark: str
    title: str
    kind: MarkKind
    side: Side
    points: float
    how: str
    source: str = ""
    findings: tuple[str, ...] = ()
    shared_with: tuple[str, ...] = ()


class HypothesisRow(msgspec.Struct, frozen=True, kw_only=True):
    """One actor held against one host's evidence, or against that of one party of its story. `points` is the sum of
    `weighed`; `told` what the standing rests on and what would change it. Only the first of a host list what was not
    seen or not visible."""

    actor: str
    title: str
    standing: Standing
    points: float
    weighed: tuple[Weighed, ...]
    told: tuple[str, ...] = ()
    party: str = ""


class AttributionRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the hypotheses add up to, for the host (`party` is empty) or for one party of its story.

    `actors` are those in front, several where they tie or stand side by side. `others` counts the actors that were
    held against the evidence and are not among the rows.
    """

    standing: Standing
    actors: tuple[str, ...]
    told: tuple[str, ...]
    others: int
    party: str = ""
    addresses: tuple[str, ...] = ()
