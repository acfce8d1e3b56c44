"""Who did what: the traces of one host given to the parties that left them.

An address is a party. What has no address (a file, an event, a line of the control panel) is given to the party whose
request, process or page it shares, or that was at work in the same minutes; what none of these reaches leads to nobody,
and is told so.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from postvakt.model.story import Trace
from postvakt.reason.joining import name_of, url_of

NEAR = timedelta(minutes=5)
"""Between a request and what it did on the server."""

AWAY = timedelta(hours=12)
"""A party of which nothing is seen for this long has come again."""

_SCRIPT = re.compile(r"\.(?:aspx|ashx|asmx|asp|asa|cer|svc|cshtml|soap)$")
_ON_DISK = re.compile(r"^[a-z]:/")


class Placed(msgspec.Struct, frozen=True):
    """A trace with what gave it to its party: empty for its own address."""

    trace: Trace
    by: str = ""


class Party(msgspec.Struct):
    """Traces of one address; of nobody where it is empty."""

    address: str
    placed: list[Placed]


def parties(traces: Sequence[Trace], stands_for_others: Iterable[str]) -> list[Party]:
    """Return the parties in the order of their first trace, those that lead to nobody last.

    `stands_for_others` are addresses of load balancers and of the server itself: behind them is whom they name, or
    nobody that can be named.
    """
    hidden = frozenset(stands_for_others)
    addressed: dict[str, list[Placed]] = defaultdict(list)
    loose: list[Trace] = []
    for trace in sorted(traces, key=_order):
        whose = behind(trace, hidden)
        if whose:
            addressed[whose].append(Placed(trace))
        else:
            loose.append(trace)
    for by, index in _ways(addressed, traces):
        loose = _give(loose, addressed, by, index)
    # What a placed program started belongs where the program does; a chain of programs takes a few turns.
    for _ in range(8):
        before = len(loose)
        loose = _give(loose, addressed, "the same process", _by_process(addressed))
        if len(loose) == before:
            break
    found = [Party(address, placed) for address, placed in addressed.items()]
    for party in found:
        party.placed.sort(key=lambda placed: _order(placed.trace))
    found.sort(key=lambda party: (_order(party.placed[0].trace), party.address))
    return [*found, Party("", [Placed(trace) for trace in loose])] if loose else found


def behind(trace: Trace, hidden: frozenset[str]) -> str:
    """Return the address of whoever asked: the one that a balancer hands on, empty where none is told."""
    if trace.address and trace.address not in hidden:
        return trace.address
    return trace.forwarded if trace.forwarded not in hidden else ""


def visits(placed: Iterable[Placed]) -> tuple[tuple[datetime, datetime, int], ...]:
    """Return the spans of time in which a party was seen, and how many traces each holds.

    Where it has an address only what came from there counts: a file of its that is found later is no visit.
    """
    placed = list(placed)
    own = [one for one in placed if not one.by] or placed
    times = sorted(one.trace.time for one in own if one.trace.time)
    spans: list[tuple[datetime, datetime, int]] = []
    for time in times:
        if spans and time - spans[-1][1] <= AWAY:
            first, _, count = spans[-1]
            spans[-1] = (first, time, count + 1)
        else:
            spans.append((time, time, 1))
    return tuple(spans)


def asked_for(traces: Iterable[Trace]) -> frozenset[str]:
    """Return the URLs (paths in lower case) of the scripts that these traces are about."""
    return frozenset(url_of(t.path) for t in traces if _SCRIPT.search(t.path)) - {""}


def pages(traces: Iterable[Trace]) -> frozenset[str]:
    """Return the names of the scripts that traces found on disk, whatever folder they lie in."""
    return frozenset(name_of(t.path) for t in traces if _ON_DISK.match(t.path) and _SCRIPT.search(t.path))


Index = Mapping[str, Sequence[tuple[datetime | None, str]]]
"""By what traces share: when it was seen, and with which address."""


class _Way(msgspec.Struct, frozen=True):
    """How a loose trace's key is made, what has that key already, and how far apart in time the two may be."""

    key: str
    index: Index
    within: timedelta | None = None


def _ways(addressed: Mapping[str, Sequence[Placed]], traces: Sequence[Trace]) -> list[tuple[str, _Way]]:
    born = pages(traces)
    by_request: dict[str, list[tuple[datetime | None, str]]] = defaultdict(list)
    by_page: dict[str, list[tuple[datetime | None, str]]] = defaultdict(list)
    at_work: dict[str, list[tuple[datetime | None, str]]] = {"": []}
    for address, placed in addressed.items():
        for one in placed:
            seen = (one.trace.time, address)
            if one.trace.request:
                by_request[one.trace.request].append(seen)
            if (name := name_of(one.trace.path)) in born:
                by_page[name].append(seen)
            if one.trace.time:
                at_work[""].append(seen)
    return [
        ("the same request", _Way("request", by_request)),
        ("the same page", _Way("page", by_page, NEAR)),
        ("the same minutes", _Way("time", at_work, NEAR)),
        ("the same page", _Way("page", by_page)),
    ]


def _by_process(addressed: Mapping[str, Sequence[Placed]]) -> _Way:
    index: dict[str, list[tuple[datetime | None, str]]] = defaultdict(list)
    for address, placed in addressed.items():
        for one in placed:
            for process in {one.trace.process, one.trace.parent} - {""}:
                index[process].append((one.trace.time, address))
    return _Way("process", index)


def _give(loose: Iterable[Trace], addressed: dict[str, list[Placed]], by: str, way: _Way) -> list[Trace]:
    """Give loose traces to the party that is nearest in time among those that share the key; return the others."""
    left: list[Trace] = []
    given: list[tuple[str, Placed]] = []
    for trace in loose:
        seen = [entry for key in _keys(trace, way.key) for entry in way.index.get(key, ())]
        nearest = min(seen, key=lambda entry: (_apart(trace.time, entry[0]), entry[1]), default=None)
        if nearest is None or (way.within and _apart(trace.time, nearest[0]) > way.within):
            left.append(trace)
        else:
            given.append((nearest[1], Placed(trace, by)))
    for address, placed in given:
        addressed[address].append(placed)
    return left


def _keys(trace: Trace, key: str) -> tuple[str, ...]:
    if key == "request":
        return (trace.request,) if trace.request else ()
    if key == "page":
        return (name_of(trace.path),) if trace.path else ()
    if key == "process":
        return tuple({trace.process, trace.parent} - {""})
    return ("",) if trace.time else ()


def _apart(one: datetime | None, other: datetime | None) -> timedelta:
    return abs(one - other) if one and other else timedelta.max


def _order(trace: Trace) -> tuple[bool, str, str, str, int, str]:
    return (trace.time is None, str(trace.time), trace.table, trace.source, trace.locator, trace.rule)


def common(values: Iterable[str]) -> str:
    """Return the commonest of some words, the first in the alphabet where several are."""
    counted = Counter(value for value in values if value)
    return min(counted, key=lambda value: (-counted[value], value)) if counted else ""
