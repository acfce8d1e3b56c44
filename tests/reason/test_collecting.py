"""What is still to be collected: what closes a gap, nothing that was read, and nowhere that a hostile name leads."""

from typing import Any

import pytest

from postvakt import artifacts, content
from postvakt.model.collecting import COLLECTORS, CollectorSpec, Folder, Plan
from postvakt.model.gap import Why
from postvakt.model.report import AnswerRow, AnswerState, GapRow, HostRow, QuestionRow, VerdictRow
from postvakt.reason import collecting
from tests.reason.values import WINDOW, covered

OWN = content.load()
DIRECTIVE = next(one for one in OWN.directives if one.id == "ed-21-02")
BY_ID = {spec.id: spec for spec in OWN.collectors}
KAPE = BY_ID["kape"]
NEEDED = sorted(
    {name for q in DIRECTIVE.questions for way in q.answered_by for name in way.all_of}
    | {name for r in DIRECTIVE.requirements for name in r.needs}
)


def host(*read: str, unanswerable: str = "", **given: Any) -> HostRow:
    """A host of which these sources were read, whose requirements are all unmet unless told."""
    questions = tuple(
        QuestionRow(
            id=q.id,
            asks=q.asks,
            mandatory=q.mandatory,
            answer="unanswerable" if q.id == unanswerable else "no",
            since=None,
            basis="",
        )
        for q in DIRECTIVE.questions
    )
    plain: dict[str, Any] = {
        "host": "EXCH01",
        "roles": ("exchange",),
        "zone": "",
        "names": (),
        "verdict": VerdictRow(outcome="inconclusive", grade="", since=None, because=()),
        "questions": questions,
        "findings": (),
        "chains": (),
        "coverage": tuple(covered(name) for name in read),
        "gaps": (),
        "builds": (),
        "mitigations": (),
        "answers": tuple(answer(r.id, "unmet") for r in DIRECTIVE.requirements),
    }
    return HostRow(**{**plain, **given})


def answer(requirement: str, state: AnswerState) -> AnswerRow:
    return AnswerRow(requirement=requirement, title="", state=state, basis="")


def gap(artifact: str, why: Why, source: str = "", detail: str = "") -> GapRow:
    return GapRow(id="g", artifact=artifact, source=source, locator=None, why=why, detail=detail)


def planned(
    *rows: HostRow, spec: CollectorSpec = KAPE, folders: tuple[Folder, ...] = (), at: str = ""
) -> Plan:
    servers = [collecting.Server(row=row, folders=folders, install_path=at) for row in rows]
    return collecting.of_case(DIRECTIVE, spec, OWN.collecting, servers, WINDOW)


def closed(plan: Plan) -> set[str]:
    return {name for batch in plan.batches for step in batch.steps for name in step.closes}


def folders_of(plan: Plan) -> list[str]:
    return [spot.folder for batch in plan.batches for step in batch.steps for spot in step.spots]


@pytest.mark.parametrize("lacking", [name for name in NEEDED if name != "memory"])
def test_a_case_that_lacks_one_source_is_asked_for_that_alone(lacking: str) -> None:
    plan = planned(host(*(name for name in NEEDED if name != lacking)))
    assert closed(plan) == {lacking}
    assert plan.batches[0].not_taken == ()


def test_a_case_that_lacks_nothing_is_asked_for_nothing() -> None:
    plan = planned(host(*NEEDED))
    assert (plan.batches, plan.complete) == ((), ("EXCH01",))


@pytest.mark.parametrize("state", ["met", "not-applicable"])
def test_what_only_a_requirement_needs_that_does_not_bind_is_not_asked_for(state: AnswerState) -> None:
    answers = tuple(
        answer(r.id, state if "test_proxylogon" in r.needs else "unmet") for r in DIRECTIVE.requirements
    )
    rest = [name for name in NEEDED if name != "test_proxylogon"]
    assert planned(host(*rest, answers=answers)).batches == ()


def test_a_log_that_ends_too_early_for_its_question_is_asked_for_again() -> None:
    short = covered("http_proxy", last=WINDOW.start)
    rows = tuple(covered(name) for name in NEEDED if name != "http_proxy")
    assert closed(planned(host(coverage=(short, *rows), unanswerable="ssrf-answered"))) == {"http_proxy"}
    assert planned(host(coverage=(short, *rows))).batches == ()


def test_a_broken_event_log_is_asked_for_by_its_channel() -> None:
    source = "C/Windows/System32/winevt/Logs/Microsoft-Windows-TaskScheduler%4Operational.evtx"
    plan = planned(host(*NEEDED, gaps=(gap("evtx", "truncated", source),)))
    masks = [spot.mask for step in plan.batches[0].steps for spot in step.spots]
    assert masks[0] == "Microsoft-Windows-TaskScheduler%4Operational.evtx"
    assert f"{source} is truncated" in plan.batches[0].closes[0]


def test_logs_that_rolled_are_told_and_not_asked_for() -> None:
    late = gap(
        "http_proxy", "hole", detail="nothing before 2021-02-10 00:00Z; what is asked about begins earlier"
    )
    plan = planned(host(*(name for name in NEEDED if name != "iis"), gaps=(late,)))
    assert closed(plan) == {"iis"}
    assert plan.batches[0].gone == (f"EXCH01: http_proxy, {late.detail}",)


