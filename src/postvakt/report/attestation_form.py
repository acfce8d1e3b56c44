"""What a CIO or equivalent can sign: what is known and what is not, of which evidence, by which rules. One page to
print, without a script."""

from collections.abc import Iterator

import msgspec

from postvakt.model.report import AnswerRow, HostRow, Report
from postvakt.report import html_form, replies, words
from postvakt.report.layout import gap_groups
from postvakt.report.times import minute

GAPS = 12
"""Kinds of gap that are told of a server; how many more there are is told."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the page tells it."""

    host: HostRow
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    unread: tuple[str, ...]
    more: int
    answers: tuple[AnswerRow, ...]


def render(report: Report) -> bytes:
    """Return the page as UTF-8."""
    hosts = words.gravest_first(report.hosts)
    return html_form.printed(
        "attestation.html.jinja",
        "attestation.css",
        report=report,
        servers=[_server(host) for host in hosts],
        overall=words.overall(hosts) if hosts else "No host was recognised in the evidence",
        unjudged=words.unjudged(hosts) if hosts else "That says nothing about any server.",
        open_answers=sum(row.state == "unknown" for row in _every_answer(report)),
        absent=[row for row in report.inventory if not row.submitted],
    )


def _every_answer(report: Report) -> Iterator[AnswerRow]:
    yield from report.answers
    for host in report.hosts:
        yield from (row for row in host.answers if row.of == "server")


def _server(host: HostRow) -> Server:
    groups = gap_groups(host.gaps)
    return Server(
        host=host,
        known=tuple(_known(host)),
        unknown=tuple(_unknown(host)),
        unread=tuple(
            f"{group.artifact}: {words.WHYS[group.why]} ({group.places:,}×)"
            + (f": {group.first.detail}" if group.first.detail else "")
            for group in groups[:GAPS]
        ),
        more=max(0, len(groups) - GAPS),
        answers=tuple(row for row in host.answers if row.of == "server"),
    )


def _known(host: HostRow) -> Iterator[str]:
    if not any(row.answer == "yes" for row in host.questions):
        yield from host.verdict.because
    for row in host.questions:
        if row.answer in ("yes", "no"):
            yield f"{row.asks} {words.QUESTION_ANSWERS[row.answer]}: {row.basis}"
        elif row.answer == "no-since":
            yield f"{row.asks} No, from {minute(row.since)} on: {row.basis}"
    build = replies.latest(host.builds)
    if build is not None:
        yield f"The build seen last is {build.build}, by {build.source}."


def _unknown(host: HostRow) -> Iterator[str]:
    for row in host.questions:
        if row.answer == "unanswerable":
            yield f"{row.asks} Cannot be answered: {row.basis}"
        elif row.answer == "no-since":
            yield f"{row.asks} What happened before {minute(row.since)} nobody can tell from this evidence."
    absent = replies.not_read(host)
    if absent and "exchange" in (host.roles or ("exchange",)):
        yield f"Not triaged as Action 1 demands: not read: {', '.join(absent)}."
    if not host.builds:
        yield "No source tells which build it runs."
