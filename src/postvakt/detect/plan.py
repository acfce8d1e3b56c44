"""The compiled form of everything that is asked: plain values that load in milliseconds."""

from typing import Literal

import msgspec

from postvakt.errors import ContentError
from postvakt.model.correlation import Correlation
from postvakt.model.rule import NotAsked, Rule

FORMAT = 5
"""Counts up whenever a plan's shape or meaning changes, so that no worker reads another version's plan."""

Op = Literal[
    "equals", "contains", "starts", "ends", "glob", "regex", "cidr", "present", "exists", "null",
    "lt", "lte", "gt", "gte", "same", "minute", "hour", "day", "week", "month", "year",
]  # fmt: skip


class RuleText(msgspec.Struct, frozen=True):
    """A rule as its author wrote it. `origin` is `own` for ours, else the name of the pack it came from."""

    path: str
    text: str
    origin: str


class Test(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One question to one field. A field with several values answers yes where one of them does.

    `text` is folded unless `flags` has `c` (cased). `regex` is what `glob` and `regex` compile to, or the other
    field's name of `same`, where the flags `<` and `>` leave the start and the end open.
    A field that begins with `@` means every column of a kind (`@ip`); `@text` every text of the row.
    `held` are texts of which a value must hold one to pass, None where that was not looked into.
    """

    field: str
    op: Op
    text: str
    regex: str = ""
    flags: str = ""
    held: tuple[str, ...] | None = None


class Node(msgspec.Struct, frozen=True, array_like=True):
    """A condition over tests; `name` is the selection that the author called it."""

    op: Literal["and", "or", "not", "test"]
    test: int = -1
    parts: tuple["Node", ...] = ()
    name: str = ""


class Route(msgspec.Struct, frozen=True, array_like=True):
    """Where a rule is asked: a table, and the view that says which of its rows and under which field names."""

    table: str
    view: str = ""
    guard: Node | None = None


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A rule's condition and its routes; `rule` is its place in the plan's `rules`."""

    rule: int
    routes: tuple[Route, ...]
    condition: Node


class Prepared(msgspec.Struct, frozen=True, array_like=True):
    """A lane, which is the rules asked of one view of a table. `questions` are packed: a log asks few lanes."""

    table: str
    view: str
    guard: Node | None
    questions: bytes


class Plan(msgspec.Struct, frozen=True):
    """Everything that is asked, and everything that could not be.

    `yara` holds the compiled YARA rules, packed: plain signatures on disk would be taken for what they describe.
    `filtered` are rules that a filter has ask more, each with the filter as the reason.
    `yara_names` are the (namespace, name) of the YARA rules that are asked, in the order of their ids.
    `lanes` are the rules once more, as they are asked; without them each who asks has to work them out.
    `memory` holds those of them that memory is asked, with the anchors of its carvers; `not_of_memory` the others.
    """

    format: int
    rules: tuple[Rule, ...]
    not_asked: tuple[NotAsked, ...]
    tests: tuple[Test, ...]
    asked: tuple[Asked, ...]
    yara: bytes = b""
    yara_names: tuple[tuple[str, str], ...] = ()
    correlations: tuple[Correlation, ...] = ()
    filtered: tuple[NotAsked, ...] = ()
    memory: bytes = b""
    not_of_memory: tuple[NotAsked, ...] = ()
    lanes: tuple[Prepared, ...] = ()

    def served_only(self) -> frozenset[str]:
        """Return the ids of the rules whose matches correlations alone tell, as their authors want it. None of ours is
        among them: verdicts are argued from those, and nobody's pack may take one away."""
        used = {rule for one in self.correlations for rule in one.rules}
        shown = {rule for one in self.correlations if one.generate for rule in one.rules}
        own = {rule.id for rule in self.rules if rule.origin == "own"}
        return frozenset(used - shown - own)

    def narrowed(self) -> tuple[NotAsked, ...]:
        """Return the rules that find less than their own text says, with the reason: filtered, or told by others."""
        served = self.served_only()
        reason = "its dated matches are told by the correlations that look at it, not as findings of its own"
        told = (
            NotAsked(rule=rule.id, title=rule.title, reason=reason, path=rule.path)
            for rule in self.rules
            if rule.id in served
        )
        return (*self.filtered, *told)

    def to_bytes(self) -> bytes:
        """Return the plan as MessagePack; equal plans give equal bytes."""
        return _ENCODER.encode(self)

    @staticmethod
    def from_bytes(data: bytes) -> "Plan":
        """Return the plan that `to_bytes` wrote. Raises ContentError for anything else."""
        try:
            plan = _DECODER.decode(data)
        except msgspec.DecodeError as why:
            raise ContentError(f"compiled rules: not readable ({why}); compile them again") from why
        if plan.format != FORMAT:
            raise ContentError(f"compiled rules: format {plan.format}, not {FORMAT}; compile them again")
        return plan


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Plan)
