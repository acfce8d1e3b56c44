"""The report as one value: every format renders this and computes nothing. Its JSON form is
`postvakt.report/1`, published in `docs/report.schema.json` and stable."""

from datetime import datetime
from typing import Literal

import msgspec

from postvakt.model.baseline import BaselineRow
from postvakt.model.build import ExposureRow
from postvakt.model.eviction import EvictionRow
from postvakt.model.gap import Why
from postvakt.model.hypothesis import AttributionRow, HypothesisRow
from postvakt.model.inventory import ServerRow
from postvakt.model.memory import MemoryRow
from postvakt.model.mitigation import MitigationRow
from postvakt.model.rule import Confidence, Level, NotAsked, RuleKind, Stage
from postvakt.model.story import SharedRow, Story

VerdictOutcome = Literal["not-examined", "inconclusive", "clear-since", "clear", "attempted", "compromised"]
Grade = Literal[
    "", "probed", "attempt-failed", "access-gained", "file-written", "shell-used", "credential-access",
    "lateral-movement", "impact",
]  # fmt: skip
AnswerState = Literal["met", "unmet", "unknown", "not-applicable"]


class Window(msgspec.Struct, frozen=True):
    """The time that is asked about. `end` is the acquisition, as far as the evidence tells."""

    start: datetime
    end: datetime | None


class EvidenceRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    path: str
    sha256: str
    bytes: int
    kind: str
    recognised_as: str
    host: str
    members: int = 0
    relevant: int = 0
    gaps: int = 0


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One matched row: where it was read and its own fields."""

    table: str
    evidence: str
    source: str
    locator: int
    locator_kind: str
    time: datetime | None
    fields: dict[str, str]
    detail: str = ""


class Acknowledgement(msgspec.Struct, frozen=True):
    by: str
    at: datetime
    reason: str


class FindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """The matches of one rule on one host, told once. `id` is stable over runs."""

    id: str
    rule: str
    kind: RuleKind
    title: str
    level: Level
    confidence: Confidence
    stage: Stage
    techniques: tuple[str, ...]
    cves: tuple[str, ...]
    count: int
    undated: int
    first: datetime | None
    last: datetime | None
    sample: tuple[Sample, ...]
    explain: str
    means: str
    benign: str
    next: str
    origin: str
    acknowledged: Acknowledgement | None = None


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """`finding` is None where the step was not seen; `missing` then says why."""

    step: str
    title: str
    stage: Stage
    finding: str | None
    time: datetime | None
    missing: str = ""


class ChainRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str
    complete: bool
    steps: tuple[StepRow, ...]


class Hole(msgspec.Struct, frozen=True):
    first: datetime
    last: datetime


class CoverageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one artifact on one host. `days` counts dated records by day (YYYY-MM-DD)."""

    artifact: str
    files: int
    bytes: int
    records: int
    undated: int
    first: datetime | None
    last: datetime | None
    holes: tuple[Hole, ...]
    lost: int = 0
    days: dict[str, int] = {}


class GapRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    artifact: str
    source: str
    locator: int | None
    why: Why
    detail: str
    count: int = 1


class QuestionRow(msgspec.Struct, frozen=True, kw_only=True):
    """`answer` is yes (a finding says so), no-since (nothing found, answerable from `since`), or unanswerable."""

    id: str
    asks: str
    mandatory: bool
    answer: Literal["yes", "no", "no-since", "unanswerable"]
    since: datetime | None
    basis: str
    findings: tuple[str, ...] = ()


class VerdictRow(msgspec.Struct, frozen=True, kw_only=True):
    outcome: VerdictOutcome
    grade: Grade
    since: datetime | None
    because: tuple[str, ...]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word on a requirement or condition."""

    state: AnswerState
    words: str
    by: str
    at: datetime


class AnswerRow(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one requirement. `lacks` says what stands between it and `met`.

    `due` is the deadline where the text names one, `at_once` where it says "immediately", which runs from
    `demanded`; with `before` the deadline itself is too late. `within_hours` run from when the case found it.
    """

    requirement: str
    title: str
    state: AnswerState
    basis: str
    version: str = ""
    of: Literal["server", "agency"] = "server"
    demanded: datetime | None = None
    due: datetime | None = None
    before: bool = False
    at_once: bool = False
    within_hours: int = 0
    lacks: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()


class NameClaim(msgspec.Struct, frozen=True, kw_only=True):
    """One name that the evidence gives the host, and where it says so."""

    name: str
    basis: str
    count: int


class BuildRow(msgspec.Struct, frozen=True, kw_only=True):
    build: str
    first: datetime | None
    until: datetime | None
    source: str


class HostRow(msgspec.Struct, frozen=True, kw_only=True):
    """`exposure` is how long the host was open to which flaw; `build_doubts` what the sources of its builds say against
    each other or leave open; `update` what to install, in order, empty where it is open to nothing."""

    host: str
    roles: tuple[str, ...]
    zone: str
    names: tuple[NameClaim, ...]
    verdict: VerdictRow
    questions: tuple[QuestionRow, ...]
    findings: tuple[FindingRow, ...]
    chains: tuple[ChainRow, ...]
    coverage: tuple[CoverageRow, ...]
    gaps: tuple[GapRow, ...]
    builds: tuple[BuildRow, ...]
    mitigations: tuple[MitigationRow, ...]
    answers: tuple[AnswerRow, ...]
    hypotheses: tuple[HypothesisRow, ...] = ()
    story: Story = Story()
    baseline: BaselineRow = BaselineRow()
    exposure: tuple[ExposureRow, ...] = ()
    build_doubts: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    eviction: tuple[EvictionRow, ...] = ()
    attribution: tuple[AttributionRow, ...] = ()
    memory: tuple[MemoryRow, ...] = ()


class RulesRow(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked. `narrowed` are rules that find less than their own text says, with the reason."""

    asked: int
    matched: int
    not_asked: tuple[NotAsked, ...]
    narrowed: tuple[NotAsked, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    postvakt: str
    content: str
    directive: str
    directive_title: str
    tlp: str
    window: Window
    rules: RulesRow
    evidence: tuple[EvidenceRow, ...]
    hosts: tuple[HostRow, ...]
    inventory: tuple[ServerRow, ...] = ()
    answers: tuple[AnswerRow, ...] = ()
    directive_zone: str = ""
    shared: tuple[SharedRow, ...] = ()


SCHEMA = "postvakt.report/1"
