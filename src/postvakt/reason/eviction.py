"""What to rotate, remove and rebuild on a host that somebody entered, and in what order. Words only: whoever runs the
incident decides, and nothing here touches a server."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal

import msgspec

from postvakt.model.conclusion import HostConclusion
from postvakt.model.eviction import Eviction, EvictionRow, Measure, Remnant
from postvakt.model.report import FindingRow, Sample, VerdictRow
from postvakt.model.rule import LEVELS
from postvakt.model.story import Story
from postvakt.reason.findings import COMPROMISED, LABELLED

Sure = Literal["shown", "within-reach"]
STRONG = LEVELS.index("high")
"""A finding of this level names an intruder's own; one below it only together with the time of the intrusion."""

WHYS = 5
"""Findings that a row names; the gravest come first."""

NAMED = 40
"""Rows of one kind of remnant; how many more there are is told in the last of them."""

GOING_ON = ("T1021", "T1047", "T1569.002", "T1550")
TARGETS = frozenset(
    ("TargetServerName", "TargetInfo", "DestinationHostname", "CommandLine", "ScriptBlockText")
)
"""Where a record names the system that is gone to, not its own."""

CONTROLLER = re.compile(r"(?i)Domain Controller: '([\w.-]{1,255})'")

SHELL = "web-shell"
PAGE = re.compile(r"(?i)/[^?]*\.(?:aspx?|ashx|asmx|asax|cshtml)")


class _Held(msgspec.Struct):
    """One remnant on its way to a row: how it is spelled, and the findings that name it."""

    remnant: Remnant
    name: str
    findings: list[FindingRow]


def evict(
    host: HostConclusion,
    verdict: VerdictRow,
    findings: Sequence[FindingRow],
    story: Story,
    known: Eviction,
    directive: str,
    hosts: Iterable[HostConclusion] = (),
) -> tuple[EvictionRow, ...]:
    """Return the rows of one host in order; none where nobody got in.

    `hosts` are all of the case: a domain controller among them that this host's intruder went on to is within reach.
    """
    if verdict.outcome != "compromised":
        return ()
    counted = [row for row in findings if row.stage not in LABELLED and row.acknowledged is None]
    intrusion = [row for row in counted if row.stage in COMPROMISED]
    began = min((row.first for row in intrusion if row.first), default=None)
    controllers = {h.name for h in hosts if "domain-controller" in h.roles} | _named_controllers(findings)
    towards = _towards([row for row in counted if _strong_or_later(row, began)], controllers - {host.name})
    rows: list[tuple[int, EvictionRow]] = []
    for measure in known.measures:
        row = _measure(measure, host, verdict, intrusion, towards, directive)
        if row is not None:
            rows.append((measure.turn, row))
    rows += _remnants(known.remnants, counted, story, began)
    ordered = groupby(sorted(rows, key=lambda pair: pair[0]), key=lambda pair: pair[0])
    return tuple(
        msgspec.structs.replace(row, order=number)
        for number, (_, group) in enumerate(ordered, 1)
        for _, row in group
    )


def _measure(
    measure: Measure,
    host: HostConclusion,
    verdict: VerdictRow,
    intrusion: Sequence[FindingRow],
    towards: Sequence[FindingRow],
    directive: str,
) -> EvictionRow | None:
    showing = [row for row in intrusion if row.stage in measure.stages and _of(row, measure.techniques)]
    furthest = [row for row in intrusion if row.stage == verdict.grade]
    sure: Sure = "shown" if showing else "within-reach"
    because = showing or (list(towards) if measure.near_domain else [])
    if not because:
        if not _within(measure, host, verdict):
            return None
        because = furthest
        if measure.kind in ("disconnect", "rebuild"):
            # That somebody got in is itself the reason, and it is shown.
            sure = "shown"
    added = measure.by_directive.get(directive, "")
    return EvictionRow(
        order=0,
        kind=measure.kind,
        what=measure.what,
        do=". ".join(part for part in (measure.do, added) if part),
        why=measure.why,
        sure=sure,
        findings=tuple(row.id for row in because[:WHYS]),
    )


def _within(measure: Measure, host: HostConclusion, verdict: VerdictRow) -> bool:
    if not measure.reach or (measure.roles and not set(measure.roles) & set(host.roles)):
        return False
    builds = {row.build for row in host.builds}
    if builds and measure.except_builds and all(build.startswith(measure.except_builds) for build in builds):
        return False
    reached = _depth(verdict.grade)
    return _depth(measure.reach) <= reached and (not measure.up_to or reached <= _depth(measure.up_to))


def _depth(stage: str) -> int:
    return next((n for n, one in enumerate(COMPROMISED) if one == stage), -1)


