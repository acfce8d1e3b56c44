"""What an intruder could have taken or left, and in what order to rotate, remove and rebuild it."""

from typing import Literal

import msgspec

from postvakt.model.rule import Stage

EvictionKind = Literal[
    "account", "service-account", "machine-account", "key", "certificate", "machine-keys", "persistence", "tool",
    "rebuild", "disconnect",
]  # fmt: skip


class EvictionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to rotate, remove or rebuild. `order` says after what it comes (1 first); `sure` whether the evidence
    shows it exposed or it was merely within reach; `findings` say why."""

    order: int
    kind: EvictionKind
    what: str
    do: str
    why: str
    sure: Literal["shown", "within-reach"]
    findings: tuple[str, ...] = ()


class Measure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that an intruder of a certain reach could have taken, and what to do about it.

    `turn` orders. From the grade `reach` on (and not beyond `up_to`) it is within reach, on hosts of these `roles`
    (none: any) that ran a build besides `except_builds` (`14.`); a finding of one of these `techniques` in one of these
    `stages` shows it. `near_domain`: within reach, too, where a finding names a domain controller as where the intruder
    went. `by_directive` adds what a directive says of it.
    """

    id: str
    turn: int
    kind: EvictionKind
    what: str
    do: str
    why: str
    source: str
    reach: Stage = ""
    up_to: Stage = ""
    roles: tuple[str, ...] = ()
    except_builds: tuple[str, ...] = ()
    near_domain: bool = False
    techniques: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ("credential-access",)
    by_directive: dict[str, str] = {}


class Remnant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that an intruder leaves behind and that a finding's samples name.

    A technique stands for those below it, too (`T1505` for `T1505.003`). The name is the first of `fields` that a
    sample of one of `tables` has, as far as `pattern` finds it there, told as `what`; `doubt` is what to do where only
    a weak finding names it.
    """

    id: str
    turn: int
    kind: EvictionKind
    techniques: tuple[str, ...]
    tables: tuple[str, ...]
    fields: tuple[str, ...]
    do: str
    doubt: str
    source: str
    what: str = "{name}"
    pattern: str = ".+"
    not_pattern: str = ""


class Eviction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of `content/eviction`."""

    measures: tuple[Measure, ...] = ()
    remnants: tuple[Remnant, ...] = ()
