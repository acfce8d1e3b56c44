"""What people say of a case that no evidence can: `facts.yaml` in the case folder."""

from datetime import datetime

import msgspec

from postvakt.model.report import AnswerState

ALL = "all"
"""The host of a fact that is said of every server and of the agency."""


class Fact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer of a person: to a requirement or a condition, of one host or of all.

    Of a condition `met` says that it holds and `unmet` that it does not. `at` is when it was said.
    """

    requirement: str
    state: AnswerState
    words: str
    by: str
    at: datetime
    host: str = ALL


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A requirement or a condition that somebody was asked, of one host or of all; the answer is wanted at `by`."""

    requirement: str
    whom: str
    by: datetime
    host: str = ALL


class Victim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom it happened to, as somebody states it: a sector in plain words, a country by its two letters."""

    sector: str = ""
    country: str = ""
    by: str
    at: datetime


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The facts file as a whole."""

    facts: tuple[Fact, ...] = ()
    victim: Victim | None = None
    ask: tuple[Asked, ...] = ()
