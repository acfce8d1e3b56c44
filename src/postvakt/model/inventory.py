"""The Exchange servers of an organisation, reconciled from what independent sources say of each."""

from datetime import datetime
from typing import Literal

import msgspec

SourceKind = Literal["evidence", "directory", "health-checker", "scan", "certificate", "log"]
"""Where a server is named: evidence of its own, an export of Active Directory, HealthChecker's output, a scan of the
network (Nmap), a certificate, or a log of another server or service."""

Facing = Literal["internet", "internal", "unknown"]


class ServerSource(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of source says of a server.

    `says` tells it in words (`TargetServer of HttpProxy logs of EX01`); `count` how often the server is named there,
    `first` and `last` when; `places` are a few places where it stands, `evidence path, record`.
    """

    kind: SourceKind
    says: str
    count: int
    first: datetime | None = None
    last: datetime | None = None
    build: str = ""
    places: tuple[str, ...] = ()


class ServerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One server. `submitted` tells whether evidence of its own was handed in, `host` then names its host row.

    `names` are all forms in which it is named, `addresses` those that a source gives it. `told` says in sentences what
    the sources disagree on and what is missing ("named 14 times, never collected").
    """

    name: str
    names: tuple[str, ...]
    sources: tuple[ServerSource, ...]
    submitted: bool
    host: str = ""
    exchange: Literal["yes", "likely", "no", "unknown"] = "unknown"
    addresses: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    site: str = ""
    group: str = ""
    first: datetime | None = None
    last: datetime | None = None
    facing: Facing = "unknown"
    facing_basis: str = ""
    told: tuple[str, ...] = ()


class Naming(msgspec.Struct, frozen=True, kw_only=True):
    """One source's word on one server, before the words on it are put together.

    `names` are the machine's own, `aliases` those under which others reach it (a name that several servers may share).
    `by` is the host in whose evidence it stands, `own` tells that it speaks of that host itself. `urls` are addresses
    of it for the outside, `askers` those who asked it from outside of its network. `build` has three parts where the
    source knows the cumulative update alone. `notes` are told of the server as they are.
    """

    kind: SourceKind
    says: str
    names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    count: int = 1
    first: datetime | None = None
    last: datetime | None = None
    build: str = ""
    exchange: Literal["yes", "likely", "unknown"] = "unknown"
    roles: tuple[str, ...] = ()
    site: str = ""
    group: str = ""
    by: str = ""
    own: bool = False
    urls: tuple[str, ...] = ()
    askers: tuple[str, ...] = ()
    scanned_open: bool = False
    notes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a directory, a scanned port or a certificate as it was read: what a source's own fields say."""

    table: str
    by: str
    place: str
    time: datetime | None
    fields: dict[str, str | tuple[str, ...]]
