"""What rules came to that were read apart from others: plain values, so that shares of a pack are read side by side.

A sheaf is put on the shelf with the others, in the order of their texts; which of two rules of one id is asked, what a
correlation may look at and what a filter narrows is only known there.
"""

import re
from collections.abc import Sequence

import msgspec

from postvakt.detect.plan import Node, Route, RuleText, Test
from postvakt.model.rule import NotAsked, Rule


class Tests:
    """Tests by number: equal tests have one."""

    def __init__(self) -> None:
        self._numbers: dict[Test, int] = {}
        self._fields: list[str] = []

    def number(self, test: Test) -> int:
        """Return the number of a test."""
        if test not in self._numbers:
            self._numbers[test] = len(self._numbers)
            self._fields.append(test.field)
        return self._numbers[test]

    def field(self, number: int) -> str:
        """Return the field that a test asks."""
        return self._fields[number]

    def all(self) -> tuple[Test, ...]:
        """Return every test, in the order of their numbers."""
        return tuple(self._numbers)


_VARS = re.compile(r"^vars:", re.MULTILINE)


def may_fill(text: RuleText) -> bool:
    """Tell whether a text may hold a pipeline that gives placeholders their values."""
    return _VARS.search(text.text) is not None


class Share(msgspec.Struct, frozen=True, array_like=True):
    """Some of the Sigma rules; `filling` are the texts, of any share, that may give placeholders their values."""

    texts: tuple[RuleText, ...]
    filling: tuple[RuleText, ...] = ()


class Leaf(msgspec.Struct, frozen=True, array_like=True, tag="rule"):
    """A rule that can be asked; its tests are numbered as in its sheaf. `content` names what its author wrote."""

    rule: Rule
    content: str
    routes: tuple[Route, ...]
    condition: Node
    name: str
    source: tuple[str | None, ...]


class Refusal(msgspec.Struct, frozen=True, array_like=True, tag="refusal"):
    """A rule that cannot be asked, with the reason."""

    rule: str
    title: str
    reason: str
    path: str


class Later(msgspec.Struct, frozen=True, array_like=True, tag="later"):
    """The documents of a text that speak of other rules, by their places in it: they are read once all rules are
    known."""

    text: RuleText
    places: tuple[int, ...]


class Sheaf(msgspec.Struct, frozen=True, array_like=True):
    """What a share of Sigma rules came to, in the order of its texts; `filled` are the values of placeholders."""

    tests: tuple[Test, ...]
    leaves: tuple[Leaf | Refusal | Later, ...]
    filled: dict[str, tuple[str, ...]]


class Signatures(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What all YARA rules came to: those asked, those refused, and the compiled rules, packed, with the names of those
    asked. `memory` and `not_of_memory` as in a plan."""

    rules: tuple[Rule, ...]
    refused: tuple[NotAsked, ...]
    packed: bytes
    names: tuple[tuple[str, str], ...]
    memory: bytes = b""
    not_of_memory: tuple[NotAsked, ...] = ()


def renumbered(node: Node, numbers: Sequence[int]) -> Node:
    """Return a condition with each test by another number."""
    if node.op == "test":
        return Node("test", numbers[node.test], name=node.name)
    return Node(node.op, parts=tuple(renumbered(part, numbers) for part in node.parts), name=node.name)
