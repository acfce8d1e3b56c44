"""The rules that are asked of one view of a table, made ready so that only those are touched whose texts occur."""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from postvakt.detect.columns import Ahead, Coding, Column
from postvakt.detect.conditions import Condition, ready
from postvakt.detect.fields import Feed, feeds
from postvakt.detect.frame import Frame, Made, Mask, Numbers, Piece
from postvakt.detect.literals import FEW_VALUES, Literals
from postvakt.detect.logsources import EVENT, VIEWS, View
from postvakt.detect.plan import Plan, Prepared
from postvakt.detect.questions import Ids, Question, Questions
from postvakt.model.table import TableSpec
from postvakt.tables.rows import repeats

MOST_MIXTURES = 64
"""Sets of event ids for which is kept what has to be asked."""


class Demand(msgspec.Struct, frozen=True):
    """What is to be asked of events of certain ids: which questions, and of each field the ids that matter."""

    asked: tuple[Question, ...]
    ids: dict[str, Ids | None]
    triggers: tuple[str, ...]


class Together(NamedTuple):
    """The fields that read a column as it stands, all their tests, and those of fields that read it as half of their
    values."""

    fields: frozenset[str]
    literals: Literals
    halves: Literals


class Lane:
    """A view's rules. It makes itself ready when the first of its rows comes."""

    def __init__(
        self,
        spec: TableSpec,
        plan: Plan,
        prepared: Prepared,
        made: dict[tuple[int, ...], Literals],
        conditions: dict[int, Condition],
    ) -> None:
        """`made` and `conditions` are what lanes share: two views of one kind of event are asked the same."""
        self.view: View = VIEWS[prepared.view]
        self._spec = spec
        self._plan = plan
        self._prepared = prepared
        self._tests = plan.tests
        self._made = made
        self._literals: dict[str, Literals] = {}
        self._feeds: dict[str, tuple[Feed, ...]] = {}
        self._conditions = conditions
        self._demands: dict[Ids, Demand] = {}
        self._together: dict[tuple[tuple[str, ...], str], Together] = {}

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
        for asked, rows in self._candidates(columns, demand, within):
            held = self._condition(asked).holds(columns, rows)
            if held.any():
                yield self._plan.rules[self._plan.asked[asked].rule].id, rows[held]

    def _condition(self, asked: int) -> Condition:
        """Return what a rule asks; most are never needed, so each is made ready when it first is."""
        condition = self._conditions.get(asked)
        if condition is None:
            condition = self._conditions[asked] = ready(self._plan.asked[asked].condition, self._tests)
        return condition

    def _candidates(self, columns: "_Columns", demand: Demand, within: Mask) -> Iterator[tuple[int, Numbers]]:
        """Yield the rules whose trigger occurred, with the rows that it occurred in."""
        passed = {test for field in demand.triggers for test in columns[field].hits}
        every = np.flatnonzero(within)
        for question in demand.asked:
            trigger = question.trigger
            if trigger is None:
                yield question.asked, every
            elif not trigger.isdisjoint(passed):
                marked = np.zeros(len(within), bool)
                for field in question.looks:
                    passing = columns[self._packed.fields[field]].passing(trigger)
                    if passing is not None:
                        marked |= passing
                yield question.asked, np.flatnonzero(marked)

    @cached_property
    def _guarded(self) -> Condition | None:
        guard = self._prepared.guard
        return ready(guard, self._tests) if guard is not None else None

    @cached_property
    def _packed(self) -> Questions:
        return Questions.of(self._prepared)

    @cached_property
    def _literal(self) -> dict[str, tuple[int, ...]]:
        return dict(self._packed.literal)

    def column(
        self, frame: Frame, field: str, within: Mask, codings: dict[str, Coding], ahead: Ahead
    ) -> Column:
        """Return a field's column in some rows; `codings` are the batch's columns that are numbered already."""
        literals = self.literals(field)
        return Column(frame.pieces(self._feeds[field], within), literals, frame.height, codings, ahead)

    def literals(self, field: str) -> Literals:
        """Return the tests of a field that texts alone decide."""
        literals = self._literals.get(field)
        if literals is None:
            numbers = self._literal.get(field, ())
            literals = self._made.get(numbers)
            if literals is None:
                asked = ((number, self._tests[number]) for number in numbers)
                literals = self._made[numbers] = Literals(asked)
            self._literals[field] = literals
            # Where the table, seen through the view, holds the field.
            self._feeds[field] = feeds(self._spec, self.view, field)
        return literals

    def together(self, triggers: tuple[str, ...], column: str) -> "Together":
        """Return which of these fields read a column, and their tests as those of one field."""
        known = self._together.get((triggers, column))
        if known is None:
            plain, half = set(), set()
            for field in triggers:
                self.literals(field)
                for feed in self._feeds[field]:
                    if feed.kind == "column" and feed.names[0] == column and not feed.change:
                        plain.add(field)
                    elif feed.kind == "made" and column in feed.names[:2]:
                        half.add(field)
            # One search for both where it finds no more for those that read halves than their own would.
            one = plain <= half
            halves = self._tests_of(half, halves=True)
            known = Together(frozenset(plain), halves if one else self._tests_of(plain), halves)
            self._together[triggers, column] = known
        return known

    def _tests_of(self, fields: Iterable[str], *, halves: bool = False) -> Literals:
        tests = {number for field in fields for number in self._literal.get(field, ())}
        return Literals(((number, self._tests[number]) for number in sorted(tests)), halves=halves)

    def _demand(self, frame: Frame, within: Mask) -> Demand:
        present = frame.ids(within) if self._spec.name == EVENT else frozenset()
        if present not in self._demands:
            if len(self._demands) == MOST_MIXTURES:
                self._demands.clear()
            self._demands[present] = self._demanded(present)
        return self._demands[present]

    def _demanded(self, present: Ids) -> Demand:
        asked = tuple(q for q in self._packed.questions if q.ids is None or not q.ids.isdisjoint(present))
        ids: dict[int, Ids | None] = {}
        triggers: set[int] = set()
        for question in asked:
            triggers.update(question.looks)
            for field in question.fields:
                before = ids.get(field, frozenset())
                ids[field] = None if before is None or question.ids is None else before | question.ids
        names = self._packed.fields
        return Demand(
            asked,
            {names[field]: matter for field, matter in ids.items()},
            tuple(sorted(names[field] for field in triggers)),
        )