def _of(row: FindingRow, techniques: Iterable[str]) -> bool:
    """Tell whether a finding shows one of these techniques, or one below it."""
    return any(told == one or told.startswith(f"{one}.") for told in row.techniques for one in techniques)


def _named_controllers(findings: Iterable[FindingRow]) -> set[str]:
    """Return the domain controllers that Exchange's own cmdlet events name, by their short names."""
    return {
        found.split(".")[0].upper()
        for row in findings
        for sample in row.sample
        for text in sample.fields.values()
        for found in CONTROLLER.findall(text)
    }


def _towards(findings: Iterable[FindingRow], controllers: Iterable[str]) -> list[FindingRow]:
    """Return the findings of going on to another system whose samples name a domain controller as that system."""
    names = [re.compile(rf"(?i)(?<![\w-]){re.escape(name)}(?![\w-])") for name in sorted(controllers)]
    return [
        row
        for row in findings
        if (row.stage == "lateral-movement" or _of(row, GOING_ON))
        and any(name.search(text) for name in names for s in row.sample for text in _targets(s))
    ]


def _targets(sample: Sample) -> Iterator[str]:
    return (text for field, text in sample.fields.items() if field in TARGETS)


def _remnants(
    known: Sequence[Remnant], findings: Sequence[FindingRow], story: Story, began: datetime | None
) -> Iterator[tuple[int, EvictionRow]]:
    held: dict[tuple[str, str], _Held] = {}
    for row in findings:
        for remnant in known:
            if not _of(row, remnant.techniques) or not _strong_or_later(row, began):
                continue
            for sample in row.sample:
                name = _name(remnant, sample)
                if name:
                    key = (remnant.id, _plain(name))
                    held.setdefault(key, _Held(remnant, name, [])).findings.append(row)
    _pages(held, known, story)
    for remnant in known:
        named = sorted(
            (one for one in held.values() if one.remnant is remnant), key=lambda one: _plain(one.name)
        )
        for place, one in enumerate(named[:NAMED], 1):
            more = len(named) - NAMED if place == NAMED else 0
            yield remnant.turn, _remnant_row(one, max(more, 0))


def _strong_or_later(row: FindingRow, began: datetime | None) -> bool:
    """A weak finding counts where it came with or after the intrusion; one from before is somebody's daily work."""
    return _strong(row) or (began is not None and row.last is not None and row.last >= began)


def _strong(row: FindingRow) -> bool:
    return row.stage in COMPROMISED or LEVELS.index(row.level) >= STRONG


def _name(remnant: Remnant, sample: Sample) -> str:
    """Return what a sample calls the thing, empty where it has no such field or another kind of thing in it."""
    if sample.table not in remnant.tables:
        return ""
    for field in remnant.fields:
        told = sample.fields.get(field, "").strip()
        found = (
            re.match(remnant.pattern, told, re.DOTALL) or re.search(remnant.pattern, told) if told else None
        )
        if found and not (remnant.not_pattern and re.search(remnant.not_pattern, told)):
            return found[0]
    return ""


def _plain(name: str) -> str:
    return name.replace("\\", "/").lower()


def _pages(held: dict[tuple[str, str], _Held], known: Sequence[Remnant], story: Story) -> None:
    """Add pages that were used and whose file is not known: somebody took it away, or it was not collected."""
    shell = next((remnant for remnant in known if remnant.id == SHELL), None)
    if shell is None:
        return
    paths = [plain for kind, plain in held if kind == SHELL]
    for row in story.pages:
        page = _plain(row.page)
        # An answered page under another name of the same folder is told by its file already.
        if row.answered and PAGE.fullmatch(page) and not any(path.endswith(page) for path in paths):
            held.setdefault((SHELL, page), _Held(shell, row.page, []))


def _remnant_row(one: _Held, more: int) -> EvictionRow:
    strong = any(_strong(row) for row in one.findings) or not one.findings
    unique = {row.id: row for row in one.findings}
    titles = list(dict.fromkeys(row.title for row in unique.values()))
    why = (
        "; ".join(titles[:3]) or "it answered requests and is no part of the product; its file was not found"
    )
    # Names come from the rows that a finding shows; where it has more, the others may name more.
    shown, counted = (
        sum(len(row.sample) for row in unique.values()),
        sum(row.count for row in unique.values()),
    )
    if counted > shown:
        why += f"; {shown} of {counted:,} records were looked through for names, so there may be more"
    told = one.remnant.do if strong else one.remnant.doubt
    return EvictionRow(
        order=0,
        kind=one.remnant.kind,
        what=one.remnant.what.replace("{name}", one.name),
        do=f"{told}; {more} more of this kind are in the findings" if more else told,
        why=why,
        sure="shown" if strong else "within-reach",
        findings=tuple(list(unique)[:WHYS]),
    )
