"""What differs between two reports. Its JSON form is `postvakt.diff/1`."""

from typing import Literal

import msgspec

DIFF = "postvakt.diff/1"

ChangeKind = Literal[
    "case", "host", "verdict", "question", "finding", "answer", "mitigation", "gap", "coverage", "server"
]  # fmt: skip


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs. `before` or `after` is empty where it was not there; `why` says what brought it about,
    as far as the two reports tell."""

    kind: ChangeKind
    host: str
    what: str
    before: str
    after: str
    why: str = ""


class Diff(msgspec.Struct, frozen=True, kw_only=True):
    """Every change, the verdicts first."""

    schema: str
    changes: tuple[Change, ...]
