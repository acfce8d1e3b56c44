"""A rule's condition made ready for columns: cheap questions first, dear ones only of the rows that are left."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np

from postvakt.detect.columns import Column, same_in
from postvakt.detect.frame import Mask, Numbers
from postvakt.detect.literals import answers
from postvakt.detect.plan import Node, Test

Clause = frozenset[int]
"""Literal tests of which one must pass."""


class Columns(Protocol):
    """Gives a field's column in the rows at hand."""

    def __getitem__(self, field: str) -> Column: ...


class Condition(Protocol):
    """What can be asked of rows."""

    @property
    def cost(self) -> int:
        """How dear it is to ask, as a rank."""
        ...

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        """Tell in which of the rows it holds."""
        ...


class Literal(msgspec.Struct, frozen=True):
    """Any of a field's literal tests."""

    field: str
    tests: Clause
    cost: int = 0

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        passing = columns[self.field].passing(self.tests)
        return np.zeros(len(rows), bool) if passing is None else passing[rows]


class Asked(msgspec.Struct, frozen=True):
    """A test that looks at values one by one, or at whether there is one."""

    number: int
    test: Test
    cost: int

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        column = columns[self.test.field]
        if self.test.op == "exists":
            return column.given[rows]
        if self.test.op in ("present", "null"):
            return column.known[rows] == (self.test.op == "present")
        if self.test.op == "same":
            return same_in(self.test, column, columns[self.test.regex], rows)
        return column.says(self.number, self.test, rows)


class Not(msgspec.Struct, frozen=True):
    """The opposite."""

    part: Condition

    @property
    def cost(self) -> int:
        return self.part.cost

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        return ~self.part.holds(columns, rows)


class Every(msgspec.Struct, frozen=True):
    """All of its parts; of none it is true."""

    parts: Sequence[Condition]
    cost: int

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        held = np.ones(len(rows), bool)
        left = np.arange(len(rows))
        for part in self.parts:
            held[left] = part.holds(columns, rows[left])
            left = left[held[left]]
            if not len(left):
                break
        return held


class Some(msgspec.Struct, frozen=True):
    """Any of its parts; of none it is false."""

    parts: Sequence[Condition]
    cost: int

    def holds(self, columns: Columns, rows: Numbers) -> Mask:
        held = np.zeros(len(rows), bool)
        left = np.arange(len(rows))
        for part in self.parts:
            held[left] = part.holds(columns, rows[left])
            left = left[~held[left]]
            if not len(left):
                break
        return held


COSTS = {"exists": 1, "present": 1, "null": 1, "cidr": 3, "regex": 4, "glob": 4, "same": 5}


def ready(node: Node, tests: Sequence[Test]) -> Condition:
    """Return a plan's condition in the form that columns are asked in."""
    if node.op == "test":
        test = tests[node.test]
        if answers(test):
            return Literal(test.field, frozenset((node.test,)))
        return Asked(node.test, test, COSTS.get(test.op, 2))
    if node.op == "not":
        return Not(ready(node.parts[0], tests))
    kind: Callable[[Sequence[Condition], int], Condition] = Every if node.op == "and" else Some
    parts = _any_of(_flat(node), tests) if node.op == "or" else [ready(part, tests) for part in _flat(node)]
    if len(parts) == 1:
        return parts[0]
    return kind(sorted(parts, key=lambda part: part.cost), max((part.cost for part in parts), default=0))


def _flat(node: Node) -> list[Node]:
    """Return the parts of a node, those of the same kind below it included."""
    parts: list[Node] = []
    for part in node.parts:
        parts += _flat(part) if part.op == node.op else [part]
    return parts


def _any_of(nodes: Sequence[Node], tests: Sequence[Test]) -> list[Condition]:
    """Return alternatives made ready, with one question of all literal tests of a field."""
    literal: dict[str, set[int]] = {}
    others: list[Condition] = []
    for node in nodes:
        if node.op == "test" and answers(tests[node.test]):
            literal.setdefault(tests[node.test].field, set()).add(node.test)
            continue
        part = ready(node, tests)
        if isinstance(part, Literal):
            literal.setdefault(part.field, set()).update(part.tests)
        else:
            others.append(part)
    return [*(Literal(field, frozenset(literal[field])) for field in sorted(literal)), *others]


def tests_of(node: Node) -> list[int]:
    """Return the numbers of a node's tests, as often as they stand there."""
    found: list[int] = []
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.op == "test":
            found.append(one.test)
        else:
            waiting.extend(reversed(one.parts))
    return found


def clauses(node: Node, weights: Mapping[int, float]) -> list[Clause]:
    """Return clauses without which a node cannot hold. `weights` guess how many rows pass each literal test."""
    if node.op == "test":
        return [frozenset((node.test,))] if node.test in weights else []
    if node.op == "not":
        return []
    if node.op == "and":
        return [clause for part in node.parts for clause in clauses(part, weights)]
    if all(part.test in weights for part in node.parts):
        return [frozenset(part.test for part in node.parts)]
    lightest = [lightest_of(clauses(part, weights), weights) for part in node.parts]
    known = [clause for clause in lightest if clause is not None]
    return [frozenset().union(*known)] if len(known) == len(lightest) else []


def lightest_of(found: list[Clause], weights: Mapping[int, float]) -> Clause | None:
    """Return the clause that fewest rows are expected to pass, None where there is none."""
    if len(found) < 2:
        return found[0] if found else None
    return min(found, key=lambda clause: sum(weights[test] for test in clause))
