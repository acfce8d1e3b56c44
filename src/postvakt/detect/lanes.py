"""The rules that are asked of one view of a table, made ready so that only those are touched whose texts occur."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain

import msgspec
import numpy as np

from postvakt.detect.columns import Coding, Column
from postvakt.detect.conditions import Clause, Condition, clauses, lightest_of, ready, tests_of
from postvakt.detect.fields import Feed, feeds
from postvakt.detect.frame import Frame, Mask, Numbers
from postvakt.detect.literals import Literals, answers
from postvakt.detect.logsources import EVENT, View
from postvakt.detect.plan import Node, Test
from postvakt.detect.values import number_of
from postvakt.model.table import TableSpec

EVENT_ID = "EventID"
MOST_MIXTURES = 64
"""Sets of event ids for which is kept what has to be asked."""

Ids = frozenset[int]


class Question(msgspec.Struct, frozen=True):
    """A rule in a lane: no row matches unless a test of `trigger` passes (None: any row may) and its id is in `ids`."""

    rule: str
    node: Node
    fields: frozenset[str]
    trigger: Clause | None
    ids: Ids | None


class Demand(msgspec.Struct, frozen=True):
    """What is to be asked of events of certain ids: which questions, and of each field the ids that matter."""

    asked: frozenset[int]
    ids: dict[str, Ids | None]
    triggers: tuple[str, ...]


class Lane:
    """A view's rules. It makes itself ready when the first of its rows comes."""

    def __init__(
        self, spec: TableSpec, view: View, tests: Sequence[Test], made: dict[tuple[int, ...], Literals]
    ) -> None:
        """`made` are the literals that lanes share: two views of one kind of event are asked the same."""
        self.view = view
        self._spec = spec
        self._tests = tests
        self._made = made
        self._guard: Node | None = None
        self._rules: list[tuple[str, Node]] = []
        self._literals: dict[str, Literals] = {}
        self._conditions: dict[int, Condition] = {}
        self._demands: dict[Ids, Demand] = {}

    def add(self, rule: str, guard: Node | None, condition: Node) -> None:
        """Add a rule; all rules of a view share its guard."""
        self._guard = guard
        self._rules.append((rule, condition))

    @property
    def remembered(self) -> int:
        """About how many bytes the texts seen so far take."""
        return sum(literals.remembered for literals in self._literals.values())

    def forget(self) -> None:
        """Forget the texts seen so far."""
        for literals in self._literals.values():
            literals.forget()

    def matches(self, frame: Frame, within: Mask) -> Iterator[tuple[str, Numbers]]:
        """Yield rules with the rows that match them, of the rows that `within` marks."""
        if self._guarded is not None:
            rows = np.flatnonzero(within)
            held = self._guarded.holds(_Columns(self, frame, within, None), rows)
            within = within.copy()
            within[rows[~held]] = False
        if not within.any():
            return
        demand = self._demand(frame, within)
        columns = _Columns(self, frame, within, demand)
        for place, rows in self._candidates(columns, demand, within):
            held = self._condition(place).holds(columns, rows)
            if held.any():
                yield self._questions[place].rule, rows[held]

    def _condition(self, place: int) -> Condition:
        """Return a question's condition; most are never needed, so each is made ready when it first is."""
        condition = self._conditions.get(place)
        if condition is None:
            condition = self._conditions[place] = ready(self._questions[place].node, self._tests)
        return condition

    def _candidates(self, columns: "_Columns", demand: Demand, within: Mask) -> Iterator[tuple[int, Numbers]]:
        """Yield the questions whose trigger occurred, with the rows that it occurred in."""
        found: set[int] = set()
        for field in demand.triggers:
            for test in columns[field].hits:
                found.update(self._triggered.get(test, ()))
        every = np.flatnonzero(within)
        for place in sorted((found | self._always) & demand.asked):
            trigger = self._questions[place].trigger
            if trigger is None:
                yield place, every
                continue
            marked = np.zeros(len(within), bool)
            for field in {self._tests[test].field for test in trigger}:
                passing = columns[field].passing(trigger)
                if passing is not None:
                    marked |= passing
            yield place, np.flatnonzero(marked)

    @cached_property
    def _guarded(self) -> Condition | None:
        return ready(self._guard, self._tests) if self._guard is not None else None

    @cached_property
    def _questions(self) -> list[Question]:
        return [
            self._question(rule, node, numbers)
            for (rule, node), numbers in zip(self._rules, self._numbers, strict=True)
        ]

    @cached_property
    def _numbers(self) -> list[list[int]]:
        """The tests of each rule, as often as they stand there."""
        return [tests_of(node) for _, node in self._rules]

    def _question(self, rule: str, node: Node, numbers: list[int]) -> Question:
        needed = clauses(node, self._weights)
        ids = None
        if self._spec.name == EVENT:
            for clause in needed:
                named = self._ids(clause)
                ids = named if ids is None else ids & named if named is not None else ids
        fields = frozenset(self._fields(numbers))
        return Question(rule, node, fields, lightest_of(needed, self._weights), ids)

    @cached_property
    def _weights(self) -> dict[int, float]:
        """Guess how many rows pass each literal test: what many rules look for is common, and so is what is short."""
        uses = Counter(chain.from_iterable(self._numbers))
        if self._guard is not None:
            uses.update(tests_of(self._guard))
        weights = {}
        for number in sorted(uses):
            test = self._tests[number]
            if answers(test):
                common = uses[number] / (1 + len(test.text))
                weights[number] = common + 1000.0 if test.field == EVENT_ID else common
        return weights

    def _ids(self, clause: Clause) -> Ids | None:
        """Return the event ids that a clause confines a rule to, None where it does not."""
        named = set()
        for number in clause:
            test = self._tests[number]
            if test.field != EVENT_ID or test.op != "equals":
                return None
            named.add(number_of(test.text))
        return frozenset(number for number in named if number is not None)

    def _fields(self, numbers: Iterable[int]) -> Iterator[str]:
        for number in numbers:
            test = self._tests[number]
            yield test.field
            if test.op == "same":
                yield test.regex

    @cached_property
    def _triggered(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for place, question in enumerate(self._questions):
            for test in question.trigger or ():
                found.setdefault(test, []).append(place)
        return found

    @cached_property
    def _always(self) -> frozenset[int]:
        return frozenset(place for place, q in enumerate(self._questions) if q.trigger is None)

    @cached_property
    def feeds(self) -> dict[str, tuple[Feed, ...]]:
        """Where the table, seen through the view, holds each field that is asked."""
        fields = {field for question in self._questions for field in question.fields}
        fields.update(self._fields(tests_of(self._guard)) if self._guard is not None else ())
        return {field: feeds(self._spec, self.view, field) for field in sorted(fields)}

    @cached_property
    def _literal_tests(self) -> dict[str, list[tuple[int, Test]]]:
        asked: dict[str, list[tuple[int, Test]]] = {}
        for number in self._weights:
            test = self._tests[number]
            asked.setdefault(test.field, []).append((number, test))
        return asked

    def column(self, frame: Frame, field: str, within: Mask, codings: dict[str, Coding]) -> Column:
        """Return a field's column in some rows; `codings` are the batch's columns that are numbered already."""
        literals = self._literals.get(field)
        if literals is None:
            asked = self._literal_tests.get(field, ())
            literals = self._made.setdefault(tuple(number for number, _ in asked), Literals(asked))
            self._literals[field] = literals
        return Column(frame.pieces(self.feeds[field], within), literals, frame.height, codings)

    def _demand(self, frame: Frame, within: Mask) -> Demand:
        present = frame.ids(within) if self._spec.name == EVENT else frozenset()
        if present not in self._demands:
            if len(self._demands) == MOST_MIXTURES:
                self._demands.clear()
            self._demands[present] = self._demanded(present)
        return self._demands[present]

    def _demanded(self, present: Ids) -> Demand:
        asked = frozenset(
            place for place, q in enumerate(self._questions) if q.ids is None or not q.ids.isdisjoint(present)
        )
        ids: dict[str, Ids | None] = {}
        triggers = set()
        for place in sorted(asked):
            question = self._questions[place]
            triggers |= {self._tests[test].field for test in question.trigger or ()}
            for field in question.fields:
                before = ids.get(field, frozenset())
                ids[field] = None if before is None or question.ids is None else before | question.ids
        return Demand(asked, ids, tuple(sorted(triggers)))


class _Columns:
    """A lane's columns of one batch, each made when it is first asked for, of the rows that matter to it."""

    def __init__(self, lane: Lane, frame: Frame, within: Mask, demand: Demand | None) -> None:
        self._lane = lane
        self._frame = frame
        self._within = within
        self._demand = demand
        self._made: dict[str, Column] = {}
        self._codings: dict[str, Coding] = {}

    def __getitem__(self, field: str) -> Column:
        column = self._made.get(field)
        if column is None:
            within = self._within
            ids = self._demand.ids.get(field) if self._demand is not None else None
            if ids is not None:
                within = within & self._frame.has_id(ids)
            column = self._made[field] = self._lane.column(self._frame, field, within, self._codings)
        return column
