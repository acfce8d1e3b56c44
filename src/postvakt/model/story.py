"""How an intrusion went on one host, joined over all of its logs: who came from where, what was done in which order,
which page was used how much, which mail was reached, and what is behind an address."""

from datetime import datetime
from typing import Literal

import msgspec

from postvakt.model.rule import Stage

AddressRole = Literal["client", "balancer", "self", "probe", "scanner"]
SharedKind = Literal["address", "page", "from-host"]
MailDeed = Literal["read", "exported", "forwarded", "rights given", "searched"]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One matched row with what it can be joined by; empty where the row tells nothing of it.

    `address` is the client's, `server` this host's own or another's that the row names. `path` is the file or page in
    lower case with forward slashes. `request` is the id by which Exchange follows a request through its logs,
    `process` and `parent` are process ids that stand for one start of a program. `verb` is the cmdlet or action,
    `target` another system that is reached for.
    """

    rule: str
    table: str
    evidence: str
    source: str
    locator: int
    time: datetime | None
    address: str = ""
    forwarded: str = ""
    path: str = ""
    request: str = ""
    process: str = ""
    parent: str = ""
    account: str = ""
    mailbox: str = ""
    verb: str = ""
    target: str = ""
    says: str = ""


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one address in the web logs of one host.

    `agents` and `users` are distinct, `probes` the requests of monitoring, `forwarded` those that name another client.
    """

    address: str
    requests: int
    agents: int
    users: int
    probes: int
    forwarded: int
    first: datetime | None
    last: datetime | None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A host's clock was set from one time to another; `at` is when the log says so."""

    at: datetime
    before: datetime
    after: datetime


class AddressRow(msgspec.Struct, frozen=True, kw_only=True):
    """An address that asked this host for something. `share` is its part of all requests with an address, 0 to 1."""

    address: str
    role: AddressRole
    requests: int
    share: float
    first: datetime | None
    last: datetime | None
    agents: int
    users: int
    forwarded: int
    basis: str


class PageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one address did with one page that is no part of the product, as the web log counts it.

    `bytes_out` is None where the log has no such column. `answered` counts the requests with a status of 200 to 299.
    """

    page: str
    address: str
    accounts: tuple[str, ...]
    agents: tuple[str, ...]
    requests: int
    answered: int
    methods: dict[str, int]
    statuses: dict[str, int]
    bytes_out: int | None
    first: datetime | None
    last: datetime | None


class MailRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to one mailbox, as far as a log tells; `by` is the account or address that did it."""

    mailbox: str
    deed: MailDeed
    by: str
    count: int
    first: datetime | None
    last: datetime | None
    log: str
    finding: str


class StoryStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the known attack as one actor took it; without findings it was not seen, and `missing` says why.

    `logs` are the tables that show it, `joined` says by what its traces were given to this actor.
    """

    step: str
    title: str
    stage: Stage
    findings: tuple[str, ...] = ()
    traces: int = 0
    first: datetime | None = None
    last: datetime | None = None
    logs: tuple[str, ...] = ()
    joined: str = ""
    says: str = ""
    missing: str = ""


class ActorRow(msgspec.Struct, frozen=True, kw_only=True):
    """One party on one host. Without addresses it holds the traces that lead to nobody.

    `visits` are the spans of time between which nothing of it was seen for half a day. `shares` names what it has in
    common with another actor of the host (a page that the other one wrote).
    """

    id: str
    addresses: tuple[str, ...]
    stage: Stage
    first: datetime | None
    last: datetime | None
    traces: int
    visits: tuple[tuple[datetime, datetime, int], ...]
    steps: tuple[StoryStep, ...]
    shares: tuple[str, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of one host. `words` is the story in sentences, `clock` what its logs say of its clock."""

    words: tuple[str, ...] = ()
    actors: tuple[ActorRow, ...] = ()
    pages: tuple[PageRow, ...] = ()
    mail: tuple[MailRow, ...] = ()
    addresses: tuple[AddressRow, ...] = ()
    clock: tuple[str, ...] = ()


class SharedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something of an attack that stands on several hosts of the case: an address or a page; or a host whose address or
    machine account stands in the traces of another (the host itself is then the first of `hosts`)."""

    kind: SharedKind
    value: str
    hosts: tuple[str, ...]
    first: datetime | None
    last: datetime | None
