"""What a host's memory images tell at a glance: which machine when, what ran on it, and how far it was gone through."""

from datetime import datetime

import msgspec


class ProcessRow(msgspec.Struct, frozen=True, kw_only=True):
    """One process. `depth` is how many of its parents are listed before it. `findings` are those that its own row is a
    match of; `odd` counts its matched regions, modules and endpoints."""

    pid: int | None
    parent: int | None
    image: str
    command: str
    started: datetime | None
    exited: datetime | None
    flags: tuple[str, ...]
    locator: int
    depth: int = 0
    findings: tuple[str, ...] = ()
    odd: int = 0


class EndpointRow(msgspec.Struct, frozen=True, kw_only=True):
    pid: int | None
    image: str
    protocol: str
    local: str
    remote: str
    state: str
    time: datetime | None


class PieceRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was carved of one kind in one program's memory, or found there by one YARA rule, with the finding of it."""

    kind: str
    process: str
    count: int
    finding: str = ""


class MemoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """One image. `windows` says which Windows, and by what; `listed` and `tagged` count the processes that Windows'
    list and their pool tags lead to; `hidden` are pages that were asked for and not had, by reason. `swept` of
    `bytes` were gone through by rules and carvers. `symbols` is where the kernel's symbols lie below any symbol
    server. `added` counts the rows by table that another engine told and ours did not; `beside` says what
    is missing where none was asked. `left` counts processes, endpoints and kinds of pieces that are not listed."""

    source: str
    evidence: str
    container: str
    holds: str
    taken: datetime | None
    windows: str
    bytes: int
    swept: int
    processes: int
    listed: int | None
    tagged: int | None
    list_state: str
    hidden: dict[str, int]
    symbols: str
    tier: str
    added: dict[str, int] = {}
    beside: str = ""
    running: tuple[ProcessRow, ...] = ()
    endpoints: tuple[EndpointRow, ...] = ()
    pieces: tuple[PieceRow, ...] = ()
    left: int = 0
