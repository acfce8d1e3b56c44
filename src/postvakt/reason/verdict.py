"""What a host's findings, questions and gaps add up to. No green without coverage."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from postvakt.model.directive import Question
from postvakt.model.gap import Gap
from postvakt.model.report import CoverageRow, FindingRow, Grade, QuestionRow, VerdictRow, Window
from postvakt.model.rule import LEVELS
from postvakt.model.story import MailRow
from postvakt.reason.coverage import reach
from postvakt.reason.findings import ATTEMPTED, COMPROMISED, LABELLED

UNREAD = ("crashed", "timed-out", "out-of-memory", "unreadable", "truncated", "encrypted", "unsupported")
"""Gaps by which a whole source, or the rest of it, was not seen."""

UNOPENED = ("archive",)
"""Artifacts of gaps behind which any other may lie: what was in them, nobody knows."""

UNPARSED_SHARE = 0.01
"""From this share of unparsed records on a source does not answer a question."""

GRADES: dict[str, Grade] = {
    "probe": "probed",
    "attempt-failed": "attempt-failed",
    "access-gained": "access-gained",
    "file-written": "file-written",
    "shell-used": "shell-used",
    "credential-access": "credential-access",
    "lateral-movement": "lateral-movement",
    "impact": "impact",
}


def questions(
    asked: Iterable[Question],
    roles: Sequence[str],
    findings: Sequence[FindingRow],
    coverage: Sequence[CoverageRow],
    window: Window,
    mail: Sequence[MailRow] = (),
) -> tuple[QuestionRow, ...]:
    """Answer the questions of a host's roles; a host of unknown role gets those of an Exchange server.

    `mail` are the mailboxes that intruders reached.
    """
    held = set(roles) or {"exchange"}
    chosen = [question for question in asked if held & set(question.roles)]
    claimed = frozenset(cve for question in chosen for cve in question.cves)
    return tuple(
        _answer(
            question,
            [f for f in findings if _concerns(f, question, claimed)],
            coverage,
            window,
            mail if question.mail else (),
        )
        for question in chosen
    )


def _concerns(finding: FindingRow, question: Question, claimed: frozenset[str]) -> bool:
    """Tell whether a finding answers a question: of its stages, and of its flaws where a question claims those."""
    if finding.stage not in question.stages or finding.acknowledged is not None:
        return False
    if question.cves:
        return bool(set(question.cves) & set(finding.cves))
    return not finding.cves or not claimed.issuperset(finding.cves)


def _answer(
    question: Question,
    shown: Sequence[FindingRow],
    coverage: Sequence[CoverageRow],
    window: Window,
    mail: Sequence[MailRow],
) -> QuestionRow:
    row = QuestionRow(
        id=question.id,
        asks=question.asks,
        mandatory=question.mandatory,
        answer="unanswerable",
        since=None,
        basis="",
    )
    if shown or mail:
        reached = dict.fromkeys(f"mailbox {m.mailbox}: {m.deed} by {m.by}" for m in mail)
        named = dict.fromkeys([*(f.id for f in shown), *(m.finding for m in mail)])
        basis = "; ".join([*(f.title for f in shown), *reached])
        return msgspec.structs.replace(row, answer="yes", basis=basis, findings=tuple(named))
    reaches = [(reach(alternative, coverage, window), alternative) for alternative in question.answered_by]
    usable = sorted(
        ((r.since, a.certainty != "full", r.basis, a.note) for r, a in reaches if r.since is not None),
    )
    if not usable:
        basis = (
            "; or ".join(r.basis for r, _ in reaches)
            or question.no_source
            or "no source is known that could answer it"
        )
        return msgspec.structs.replace(row, basis=basis)
    since, less, basis, note = usable[0]
    told = (
        f"nothing found in {basis}"
        + (", with less certainty" if less else "")
        + (f" ({note})" if note else "")
    )
    answer = "no" if since <= window.start else "no-since"
    return msgspec.structs.replace(row, answer=answer, since=since, basis=told)


def judge(
    findings: Sequence[FindingRow],
    answered: Sequence[QuestionRow],
    gaps: Sequence[Gap],
    coverage: Sequence[CoverageRow],
    window: Window,
    depends_on: frozenset[str],
    further: Sequence[str] = (),
) -> VerdictRow:
    """Return the verdict of one host. `depends_on` are the coverage names its mandatory questions lean on,
    `further` are doubts that neither findings nor gaps tell.

    An acknowledged finding stays visible and no longer decides.
    """
    standing = [f for f in findings if f.acknowledged is None]
    compromised = [f for f in standing if f.stage in COMPROMISED]
    if compromised:
        return _graded("compromised", compromised, COMPROMISED)
    attempted = [f for f in standing if f.stage in ATTEMPTED]
    if attempted:
        verdict = _graded("attempted", attempted, ATTEMPTED)
        others = [f for f in standing if f.stage not in ATTEMPTED]
        doubts = (*_doubts(others, answered, gaps, coverage, depends_on), *further)
        return msgspec.structs.replace(verdict, because=(*verdict.because, *doubts))
    if not any(row.records for row in coverage if row.artifact != "file"):
        return VerdictRow(
            outcome="not-examined", grade="", since=None, because=("nothing that could answer was read",)
        )
    doubts = (*_doubts(standing, answered, gaps, coverage, depends_on), *further)
    if doubts:
        return VerdictRow(outcome="inconclusive", grade="", since=None, because=doubts)
    mandatory = [row for row in answered if row.mandatory]
    since = max((row.since for row in mandatory if row.since), default=window.start)
    because = tuple(f"{row.asks} No: {row.basis}" for row in mandatory)
    if since <= window.start:
        return VerdictRow(outcome="clear", grade="", since=window.start, because=because)
    return VerdictRow(outcome="clear-since", grade="", since=since, because=because)


def _graded(outcome: str, shown: Sequence[FindingRow], order: Sequence[str]) -> VerdictRow:
    furthest = max(shown, key=lambda f: order.index(f.stage)).stage
    first: datetime | None = min((f.first for f in shown if f.first), default=None)
    because = tuple(f"{f.title} [{f.id}]" for f in shown)
    return VerdictRow(
        outcome="compromised" if outcome == "compromised" else "attempted",
        grade=GRADES[furthest],
        since=first,
        because=because,
    )


def _doubts(
    standing: Sequence[FindingRow],
    answered: Sequence[QuestionRow],
    gaps: Sequence[Gap],
    coverage: Sequence[CoverageRow],
    depends_on: frozenset[str],
) -> tuple[str, ...]:
    """Say what stands between a host on which nothing decisive was found and a clear verdict."""
    doubts = [
        f"{row.asks} Cannot be answered: {row.basis}"
        for row in answered
        if row.mandatory and row.answer == "unanswerable"
    ]
    if not any(row.mandatory for row in answered):
        doubts.append("the directive asks no question of a host in this role")
    high = LEVELS.index("high")
    doubts += [
        f"{f.title} [{f.id}] wants a person's judgement"
        for f in standing
        if LEVELS.index(f.level) >= high and f.stage not in LABELLED
    ]
    records = {row.artifact: row.records for row in coverage}
    unread: dict[tuple[str, str], int] = {}
    unparsed: dict[str, int] = {}
    for gap in gaps:
        hidden = gap.artifact in UNOPENED
        if not hidden and gap.artifact.split(":")[0] not in depends_on:
            continue
        if gap.why in UNREAD or (hidden and gap.why == "limited"):
            unread[gap.artifact, gap.why] = unread.get((gap.artifact, gap.why), 0) + 1
        elif gap.why == "unparsed":
            unparsed[gap.artifact] = unparsed.get(gap.artifact, 0) + gap.count
    doubts += [
        f"{count} source{'s' if count > 1 else ''} of {artifact} could not be read ({why})"
        for (artifact, why), count in sorted(unread.items())
    ]
    doubts += [
        f"{count} records of {artifact} could not be parsed, beside {records.get(artifact, 0)} that could"
        for artifact, count in sorted(unparsed.items())
        if count > UNPARSED_SHARE * (records.get(artifact, 0) + count)
    ]
    return tuple(doubts)
