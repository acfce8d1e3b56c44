"""One story of a host: steps in their order, what is missing in between, pages, mail, and what joins hosts."""

from datetime import timedelta
from typing import Any

import msgspec

from postvakt.model.conclusion import HostConclusion
from postvakt.model.directive import ChainSpec, Step
from postvakt.model.report import HostRow, VerdictRow
from postvakt.model.rule import Stage
from postvakt.model.story import Asking, Moved, Story, Trace
from postvakt.reason import story as reasoning
from postvakt.reason.findings import identity
from postvakt.reason.shared import shared
from tests.reason.test_actors import BALANCER, BEGUN, ONE, OTHER, trace
from tests.reason.values import covered, finding

STAGES: dict[str, Stage] = {
    "probe": "probe",
    "ssrf": "access-gained",
    "file": "file-written",
    "used": "shell-used",
    "dump": "credential-access",
    "known": "file-written",
    "export": "impact",
    "scan": "authorised-scan",
    "wiped": "tampering",
    "scan2": "context",
}
CHAIN = ChainSpec(
    id="known",
    title="the known attack",
    steps=tuple(
        Step(id=name, title=f"Step {name}", stage=STAGES[name], rules=(name,), needs=(f"log_{name}",))
        for name in ("probe", "ssrf", "file", "used", "dump")
    ),
)
HOST = HostConclusion(
    name="EX01", named=True, roots=(), sources=(), names=(), roles=(), zone="W. Europe Standard Time"
)


def told(*traces: Trace, **seen: Any) -> Story:
    findings = [
        finding(STAGES[name], rule=name, id=identity(name, "EX01")) for name in {t.rule for t in traces}
    ]
    looked = reasoning.Seen(traces=traces, **seen)
    return reasoning.story(HOST, looked, [CHAIN], findings, [covered("log_probe"), covered("log_ssrf")])


def steps(made: Story, actor: int = 0) -> list[tuple[str, int]]:
    return [(step.step, step.traces) for step in made.actors[actor].steps]


def test_steps_stand_in_the_attack_s_order_with_the_missing_ones_in_between() -> None:
    made = told(trace(9, rule="used", address=ONE), trace(0, rule="probe", address=ONE, locator=2))
    assert steps(made) == [("probe", 1), ("ssrf", 0), ("file", 0), ("used", 1)]
    missing = {step.step: step.missing for step in made.actors[0].steps if step.missing}
    assert missing == {
        "ssrf": "not seen in log_ssrf (2021-01-01 to 2021-03-12)",
        "file": "not looked for in log_file: nothing of it was read",
    }
    assert made.actors[0].stage == "shell-used"


def test_a_rule_that_no_step_names_belongs_to_the_step_of_its_stage() -> None:
    made = told(trace(0, rule="file", address=ONE), trace(1, rule="known", address=ONE, locator=2))
    assert steps(made)[-1] == ("file", 2)
    assert len(made.actors[0].steps[-1].findings) == 2


def test_what_the_known_attack_does_not_have_is_told_after_it() -> None:
    made = told(trace(0, rule="ssrf", address=ONE), trace(5, rule="export", address=ONE, locator=2))
    assert [(s.step, s.title) for s in made.actors[0].steps if s.findings][-1] == (
        "impact",
        reasoning.FURTHER["impact"],
    )


def test_two_rules_on_one_record_are_one_trace() -> None:
    made = told(trace(0, rule="file", address=ONE), trace(0, rule="known", address=ONE))
    assert steps(made)[-1] == ("file", 1)


def test_a_label_is_no_deed() -> None:
    assert told(trace(0, rule="scan", address=ONE)).actors == ()


def test_an_acknowledged_finding_tells_no_story() -> None:
    seen = reasoning.Seen(traces=(trace(0, rule="ssrf", address=ONE),))
    assert reasoning.story(HOST, seen, [CHAIN], [], []).actors == ()


def test_two_actors_are_kept_apart_and_what_they_share_is_told() -> None:
    page = "c:/inetpub/wwwroot/aspnet_client/a.aspx"
    made = told(
        trace(0, rule="ssrf", address=ONE),
        trace(1, rule="file", path=page, locator=2),
        trace(9000, rule="used", address=OTHER, path="/aspnet_client/a.aspx", locator=3),
    )
    assert [(actor.id, actor.addresses) for actor in made.actors] == [("A", (ONE,)), ("B", (OTHER,))]
    assert [actor.shares for actor in made.actors] == [
        ("a.aspx is also in the traces of B",),
        ("a.aspx is also in the traces of A",),
    ]
    assert made.words[0] == "2 parties left traces, told apart by their addresses."


def test_a_balancer_is_nobody() -> None:
    busy = Asking(
        address=BALANCER, requests=900, agents=50, users=9, probes=0, forwarded=900, first=None, last=None
    )
    made = told(trace(0, rule="ssrf", address=BALANCER, forwarded=ONE), asking=(busy,))
    assert [actor.addresses for actor in made.actors] == [(ONE,)]
    assert [(row.address, row.role) for row in made.addresses] == [(BALANCER, "balancer")]


