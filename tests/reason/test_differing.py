"""What is told of two reports that differ, and that nothing is told of two that say the same."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.model.change import Change
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import Acknowledgement, AnswerRow, EvidenceRow, HostRow, Report, Said, VerdictRow
from postvakt.reason.differing import differences
from tests.reason import values as reasoned
from tests.report import values

MADE = values.report(values.host(), values.CLEAR_SINCE)
AT = datetime(2021, 3, 5, tzinfo=UTC)
replace = msgspec.structs.replace


def with_host(made: Report, name: str, **more: Any) -> Report:
    hosts = tuple(replace(host, **more) if host.host == name else host for host in made.hosts)
    return replace(made, hosts=hosts)


def told(before: Report, after: Report, kind: str) -> list[Change]:
    return [change for change in differences(before, after).changes if change.kind == kind]


def first(made: Report = MADE) -> HostRow:
    return made.hosts[0]


def test_nothing_is_told_of_equal_reports() -> None:
    assert differences(MADE, msgspec.json.decode(msgspec.json.encode(MADE), type=Report)).changes == ()


def test_a_verdict_that_changed_stands_first_with_its_reason() -> None:
    now = VerdictRow(outcome="compromised", grade="impact", since=None, because=("Mail was taken",))
    changes = differences(MADE, with_host(MADE, first().host, verdict=now)).changes
    assert (changes[0].kind, changes[0].after, changes[0].why) == (
        "verdict",
        "compromised (impact)",
        "Mail was taken",
    )


def test_a_finding_in_evidence_that_came_later_says_so() -> None:
    sample = replace(first().findings[0].sample[0], evidence="later")
    new = reasoned.finding("file-written", id="new", sample=(sample,))
    came = EvidenceRow(
        id="later", path="later.zip", sha256="0", bytes=1, kind="zip", recognised_as="", host=""
    )
    after = replace(
        with_host(MADE, first().host, findings=(*first().findings, new)), evidence=(*MADE.evidence, came)
    )
    [change] = told(MADE, after, "finding")
    assert (change.before, "later.zip" in change.why) == ("", True)
    [back] = told(after, MADE, "finding")
    assert (back.after, "later.zip" in back.why) == ("", True)


def test_a_finding_of_rules_that_came_later_says_so() -> None:
    new = reasoned.finding("file-written", id="new", sample=first().findings[0].sample)
    after = replace(with_host(MADE, first().host, findings=(*first().findings, new)), content="f" * 64)
    [change] = told(MADE, after, "finding")
    assert "other rules and indicators" in change.why


def test_an_acknowledgement_is_told_with_its_name() -> None:
    row = first().findings[0]
    put_aside = replace(row, acknowledged=Acknowledgement(by="A. Analyst", at=AT, reason="our scanner"))
    [change] = told(
        MADE, with_host(MADE, first().host, findings=(put_aside, *first().findings[1:])), "finding"
    )
    assert "A. Analyst: our scanner" in change.why


def test_a_person_s_word_is_the_reason_of_an_answer() -> None:
    answer = AnswerRow(requirement="4", title="It is reported", state="unknown", basis="nobody said")
    said = Said(state="met", words="Ticket 7", by="A. Officer", at=AT)
    before = with_host(MADE, first().host, answers=(answer,))
    after = with_host(MADE, first().host, answers=(replace(answer, state="met", said=(said,)),))
    [change] = told(before, after, "answer")
    assert (change.before, change.after, change.why) == ("unknown", "met", "said by A. Officer: Ticket 7")


def test_a_host_that_is_new_or_gone_is_one_line() -> None:
    fewer = replace(MADE, hosts=MADE.hosts[1:])
    assert [(c.host, c.before) for c in differences(fewer, MADE).changes] == [(first().host, "")]
    assert [(c.host, c.after) for c in differences(MADE, fewer).changes] == [(first().host, "")]


def test_gaps_and_coverage() -> None:
    changes = differences(MADE, with_host(MADE, first().host, gaps=(), coverage=())).changes
    assert {change.kind for change in changes} == {"gap", "coverage"}
    assert sum(change.kind == "gap" for change in changes) == len(first().gaps)


def mitigation(state: Any, **more: Any) -> MitigationRow:
    given: dict[str, Any] = {"id": "cookie-rules", "told": "2 of 2 rules", **more}
    return MitigationRow(title="Rewrite rules", state=state, basis="", **given)


def test_rules_that_were_set_taken_away_or_switched_off_are_told() -> None:
    name = first().host
    bare, on, off = (
        with_host(MADE, name, mitigations=rows)
        for rows in ((), (mitigation("on", first=AT),), (mitigation("off"),))
    )
    [came] = told(bare, on, "mitigation")
    assert (came.before, came.after) == ("", "on from 2021-03-05T00:00:00Z: 2 of 2 rules")
    [went] = told(on, off, "mitigation")
    assert went.after == "off: 2 of 2 rules"
    assert told(on, on, "mitigation") == []


def test_each_run_of_a_scan_is_one() -> None:
    runs = tuple(mitigation("ran", id="msert-full", source="msert.log", locator=line) for line in (1, 40))
    before, after = (with_host(MADE, first().host, mitigations=rows) for rows in (runs[:1], runs))
    assert len(told(before, after, "mitigation")) == 1


def test_a_gap_that_went_says_why() -> None:
    came = EvidenceRow(
        id="later", path="later.zip", sha256="0", bytes=1, kind="zip", recognised_as="", host=""
    )
    after = replace(with_host(MADE, first().host, gaps=()), evidence=(*MADE.evidence, came))
    assert all("later.zip" in change.why for change in told(MADE, after, "gap"))
