"""The report in short, for a ticket or a mail: verdicts, what could not be seen, findings, what to do.

Text of evidence stands in code spans, where neither links, mentions nor markup are made of it; prose is escaped.
"""

import re
from collections.abc import Iterator, Sequence

from postvakt.model.build import ExposureRow
from postvakt.model.eviction import EvictionRow
from postvakt.model.report import FindingRow, HostRow, Report
from postvakt.report import words
from postvakt.report.layout import gap_groups, refused_rules
from postvakt.report.recalled import described
from postvakt.report.text import cut, spelled
from postvakt.report.times import minute, span

HOSTS = 20
"""Hosts that are told in full; all of them stand in the table before."""

STORY = 40
"""Sentences of a host's story: it is what is pasted into a mail."""

LINES = 8
"""Lines of a list; how many more there are is told."""

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|!~&$])")
_STARTS_BLOCK = re.compile(r"^(\d+(?=[.)])|)([-+=.)])")
# Renderers make links and mentions of these, however they are escaped; not in code.
_LINKING = re.compile(r"(?i)(\S*(?:@|://|www\.)\S*)")
_TICKS = re.compile("`+")


def render(report: Report) -> bytes:
    """Return the report as UTF-8 Markdown (CommonMark with tables)."""
    return ("\n".join(_lines(report)) + "\n").encode("utf-8")


def prose(text: str) -> str:
    """Return a sentence of ours or of a rule with nothing in it that Markdown would take for markup."""
    kept, more = cut(text, 600)
    parts = _LINKING.split(spelled(kept))
    told = "".join(code(part, cell=True) if place % 2 else _escaped(part) for place, part in enumerate(parts))
    return _STARTS_BLOCK.sub(r"\1\\\2", told) + (" …" if more else "")


def code(text: str, *, cell: bool = False) -> str:
    """Return text of evidence as a code span. In a `cell` of a table a `|` is escaped, or the table would break."""
    kept, more = cut(text, 300)
    told = (spelled(kept) or " ").replace("|", "\\|" if cell else "|")
    fence = "`" * (max((len(run) for run in _TICKS.findall(told)), default=0) + 1)
    bare = told.strip()
    padding = " " if bare and (bare != told or told.startswith("`") or told.endswith("`")) else ""
    return f"{fence}{padding}{told}{padding}{fence}" + (" …" if more else "")


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _lines(report: Report) -> Iterator[str]:
    hosts = words.gravest_first(report.hosts)
    yield f"# {prose(report.directive_title or report.directive)}"
    yield ""
    yield (
        f"{prose(words.tlp(report.tlp))} · asked about {minute(report.window.start)} to "
        f"{minute(report.window.end) or 'the acquisition'} · {words.count(report.rules.asked, 'rule')} asked, "
        f"{len(report.rules.not_asked):,} could not be asked · postvakt {code(report.postvakt)}, "
        f"content {code(report.content)}"
    )
    yield ""
    if not hosts:
        yield "No host was recognised in the evidence. That says nothing about any server."
        yield ""
    if len(hosts) > 1:
        yield f"**{words.overall(hosts)}.** {words.unjudged(hosts)}".rstrip()
        yield ""
        yield from _table(hosts)
    joined = [
        f"{words.SHARED[row.kind]}: {code(row.value)} on {', '.join(code(name) for name in row.hosts[:12])}"
        for row in report.shared
    ]
    yield from _list("What joins them", joined)
    for host in hosts[:HOSTS]:
        yield from _host(host)
    if len(hosts) > HOSTS:
        yield f"{words.count(len(hosts) - HOSTS, 'more host')}: see the HTML report."
        yield ""
    yield from _case(report)


