"""What is late, what is still in time and what is owed at once, at a given time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from postvakt.model.board import BOARD, ORDER, Board, BoardRow, Standing
from postvakt.model.report import AnswerRow, Report

CLOSED = ("met", "not-applicable")


def board(reports: Iterable[tuple[str, Report, datetime | None]], at: datetime) -> Board:
    """Return where every answer of some cases, each with its name and when it was made, stands at a time."""
    rows = sorted(
        (row for name, made, found in reports for row in _rows(name, made, found, at)), key=_urgency
    )
    return Board(schema=BOARD, at=at.astimezone(UTC), rows=tuple(rows))


def standing(answer: AnswerRow, at: datetime) -> tuple[Standing, int | None]:
    """Return how an answer stands at a time, and the seconds left (negative: passed) where there is a time to count.

    On the second of its deadline an answer is in time, unless the text says "before".
    """
    now, due, demanded = at.astimezone(UTC), _utc(answer.due), _utc(answer.demanded)
    if answer.state == "met":
        return "met", None
    if answer.state == "not-applicable":
        return "not-applicable", None
    if demanded is not None and now < demanded:
        return "undemanded", None if due is None else _seconds(due, now)
    if due is not None:
        late = now >= due if answer.before else now > due
        return "late" if late else "running", _seconds(due, now)
    if answer.at_once:
        return "at-once", None if demanded is None else _seconds(demanded, now)
    return "no-date", None


def _utc(instant: datetime | None) -> datetime | None:
    """Return an instant in UTC: two times of one zone are compared by their clocks, over a change of season too."""
    return None if instant is None else instant.astimezone(UTC)


def _seconds(until: datetime, now: datetime) -> int:
    return round((until - now).total_seconds())


def _clocked(answer: AnswerRow, found: datetime | None) -> AnswerRow:
    """Give an answer that is owed within hours its deadline: they run from when the case found what demands it."""
    if not answer.within_hours or found is None or answer.due is not None:
        return answer
    return msgspec.structs.replace(answer, due=_utc(found + timedelta(hours=answer.within_hours)))


def _rows(name: str, made: Report, found: datetime | None, at: datetime) -> Iterator[BoardRow]:
    of_hosts: Sequence[tuple[str, AnswerRow]] = [
        (host.host, answer) for host in made.hosts for answer in host.answers if answer.of == "server"
    ]
    # A host tells the agency's answers too, so any host has the directive's whole order.
    ordered = next((host.answers for host in made.hosts), made.answers)
    places = {answer.requirement: place for place, answer in enumerate(ordered)}
    for host, told in [*(("", answer) for answer in made.answers), *of_hosts]:
        answer = _clocked(told, found)
        stands, seconds = standing(answer, at)
        yield BoardRow(
            case=name,
            directive=made.directive,
            zone=made.directive_zone,
            host=host,
            standing=stands,
            seconds=seconds,
            place=places[answer.requirement],
            answer=answer,
        )


def _urgency(row: BoardRow) -> tuple[int, int, str, int, str]:
    seconds = row.seconds if row.seconds is not None else 0
    return ORDER.index(row.standing), seconds, row.case, row.place, row.host
