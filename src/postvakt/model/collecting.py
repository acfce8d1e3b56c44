"""What to collect: where each kind of trace lies on a server, what a collector can take of it, and a plan of both."""

from typing import Literal

import msgspec

Collector = Literal["kape", "velociraptor", "acquire", "powershell"]
COLLECTORS: tuple[Collector, ...] = ("kape", "velociraptor", "acquire", "powershell")


class Spot(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of one folder of a server, or with `recursive` of all folders below it.

    `folder` is a Windows path without a last backslash; it may begin with %SystemDrive%, %SystemRoot%,
    %ExchangeInstallPath% or %Profile% (each user's folder), and a part of it may be `*`. `locked`: Windows keeps the
    file to itself, so it is read from the raw volume or a shadow copy. `raw`: part of the file system itself, which
    only a reader of the raw volume can take. `{name}` in a mask stands for the channel that is wanted.
    """

    folder: str
    mask: str = "*"
    recursive: bool = False
    locked: bool = False
    raw: bool = False


class Collectable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to collect. `covers` are coverage names (a table, `event:Application`, `event:*` for any channel) and
    artifacts that it gives.

    `turn` orders: what is lost soonest has the lowest. `kept` says how long the server keeps it, `size` what to reckon
    with. `moved_by` are beginnings of what a clue says its folder by; the files of that folder are then `moved`.
    `by` names what collects it where no collector's files can (memory), `instead` what a person hands in. `includes`
    are ids of what need not be taken beside it; what is `optional` is taken only where something is asked of it.
    """

    id: str
    title: str
    covers: tuple[str, ...]
    turn: int
    kept: str
    size: str = ""
    spots: tuple[Spot, ...] = ()
    moved_by: str = ""
    moved: tuple[Spot, ...] = ()
    by: dict[Collector, str] = {}
    instead: str = ""
    includes: tuple[str, ...] = ()
    optional: bool = False


class Family(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of `content/collecting`."""

    collect: tuple[Collectable, ...]


class Omission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a stock profile leaves out, and where that can be read."""

    what: str
    source: str


class CollectorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A collector: what its stock profiles leave out, what it cannot take at all, and how its input is used."""

    id: Collector
    title: str
    suffix: str
    use: tuple[str, ...]
    leaves_out: tuple[Omission, ...] = ()
    cannot: dict[str, str] = {}


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """A folder that the evidence of a host names, and what says so."""

    path: str
    basis: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to collect from a server, with its folders as they are there. `closes` are the coverage names wanted
    of it, `by` what the collector takes it with other than by path."""

    id: str
    title: str
    closes: tuple[str, ...]
    kept: str
    size: str
    spots: tuple[Spot, ...]
    by: str = ""


class NotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted and this collector cannot take, with what can."""

    name: str
    why: str


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What to collect from hosts that want the same. Without a case `hosts` is empty: any server of the directive."""

    hosts: tuple[str, ...]
    steps: tuple[Step, ...]
    not_taken: tuple[NotTaken, ...]
    closes: tuple[str, ...]
    gone: tuple[str, ...]
    install_path: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A collection for one collector, in batches; `complete` are the hosts of the case that want nothing."""

    directive: str
    title: str
    collector: CollectorSpec
    batches: tuple[Batch, ...]
    complete: tuple[str, ...] = ()
