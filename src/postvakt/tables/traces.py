"""Matched rows read back from the parts, for joining: all of a rule's rows in a source up to a bound."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from postvakt.model.rule import Match
from postvakt.model.story import Trace
from postvakt.model.table import TableSpec
from postvakt.tables.matches import values

MOST_OF_A_SOURCE = 1000
"""Rows of one rule in one source that are joined: the first and the last in time, each half; the rest is counted."""

Told = Callable[..., Trace]


def joined(matches: pa.Table, rules: frozenset[str]) -> list[Match]:
    """Return the matches of these rules that are joined."""
    chosen = matches.filter(pc.is_in(matches.column("rule"), pa.array(sorted(rules), pa.string())))
    return values(chosen.take(_bounded(chosen)))


def traces(
    joined: Iterable[Match], rows: Mapping[int, Mapping[str, Any]], specs: Mapping[str, TableSpec], told: Told
) -> Iterator[Trace]:
    """Yield what matches of one part tell, whose rows are given by number. `told(rule, spec, row, ...)` says what a row
    can be joined by."""
    for match in joined:
        yield told(
            match.rule,
            specs[match.table],
            rows[match.row],
            evidence=match.evidence,
            source=match.source,
            locator=match.locator,
            says=match.detail,
        )


def _bounded(matches: pa.Table) -> pa.Array:
    """Return the places of the matches that are joined, in order."""
    seen: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    keyed = matches.append_column("at", pa.array(range(matches.num_rows), pa.int64()))
    ordered = keyed.sort_by([("time", "ascending"), ("at", "ascending")])
    columns = [ordered.column(name).to_pylist() for name in ("rule", "evidence", "source", "at")]
    for rule, evidence, source, at in zip(*columns, strict=True):
        seen[rule, evidence, source].append(at)
    half = MOST_OF_A_SOURCE // 2
    kept = [at for places in seen.values() for at in (*places[:half], *places[half:][-half:])]
    return pa.array(sorted(kept), pa.int64())
