"""Report values to render: an attacked server, clear ones, one that nobody can judge, one that nobody looked at."""

from typing import Any

import msgspec

from postvakt.model.report import (
    SCHEMA,
    BuildRow,
    EvidenceRow,
    HostRow,
    NameClaim,
    Report,
    RulesRow,
    VerdictRow,
    Window,
)
from postvakt.model.rule import NotAsked
from postvakt.model.story import SharedRow, Story
from tests.report.parts import (
    ANSWERS,
    ASKED_CREDENTIALS,
    ASKED_MAIL,
    ASKED_WIPED,
    CHAIN,
    COVERAGE,
    DUMP,
    END,
    GAPS,
    KNOWN,
    MEMORY,
    MISSING,
    POSTED,
    QUESTIONS,
    SHELL,
    SSRF,
    START,
    STORY,
    at,
    digest,
    finding,
    gap,
)


def host(name: str = "EX01", **changed: Any) -> HostRow:
    """An attacked server with everything that a page can show."""
    made = HostRow(
        host=name,
        roles=("exchange",),
        zone="W. Europe Standard Time",
        names=(
            NameClaim(name=name, basis="SYSTEM hive, ComputerName", count=1),
            NameClaim(name="EX01-OLD", basis="http_proxy, ServerHostName", count=4120),
        ),
        verdict=VerdictRow(
            outcome="compromised",
            grade="credential-access",
            since=SSRF.first,
            because=tuple(f"{row.title} [{row.id}]" for row in (SSRF, SHELL, POSTED, DUMP)),
        ),
        questions=QUESTIONS,
        findings=(SSRF, SHELL, POSTED, DUMP, KNOWN),
        chains=(CHAIN,),
        coverage=COVERAGE,
        gaps=(*GAPS, gap("host", "conflict", "also named EX01-OLD")),
        builds=(
            BuildRow(
                build="15.1.1913.5", first=at("2020-03-01T10:00:00"), until=END, source="ExchangeSetup.log"
            ),
        ),
        mitigations=(),
        answers=ANSWERS,
        story=STORY,
        memory=(MEMORY,),
    )
    return msgspec.structs.replace(made, **changed)


def quiet(name: str, outcome: Any, **changed: Any) -> HostRow:
    """A server on which nothing was found."""
    since = {"clear-since": at("2021-02-08T00:00:00"), "clear": START}.get(outcome)
    made = host(
        name,
        verdict=VerdictRow(
            outcome=outcome,
            grade="",
            since=since,
            because=(f"{ASKED_CREDENTIALS.asks} No: {ASKED_CREDENTIALS.basis}",),
        ),
        findings=(),
        memory=(),
        chains=(),
        story=msgspec.structs.replace(Story(), addresses=STORY.addresses[1:], clock=STORY.clock),
        names=(NameClaim(name=name, basis="SYSTEM hive, ComputerName", count=1),),
        questions=(ASKED_CREDENTIALS, ASKED_WIPED),
        gaps=(),
    )
    return msgspec.structs.replace(made, **changed)


CLEAR_SINCE = quiet("EX02", "clear-since", zone="Pacific Standard Time")
CLEAR = quiet("EX03", "clear", zone="", questions=(ASKED_WIPED,), coverage=COVERAGE[-1:])
INCONCLUSIVE = quiet(
    "EX04",
    "inconclusive",
    verdict=VerdictRow(
        outcome="inconclusive",
        grade="",
        since=None,
        because=(f"{ASKED_MAIL.asks} Cannot be answered: {ASKED_MAIL.basis}",),
    ),
    questions=(ASKED_CREDENTIALS, msgspec.structs.replace(ASKED_MAIL, mandatory=True)),
    coverage=COVERAGE[:2],
    gaps=GAPS,
)
NOT_EXAMINED = quiet(
    "EX05",
    "not-examined",
    verdict=VerdictRow(
        outcome="not-examined", grade="", since=None, because=("nothing that could answer was read",)
    ),
    questions=(ASKED_MAIL,),
    coverage=(),
    gaps=MISSING,
    names=(),
    roles=(),
    builds=(),
    zone="Middle of Nowhere Standard Time",
)
TRIED = finding(
    "tried",
    title="A forged request to a back end failed",
    stage="attempt-failed",
    level="medium",
    count=3,
    last=at("2021-03-02T05:14:00"),
)
ATTEMPTED = host(
    "EX06",
    verdict=VerdictRow(
        outcome="attempted",
        grade="attempt-failed",
        since=TRIED.first,
        because=(f"{TRIED.title} [{TRIED.id}]",),
    ),
    findings=(TRIED,),
    chains=(),
    questions=(ASKED_CREDENTIALS, ASKED_MAIL),
)


def evidence(number: int, row: HostRow) -> EvidenceRow:
    return EvidenceRow(
        id=f"e{number}",
        path=f"handed-in/{row.host}.zip",
        sha256=digest(row.host),
        bytes=1_734_882_113 + number,
        kind="zip",
        recognised_as="KAPE collection",
        host=row.host,
        members=1204,
        relevant=311,
        gaps=len(row.gaps),
    )


def report(*hosts: HostRow, **changed: Any) -> Report:
    made = Report(
        schema=SCHEMA,
        postvakt="0.1.0",
        content="4be1c07d29aa",
        directive="ed-21-02",
        directive_title="ED 21-02: Mitigate Microsoft Exchange On-Premises Product Vulnerabilities",
        tlp="amber",
        window=Window(START, END),
        rules=RulesRow(
            asked=2412,
            matched=5,
            not_asked=(
                NotAsked(
                    rule="proc-linux",
                    title="Suspicious shell history",
                    reason="no table serves its log source linux",
                    path="rules/linux/x.yml",
                ),
                NotAsked(
                    rule="near",
                    title="Two in a row",
                    reason="correlation rules are not asked",
                    path="rules/y.yml",
                ),
            ),
        ),
        evidence=tuple(evidence(number, row) for number, row in enumerate(hosts)),
        hosts=hosts,
    )
    return msgspec.structs.replace(made, **changed)


ONE = report(host())
SHARED = (
    SharedRow(kind="address", value="203.0.113.7", hosts=("EX01", "EX06"), first=SSRF.first, last=END),
    SharedRow(kind="from-host", value="EX01", hosts=("EX01", "EX02"), first=None, last=None),
)
EVERY_OUTCOME = report(host(), CLEAR_SINCE, CLEAR, INCONCLUSIVE, NOT_EXAMINED, ATTEMPTED, shared=SHARED)


def fleet(number: int, findings: int = 50) -> Report:
    """Many attacked servers with as many findings each, and a quiet one of each kind among them."""
    many = tuple(finding(f"f{place}", title=f"{SSRF.title}, {place}") for place in range(findings))
    kinds = (CLEAR_SINCE, CLEAR, INCONCLUSIVE, NOT_EXAMINED)
    attacked = (host(f"EX{place:05d}", findings=many) for place in range(number - len(kinds)))
    return report(*attacked, *kinds)
