"""What has to be known of a lane's rules before they are asked: worked out once, when they are compiled.

A worker that reads a few small logs would otherwise work for longer on its rules than on the logs.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from postvakt.detect.conditions import Clause, clauses, lightest_of, tests_of
from postvakt.detect.literals import answers
from postvakt.detect.logsources import EVENT
from postvakt.detect.necessary import needed
from postvakt.detect.plan import Node, Plan, Prepared, Test
from postvakt.detect.values import number_of
from postvakt.model.table import TableSpec

EVENT_ID = "EventID"

Ids = frozenset[int]


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A rule in a lane: no row matches unless a test of `trigger` passes (None: any row may) and its id is in `ids`.

    `asked` is its place in the plan's `asked`; `fields` are places in the lane's, `looks` those that the trigger asks.
    """

    asked: int
    fields: tuple[int, ...]
    looks: tuple[int, ...]
    trigger: Clause | None
    ids: Ids | None


class Questions(msgspec.Struct, frozen=True, array_like=True):
    """A lane's questions, the fields that they and its guard ask, and of these the tests that texts alone decide."""

    fields: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()
    literal: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @staticmethod
    def of(prepared: Prepared) -> "Questions":
        """Return what was packed into a lane."""
        return _DECODER.decode(prepared.questions)


_ENCODER = msgspec.msgpack.Encoder(order="deterministic")
_DECODER = msgspec.msgpack.Decoder(Questions)


def prepared(plan: Plan, tables: Sequence[TableSpec]) -> tuple[Prepared, ...]:
    """Return the lanes of a plan's rules: a lane for each view of a table, in the order in which rules are routed."""
    known = {spec.name for spec in tables}
    guards: dict[tuple[str, str], Node | None] = {}
    rules: dict[tuple[str, str], list[tuple[int, Node]]] = {}
    for place, asked in enumerate(plan.asked):
        for route in asked.routes:
            if route.table in known:
                # All rules of a view share its guard.
                guards[route.table, route.view] = route.guard
                rules.setdefault((route.table, route.view), []).append((place, asked.condition))
    return tuple(
        Prepared(
            table, view, guard, _ENCODER.encode(_Worked(table, guard, rules[table, view], plan.tests).out())
        )
        for (table, view), guard in ((key, guards[key]) for key in rules)
    )


def left_to_survivors(tests: Sequence[Test], lanes: Sequence[Prepared]) -> tuple[Test, ...]:
    """Return the tests, with expressions that no rule is triggered by as ones that nothing is looked for ahead.

    They are asked of the few rows in which the rest of their rules holds; to look for what they need in every value
    would have them asked wherever it stands.
    """
    looked_for = {
        number
        for lane in lanes
        for question in Questions.of(lane).questions
        for number in question.trigger or ()
    }
    return tuple(
        msgspec.structs.replace(test, held=()) if test.held and number not in looked_for else test
        for number, test in enumerate(tests)
    )


def lightened(lanes: Sequence[Prepared], tests: Sequence[Test]) -> tuple[Prepared, ...]:
    """Return lanes without the tests that are left to survivors among those that texts alone decide."""
    made = []
    for lane in lanes:
        told = Questions.of(lane)
        kept = ((field, tuple(n for n in numbers if answers(tests[n]))) for field, numbers in told.literal)
        literal = tuple((field, numbers) for field, numbers in kept if numbers)
        packed = _ENCODER.encode(msgspec.structs.replace(told, literal=literal))
        made.append(msgspec.structs.replace(lane, questions=packed))
    return tuple(made)


class _Worked:
    """Works out the questions of one lane."""

    def __init__(
        self, table: str, guard: Node | None, rules: Sequence[tuple[int, Node]], tests: Sequence[Test]
    ) -> None:
        self._table = table
        self._tests = tests
        self._rules = rules
        self._numbers = [tests_of(node) for _, node in rules]
        self._guard = tests_of(guard) if guard is not None else []
        self._weights = self._weighed()
        self._fields: dict[str, int] = {}

    def out(self) -> Questions:
        """Return all of it."""
        questions = tuple(
            self._question(place, node, numbers)
            for (place, node), numbers in zip(self._rules, self._numbers, strict=True)
        )
        self._places(self._guard)
        literal: dict[str, list[int]] = {}
        for number in self._weights:
            literal.setdefault(self._tests[number].field, []).append(number)
        return Questions(
            tuple(self._fields), questions, tuple((field, tuple(tests)) for field, tests in literal.items())
        )

    def _weighed(self) -> Mapping[int, float]:
        """Guess how many rows pass each literal test: what many rules look for is common, and so is what is short."""
        uses = Counter(chain(self._guard, *self._numbers))
        weights = {}
        for number in sorted(uses):
            test = self._tests[number]
            if answers(test):
                # An expression is as rare as the shortest text that it is looked for by.
                common = uses[number] / (1 + min(map(len, needed(test)), default=len(test.text)))
                weights[number] = common + 1000.0 if test.field == EVENT_ID else common
        return weights

    def _question(self, place: int, node: Node, numbers: Sequence[int]) -> Question:
        without = clauses(node, self._weights)
        ids = None
        if self._table == EVENT:
            for clause in without:
                named = self._ids(clause)
                ids = named if ids is None else ids & named if named is not None else ids
        trigger = lightest_of(without, self._weights)
        return Question(place, self._places(numbers), self._places(sorted(trigger or ())), trigger, ids)

    def _ids(self, clause: Clause) -> Ids | None:
        """Return the event ids that a clause confines a rule to, None where it does not."""
        named = set()
        for number in clause:
            test = self._tests[number]
            if test.field != EVENT_ID or test.op != "equals":
                return None
            named.add(number_of(test.text))
        return frozenset(number for number in named if number is not None)

    def _places(self, numbers: Sequence[int]) -> tuple[int, ...]:
        """Return the places of the fields that tests ask, each once."""
        return tuple(
            dict.fromkeys(
                self._fields.setdefault(field, len(self._fields)) for field in self._asked_by(numbers)
            )
        )

    def _asked_by(self, numbers: Sequence[int]) -> Iterator[str]:
        for number in numbers:
            test = self._tests[number]
            yield test.field
            if test.op == "same":
                yield test.regex
