"""Who is known to do what: marks, and the actors that sources say show them."""

from datetime import date, datetime
from typing import Literal

import msgspec

from postvakt.model.rule import Stage

MarkKind = Literal["behaviour", "tool", "infrastructure", "file", "name", "victim", "time"]

HEAVIEST: dict[MarkKind, int] = {
    "behaviour": 8,
    "tool": 6,
    "infrastructure": 4,
    "file": 4,
    "name": 2,
    "victim": 2,
    "time": 2,
}
"""What a mark of a kind can weigh at most. What an actor does is harder to lend than an address, a hash or a name."""

Sure = Literal["confirmed", "reported"]
SURE: dict[Sure, float] = {"confirmed": 1.0, "reported": 0.5}
"""How much of a mark's weight a source carries that was read in full, and one that is known by others' words."""


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a finding must be to show a mark: of one of these rules, published values, stages or techniques.

    `rules` are rules of ours, in the content by the name of their folder and once loaded by their id. `values` are the
    addresses, domains, hashes and paths of our indicators. With `words` one of the matched rows must hold one of them,
    whatever the case of its letters.
    """

    rules: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    techniques: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that tells actors apart, told once and named by every actor that shows it.

    How rare it is follows from that: `weight` is divided by the number of actors that name it. `needs` are coverage
    names of which any would show it. A `time` mark holds where the first attack lies in [`since`, `until`), one of a
    `victim` where a person stated one of these sectors or countries. `common`: everybody who used the flaws shows it,
    so it counts for nobody.
    """

    id: str
    title: str
    kind: MarkKind
    weight: int
    signs: tuple[Sign, ...] = ()
    needs: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    sectors: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    common: bool = False


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where something is told. It counts only for what was done from `tells_of` on, where that is said: a report on
    what a group does now is no evidence of what it did then."""

    title: str
    published: date
    tells_of: date | None = None


class MarkBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Marks and the sources that tell of them."""

    sources: dict[str, Source]
    marks: tuple[Mark, ...]


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That an actor shows a mark, or with `against` that it does not do so. `expected`: where the mark could be seen
    and is not, that speaks against the actor, for half of the weight."""

    mark: str
    source: str
    sure: Sure = "confirmed"
    against: bool = False
    expected: bool = False


class ActorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An actor as content. `enters_by` exchange: it is known to come through Exchange only. `campaign` is told with
    the result; `separate` says why it is another campaign than the directive's."""

    id: str
    title: str
    kind: Literal["group", "cluster", "crime", "opportunist", "scanner"]
    claims: tuple[Claim, ...]
    aliases: tuple[str, ...] = ()
    attack_id: str = ""
    enters_by: Literal["exchange", ""] = "exchange"
    campaign: str = ""
    separate: str = ""
    note: str = ""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of actors, loaded and resolved: the content's marks, sources and actors."""

    marks: tuple[Mark, ...] = ()
    sources: dict[str, Source] = {}
    actors: tuple[ActorSpec, ...] = ()
