"""A draft of an incident report in Markdown: who, when, what was found and taken, what is not known, what was done.

A draft, not a report: a person has to read it, fill what stands in brackets, and send it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from postvakt.model.report import AnswerRow, FindingRow, HostRow, Report
from postvakt.report import replies, words
from postvakt.report.markdown_form import code, prose
from postvakt.report.times import minute, span

LINES = 60
"""Lines of a list; how many more there are is told."""

KINDS = (
    ("Addresses", ("c-ip", "ClientIpAddress", "ClientIP", "IpAddress", "SourceIp", "X-Forwarded-For")),
    ("User agents", ("cs(User-Agent)", "UserAgent", "cs-User-Agent")),
    ("Files and pages", ("path", "cs-uri-stem", "UrlStem", "TargetFilename", "name")),
    ("Hashes", ("sha256", "SHA256", "Hashes")),
    ("Accounts", ("cs-username", "AuthenticatedUser", "TargetUserName", "SubjectUserName")),
    ("Commands", ("CommandLine", "Command", "ScriptBlockText")),
)
"""Kinds of indicators, and the fields of the sources that hold them."""

NOTHING = ("", "-", "null")
SETTLED = ("context", "authorised-scan", "responder-tool")
ACTION_4 = "4"
DONE = ("1.", "2.", "3.", "4", "s1.triage", "s2.")
"""Beginnings of the requirements that tell what was done about an intrusion."""


class _Sign(msgspec.Struct):
    """One value of a kind, on which hosts, in how many kept records, first and last."""

    value: str
    hosts: list[str]
    records: int = 0
    first: datetime | None = None
    last: datetime | None = None


def render(report: Report) -> bytes:
    """Return the draft as UTF-8 Markdown."""
    return ("\n".join(_lines(report)) + "\n").encode("utf-8")


def _lines(report: Report) -> Iterator[str]:
    hit = [host for host in words.gravest_first(report.hosts) if _standing(host)]
    mark = prose(words.tlp(report.tlp))
    yield f"**DRAFT · {mark}**"
    yield ""
    yield f"# DRAFT incident report: {prose(report.directive_title or report.directive)}"
    yield ""
    yield "Not sent. A person has to read it, fill what stands in brackets, and send it."
    yield ""
    yield from _who(report)
    yield from _when(hit)
    yield from _affected(report, hit)
    yield from _found(hit)
    yield from _signs(hit)
    yield from _taken(hit)
    yield from _unknown(report)
    yield from _done(report, hit)
    yield from _kept(report)
    yield f"**DRAFT · {mark}**"


def _who(report: Report) -> Iterator[str]:
    yield "## Who reports"
    yield ""
    for name in ("Organisation", "Name and office", "Mail and telephone", "Number of the ticket"):
        yield f"- {name}: \\[to be filled\\]"
    yield f"- Written with: postvakt {code(report.postvakt)}, content {code(report.content)}"
    yield ""


def _when(hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## When"
    yield ""
    firsts = [row.first for host in hosts for row in _standing(host) if row.first]
    lasts = [row.last for host in hosts for row in _standing(host) if row.last]
    yield f"- First sign: {minute(min(firsts)) if firsts else 'Unknown - nothing that was found has a time'}"
    yield f"- Last sign: {minute(max(lasts)) if lasts else 'Unknown - nothing that was found has a time'}"
    gained = [
        host.verdict.since for host in hosts if host.verdict.outcome == "compromised" and host.verdict.since
    ]
    yield f"- First sign of success: {minute(min(gained)) if gained else 'none is seen in what was read'}"
    yield "- Detected: \\[to be filled\\]"
    yield ""


def _affected(report: Report, hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## Affected servers"
    yield ""
    if not hosts:
        number = words.count(len(report.hosts), "server")
        yield f"None of the {number} in the evidence shows a sign. See what is not known."
        yield ""
        return
    yield "| Server | Verdict | Roles | Build | Signs | First | Last |"
    yield "|---|---|---|---|--:|---|---|"
    for host in hosts:
        build = replies.latest(host.builds)
        firsts = [row.first for row in _standing(host) if row.first]
        lasts = [row.last for row in _standing(host) if row.last]
        roles = prose(", ".join(host.roles) or "unknown")
        yield (
            f"| {code(host.host, cell=True)} | {prose(words.headline(host))} | {roles} "
            f"| {code(build.build, cell=True) if build else 'unknown'} | {len(_standing(host)):,} "
            f"| {minute(min(firsts, default=None))} | {minute(max(lasts, default=None))} |"
        )
    yield ""


def _found(hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## What was found"
    yield ""
    for host in hosts:
        lines = []
        for row in _standing(host):
            cves = f", {prose(', '.join(row.cves))}" if row.cves else ""
            techniques = f", {prose(', '.join(row.techniques))}" if row.techniques else ""
            when = span(row.first, row.last) or "undated"
            lines.append(
                f"**{words.LEVEL_WORDS[row.level]}**, {words.STAGES[row.stage]}: {prose(row.title)} "
                f"({words.count(row.count, 'record')}, {when}{cves}{techniques}; finding {code(row.id)})"
            )
        yield from _list(f"On {code(host.host)}", lines)


def _signs(hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## Indicators"
    yield ""
    yield "Taken from the records that are kept of each finding, at most a few of many: the case holds all of them."
    yield ""
    for title, fields in KINDS:
        lines = [
            f"{code(sign.value)}{_part(sign.value, hosts)} on {', '.join(code(name) for name in sign.hosts)}, "
            f"{span(sign.first, sign.last) or 'undated'} ({words.count(sign.records, 'kept record')})"
            for sign in _of_kind(hosts, fields)
        ]
        yield from _list(title, lines)


def _of_kind(hosts: Sequence[HostRow], fields: Sequence[str]) -> list[_Sign]:
    held: dict[str, _Sign] = {}
    for host in hosts:
        for row in _standing(host):
            for sample in row.sample:
                for value in {
                    sample.fields[name] for name in fields if sample.fields.get(name, "") not in NOTHING
                }:
                    sign = held.setdefault(value, _Sign(value, []))
                    sign.records += 1
                    if host.host not in sign.hosts:
                        sign.hosts.append(host.host)
                    if sample.time is not None:
                        sign.first = min(sign.first or sample.time, sample.time)
                        sign.last = max(sign.last or sample.time, sample.time)
    return sorted(held.values(), key=lambda sign: sign.value)


def _part(address: str, hosts: Sequence[HostRow]) -> str:
    """Say what is behind an address that is not simply a client: a server's own is no sign of an intruder."""
    roles = {row.role for host in hosts for row in host.story.addresses if row.address == address} - {
        "client"
    }
    return f" ({', '.join(words.PARTS[role] for role in sorted(roles))})" if roles else ""


