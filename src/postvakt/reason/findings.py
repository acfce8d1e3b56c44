"""The matches of one rule on one host, told once."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

import msgspec

from postvakt.model.clock import from_micros
from postvakt.model.conclusion import MatchGroup
from postvakt.model.report import Acknowledgement, CoverageRow, FindingRow, Sample
from postvakt.model.rule import LEVELS, Rule, Stage

AROUND = timedelta(hours=1)
"""Two logs of one request may begin and end this far apart."""

SAMPLES = 8
"""Matched rows that a finding shows; the others are counted, and found by `postvakt query`."""

CARVED = (
    "The lines stand in memory and in no log that was read: that log was deleted, has rolled over or was not "
    "handed in; or somebody had lines of another server open on this one."
)
LOOSE = (
    "It stands in memory and in no file that was read: it was written, sent or served here, or read by somebody, "
    "such as by a scanner that looks for it."
)

COMPROMISED: tuple[Stage, ...] = (
    "access-gained",
    "file-written",
    "shell-used",
    "credential-access",
    "lateral-movement",
    "impact",
)
"""The stages that mean a compromise, least to most."""

ATTEMPTED: tuple[Stage, ...] = ("probe", "attempt-failed")
LABELLED: tuple[Stage, ...] = ("authorised-scan", "responder-tool")


def identity(rule: str, host: str) -> str:
    """Return the stable id of a finding: the same rule on the same host in any run."""
    return hashlib.sha256(f"{rule}\0{host}".encode()).hexdigest()[:12]


def findings(
    host: str,
    groups: Iterable[MatchGroup],
    rules: Mapping[str, Rule],
    acknowledged: Mapping[str, Acknowledgement],
    read: Iterable[CoverageRow] = (),
) -> tuple[FindingRow, ...]:
    """Return one host's findings, the gravest first, then by first time. `read` is what was read of the host."""
    covered = {row.artifact: row for row in read}
    by_rule: dict[str, list[MatchGroup]] = defaultdict(list)
    for group in groups:
        by_rule[group.rule].append(group)
    found = [
        _yielded(
            _loose(
                _finding(host, rules[rule], by_rule[rule], acknowledged.get(identity(rule, host))),
                {group.table for group in by_rule[rule]},
            ),
            rules[rule],
            covered,
        )
        for rule in sorted(by_rule)
    ]
    return tuple(sorted(found, key=_gravity))


def _loose(row: FindingRow, tables: AbstractSet[str]) -> FindingRow:
    """Say less of what only pieces of memory show: a line of a log is one wherever it stands, content is not."""
    if tables == {"mem_carved"} and row.stage in COMPROMISED:
        return msgspec.structs.replace(
            row,
            title=f"{row.title}: carved from memory alone",
            confidence="low" if row.confidence == "low" else "medium",
            means=f"{row.means} {CARVED}",
        )
    if tables == {"mem_yara"}:
        return msgspec.structs.replace(
            row,
            title=f"{row.title}: in memory alone",
            stage="context" if row.stage else "",
            level=LEVELS[min(LEVELS.index(row.level), LEVELS.index("medium"))],
            confidence="low",
            means=f"{row.means} {LOOSE}",
        )
    return row


def _yielded(row: FindingRow, rule: Rule, covered: Mapping[str, CoverageRow]) -> FindingRow:
    """Take a presumption back where the source that knows better covers the same time: it would show a success."""
    better = covered.get(rule.yields_to)
    if better is None or row.first is None or row.last is None or not _covers(better, row.first, row.last):
        return row
    return msgspec.structs.replace(
        row,
        title=f"{row.title}: a presumption, {rule.yields_to} knows",
        stage="probe",
        level="medium",
        confidence="low",
        means=f"{row.means} {rule.yields_to} of the same time was read and says what came of it: see its findings.",
    )


def _covers(row: CoverageRow, first: datetime, last: datetime) -> bool:
    if row.first is None or row.last is None:
        return False
    inside = row.first - AROUND <= first and last <= row.last + AROUND
    return inside and not any(hole.first <= last and first <= hole.last for hole in row.holes)


def _gravity(row: FindingRow) -> tuple[int, int, bool, str, str]:
    stage = COMPROMISED.index(row.stage) if row.stage in COMPROMISED else -1
    return (-LEVELS.index(row.level), -stage, row.first is None, str(row.first), row.rule)


def _finding(
    host: str, rule: Rule, groups: list[MatchGroup], acknowledgement: Acknowledgement | None
) -> FindingRow:
    firsts = [group.first for group in groups if group.first is not None]
    lasts = [group.last for group in groups if group.last is not None]
    samples = sorted((sample for group in groups for sample in group.samples), key=_sample_order)
    return FindingRow(
        id=identity(rule.id, host),
        rule=rule.id,
        kind=rule.kind,
        title=rule.title,
        level=rule.level,
        confidence=rule.confidence,
        stage=rule.stage,
        techniques=rule.techniques,
        cves=rule.cves,
        count=sum(group.count for group in groups),
        undated=sum(group.undated for group in groups),
        first=from_micros(min(firsts)) if firsts else None,
        last=from_micros(max(lasts)) if lasts else None,
        sample=tuple(samples[:SAMPLES]),
        explain=samples[0].detail if samples else "",
        means=rule.means,
        benign=rule.benign,
        next=rule.next,
        origin=rule.origin,
        acknowledged=acknowledgement,
    )


def _sample_order(sample: Sample) -> tuple[bool, str, bool, str, str, int]:
    """Order by time; of one time a log's own line goes before a piece of memory that holds it too."""
    loose = sample.table in ("mem_carved", "mem_yara")
    return (sample.time is None, str(sample.time), loose, sample.evidence, sample.source, sample.locator)
