"""Requests that a case tells more than once: in a log, and in lines of that log that were carved out of memory."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from postvakt.memory.found import MEM_CARVED
from postvakt.tables import matches
from postvakt.tables.case import Case

TELLING: Mapping[str, tuple[str, ...]] = {
    "iis": ("s-ip", "s-port", "c-ip", "cs-method", "cs-uri-stem", "cs-uri-query"),
    "http_proxy": ("RequestId", "UrlStem", "ClientIpAddress"),
    "ecp_server": ("ServerName", "ACTID", "CMD", "URL"),
}
"""Columns of a log, and of a line that was carved of it, that with its time tell one request from another."""

Values = tuple[Any, ...]


class Request(msgspec.Struct, frozen=True):
    """A request as one line tells it: in which log, when, its TELLING values; `cut` is a line that may lack its end."""

    log: str
    time: datetime
    values: Values
    cut: bool


def copies(case: Case, found: pa.Table) -> frozenset[int]:
    """Return the places (`at`) of matches of one rule that are copies: carved lines whose request the log itself tells
    in a match of the same time, or a line that was carved and stands before.

    Memory holds a line as often as it was buffered. Equal requests of one second that only memory tells count as one;
    a log's own lines are never copies.
    """
    is_carved = pc.equal(found.column("table"), MEM_CARVED.name)
    carved = found.filter(is_carved)
    if not carved.num_rows:
        return frozenset()
    beside = pc.is_in(found.column("time"), carved.column("time").combine_chunks().unique())
    seen: dict[tuple[str, datetime], dict[Values, None]] = defaultdict(dict)
    for _, one in _requests(case, found.filter(pc.and_(pc.invert(is_carved), beside))):
        seen[one.log, one.time][one.values] = None
    twice = set()
    # A line that is cut tells less than its copies: it is held against all that are whole.
    for at, one in sorted(_requests(case, carved), key=lambda told: (told[1].cut, told[0])):
        known = seen[one.log, one.time]
        if one.values in known or (one.cut and any(_begins(one.values, whole) for whole in known)):
            twice.add(at)
        known[one.values] = None
    return frozenset(twice)


def _begins(cut: Values, whole: Values) -> bool:
    """Tell whether all that a cut line still has is what another begins with."""
    return all(
        own is None or (other is not None and str(other).startswith(str(own)))
        for own, other in zip(cut, whole, strict=True)
    )


def _requests(case: Case, found: pa.Table) -> Iterator[tuple[int, Request]]:
    """Yield the request of each match of a log's line, with its place; none where its line tells nothing of it."""
    by_part: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
    columns = [found.column(name).to_pylist() for name in ("part", "row", "at", "table")]
    for part, row, at, table in zip(*columns, strict=True):
        if table == MEM_CARVED.name or table in TELLING:
            by_part[part].append((row, at, table))
    for part, places in by_part.items():
        numbers = sorted({row for row, *_ in places})
        rows = dict(zip(numbers, matches.read_rows(case, part, numbers), strict=True))
        for row, at, table in places:
            told = rows[row]
            log = told["kind"] if table == MEM_CARVED.name else table
            values = tuple(told.get(name) for name in TELLING.get(log, ()))
            if any(value is not None for value in values):
                yield at, Request(log, told["time"], values, bool(told.get("page_fragment")))
