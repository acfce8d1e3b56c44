"""What is answered to the requirements of ED 21-02: the reading traps of its text, and whose word stands."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from postvakt import content
from postvakt.model.build import ExposureRow
from postvakt.model.directive import Directive
from postvakt.model.fact import Asked, Fact
from postvakt.model.inventory import ServerRow
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import AnswerRow, CoverageRow, FindingRow, QuestionRow, VerdictRow
from postvakt.reason import answers
from tests.reason import values

NOON = datetime(2021, 3, 4, 17, tzinfo=UTC)
LATER = datetime(2021, 3, 4, 18, tzinfo=UTC)
FOUND, ATTEMPTED, CLEAR, BLIND = (
    VerdictRow(outcome="compromised", grade="file-written", since=None, because=("A page was written",)),
    VerdictRow(outcome="attempted", grade="probed", since=None, because=("It was asked for",)),
    VerdictRow(outcome="clear-since", grade="", since=NOON, because=()),
    VerdictRow(outcome="inconclusive", grade="", since=None, because=("HttpProxy logs are missing",)),
)
EVERYTHING = (
    "memory", "iis", "event:Application", "event:Security", "event:System", "registry_key", "registry_value",
)  # fmt: skip


def directive(name: str = "ed-21-02") -> Directive:
    return next(d for d in content.load().directives if d.id == name)


def question(name: str, answer: Any) -> QuestionRow:
    return QuestionRow(
        id=name,
        asks=f"Was it {name}?",
        mandatory=True,
        answer=answer,
        since=None,
        basis="the logs are missing",
    )


def looked(
    verdict: VerdictRow = FOUND,
    *,
    read: tuple[str, ...] = EVERYTHING,
    findings: tuple[FindingRow, ...] = (),
    roles: tuple[str, ...] = ("exchange",),
    questions: tuple[QuestionRow, ...] = (),
    exposure: tuple[ExposureRow, ...] = (),
    mitigations: tuple[MitigationRow, ...] = (),
) -> answers.Looked:
    coverage: tuple[CoverageRow, ...] = tuple(values.covered(name) for name in read)
    return answers.Looked(
        host="EX01",
        roles=roles,
        verdict=verdict,
        questions=questions,
        findings=findings,
        coverage=coverage,
        content="0123456789abcdef",
        exposure=exposure,
        mitigations=mitigations,
    )


def fact(requirement: str, state: Any, **given: Any) -> Fact:
    plain: dict[str, Any] = {"words": "So it is.", "by": "A. Person", "at": NOON, "host": "all"}
    return Fact(requirement=requirement, state=state, **{**plain, **given})


def of_server(one: answers.Looked, *facts: Fact, name: str = "ed-21-02") -> dict[str, AnswerRow]:
    return {row.requirement: row for row in answers.server(directive(name), one, answers.Words(facts))}


def of_agency(*servers: answers.Looked, said: tuple[Fact, ...] = ()) -> dict[str, AnswerRow]:
    return {row.requirement: row for row in answers.agency(directive(), servers, answers.Words(said))}


NO_EXPERTISE = fact("expertise", "unmet", words="Nobody here can image memory.")


@pytest.mark.parametrize(
    ("verdict", "triage", "patch", "image", "disconnect", "report"),
    [
        (FOUND, "met", "not-applicable", "met", "unknown", "unknown"),
        (ATTEMPTED, "met", "unknown", "met", "unknown", "unknown"),
        (CLEAR, "met", "unknown", "not-applicable", "not-applicable", "not-applicable"),
        (BLIND, "met", "unknown", "unknown", "unknown", "unknown"),
    ],
)
def test_the_verdict_takes_the_branch(
    verdict: VerdictRow, triage: str, patch: str, image: str, disconnect: str, report: str
) -> None:
    told = of_server(looked(verdict))
    states = [told[name].state for name in ("1.memory", "1.patch", "2.a", "3.a", "4")]
    assert states == [triage, patch, image, disconnect, report]


def test_without_expertise_servers_are_disconnected_although_nobody_looked() -> None:
    told = of_server(looked(BLIND, read=()), NO_EXPERTISE)
    assert {told[name].state for name in ("1.memory", "1.examine", "1.patch", "2.a", "2.d")} == {
        "not-applicable"
    }
    assert told["3.a"].state == "unknown"
    assert "no expertise to look, said by A. Person" in told["3.a"].basis
    assert told["3.a"].lacks == ("Since when has this server been disconnected?",)
    assert told["4"].state == "not-applicable"


def test_found_without_expertise_is_both() -> None:
    told = of_server(looked(FOUND), NO_EXPERTISE)
    assert told["2.a"].state == "not-applicable"
    assert "compromised" in told["3.a"].basis
    assert "no expertise" in told["3.a"].basis
    assert told["4"].state == "unknown"


@pytest.mark.parametrize(
    ("row", "image"),
    [
        (values.finding("", level="high"), "met"),
        (values.finding("tampering", level="medium"), "met"),
        (values.finding("", level="medium"), "unknown"),
        (values.finding("responder-tool", level="high"), "unknown"),
    ],
)
def test_anomalous_behaviour_is_enough_for_action_2(row: FindingRow, image: str) -> None:
    assert of_server(looked(BLIND, findings=(row,)))["2.a"].state == image


def test_an_anomaly_is_for_a_person_to_judge_before_action_3() -> None:
    told = of_server(looked(ATTEMPTED))
    assert told["3.a"].lacks[0] == told["1.patch"].lacks[0]
    assert "a person judges" in told["3.a"].lacks[0]


def test_reporting_waits_for_no_other_action() -> None:
    before, after = (
        of_server(looked(FOUND), *said)["4"] for said in ((), (fact("3.a", "met"), fact("3.c", "met")))
    )
    assert before == after
    assert before.at_once
    assert before.demanded == datetime(2021, 3, 3, 5, tzinfo=UTC)


@pytest.mark.parametrize("servers", [(), (looked(CLEAR),), (looked(FOUND),), (looked(BLIND, read=()),)])
def test_the_report_binds_every_agency(servers: tuple[answers.Looked, ...]) -> None:
    row = of_agency(*servers)["5"]
    assert (row.state, row.due) == ("unknown", datetime(2021, 3, 5, 17, tzinfo=UTC))


def test_patching_is_no_way_out_of_the_found_branch() -> None:
    done = [fact(name, "met") for name in ("2.a", "2.b", "2.d", "1.memory")]
    told = of_server(looked(FOUND), *done)
    assert told["1.patch"].state == "not-applicable"
    # Nor does the text know an Action 2 that came back clean: Action 3 still binds.
    assert told["3.a"].state == "unknown"


def test_a_negative_names_the_rules_and_the_time_it_holds_for() -> None:
    basis = of_server(looked(CLEAR))["1.patch"].basis
    assert "looked at from 2021-03-04T17:00:00Z" in basis
    assert "content 0123456789ab" in basis
    assert "fedcba" not in basis


def test_what_was_not_read_is_unmet_and_says_what_to_collect() -> None:
    row = of_server(looked(BLIND, read=("iis",)))["1.event-logs"]
    assert row.state == "unmet"
    assert row.lacks == ("collect event:Application", "collect event:Security", "collect event:System")


@pytest.mark.parametrize(("answer", "state"), [("no", "met"), ("yes", "met"), ("unanswerable", "unknown")])
def test_examined_means_that_the_questions_could_be_answered(answer: str, state: str) -> None:
    row = of_server(looked(CLEAR, questions=(question("shell-used", answer),)))["1.examine"]
    assert row.state == state
    assert bool(row.lacks) == (answer == "unanswerable")


def test_a_log_of_the_scanner_is_not_yet_a_full_scan() -> None:
    row = of_server(looked(CLEAR, read=("msert",)))["s1.triage.1"]
    assert row.state == "unknown"
    assert "read: msert" in row.basis


def test_a_host_that_is_no_exchange_server_is_not_asked() -> None:
    told = of_server(looked(FOUND, roles=("domain-controller",)))
    assert {row.state for row in told.values()} == {"not-applicable"}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ((), "unknown"),
        ((fact("connected", "met"),), "unknown"),
        ((fact("connected", "unmet"),), "not-applicable"),
        ((fact("connected", "unmet"), fact("connected", "met", host="EX01")), "unknown"),
        ((fact("connected", "unmet"), fact("connected", "unmet", host="EX02")), "not-applicable"),
        ((fact("connected", "unmet", host="EX02"),), "unknown"),
    ],
)
def test_supplement_1_asks_of_servers_connected_since_january(facts: tuple[Fact, ...], state: str) -> None:
    told = of_server(looked(CLEAR), *facts)
    assert told["s1.hardening.1"].state == state
    assert told["s2.1"].state == "unknown"


def test_nobody_said_that_it_was_connected_is_told() -> None:
    assert "connected: nobody said, taken as yes" in of_server(looked(CLEAR))["s1.hardening.1"].basis


def test_a_condition_that_is_not_presumed_stays_open() -> None:
    row = of_server(looked(FOUND))["2.c"]
    assert row.state == "unknown"
    assert row.lacks[0].startswith("Is it so that no live")
    assert of_server(looked(FOUND), fact("no-live-image", "unmet"))["2.c"].state == "not-applicable"


def test_a_person_s_word_stands_with_name_and_time_beside_the_evidence() -> None:
    row = of_server(looked(BLIND, read=()), fact("1.memory", "met", words="Imaged with our own tool."))[
        "1.memory"
    ]
    assert row.state == "met"
    assert row.lacks == ()
    assert "said by A. Person at 2021-03-04T17:00:00Z: Imaged with our own tool." in row.basis
    assert "the case says otherwise: unmet, not read: memory" in row.basis
    assert row.said[0].by == "A. Person"


def test_the_latest_word_stands_and_the_earlier_ones_are_told() -> None:
    row = of_server(
        looked(FOUND), fact("3.a", "met", at=LATER, by="B. Other"), fact("3.a", "unmet", words="Not yet.")
    )["3.a"]
    assert row.state == "met"
    assert [said.by for said in row.said] == ["B. Other", "A. Person"]
    assert "before that unmet, said by A. Person" in row.basis


def test_a_word_on_one_host_goes_before_a_later_one_on_all() -> None:
    row = of_server(looked(FOUND), fact("3.a", "met", at=LATER), fact("3.a", "unmet", host="EX01"))["3.a"]
    assert row.state == "unmet"


def test_the_agency_is_on_every_branch_of_its_servers() -> None:
    assert of_agency(looked(CLEAR), looked(CLEAR))["2.e"].state == "not-applicable"
    assert (
        of_agency(looked(CLEAR), looked(BLIND))["2.e"]
        .lacks[0]
        .startswith("whether this binds is not decided")
    )
    row = of_agency(looked(CLEAR), looked(FOUND))["2.e"]
    assert row.state == "unknown"
    assert "servers by branch: 1 found, 1 not found" in row.basis


@pytest.mark.parametrize(
    ("said", "state"), [("met", "unknown"), ("unmet", "not-applicable"), (None, "unknown")]
)
def test_ed_25_02_asks_more_of_who_is_in_hybrid(said: str | None, state: str) -> None:
    facts = (fact("hybrid", said),) if said else ()
    row = of_server(looked(CLEAR), *facts, name="ed-25-02")["4"]
    assert row.state == state
    asked_first = bool(row.lacks) and row.lacks[0].startswith("Is the organisation of this server in hybrid")
    assert asked_first == (said is None)


def flaw(name: str, state: Any, **more: Any) -> ExposureRow:
    return ExposureRow(flaw=name, title=name, cves=(), state=state, told=(f"{name} is {state}.",), **more)


def scan(name: str, state: Any = "ran", **more: str) -> MitigationRow:
    return MitigationRow(id=name, title=name, state=state, told="finished", basis="Started On a day", **more)


def scans(*days: str, signatures: str = "1.333.{}.0") -> tuple[MitigationRow, ...]:
    """A finished full scan on each of these days of the year 2021, each with signatures of its own."""
    return tuple(
        scan("msert-full", started=f"2021-{day}T22:00:00", signatures=signatures.format(number))
        for number, day in enumerate(days)
    )


@pytest.mark.parametrize(
    ("state", "answer"), [("fixed", "met"), ("vulnerable", "unmet"), ("unknown", "unknown")]
)
def test_the_build_says_whether_the_update_is_in(state: Any, answer: str) -> None:
    row = of_server(looked(CLEAR, exposure=(flaw("april-2021", state),)))["s2.1"]
    assert row.state == answer
    assert f"april-2021 is {state}." in row.basis
    # The update of March is another one, and says nothing of April's.
    assert of_server(looked(CLEAR, exposure=(flaw("proxylogon", state),)))["s2.1"].state == "unknown"


def test_an_update_after_the_deadline_is_told_as_late() -> None:
    late = flaw("april-2021", "fixed", patched_after=datetime(2021, 4, 17, tzinfo=UTC))
    assert "after the deadline" in of_server(looked(CLEAR, exposure=(late,)))["s2.1"].basis
    early = flaw("april-2021", "fixed", patched_by=datetime(2021, 4, 14, tzinfo=UTC))
    assert "before the deadline" in of_server(looked(CLEAR, exposure=(early,)))["s2.1"].basis
    about = flaw(
        "april-2021",
        "fixed",
        patched_after=datetime(2021, 4, 14, tzinfo=UTC),
        patched_by=datetime(2021, 4, 17, tzinfo=UTC),
    )
    assert "before the deadline is not told" in of_server(looked(CLEAR, exposure=(about,)))["s2.1"].basis


@pytest.mark.parametrize(
    ("scans", "state"),
    [
        ((), "unknown"),
        ((scan("msert-quick"),), "unmet"),
        ((scan("msert-full", "unfinished"),), "unmet"),
        ((scan("msert-full"),), "unknown"),
    ],
)
def test_a_full_scan_shows_itself_and_a_person_says_that_it_was_reported(
    scans: tuple[MitigationRow, ...], state: str
) -> None:
    row = of_server(looked(CLEAR, read=("msert",), mitigations=scans))["s1.triage.1"]
    assert row.state == state
    assert row.lacks


def test_the_first_scan_and_four_weekly_ones_are_counted() -> None:
    four = weekly(scans("04-04", "04-11", "04-18", "04-25"))
    five = weekly(scans("04-04", "04-11", "04-18", "04-25", "05-02"))
    assert (four.state, five.state) == ("unmet", "unknown")
    assert "4 of 5" in four.basis


def weekly(done: tuple[MitigationRow, ...]) -> AnswerRow:
    return of_server(looked(CLEAR, mitigations=done))["s1.triage.1.weekly"]


@pytest.mark.parametrize(
    ("done", "count"),
    [
        (scans("04-04", "04-05", "04-06", "04-07", "04-08"), 2),
        (scans("04-04", "04-04", "04-12", "04-19", "04-26"), 4),
        (scans("04-04", "04-10", "04-16", "04-25", "05-02", signatures="1.333.160.0"), 1),
        ((scan("msert-full"),) * 5, 0),
    ],
)
def test_runs_of_one_week_or_of_one_download_count_once(done: tuple[MitigationRow, ...], count: int) -> None:
    row = weekly(done)
    assert row.state == "unmet"
    assert f"{count} of 5" in row.basis


@pytest.mark.parametrize(("day", "late"), [("04-05", False), ("04-06", True)])
def test_a_scan_that_began_after_the_deadline_in_any_zone_is_late(day: str, late: bool) -> None:
    row = of_server(looked(CLEAR, read=("msert",), mitigations=scans(day)))["s1.triage.1"]
    assert ("it began after the deadline" in row.basis) == late
    assert "how old its signatures 1.333.0.0 were then, its log does not tell" in row.basis


ASKED = (
    Asked(requirement="s1.triage.1", whom="A. Admin", by=datetime(2021, 4, 4, tzinfo=UTC), host="EX01"),
    Asked(requirement="s1.triage.1", whom="B. Chief", by=datetime(2021, 4, 3, tzinfo=UTC)),
    Asked(requirement="connected", whom="C. Net", by=datetime(2021, 4, 5, tzinfo=UTC)),
    Asked(requirement="s2.1", whom="D. Else", by=datetime(2021, 4, 5, tzinfo=UTC), host="EX02"),
)


def asked_of(host: str, *facts: Fact, exposure: tuple[ExposureRow, ...] = ()) -> dict[str, AnswerRow]:
    one = msgspec.structs.replace(looked(CLEAR, exposure=exposure), host=host)
    return {r.requirement: r for r in answers.server(directive(), one, answers.Words(facts, ASKED))}


def test_who_was_asked_stands_beside_what_is_lacking() -> None:
    assert asked_of("EX01")["s1.triage.1"].lacks[-3:] == (
        "asked of B. Chief, by 2021-04-03T00:00:00Z",
        "asked of A. Admin, by 2021-04-04T00:00:00Z",
        "asked of C. Net, by 2021-04-05T00:00:00Z",
    )
    assert "asked of A. Admin" not in " ".join(asked_of("EX02")["s1.triage.1"].lacks)
    assert "asked of D. Else" in " ".join(asked_of("EX02")["s2.1"].lacks)


def test_a_question_that_was_answered_is_asked_no_longer() -> None:
    said = Fact(
        requirement="s1.triage.1",
        state="unmet",
        words="Tonight.",
        by="A. Admin",
        at=datetime(2021, 4, 2, tzinfo=UTC),
    )
    assert "asked of" not in " ".join(asked_of("EX01", said)["s1.triage.1"].lacks)
    assert asked_of("EX02", exposure=(flaw("april-2021", "fixed"),))["s2.1"].lacks == ()


def test_an_incident_is_owed_within_the_hour_of_its_first_finding() -> None:
    found = values.finding("file-written", level="critical")
    row = of_server(looked(FOUND, findings=(found,)))["4"]
    assert row.within_hours == 1
    assert found.title in row.basis


def test_the_servers_that_sources_name_are_told_beside_the_answer() -> None:
    listing = [
        ServerRow(name=name, names=(), sources=(), submitted=submitted, exchange=exchange)
        for name, submitted, exchange in (
            ("ex01", True, "yes"), ("ex02", False, "likely"), ("dc01", True, "no"),
        )
    ]  # fmt: skip
    told = answers.agency(directive(), (), answers.Words(()), listing)
    rows = {row.requirement: row for row in told}
    assert rows["1.identify"].state == "unknown"
    assert rows["1.identify"].basis.endswith("; collected 1 of the 2 servers that the sources name")
    assert "collect ex02, or say why not" in rows["1.identify"].lacks
    assert [row.requirement for row in told if "that the sources name" in row.basis] == ["1.identify"]