def test_hosts_that_want_the_same_share_a_batch() -> None:
    rest = [name for name in NEEDED if name != "iis"]
    plan = planned(host(*rest, host="A"), host(*rest, host="B"), host(*rest[1:], host="C"))
    assert [batch.hosts for batch in plan.batches] == [("A", "B"), ("C",)]


def test_moved_logs_and_the_place_of_exchange_are_honoured() -> None:
    moved = (
        Folder(path="D:\\Web Logs\\", basis="iis_config logFile"),
        Folder(path="E:\\Errors", basis="SYSTEM HTTP ErrorLoggingDir"),
        Folder(path="%SystemDrive%\\inetpub\\logs\\LogFiles", basis="iis_config logFile"),
    )
    rest = [name for name in NEEDED if name not in ("iis", "http_proxy")]
    plan = planned(host(*rest), folders=moved, at="F:\\Exchange\\V15\\")
    assert folders_of(plan) == [
        "F:\\Exchange\\V15\\Logging\\HttpProxy",
        "%SystemDrive%\\inetpub\\logs\\LogFiles",
        "D:\\Web Logs",
    ]


@pytest.mark.parametrize(
    "folder",
    ["D:\\x'; Remove-Item C:\\ #", 'D:\\x" & format c:', "D:\\a\nb", "D:\\%x%", "D:\\\u2019x", "D:\\..\\*"],
)
def test_a_folder_that_is_none_is_told_and_never_written(folder: str) -> None:
    rest = [name for name in NEEDED if name not in ("iis", "http_proxy")]
    moved = (Folder(path=folder, basis="iis_config logFile"),)
    plan = planned(host(*rest), folders=moved, at=folder)
    assert folder not in "".join(folders_of(plan))
    assert [one.name for one in plan.batches[0].not_taken] == ["install path", "web-logs"]


def test_memory_comes_first_and_what_rotates_before_what_stays() -> None:
    steps = [s.id for s in collecting.plan(DIRECTIVE, BY_ID["velociraptor"], OWN.collecting).batches[0].steps]
    assert steps[0] == "memory"
    turns = [one for name in steps for one in OWN.collecting if one.id == name]
    assert [one.turn for one in turns] == sorted(one.turn for one in turns)
    assert steps.index("http-proxy") < steps.index("registry-hives")


@pytest.mark.parametrize("spec", OWN.collectors, ids=lambda spec: spec.id)
@pytest.mark.parametrize("directive", OWN.directives, ids=lambda one: one.id)
def test_all_that_a_directive_names_is_collected_or_told_as_not_collectable(
    directive: Any, spec: Any
) -> None:
    wanted = {name for q in directive.questions for way in q.answered_by for name in way.all_of}
    wanted |= {name for r in directive.requirements for name in r.needs}
    plan = collecting.plan(directive, spec, OWN.collecting)
    told = {one.name for batch in plan.batches for one in batch.not_taken}
    assert closed(plan) | told >= wanted
    assert not [
        one for batch in plan.batches for one in batch.not_taken if one.why.startswith("nothing is known")
    ]


def test_without_a_case_what_rules_ask_is_collected_as_well_and_each_event_log_once() -> None:
    (batch,) = collecting.plan(DIRECTIVE, KAPE, OWN.collecting).batches
    ids = {step.id for step in batch.steps}
    assert ids >= {"iis-configuration", "scheduled-tasks", "transport-agents", "event-logs"}
    assert not ids & {"process-events", "event-channel", "exchange-logs"}
    assert [spot.mask for step in batch.steps for spot in step.spots if spot.mask.endswith(".evtx")] == [
        "*.evtx"
    ]


def test_every_artifact_and_table_has_a_place_or_says_why_not() -> None:
    """A new artifact needs an entry in `content/collecting`: without it no plan could ask for it."""
    names = {reader.artifact.name for reader in artifacts.READERS} | set(artifacts.TABLES)
    unknown = sorted(name for name in names if collecting.covering(name, OWN.collecting) is None)
    assert unknown == []
    lost = [
        f"{spec.id} {one.id}"
        for spec in OWN.collectors
        for one in OWN.collecting
        if not (one.spots or spec.id in one.by) and not collecting.cannot(spec, one)
    ]
    assert lost == []
    assert {spec.id for spec in OWN.collectors} == set(COLLECTORS)


def test_the_places_are_those_that_the_artifacts_recognise() -> None:
    """A file as it would lie there must be one that its artifact takes, or the plan collects for nothing."""
    import re

    examples = {
        "http_proxy": "c:/program files/microsoft/exchange server/v15/logging/httpproxy/ecp/httpproxy_2021030112-1.log",
        "ecp_server": "c:/program files/microsoft/exchange server/v15/logging/ecp/server/ecpserver20210301-1.log",
        "iis": "c:/inetpub/logs/logfiles/w3svc1/u_ex210301.log",
        "registry": "c:/windows/system32/config/system",
        "msert": "c:/windows/debug/msert.log",
    }
    for name, path in examples.items():
        assert any(re.search(pattern, path) for pattern in artifacts.BY_NAME[name].artifact.paths)
        spots = collecting.covering(name, OWN.collecting)
        assert spots is not None
        assert any(_takes(spot, path) for spot in spots.spots), name


def _takes(spot: Any, path: str) -> bool:
    from fnmatch import fnmatch

    from postvakt.report.collectors.places import globs

    return any(
        fnmatch(path, glob.lower().replace("\\", "/").replace("**/", "*"))
        for glob in globs(spot, "C:\\Users\\*")
    )
