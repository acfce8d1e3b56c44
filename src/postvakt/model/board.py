"""The deadline board: where each answer stands at a given time. Its JSON form is `postvakt.status/1`."""

from datetime import datetime
from typing import Literal

import msgspec

from postvakt.model.report import AnswerRow

BOARD = "postvakt.status/1"

Standing = Literal["late", "at-once", "running", "no-date", "undemanded", "met", "not-applicable"]
"""Of an open answer: its deadline has passed, it is owed immediately, its deadline is to come, its text names none, or
its text was not issued yet at that time; of a closed one: why nothing is owed."""

ORDER: tuple[Standing, ...] = (
    "late", "at-once", "running", "no-date", "undemanded", "met", "not-applicable",
)  # fmt: skip


class BoardRow(msgspec.Struct, frozen=True, kw_only=True):
    """One requirement of one server, or of the agency (`host` empty).

    `seconds` is the time left to the deadline, negative where it has passed; of what is owed at once the time since
    it was demanded, negative too; None where there is no time to count. `place` is the requirement's place in the
    directive, from 0.
    """

    case: str
    directive: str
    zone: str
    host: str
    standing: Standing
    seconds: int | None
    place: int
    answer: AnswerRow


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All answers of some cases at one time, what is latest first."""

    schema: str
    at: datetime
    rows: tuple[BoardRow, ...]