def _table(hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "| Host | Verdict | Findings | Unanswered | Gaps |"
    yield "|---|---|--:|--:|--:|"
    for host in hosts:
        unanswered = sum(question.answer == "unanswerable" for question in host.questions)
        yield (
            f"| {code(host.host, cell=True)} | {prose(words.headline(host))} | {len(host.findings):,} "
            f"| {unanswered:,} | {len(host.gaps):,} |"
        )
    yield ""


def _host(host: HostRow) -> Iterator[str]:
    outcome = words.OUTCOMES[host.verdict.outcome]
    yield f"## {code(host.host)}: {prose(words.headline(host))}"
    yield ""
    first = words.since(host)
    yield outcome.means + (f" {first[0].upper()}{first[1:]}." if first else "")
    yield ""
    yield from _list("Because", [prose(reason) for reason in host.verdict.because])
    yield from _list("What happened", [prose(told) for told in host.story.words], most=STORY)
    yield from _list("What could not be seen", list(_unseen(host)), none="No gap was recorded.")
    images = [f"{code(row.source)}: {prose(' '.join(described(row)))}" for row in host.memory]
    yield from _list("Memory", images)
    yield from _list("Findings", [_finding(row) for row in host.findings], none="None.")
    yield from _list("Open to which flaw, and how long", [_flaw(row) for row in host.exposure])
    yield from _list("What the sources of its builds leave open", [prose(told) for told in host.build_doubts])
    yield from _list("What to install", [prose(step) for step in host.update])
    yield from _who(host)
    rotated = [_eviction(row) for row in host.eviction]
    yield from _list("What to rotate, remove and rebuild, in this order", rotated, most=STORY)
    yield from _list("What to do next", [prose(step) for step in words.next_steps(host)])


def _who(host: HostRow) -> Iterator[str]:
    """A short paragraph: what the hypotheses add up to, for the host and for each party; the marks are in the HTML."""
    for row in host.attribution:
        whose = (
            f"The party from {', '.join(code(address) for address in row.addresses)}: " if row.party else ""
        )
        head = "" if row.party else "**Who it may have been.** "
        yield f"{head}{whose}{prose(' '.join(row.told))}"
        yield ""


def _unseen(host: HostRow) -> Iterator[str]:
    for question in host.questions:
        if question.answer == "unanswerable":
            yield f"{prose(question.asks)} Cannot be answered: {prose(question.basis)}"
    for question in host.questions:
        if question.answer == "no-since":
            yield f"{prose(question.asks)} Answerable only since {minute(question.since)}."
    for group in gap_groups(host.gaps):
        first = group.first
        at = f", first {code(first.source)}" if first.source else ""
        detail = f": {code(first.detail)}" if first.detail else ""
        yield f"{code(group.artifact)} {words.WHYS[group.why]} ({group.places:,}×{at}){detail}"
    for row in host.coverage:
        for hole in row.holes:
            yield f"{code(row.artifact)} silent {span(hole.first, hole.last)}"


def _flaw(row: ExposureRow) -> str:
    return f"**{prose(row.title)}** ({prose(', '.join(row.cves))}) {prose(words.exposure(row))}"


def _eviction(row: EvictionRow) -> str:
    evidence = row.kind in ("persistence", "tool") or " " not in row.what
    named = code(row.what) if evidence else prose(row.what)
    sure = "shown" if row.sure == "shown" else "within reach"
    return f"{row.order}\\. **{named}** ({row.kind.replace('-', ' ')}, {sure}): {prose(row.do)}. {prose(row.why)}"


def _finding(row: FindingRow) -> str:
    dated = f", {span(row.first, row.last)}" if row.first else ", undated"
    cves = f", {', '.join(prose(cve) for cve in row.cves)}" if row.cves else ""
    seen = f", acknowledged by {prose(row.acknowledged.by)}" if row.acknowledged else ""
    counted = f"{words.count(row.count, 'record')}{dated}{cves}{seen}"
    told = f"**{words.LEVEL_WORDS[row.level]}** {prose(row.title)} ({counted})"
    if not row.sample:
        return told
    sample = row.sample[0]
    return f"{told}, first at {code(f'{sample.source} {sample.locator_kind} {sample.locator}')}"


def _case(report: Report) -> Iterator[str]:
    yield "## The case"
    yield ""
    evidence = [
        f"{code(item.path)} {words.size(item.bytes)}, SHA-256 {code(item.sha256)}" for item in report.evidence
    ]
    yield from _list("Evidence", evidence, none="None was handed in.")
    refused = [
        f"{words.count(group.count, 'rule')}: {prose(group.reason)}"
        for group in refused_rules(report.rules.not_asked)
    ]
    yield from _list("Rules that could not be asked", refused, none="Every rule could be asked.")
    narrowed = [
        f"{words.count(group.count, 'rule')}: {prose(group.reason)}"
        for group in refused_rules(report.rules.narrowed)
    ]
    yield from _list("Rules that were asked for less than their text says", narrowed)


def _list(title: str, lines: list[str], none: str = "", most: int = LINES) -> Iterator[str]:
    if not lines and not none:
        return
    yield f"**{title}**"
    yield ""
    yield from (f"- {line}" for line in lines[:most])
    if len(lines) > most:
        yield f"- and {len(lines) - most:,} more: see the HTML report"
    if not lines:
        yield none
    yield ""
