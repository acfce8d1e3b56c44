"""The report in a few lines for a terminal: plain words, in the order in which one would say them aloud."""

import textwrap
from collections.abc import Iterator

from postvakt.model.report import HostRow, Report, VerdictOutcome
from postvakt.report import words
from postvakt.report.text import cut, spelled
from postvakt.report.times import minute

IN_FULL = 6
IN_BRIEF = 30
ACTORS = 3
REASONS = 3
FINDINGS = 3
NAMES = 6

_COLOURS: dict[VerdictOutcome, str] = {
    "compromised": "1;31",
    "attempted": "1;33",
    "inconclusive": "1;35",
    "not-examined": "1",
    "clear-since": "1;36",
    "clear": "1;32",
}


def render(report: Report, width: int = 80, *, where: str = "", colour: bool = False) -> str:
    """Return the verdicts as lines of at most `width` columns, the gravest first, with a line end at the end.

    `where` is the path of the full report. Colour marks only words that say the same without it.
    """
    width = max(40, width)
    hosts = words.gravest_first(report.hosts)
    lines: list[str] = []
    if not hosts:
        lines.append("No host was recognised in the evidence. That says nothing about any server.")
    if len(hosts) > 1:
        lines += [*_wrapped(f"{_tally(hosts)} {words.unjudged(hosts)}".rstrip(), width), ""]
    for host in hosts[:IN_FULL]:
        lines += [*_host(host, width, colour), ""]
    for host in hosts[IN_FULL : IN_FULL + IN_BRIEF]:
        told = f"{_name(host)}: {words.headline(host)}, {words.count(len(host.gaps), 'gap')}"
        lines += _wrapped(told, width)
    if len(hosts) > IN_FULL + IN_BRIEF:
        lines.append(f"and {words.count(len(hosts) - IN_FULL - IN_BRIEF, 'more host')}")
    if report.rules.not_asked:
        told = (
            f"{words.count(len(report.rules.not_asked), 'rule')} could not be asked; the report names them."
        )
        lines += _wrapped(told, width)
    if where:
        # A path that is broken over two lines cannot be copied.
        lines.append(f"Report: {spelled(where)}")
    return "\n".join(lines).rstrip("\n") + "\n"


def _tally(hosts: list[HostRow]) -> str:
    told = ", ".join(
        f"{number:,} {words.OUTCOMES[name].label.lower()}" for name, number in words.tally(hosts)
    )
    return f"{words.count(len(hosts), 'host')}: {told}."


def _host(host: HostRow, width: int, colour: bool) -> Iterator[str]:
    headline = words.headline(host)
    first, *others = _wrapped(f"{_name(host)}: {headline}", width)
    code = _COLOURS[host.verdict.outcome]
    start = len(_name(host)) + 2
    yield f"{first[:start]}\x1b[{code}m{first[start:]}\x1b[0m" if colour and first[start:] else first
    yield from others
    if host.verdict.outcome != "clear-since" and words.since(host):
        yield from _indented(_sentence(words.since(host)), width)
    named = [actor for actor in host.story.actors if actor.addresses]
    for actor in named[:ACTORS]:
        told = f"by {', '.join(actor.addresses)}: {words.STAGES[actor.stage]}, {words.count(actor.traces, 'record')}"
        yield from _indented(spelled(told), width)
    if len(named) > ACTORS:
        yield from _indented(
            f"and {words.count(len(named) - ACTORS, 'more address', 'more addresses')}", width
        )
    for reason in host.verdict.because[:REASONS]:
        yield from _indented(f"because {spelled(cut(reason, 300)[0])}", width)
    if len(host.verdict.because) > REASONS:
        yield from _indented(f"and {words.count(len(host.verdict.because) - REASONS, 'more reason')}", width)
    because = "\n".join(host.verdict.because)
    others_found = [row for row in host.findings if row.id not in because]
    for row in others_found[:FINDINGS]:
        span = f", {minute(row.first)}" if row.first else ""
        title = f"{words.LEVEL_WORDS[row.level]}: {spelled(cut(row.title, 200)[0])}"
        yield from _indented(f"{title} ({words.count(row.count, 'record')}{span})", width)
    if len(others_found) > FINDINGS:
        yield from _indented(f"and {words.count(len(others_found) - FINDINGS, 'more finding')}", width)
    if host.attribution:
        yield from _indented(cut(host.attribution[0].told[0], 200)[0], width)
    yield from _indented(_unseen(host), width)


def _unseen(host: HostRow) -> str:
    """Say what was not seen: how many gaps, and in which sources, by what happened."""
    blind = sum(question.answer == "unanswerable" for question in host.questions)
    counted = words.count(len(host.gaps), "gap")
    if blind:
        counted += f", {words.count(blind, 'question')} unanswerable"
    by_reason: dict[str, dict[str, None]] = {}
    for gap in sorted(host.gaps, key=lambda gap: (words.WHY_ORDER[gap.why], gap.artifact)):
        by_reason.setdefault(words.WHYS[gap.why], {})[gap.artifact] = None
    for row in host.coverage:
        if row.holes:
            by_reason.setdefault(words.WHYS["hole"], {})[row.artifact] = None
    told = [f"{reason}: {_names(list(names))}" for reason, names in by_reason.items()]
    return f"Not seen: {counted}" + "".join(f"; {part}" for part in told[:REASONS])


def _names(names: list[str]) -> str:
    kept = ", ".join(spelled(cut(name, 60)[0]) for name in names[:NAMES])
    return f"{kept} and {len(names) - NAMES:,} more" if len(names) > NAMES else kept


def _name(host: HostRow) -> str:
    kept, more = cut(spelled(host.host), 60)
    return kept + ("…" if more else "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _indented(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent="  ")