def _taken(hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## What was taken, as far as known"
    yield ""
    for host in hosts:
        lines = [
            f"mail of {code(row.mailbox)} {prose(row.deed)} by {code(row.by)}, {row.count:,}×, "
            f"{span(row.first, row.last) or 'undated'} ({code(row.log)})"
            for row in host.story.mail
        ]
        lines += [
            f"{words.STAGES[row.stage]}: {prose(row.title)}"
            for row in _standing(host)
            if row.stage in ("credential-access", "impact")
        ]
        lines += [
            f"{prose(row.what)}: {'shown' if row.sure == 'shown' else 'within reach'} ({prose(row.why)})"
            for row in host.eviction
            if row.kind not in ("persistence", "tool", "rebuild", "disconnect")
        ]
        none = "Nothing is seen taken in what was read; what was not read stands below."
        yield from _list(f"From {code(host.host)}", lines, none=none)


def _unknown(report: Report) -> Iterator[str]:
    yield "## What is not known"
    yield ""
    for host in words.gravest_first(report.hosts):
        lines = [
            f"{prose(row.asks)} Cannot be answered: {prose(row.basis)}"
            for row in host.questions
            if row.answer == "unanswerable"
        ]
        lines += [
            f"{prose(row.asks)} Nothing before {minute(row.since)} can be said."
            for row in host.questions
            if row.answer == "no-since"
        ]
        absent = replies.not_read(host)
        if absent and "exchange" in (host.roles or ("exchange",)):
            lines.append(f"Not read: {', '.join(absent)}.")
        yield from _list(f"Of {code(host.host)}", lines, none="Every question that was asked has an answer.")
    named = [row for row in report.inventory if not row.submitted]
    yield from _list(
        "Servers that nobody handed in", [f"{code(row.name)}: {prose(' '.join(row.told))}" for row in named]
    )


def _done(report: Report, hosts: Sequence[HostRow]) -> Iterator[str]:
    yield "## What has been done"
    yield ""
    for host in hosts:
        rows = [row for row in host.answers if row.of == "server" and row.requirement.startswith(DONE)]
        yield from _list(
            f"On {code(host.host)}", [_answer(row) for row in rows if row.state != "not-applicable"]
        )
    yield from _list(
        "By the agency", [_answer(row) for row in report.answers if row.requirement.startswith(DONE)]
    )


def _answer(row: AnswerRow) -> str:
    said = (
        f"{prose(row.said[0].by)}, {minute(row.said[0].at)}: {prose(row.said[0].words)}"
        if row.said
        else prose(row.basis)
    )
    return f"**{words.ANSWER_STATES[row.state]}**: {prose(row.title)} ({code(row.requirement)}): {said}"


def _kept(report: Report) -> Iterator[str]:
    lines = [
        f"{code(item.path)} {words.size(item.bytes)}, SHA-256 {code(item.sha256)}, of {code(item.host)}"
        for item in report.evidence
    ]
    yield "## Evidence that is kept"
    yield ""
    yield from _list("By its SHA-256 (of a folder: of its manifest)", lines, none="None was handed in.")


def _standing(host: HostRow) -> list[FindingRow]:
    """Return the findings that tell of an attack: not put aside, no label, not mere context."""
    return [row for row in host.findings if row.acknowledged is None and row.stage not in SETTLED]


def _list(title: str, lines: Sequence[str], none: str = "") -> Iterator[str]:
    if not lines and not none:
        return
    yield f"**{title}**"
    yield ""
    yield from (f"- {line}" for line in lines[:LINES])
    if len(lines) > LINES:
        yield f"- and {len(lines) - LINES:,} more: see the JSON report"
    if not lines:
        yield none
    yield ""
