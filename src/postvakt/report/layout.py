"""What stands where on the page: groups, order, links and limits. Nothing is concluded here."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from markupsafe import Markup

from postvakt.model.gap import Why
from postvakt.model.report import (
    AnswerRow,
    CoverageRow,
    FindingRow,
    GapRow,
    HostRow,
    QuestionRow,
    Report,
    Sample,
)
from postvakt.model.rule import NotAsked
from postvakt.report import words
from postvakt.report.heat import Heat, heat
from postvakt.report.lanes import Lanes, lanes
from postvakt.report.recalled import MemoryView, recalled
from postvakt.report.tale import Tale, tale
from postvakt.report.text import shown
from postvakt.report.times import HostClock, minute

UNFOLDED = 4
"""On a page of more hosts than this each of them is folded under its verdict."""

_CITED = re.compile(r"^(.*?)\s*\[([0-9a-z-]{6,64})\](.*)$", re.DOTALL)
_LATE = re.compile("nothing before ")
_QUOTED = re.compile("`[^`]*`")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much of long lists a host gets. Everything left away is counted where it would have stood.

    `characters` bounds what the host's records may take of the page, as HTML. `lean` hosts have no records
    and no timeline; their findings name the place of the first record.
    """

    findings: int
    samples: int
    characters: int
    gap_groups: int
    examples: int
    heat_bins: int
    fields: int = 60
    holes: int = 12
    rows: int = 100
    lean: bool = False


FULL = Limits(findings=60, samples=8, characters=400_000, gap_groups=60, examples=5, heat_bins=132)
BRIEF = Limits(findings=20, samples=2, characters=60_000, gap_groups=30, examples=2, heat_bins=132)
LEAN = Limits(
    findings=8, samples=0, characters=0, gap_groups=8, examples=1, heat_bins=66, holes=6, rows=20, lean=True
)

TIERS = ((10, FULL), (60, BRIEF), (1000, LEAN))
"""The gravest hosts are told in full; up to which place, and how. Beyond the last stands only a row of the table."""


class GapGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The gaps of one kind in one artifact. `places` adds up what each of them stands for."""

    artifact: str
    why: Why
    places: int
    gaps: tuple[GapRow, ...]

    @property
    def first(self) -> GapRow:
        return self.gaps[0]


def gap_groups(gaps: Sequence[GapRow]) -> list[GapGroup]:
    """Return the gaps by artifact and reason: what is wholly missing first, then by name."""
    grouped: dict[tuple[str, Why], list[GapRow]] = {}
    late = [gap for gap in gaps if _LATE.match(gap.detail)]
    for gap in gaps:
        # That all logs of a server begin late is one thing to know, not ten.
        together = len(late) > 1 and gap in late
        grouped.setdefault((f"{len(late)} logs" if together else gap.artifact, gap.why), []).append(
            msgspec.structs.replace(gap, detail=f"{gap.artifact}: {gap.detail}") if together else gap
        )
    groups = [
        GapGroup(artifact=artifact, why=why, places=sum(gap.count for gap in rows), gaps=tuple(rows))
        for (artifact, why), rows in grouped.items()
    ]
    return sorted(groups, key=lambda group: (words.WHY_ORDER[group.why], group.artifact))


class Reason(msgspec.Struct, frozen=True):
    """One reason of a verdict; `target` leads to the finding that it cites."""

    text: str
    target: str


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """A field as HTML; `cited` tells that the explanation speaks of it."""

    name: Markup
    value: Markup
    cited: bool


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """A sampled record. `held_back` tells that there was no room left for its fields."""

    sample: Sample
    fields: tuple[FieldView, ...]
    more_fields: int
    held_back: bool
    detail: str


class FindingView(msgspec.Struct, frozen=True, kw_only=True):
    """A finding with its place on the page, the text that links lead to, and the records that are shown."""

    anchor: str
    row: FindingRow
    records: tuple[RecordView, ...]


class HoleView(msgspec.Struct, frozen=True, kw_only=True):
    artifact: str
    first: datetime
    last: datetime


class HostPage(msgspec.Struct, frozen=True, kw_only=True):
    """One host as the page tells it. `targets` and `titles` are by the finding's id.

    `unspoken` are the requirements of which the evidence says nothing.
    """

    anchor: str
    row: HostRow
    limit: Limits
    clock: HostClock
    headline: str
    reasons: tuple[Reason, ...]
    next_steps: tuple[str, ...]
    unanswerable: tuple[QuestionRow, ...]
    limited: tuple[QuestionRow, ...]
    memory: tuple[MemoryView, ...]
    gap_groups: tuple[GapGroup, ...]
    more_gap_groups: int
    holes: tuple[HoleView, ...]
    more_holes: int
    findings: tuple[FindingView, ...]
    brief: tuple[FindingRow, ...]
    more_findings: int
    targets: Mapping[str, str]
    titles: Mapping[str, str]
    levels: tuple[tuple[str, int], ...]
    tale: Tale | None
    lanes: Lanes | None
    heat: Heat | None
    answered: tuple[AnswerRow, ...]
    unspoken: tuple[AnswerRow, ...]


class HostLine(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table of all hosts; `anchor` is empty where the page says no more of the host."""

    anchor: str
    row: HostRow
    levels: tuple[tuple[str, int], ...]
    unanswered: int


class RefusedRules(msgspec.Struct, frozen=True, kw_only=True):
    """Rules that could not be asked for one reason."""

    reason: str
    count: int
    shown: tuple[NotAsked, ...]


def limits(place: int) -> Limits | None:
    """Return the limits of the host at a place (from 1, the gravest verdict first); None where it has a row only."""
    return next((limit for last, limit in TIERS if place <= last), None)