def test_mail_that_was_reached_is_told_with_its_log() -> None:
    made = told(
        trace(0, rule="ssrf", table="http_proxy", address=ONE, mailbox="ana@corp.example", verb="POST"),
        trace(
            1, rule="export", table="event", account="EX01$", mailbox="ana", verb="New-MailboxExportRequest"
        ),
        trace(2, rule="export", table="event", mailbox="7ad1", verb="Set-OabVirtualDirectory"),
    )
    assert [(row.mailbox, row.deed, row.by, row.log) for row in made.mail] == [
        ("ana@corp.example", "read", ONE, "http_proxy"),
        ("ana", "exported", "EX01$", "event"),
    ]


def test_the_words_name_every_seen_step_and_its_log() -> None:
    words = " ".join(told(trace(0, rule="ssrf", table="http_proxy", address=ONE)).words)
    assert "A, from 203.0.113.7, made the server act for them: 2021-03-03 04:00Z." in words
    assert "step ssrf (1 record of http_proxy)" in words
    assert "Not seen in between: step probe." in words


def test_a_clock_that_was_set_is_told() -> None:
    moved = Moved(at=BEGUN, before=BEGUN, after=BEGUN - timedelta(hours=1))
    clock = told(trace(0, rule="probe", address=ONE), moved=(moved,)).clock
    assert clock[0] == "The server's own time zone is W. Europe Standard Time."
    assert clock[1].startswith("At 2021-03-03 04:00Z its clock was set back by 1:00:00")


def host(name: str, made: Story) -> HostRow:
    verdict = VerdictRow(outcome="compromised", grade="", since=None, because=())
    empty: dict[str, Any] = dict.fromkeys(
        ("names", "questions", "findings", "chains", "coverage", "gaps", "builds", "mitigations", "answers"),
        (),
    )
    return HostRow(host=name, roles=(), zone="", verdict=verdict, story=made, **empty)


def test_what_stands_on_several_hosts_joins_them() -> None:
    made = told(trace(0, rule="ssrf", address=ONE))
    hosts = [host("EX01", made), host("EX02", made), host("DC01", Story())]
    seen = {
        "EX01": reasoning.Seen(own=frozenset(["192.0.2.10"])),
        "DC01": reasoning.Seen(
            traces=(trace(5, account="CORP\\EX01$"), trace(9, address="192.0.2.10"), trace(7, account="x"))
        ),
    }
    assert [(row.kind, row.value, row.hosts, row.first, row.last) for row in shared(hosts, seen)] == [
        ("address", ONE, ("EX01", "EX02"), BEGUN, BEGUN),
        ("from-host", "EX01", ("EX01", "DC01"), BEGUN + timedelta(minutes=5), BEGUN + timedelta(minutes=9)),
    ]


def test_a_story_is_plain_values() -> None:
    made = told(trace(0, rule="ssrf", address=ONE))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Story) == made


OTHER_CHAIN = ChainSpec(
    id="other",
    title="another attack",
    steps=(
        Step(id="way-in", title="Another way in", stage="access-gained", rules=("known",)),
        Step(id="page", title="A page", stage="file-written", rules=("file",)),
    ),
)


def of(chains: list[ChainSpec], *traces: Trace) -> list[str]:
    findings = [finding(STAGES[t.rule], rule=t.rule, id=identity(t.rule, "EX01")) for t in traces]
    made = reasoning.story(HOST, reasoning.Seen(traces=traces), chains, findings, [])
    return [step.title for step in made.actors[0].steps]


def test_an_attack_is_known_by_the_rules_that_are_its_own() -> None:
    both = [CHAIN, OTHER_CHAIN]
    assert of(both, trace(0, rule="known", address=ONE)) == ["Another way in"]
    assert of(both, trace(0, rule="file", address=ONE)) == ["Step probe", "Step ssrf", "Step file"]
    assert of(both, trace(0, rule="ssrf", address=ONE), trace(1, rule="known", address=ONE, locator=2)) == [
        "Step probe",
        "Step ssrf",
        "Another way in",
    ]


def test_a_step_that_the_attack_can_do_without_is_no_missing_link() -> None:
    steps = tuple(msgspec.structs.replace(step, optional=step.id == "ssrf") for step in CHAIN.steps)
    chain = msgspec.structs.replace(CHAIN, steps=steps)
    assert of([chain], trace(0, rule="file", address=ONE)) == ["Step probe", "Step file"]


def test_a_presumption_that_was_taken_back_takes_no_later_step() -> None:
    seen = reasoning.Seen(traces=(trace(0, rule="ssrf", address=ONE),))
    made = reasoning.story(HOST, seen, [CHAIN], [finding("probe", rule="ssrf", id="x")], [])
    assert steps(made) == [("probe", 1)]


def test_mail_that_the_server_fetched_for_an_intruder_is_told_as_his() -> None:
    own = "192.0.2.10"
    made = told(
        trace(0, rule="ssrf", table="http_proxy", address=ONE),
        trace(0.5, rule="scan2", table="ews", address=own, mailbox="ana@corp.example", verb="GetItem"),
        trace(
            60, rule="scan2", table="ews", address=own, mailbox="bo@corp.example", verb="GetItem", locator=2
        ),
        own=frozenset([own]),
    )
    assert [(row.mailbox, row.by) for row in made.mail] == [
        ("ana@corp.example", f"{ONE}, through the server"),
        ("bo@corp.example", own),
    ]
    assert [row.mailbox for row in reasoning.reached_by_intruders(made)] == ["ana@corp.example"]