class _Columns:
    """A lane's columns of one batch, each made when it is first asked for, of the rows that matter to it."""

    def __init__(self, lane: Lane, frame: Frame, within: Mask, demand: Demand | None) -> None:
        self._lane = lane
        self._frame = frame
        self._within = within
        self._demand = demand
        self._made: dict[str, Column] = {}
        self._codings: dict[str, Coding] = {}
        # Apart from this, which holds the columns: in a circle they would live until the next look for circles.
        self._ahead = _Ahead(lane, demand, self._codings)

    def __getitem__(self, field: str) -> Column:
        column = self._made.get(field)
        if column is None:
            within = self._within
            ids = self._demand.ids.get(field) if self._demand is not None else None
            if ids is not None:
                within = within & self._frame.has_id(ids)
            ahead = partial(self._ahead.marked, field)
            column = self._made[field] = self._lane.column(self._frame, field, within, self._codings, ahead)
        return column


class _Ahead:
    """Searches a batch's columns once for all fields that read them."""

    def __init__(self, lane: Lane, demand: Demand | None, codings: dict[str, Coding]) -> None:
        self._lane = lane
        self._codings = codings
        self._triggers = demand.triggers if demand is not None else ()
        self._marks: dict[tuple[str, int], Mask | None] = {}

    def marked(self, field: str, piece: Piece | Made) -> Mask | None:
        """Mark the values of a column that can pass a test of any field that reads it.

        None where no other field does, or that does not pay.
        """
        if piece.change or field not in self._triggers:
            return None
        if isinstance(piece, Made):
            return self._either(piece)
        if not piece.column:
            return None
        readers = self._lane.together(self._triggers, piece.column)
        shared = len(readers.fields) > 1 or readers.literals is readers.halves
        if field not in readers.fields or not shared:
            return None
        return self._found(piece, readers.literals)

    def _either(self, piece: Made) -> Mask | None:
        """Mark the values of which either half can pass a test: no text that is looked for stands in both of them, but
        for one with a question mark, of which the longer side is looked for."""
        key = ("?", id(piece))
        if key in self._marks:
            return self._marks[key]
        rows = np.zeros(int(piece.rows[-1]) + 1, bool)
        for half in piece.parts:
            few = len(half.rows) < FEW_VALUES
            marked = (
                None if few else self._found(half, self._lane.together(self._triggers, half.column).halves)
            )
            if marked is None and not few:
                return None
            reached = half.rows if marked is None else half.rows[marked]
            rows[reached[reached < len(rows)]] = True
        self._marks[key] = rows[piece.rows]
        return self._marks[key]

    def _found(self, piece: Piece, literals: Literals) -> Mask | None:
        key = (piece.column, id(literals))
        if key not in self._marks:
            self._marks[key] = self._searched(piece, literals)
        return self._marks[key]

    def _searched(self, piece: Piece, literals: Literals) -> Mask | None:
        coding = self._codings.get(piece.column)
        if coding is None and (pa.types.is_dictionary(piece.values.type) or repeats(piece.values)):
            coding = self._codings[piece.column] = Coding(piece.values)
        if coding is None:
            return literals.candidates(piece.values, "")
        marked = literals.candidates(coding.distinct, "", few=True)
        return None if marked is None else marked[coding.codes]
