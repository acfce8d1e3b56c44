"""Known actors planted on whole synthetic servers, and what is said of them after a whole triage."""

from pathlib import Path

import msgspec
import pytest

from postvakt import estate
from postvakt.estate.stories import KINDS, PLANTED, STORIES
from postvakt.model.report import HostRow
from tests.commands import cases

DAYS = 2
SEED = 7


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, HostRow]:
    folder = tmp_path_factory.mktemp("planted")
    usual = [plan for plan in estate.plan(len(KINDS), SEED, DAYS) if plan.story.culprits]
    made: dict[str, Path] = {}
    for plan in (*estate.planted(SEED, DAYS), *usual):
        written = estate.write(msgspec.structs.replace(plan, layout="folder"), folder / plan.scenario)
        made[plan.scenario] = written.rename(folder / f"{plan.scenario}-{plan.name}")
    report = cases.triaged(folder / "case", *made.values())
    owner = {Path(item.path).name: item.host for item in report.evidence}
    by_name = {host.host: host for host in report.hosts}
    return {scenario: by_name[owner[path.name]] for scenario, path in made.items()}


SINGLE = [name for name, story in STORIES.items() if len(story.culprits) == 1]


@pytest.mark.parametrize("scenario", SINGLE)
def test_who_was_planted_is_first(hosts: dict[str, HostRow], scenario: str) -> None:
    first = hosts[scenario].hypotheses[0]
    assert (first.actor,) == STORIES[scenario].culprits
    assert hosts[scenario].attribution[0].actors == STORIES[scenario].culprits


@pytest.mark.parametrize(
    ("scenario", "standing"),
    [
        ("planted-hafnium", "supported"),
        ("planted-tonto", "supported"),
        ("planted-opera", "supported"),
        ("planted-dltminer", "supported"),
        ("planted-opportunist", "possible"),
        ("planted-address", "insufficient"),
        ("planted-sunburst", "possible"),
        ("microsoft-scan", "possible"),
        # Two parties came: what both left together makes no one actor.
        ("ransomware", "possible"),
    ],
)
def test_how_far_the_evidence_carries(hosts: dict[str, HostRow], scenario: str, standing: str) -> None:
    assert hosts[scenario].attribution[0].standing == standing


@pytest.mark.parametrize("scenario", PLANTED)
def test_the_verdict_is_the_truth(hosts: dict[str, HostRow], scenario: str) -> None:
    verdict, story = hosts[scenario].verdict, STORIES[scenario]
    assert (verdict.outcome, verdict.grade) == (story.outcome, story.grade)


def test_one_published_address_names_nobody(hosts: dict[str, HostRow]) -> None:
    host = hosts["planted-address"]
    assert {row.standing for row in host.hypotheses} <= {"insufficient", "contradicted"}
    assert "insufficient to say more" in host.attribution[0].told[0]


def test_solarwinds_without_exchange_is_told_as_another_campaign(hosts: dict[str, HostRow]) -> None:
    host = hosts["planted-sunburst"]
    assert "exchange" not in host.roles
    assert [row.actor for row in host.hypotheses] == ["apt29"]
    assert "ED 21-01" in " ".join(host.attribution[0].told)


def test_two_actors_on_one_server_are_argued_about_apart(hosts: dict[str, HostRow]) -> None:
    whole, *parties = hosts["planted-two"].attribution
    assert set(whole.actors) >= {"opera", "dltminer"}
    assert {party.actors for party in parties} == {("opera",), ("dltminer",)}


def test_every_finding_that_is_named_is_one_of_the_host(hosts: dict[str, HostRow]) -> None:
    for host in hosts.values():
        own = {row.id for row in host.findings}
        assert {f for row in host.hypotheses for mark in row.weighed for f in mark.findings} <= own
