"""Values between reading and reporting: grouped matches, and which member belongs to which host."""

import msgspec

from postvakt.model.collecting import Folder
from postvakt.model.report import BuildRow, NameClaim, Sample


class MatchGroup(msgspec.Struct, frozen=True, kw_only=True):
    """All matches of one rule in one source. Times are microseconds since 1970; samples the first few rows."""

    rule: str
    table: str
    evidence: str
    source: str
    count: int
    undated: int
    first: int | None
    last: int | None
    samples: tuple[Sample, ...] = ()


class HostConclusion(msgspec.Struct, frozen=True, kw_only=True):
    """One host and what belongs to it.

    `roots` are (evidence, root) pairs that are wholly its own; `sources` are (evidence, member path) pairs
    that are its own apart from their root (loose files of several hosts in one folder). `folders` are where its logs
    were moved to, `install_path` where Exchange lies; empty where the evidence does not say.
    """

    name: str
    named: bool
    roots: tuple[tuple[str, str], ...]
    sources: tuple[tuple[str, str], ...]
    names: tuple[NameClaim, ...]
    roles: tuple[str, ...]
    zone: str
    builds: tuple[BuildRow, ...] = ()
    conflict: str = ""
    folders: tuple[Folder, ...] = ()
    install_path: str = ""