def host_lines(report: Report) -> list[HostLine]:
    """Return every host as a row of the table, the gravest verdict first."""
    return [
        HostLine(
            anchor=f"h{place}" if limits(place) else "",
            row=host,
            levels=_levels(host.findings),
            unanswered=sum(question.answer == "unanswerable" for question in host.questions),
        )
        for place, host in enumerate(words.gravest_first(report.hosts), start=1)
    ]


def host_page(line: HostLine, report: Report, limit: Limits) -> HostPage:
    """Return a host as the page tells it."""
    host = line.row
    anchors = [f"{line.anchor}-f{number}" for number in range(1, limit.findings + 1)]
    told = host.findings[: limit.findings]
    # A link into a closed <details> opens it; a link to the <details> itself would not.
    targets = {
        row.id: anchor if limit.lean else f"{anchor}-more" for row, anchor in zip(told, anchors, strict=False)
    }
    titles = {row.id: row.title for row in host.findings}
    groups = gap_groups(host.gaps)
    holes = _holes(host.coverage)
    brief = host.findings[limit.findings : limit.findings + (0 if limit.lean else limit.rows)]
    timed = [(row, targets.get(row.id, "")) for row in host.findings]
    return HostPage(
        anchor=line.anchor,
        row=host,
        limit=limit,
        clock=HostClock(host.zone),
        headline=words.headline(host),
        reasons=tuple(_reason(text, targets) for text in host.verdict.because),
        next_steps=tuple(words.next_steps(host)),
        unanswerable=tuple(q for q in host.questions if q.answer == "unanswerable"),
        limited=tuple(q for q in host.questions if q.answer == "no-since"),
        memory=() if limit.lean else recalled(host.memory, targets, titles, limit.rows),
        gap_groups=tuple(groups[: limit.gap_groups]),
        more_gap_groups=max(0, len(groups) - limit.gap_groups),
        holes=tuple(holes[: limit.holes]),
        more_holes=max(0, len(holes) - limit.holes),
        findings=_views(told, anchors, limit),
        brief=brief,
        more_findings=len(host.findings) - len(told) - len(brief),
        targets=targets,
        titles=titles,
        levels=line.levels,
        tale=None if limit.lean else tale(host, targets, titles),
        lanes=None if limit.lean else lanes(timed, report.window, limit.findings),
        heat=heat(host, report.window, limit.heat_bins),
        answered=tuple(answer for answer in host.answers if answer.state != "unknown"),
        unspoken=tuple(answer for answer in host.answers if answer.state == "unknown"),
    )


def refused_rules(refused: Sequence[NotAsked], most: int = 50) -> list[RefusedRules]:
    """Return the rules that were not asked, by reason, the commonest reason first."""
    by_reason: dict[str, list[NotAsked]] = {}
    for rule in refused:
        by_reason.setdefault(rule.reason, []).append(rule)
    groups = [
        RefusedRules(reason=reason, count=len(rules), shown=tuple(rules[:most]))
        for reason, rules in by_reason.items()
    ]
    return sorted(groups, key=lambda group: (-group.count, group.reason))


def _views(told: Sequence[FindingRow], anchors: Sequence[str], limit: Limits) -> tuple[FindingView, ...]:
    """Return the findings with their records: each finding's first before any other's second, while room is left."""
    left = limit.characters
    records: dict[tuple[int, int], RecordView] = {}
    for number in range(limit.samples):
        for place, row in enumerate(told):
            if number < len(row.sample):
                view = _record(row, row.sample[number], limit.fields)
                cost = sum(len(field.name) + len(field.value) for field in view.fields)
                if cost > left:
                    view = msgspec.structs.replace(view, fields=(), more_fields=0, held_back=True)
                    cost = 0
                left -= cost
                records[place, number] = view
    return tuple(
        FindingView(
            anchor=anchors[place],
            row=row,
            records=tuple(
                records[place, number] for number in range(limit.samples) if (place, number) in records
            ),
        )
        for place, row in enumerate(told)
    )


def _record(row: FindingRow, sample: Sample, most: int) -> RecordView:
    spoken = _QUOTED.sub("", sample.detail or row.explain)
    fields = tuple(
        FieldView(name=shown(name, 200), value=shown(value), cited=_speaks_of(spoken, name))
        for name, value in list(sample.fields.items())[:most]
    )
    return RecordView(
        sample=sample,
        fields=fields,
        more_fields=max(0, len(sample.fields) - most),
        held_back=False,
        detail="" if sample.detail == row.explain else sample.detail,
    )


def _speaks_of(spoken: str, field: str) -> bool:
    at = spoken.find(field) if field else -1
    if at < 0:
        return False
    before, after = spoken[at - 1 : at], spoken[at + len(field) : at + len(field) + 1]
    return not (before.isalnum() or after.isalnum())


def _reason(text: str, targets: Mapping[str, str]) -> Reason:
    """Take a finding's id out of a reason and make it a link; a reason that cites none stays as it is."""
    cited = _CITED.match(text)
    if cited is None or cited[2] not in targets:
        return Reason(text, "")
    return Reason(f"{cited[1]}{cited[3]}", targets[cited[2]])


def _holes(coverage: Sequence[CoverageRow]) -> list[HoleView]:
    """Return the holes in whole tables and in numbered records, the longest first."""
    holes = [
        HoleView(artifact=row.artifact, first=hole.first, last=hole.last)
        for row in coverage
        if ":" not in row.artifact or row.lost
        for hole in row.holes
    ]
    return sorted(holes, key=lambda hole: (hole.first - hole.last, hole.artifact, minute(hole.first)))


def _levels(findings: Sequence[FindingRow]) -> tuple[tuple[str, int], ...]:
    told = ((level, sum(row.level == level for row in findings)) for level in words.LEVEL_WORDS)
    return tuple((level, number) for level, number in told if number)
