from typing import Any

import msgspec
import pytest

from postvakt.model.directive import Alternative, Question
from postvakt.model.gap import Gap
from postvakt.model.report import Acknowledgement, CoverageRow, FindingRow, VerdictRow
from postvakt.model.story import MailRow
from postvakt.reason import verdict

from .values import END, START, WINDOW, covered, finding

SSRF = Question(
    id="ssrf",
    asks="Was a forged request answered?",
    stages=("access-gained",),
    answered_by=(Alternative(all_of=("http_proxy",)), Alternative(all_of=("iis",), certainty="less")),
    mandatory=True,
)
SHELL = Question(
    id="shell",
    asks="Was a web shell written?",
    stages=("file-written",),
    answered_by=(Alternative(all_of=("file:web",), state=True),),
    mandatory=True,
)
FULL = [covered("http_proxy"), covered("iis"), covered("file:web", first=None, last=None)]
LATE = START.replace(month=2)


def judge(
    rows: list[CoverageRow],
    *findings: FindingRow,
    gaps: tuple[Gap, ...] = (),
    roles: tuple[str, ...] = ("exchange",),
) -> VerdictRow:
    answered = verdict.questions([SSRF, SHELL], roles, findings, rows, WINDOW)
    return verdict.judge(findings, answered, gaps, rows, WINDOW, frozenset({"http_proxy", "iis", "file"}))


@pytest.mark.parametrize(
    ("rows", "outcome", "since"),
    [
        pytest.param(FULL, "clear", START, id="everything read over the whole window"),
        pytest.param(FULL[1:], "clear", START, id="IIS stands in for HttpProxy, with less certainty"),
        pytest.param([covered("http_proxy", first=LATE), FULL[2]], "clear-since", LATE, id="logs begin late"),
        pytest.param([FULL[2], covered("event")], "inconclusive", None, id="no web log at all"),
        pytest.param(FULL[:2], "inconclusive", None, id="web folders not listed"),
        pytest.param(
            [covered("http_proxy", last=LATE), FULL[2]], "inconclusive", None, id="log ends too early"
        ),
        pytest.param([], "not-examined", None, id="nothing"),
        pytest.param(
            [covered("file", first=None, last=None)], "not-examined", None, id="names of files only"
        ),
    ],
)
def test_no_green_without_coverage(rows: list[CoverageRow], outcome: str, since: Any) -> None:
    found = judge(rows)
    assert (found.outcome, found.since) == (outcome, since)
    assert found.because


@pytest.mark.parametrize(
    ("stages", "outcome", "grade"),
    [
        (("probe",), "attempted", "probed"),
        (("probe", "attempt-failed"), "attempted", "attempt-failed"),
        (("probe", "access-gained"), "compromised", "access-gained"),
        (("impact", "access-gained"), "compromised", "impact"),
        (("credential-access",), "compromised", "credential-access"),
        (("authorised-scan",), "clear", ""),
        (("responder-tool",), "clear", ""),
        (("tampering",), "inconclusive", ""),
        (("",), "inconclusive", ""),
    ],
)
def test_grade_is_the_furthest_stage(stages: tuple[str, ...], outcome: str, grade: str) -> None:
    found = judge(FULL, *(finding(stage) for stage in stages))
    assert (found.outcome, found.grade) == (outcome, grade)


def test_one_hit_counts_without_any_coverage() -> None:
    assert judge([covered("event")], finding("shell-used")).outcome == "compromised"


def test_a_low_finding_without_stage_does_not_block_green() -> None:
    assert judge(FULL, finding("", level="low")).outcome == "clear"


def test_an_acknowledged_finding_no_longer_decides() -> None:
    word = Acknowledgement("Ana", END, "our own test")
    put_aside = msgspec.structs.replace(finding("shell-used"), acknowledged=word)
    assert judge(FULL, put_aside).outcome == "clear"


@pytest.mark.parametrize(
    ("gap", "outcome"),
    [
        (Gap(artifact="http_proxy", why="crashed", source="x"), "inconclusive"),
        (Gap(artifact="http_proxy", why="encrypted", source="x"), "inconclusive"),
        (Gap(artifact="http_proxy", why="unparsed", source="x", count=50), "inconclusive"),
        (Gap(artifact="http_proxy", why="unparsed", source="x", count=1), "clear"),
        (Gap(artifact="powershell_history", why="crashed", source="x"), "clear"),
    ],
)
def test_what_a_verdict_leans_on_must_have_been_read(gap: Gap, outcome: str) -> None:
    assert judge(FULL, gaps=(gap,)).outcome == outcome


def test_a_host_of_unknown_role_is_asked_as_an_exchange_server() -> None:
    assert judge(FULL, roles=()).outcome == "clear"
    assert judge([covered("event")], roles=()).outcome == "inconclusive"


def test_a_role_without_questions_is_never_green() -> None:
    assert judge(FULL, roles=("domain-controller",)).outcome == "inconclusive"


@pytest.mark.parametrize(
    ("why", "outcome"),
    [
        ("encrypted", "inconclusive"),
        ("limited", "inconclusive"),
        ("truncated", "inconclusive"),
        ("conflict", "clear"),
    ],
)
def test_what_lies_in_an_archive_that_was_not_opened_nobody_knows(why: Any, outcome: str) -> None:
    assert judge(FULL, gaps=(Gap(artifact="archive", why=why),)).outcome == outcome


def asked(name: str, **told: Any) -> Question:
    alternative = Alternative(all_of=("http_proxy",))
    return Question(id=name, asks=name, stages=("access-gained",), answered_by=(alternative,), **told)


@pytest.mark.parametrize(
    ("cves", "answers"),
    [
        (("CVE-2021-26857",), {"um": "yes", "ssrf": "no"}),
        (("CVE-2021-26855",), {"um": "no", "ssrf": "yes"}),
        (("CVE-2021-26855", "CVE-2021-26857"), {"um": "yes", "ssrf": "yes"}),
        ((), {"um": "no", "ssrf": "yes"}),
    ],
)
def test_a_flaw_that_has_a_question_of_its_own_answers_no_other(
    cves: tuple[str, ...], answers: dict[str, str]
) -> None:
    questions = [asked("um", cves=("CVE-2021-26857",)), asked("ssrf")]
    found = verdict.questions(
        questions, ["exchange"], [finding("access-gained", cves=cves)], [covered("http_proxy")], WINDOW
    )
    assert {row.id: row.answer for row in found} == answers


@pytest.mark.parametrize(("mail", "answer"), [(True, "yes"), (False, "no")])
def test_a_mailbox_that_an_intruder_reached_is_mail_taken(mail: bool, answer: str) -> None:
    reached = MailRow(
        mailbox="ana", deed="read", by="203.0.113.7", count=1, first=START, last=START, log="ews", finding="f"
    )
    [row] = verdict.questions(
        [asked("q", mail=mail)], ["exchange"], [], [covered("http_proxy")], WINDOW, [reached]
    )
    assert row.answer == answer
    assert ("mailbox ana: read by 203.0.113.7" in row.basis) is mail
