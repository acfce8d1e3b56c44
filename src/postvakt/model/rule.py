"""What detections are, apart from how they are asked."""

from datetime import datetime
from typing import Literal

import msgspec

Level = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")
Confidence = Literal["low", "medium", "high"]

Stage = Literal[
    "", "probe", "attempt-failed", "access-gained", "file-written", "shell-used", "credential-access",
    "lateral-movement", "impact", "tampering", "context", "authorised-scan", "responder-tool",
]  # fmt: skip
"""What a finding shows. From `access-gained` on it is a grade of `compromised`; `tampering` (logs cleared,
logging switched off) and `context` weigh on certainty, never alone on the verdict; `authorised-scan` and
`responder-tool` label what is neither attack nor hidden."""

RuleKind = Literal["sigma", "yara", "indicator"]


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What a report needs to know of a detection.

    `id` is the rule's own (a Sigma rule's UUID, `yara:<name>`, a STIX indicator's id). `origin` names the pack
    it came from, `own` for ours. Only own rules carry a stage: other people's rules are findings, and a
    verdict is argued from rules that were proved. `means` says in two sentences what a match means, `benign`
    what harmless thing looks the same, `next` what to do.
    """

    id: str
    kind: RuleKind
    title: str
    level: Level = "medium"
    confidence: Confidence = "medium"
    stage: Stage = ""
    techniques: tuple[str, ...] = ()
    cves: tuple[str, ...] = ()
    means: str = ""
    benign: str = ""
    next: str = ""
    origin: str = "own"
    path: str = ""
    author: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    yields_to: str = ""
    folders: tuple[str, ...] = ()


class NotAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that could not be asked, with the reason; never dropped in silence."""

    rule: str
    title: str
    reason: str
    path: str = ""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One row that one rule matched. `part` is the Parquet part under the case's `tables/`, `row` its index there."""

    rule: str
    table: str
    evidence: str
    source: str
    locator: int
    part: str
    row: int
    time: int | None = None
    detail: str = ""
