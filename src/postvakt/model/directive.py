"""Who demands what, by when, of which servers; and the questions a verdict needs answered."""

from datetime import datetime
from typing import Literal

import msgspec

from postvakt.model.rule import Stage


class Alternative(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to answer a question: all of these coverage names together.

    A name is an artifact's (`http_proxy`) or one split value of it (`event:Security`). `state`: the source shows
    what is there at acquisition (files, hives, configuration), so it answers for the whole window and needs no
    span; otherwise it answers from the first instant after which its log has no hole.
    `certainty` is said with the answer.
    """

    all_of: tuple[str, ...]
    state: bool = False
    certainty: Literal["full", "less"] = "full"
    note: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One yes-or-no question about a server. Findings of these stages answer it with yes.

    `roles` are the host roles it is asked of. `mandatory`: a host can be clear only where it is answerable.
    `mail`: a mailbox that an intruder reached answers it with yes, too.
    `cves`: only findings of these flaws answer it, and no other question of the same stages.
    `except_builds`: not asked where every build that the host ran begins so (`14.`), for its flaw is not in them.
    """

    id: str
    asks: str
    stages: tuple[Stage, ...]
    answered_by: tuple[Alternative, ...]
    mandatory: bool = False
    roles: tuple[str, ...] = ("exchange",)
    except_builds: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    mail: bool = False


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One demand of a directive. `needs` are coverage names that must have been read for it to be met."""

    id: str
    title: str
    clause: str
    who: str = ""
    due: str = ""
    needs: tuple[str, ...] = ()


class Directive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directive as content. `window_start` is where its look-back begins."""

    id: str
    title: str
    issuer: str
    issued: datetime
    window_start: datetime
    timezone: str
    source: str
    questions: tuple[Question, ...]
    requirements: tuple[Requirement, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a known attack and the rules, by id, that show it; `needs` are coverage names that could.

    An `optional` step is no link: the attack goes on without it.
    """

    id: str
    title: str
    stage: Stage
    rules: tuple[str, ...]
    needs: tuple[str, ...] = ()
    optional: bool = False


class ChainSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A known attack: its steps in order."""

    id: str
    title: str
    steps: tuple[Step, ...]
