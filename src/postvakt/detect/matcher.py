"""The matcher: a plan's rules asked of a table's batches, column by column."""

from collections.abc import Sequence

import msgspec
import numpy as np
import pyarrow as pa

from postvakt.detect.conditions import Condition
from postvakt.detect.frame import Frame, Numbers
from postvakt.detect.lanes import Lane
from postvakt.detect.literals import Literals
from postvakt.detect.plan import Plan
from postvakt.detect.questions import prepared
from postvakt.model.table import TableSpec

MOST_REMEMBERED = 64 * 1024 * 1024
"""Bytes of texts seen that are remembered; past it all are forgotten, which costs time and changes no answer."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A row of a batch that a rule matched; `rule` is the rule's id."""

    rule: str
    row: int
    detail: str = ""


class Matcher:
    """Asks a plan's Sigma rules and indicators of tables; `explain` gives the same answers row by row."""

    def __init__(self, plan: Plan, tables: Sequence[TableSpec]) -> None:
        specs = {spec.name: spec for spec in tables}
        made: dict[tuple[int, ...], Literals] = {}
        conditions: dict[int, Condition] = {}
        self._lanes: dict[str, list[Lane]] = {}
        for lane in plan.lanes or prepared(plan, tables):
            if lane.table in specs:
                ready = Lane(specs[lane.table], plan, lane, made, conditions)
                self._lanes.setdefault(lane.table, []).append(ready)

    def match(self, table: str, batch: pa.RecordBatch) -> list[Hit]:
        """Return the rows of a batch that rules match, by row and rule; a table that no rule asks gives none."""
        lanes = self._lanes.get(table, ())
        if not lanes or not batch.num_rows:
            return []
        frame = Frame(batch)
        found: dict[str, list[Numbers]] = {}
        for lane in lanes:
            within = frame.shown(lane.view)
            if within is None:
                continue
            for rule, rows in lane.matches(frame, within):
                found.setdefault(rule, []).append(rows)
        self._trim()
        hits = [
            Hit(rule, row) for rule, rows in found.items() for row in np.unique(np.concatenate(rows)).tolist()
        ]
        return sorted(hits, key=lambda hit: (hit.row, hit.rule))

    def _trim(self) -> None:
        lanes = [lane for some in self._lanes.values() for lane in some]
        if sum(lane.remembered for lane in lanes) > MOST_REMEMBERED:
            for lane in lanes:
                lane.forget()
