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
    `no_source` says why nothing that we read can answer it; it is asked all the same, so that nobody takes the
    silence for a no.
    `except_builds`: not asked where every build that the host ran begins so (`14.`), for its flaw is not in them.
    """

    id: str
    asks: str
    stages: tuple[Stage, ...]
    answered_by: tuple[Alternative, ...] = ()
    no_source: str = ""
    mandatory: bool = False
    roles: tuple[str, ...] = ("exchange",)
    except_builds: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    mail: bool = False


Branch = Literal["found", "anomaly", "not-found", "no-expertise"]
"""Where triage leads: signs of a success, of an attempt or other anomaly, of neither; or nobody could look.

A server whose verdict is inconclusive is on none of them until more was read.
"""


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One text of a directive: the original or a supplement to it. `immediately` runs from `issued`."""

    id: str
    title: str
    issued: datetime
    source: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What decides whether a requirement binds and only a person can say, under its id in the facts file.

    `since`: it holds where it was so at any time from then on. Until somebody says otherwise it is taken to hold
    where `presumed` is yes; where it is no, whether the requirement binds is unknown.
    """

    id: str
    asks: str
    clause: str = ""
    since: datetime | None = None
    presumed: bool = True


class ShownBy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a server's evidence shows a requirement done.

    `patched` are flaws (ids in content/flaws) whose update must be in; `ran` is a scan or check (an id of a mitigation
    row) that must have come to its end `times` times. `decides`: that is all that is asked; otherwise a person has to
    say the rest, and evidence alone can only show that it was not done.
    """

    patched: tuple[str, ...] = ()
    ran: str = ""
    times: int = 1
    decides: bool = False


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One demand of a directive.

    `due` is an instant with the offset of the directive's zone, `immediately`, or empty; with `before` it is too
    late at that instant, without it only after. `of`: each server, or the agency once. `version` is the text that
    demands it. `branches` are those on which it binds (none: on all), `only_if` the conditions that must hold.
    `needs` are coverage names that must have been read, and `questions` those that must be answerable, for it to
    be met. `ask` is what only a person can say: evidence alone then never meets it, unless `shown_by` decides.
    `within_hours` of the first finding that demands it, as `within_source` has it.
    `inventory`: it asks which servers there are, so that beside the answer stands which ones the sources of a case
    name.
    """

    id: str
    title: str
    clause: str
    who: str = ""
    due: str = ""
    before: bool = False
    of: Literal["server", "agency"] = "server"
    version: str = ""
    roles: tuple[str, ...] = ("exchange",)
    branches: tuple[Branch, ...] = ()
    only_if: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    ask: str = ""
    shown_by: ShownBy | None = None
    within_hours: int = 0
    within_source: str = ""
    inventory: bool = False


class Directive(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A directive as content. `window_start` is where its look-back begins; `expertise` names the condition
    without which nobody could look. `not_known` says what of it no source of ours tells.
    """

    id: str
    title: str
    issuer: str
    issued: datetime
    window_start: datetime
    timezone: str
    source: str
    questions: tuple[Question, ...]
    versions: tuple[Version, ...] = ()
    conditions: tuple[Condition, ...] = ()
    expertise: str = ""
    requirements: tuple[Requirement, ...] = ()
    not_known: tuple[str, ...] = ()


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
