"""Builds of Exchange, the flaws that they have, and how long a host ran with them."""

from datetime import date, datetime
from typing import Literal

import msgspec

CU_ONLY = "cumulative update only"
"""What a source says of itself that does not change with a security update."""

Number = tuple[int, int, int, int]
FlawState = Literal["vulnerable", "fixed", "needs-setting", "not-affected", "unknown"]


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """One build of Exchange. `date` is its release, `YYYY-MM-DD` or `YYYY-MM`; empty where no source tells it."""

    build: Number
    name: str
    kb: str
    date: str

    @property
    def number(self) -> str:
        """Return the build as people write it, `15.1.2176.9`."""
        return ".".join(str(part) for part in self.build)


class Flaw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """CVEs that one update closes. `known` is the day on which they were published.

    `fixed_from` names, for each cumulative update that got one, the first build without the flaw; `spared` are
    beginnings of builds that never had it. `besides` is what must be set besides the update, empty where nothing is.
    """

    id: str
    title: str
    cves: tuple[str, ...]
    known: date
    fixed_from: tuple[str, ...]
    spared: tuple[str, ...] = ()
    besides: str = ""
    source: str


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a host ran one build; `unknown` with no build where nothing tells which. None: not dated."""

    state: FlawState
    build: str
    first: datetime | None
    last: datetime | None
    source: str


class ExposureRow(msgspec.Struct, frozen=True, kw_only=True):
    """How long a host was open to a flaw.

    `state` is that of the build seen last. The update came after `patched_after`, the last sight of a vulnerable
    build, and by `patched_by`, the first of a fixed one; both None where no such change was seen. `exposed` is the
    first instant within the window at which a vulnerable build is known to have run. `attempt` and `success` are the
    first findings that name the flaw: a probe or a failed attempt, and access or more. `told` says it in sentences.
    """

    flaw: str
    title: str
    cves: tuple[str, ...]
    state: FlawState
    stretches: tuple[Stretch, ...] = ()
    vulnerable_from: datetime | None = None
    vulnerable_until: datetime | None = None
    patched_after: datetime | None = None
    patched_by: datetime | None = None
    exposed: datetime | None = None
    attempt: datetime | None = None
    success: datetime | None = None
    findings: tuple[str, ...] = ()
    besides: str = ""
    source: str = ""
    told: tuple[str, ...] = ()
