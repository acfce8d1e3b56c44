"""The deadline board as text and as JSON."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from postvakt.model.board import Board, BoardRow
from postvakt.model.clock import iso
from postvakt.model.report import AnswerRow
from postvakt.report import words
from postvakt.report.html_form import printed
from postvakt.report.text import encodable, spelled

HOSTS = 5
HTML_HOSTS = 60
"""Servers that one line names, on a terminal and on a page; how many more there are is told."""

OPEN = ("late", "at-once", "running", "no-date", "undemanded")
HEADINGS = {
    "late": "late",
    "at-once": "owed at once",
    "running": "in time",
    "no-date": "no date named",
    "undemanded": "not demanded yet",
}
UNITS = (("day", 86400), ("h", 3600), ("min", 60))


def json(board: Board) -> bytes:
    """Return the board as indented UTF-8 JSON, times in UTC; what UTF-8 cannot hold is written as `\\udc80`."""
    told = msgspec.json.encode(_encodable(msgspec.to_builtins(board)))
    return msgspec.json.format(told, indent=1) + b"\n"


def text(board: Board) -> bytes:
    """Return the board as lines for a terminal, what is latest first, servers that stand alike in one line."""
    return "".join(f"{line}\n" for line in _lines(board)).encode("utf-8", "backslashreplace")


class Line(msgspec.Struct, frozen=True):
    """Servers that stand alike under one requirement."""

    state: str
    hosts: tuple[str, ...]
    more: int
    lacks: tuple[str, ...]


class Demand(msgspec.Struct, frozen=True):
    """One requirement in one standing, with its time in words."""

    answer: AnswerRow
    when: str
    lines: tuple[Line, ...]


def html(board: Board) -> bytes:
    """Return the board as one page without script: by case and standing, servers that stand alike together."""
    cases = sorted({(row.case, row.directive) for row in board.rows})
    told = []
    for case, directive in cases:
        rows = [row for row in board.rows if (row.case, row.directive) == (case, directive)]
        groups = [(HEADINGS[name], name, _demands([r for r in rows if r.standing == name])) for name in OPEN]
        told.append((case, directive, _counted(rows), [group for group in groups if group[2]]))
    return printed("board.html.jinja", "attestation.css", board=board, cases=told)


def _demands(rows: Iterable[BoardRow]) -> list[Demand]:
    ordered = sorted(rows, key=lambda row: (row.seconds or 0, row.place))
    made = []
    for _, same in groupby(ordered, key=lambda row: (row.seconds, row.place)):
        held = list(same)
        lines = []
        for (state, lacks), alike in groupby(sorted(held, key=_alike), key=_alike):
            hosts = [row.host for row in alike]
            lines.append(Line(state, tuple(hosts[:HTML_HOSTS]), max(0, len(hosts) - HTML_HOSTS), lacks))
        made.append(Demand(held[0].answer, _when(held[0]), tuple(lines)))
    return made


def _lines(board: Board) -> Iterator[str]:
    cases = sorted({(row.case, row.directive) for row in board.rows})
    yield f"At {iso(board.at)}"
    for case, directive in cases:
        rows = [row for row in board.rows if (row.case, row.directive) == (case, directive)]
        yield ""
        yield f"{spelled(case)}: {directive}, {_counted(rows)}"
        for standing in OPEN:
            held = [row for row in rows if row.standing == standing]
            if held:
                yield ""
                yield f"  {HEADINGS[standing]}"
                yield from _requirements(held)


def _counted(rows: list[BoardRow]) -> str:
    states = [row.answer.state for row in rows]
    told = [f"{states.count(state)} {state}" for state in ("unmet", "unknown", "met", "not-applicable")]
    hosts = len({row.host for row in rows if row.host})
    return f"{words.count(hosts, 'server')}; answers: {', '.join(told)}"


def _requirements(rows: Iterable[BoardRow]) -> Iterator[str]:
    ordered = sorted(rows, key=lambda row: (row.seconds or 0, row.place))
    for _, same in groupby(ordered, key=lambda row: (row.seconds, row.place)):
        held = list(same)
        first = held[0]
        when = f" ({told})" if (told := _when(first)) else ""
        yield f"    {first.answer.requirement}  {first.answer.title}{when}"
        alike = sorted(held, key=_alike)
        for (state, lacks), hosts in groupby(alike, key=_alike):
            yield f"      {state:8} {_named([row.host for row in hosts])}: {_blocked(lacks)}"


def _alike(row: BoardRow) -> tuple[str, tuple[str, ...]]:
    return row.answer.state, row.answer.lacks


def _blocked(lacks: tuple[str, ...]) -> str:
    return spelled("; ".join(lacks)) if lacks else "nothing more is known to be lacking"


def _named(hosts: list[str]) -> str:
    told = ", ".join(spelled(host) or "the agency" for host in hosts[:HOSTS])
    more = len(hosts) - HOSTS
    return told + (f" and {more:,} more" if more > 0 else "")


def _when(row: BoardRow) -> str:
    if row.standing == "at-once":
        return (
            f"for {span(row.seconds)}, since {_local(row.answer.demanded, row.zone)}" if row.seconds else ""
        )
    if row.seconds is None or row.answer.due is None:
        return ""
    by = f"{'before' if row.answer.before else 'by'} {_local(row.answer.due, row.zone)}"
    return f"{by}, {span(row.seconds)} {'late' if row.standing == 'late' else 'left'}"


def span(seconds: int | None) -> str:
    """Return a length of time in its two greatest units, cut off below: `2 days 3 h`; its sign is not told."""
    rest = abs(seconds or 0)
    parts = []
    for unit, size in UNITS:
        number, rest = divmod(rest, size)
        if number:
            parts.append(words.count(number, unit) if unit == "day" else f"{number} {unit}")
    return " ".join(parts[:2]) or "less than a minute"


def _local(instant: datetime | None, zone: str) -> str:
    """Return an instant by the clock of the directive's zone, with the zone's name on that day and its offset."""
    if instant is None:
        return "an unknown time"
    try:
        there = instant.astimezone(ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError):
        return f"{iso(instant)}"
    return f"{there:%a} {there:%Y-%m-%d %H:%M} {there.tzname()} (UTC{_offset(there)})"


def _offset(there: datetime) -> str:
    """Return an offset from UTC as people write it: `-5`, `+5:45`."""
    minutes = (there.utcoffset() or timedelta()) // timedelta(minutes=1)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02}" if rest else "")


def _encodable(value: object) -> object:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {key: _encodable(one) for key, one in value.items()}
    return [_encodable(one) for one in value] if isinstance(value, list | tuple) else value
