"""Plans: what happens to each server, and that neither name nor hand-in tells it."""

from datetime import UTC, datetime, timedelta

import pytest

from postvakt.estate import plans
from postvakt.estate.machines import DRIVES, LANGUAGES, RELEASES, USUAL_MACHINE, WATCHES
from postvakt.estate.plans import ServerPlan, plan
from postvakt.estate.stories import KINDS, ORDER
from postvakt.estate.truths import truth

IN = {"session", "mail", "write", "um", "use", "dump", "spread", "ransom"}
"""Steps that only an unpatched server allows."""


def one(scenario: str, days: int = 10, seed: int = 1) -> ServerPlan:
    return next(server for server in plan(len(KINDS), seed, days) if server.scenario == scenario)


@pytest.mark.parametrize("hosts", [1, 6, 7, 34, 100])
def test_the_demo_s_six_come_first_and_then_every_scenario_in_turn(hosts: int) -> None:
    turns = [KINDS[turn % len(KINDS)] for turn in range(hosts)]
    assert KINDS[:6] == ORDER
    assert sorted(server.scenario for server in plan(hosts, 3, 10)) == sorted(turns)


def test_the_demo_s_six_are_alike_and_later_ones_differ() -> None:
    assert {server.machine for server in plan(6, 1, 10)} == {USUAL_MACHINE}
    machines = [server.machine for server in plan(300, 1, 10)]
    assert {machine.release for machine in machines} >= set(RELEASES)
    assert {machine.language for machine in machines} >= set(LANGUAGES)
    assert {machine.drives for machine in machines} == set(DRIVES)
    assert {machine.watch for machine in machines} == set(WATCHES)


def test_a_scenario_meets_every_release_in_time_save_those_of_exchange_2010() -> None:
    met = {(server.scenario, server.machine.release.year) for server in plan(300, 1, 10)}
    for scenario in KINDS:
        years = {2010} if scenario.startswith("exchange-2010") else {2013, 2016, 2019}
        assert {year for kind, year in met if kind == scenario} == years


def test_the_order_of_scenarios_is_another_for_another_seed() -> None:
    orders = {tuple(server.scenario for server in plan(6, seed, 10)) for seed in range(20)}
    assert len(orders) > 15


def test_names_and_hand_ins_are_unique_and_neutral() -> None:
    servers = plan(1000, 1, 10)
    assert len({server.name for server in servers}) == len({server.hand_in for server in servers}) == 1000
    assert {server.name[:4] for server in servers} == {"SRV-"}
    assert {server.hand_in[:8] for server in servers} == {"hand-in-"}


@pytest.mark.parametrize("days", [1, 2, 3, 5, 10, 12, 71, 400])
def test_every_attack_lies_within_the_logs(days: int) -> None:
    for server in plan(63, 5, days):
        assert server.begins < server.began
        assert server.at(700) < plans.ACQUIRED
        assert all(actor.at(120) < plans.ACQUIRED for actor in server.actors)
        if server.wiped is not None:
            assert server.at(60) < server.wiped < plans.ACQUIRED - timedelta(hours=5)
        if server.rolled is not None:
            assert server.at(1) < server.rolled < plans.ACQUIRED - timedelta(hours=5)


@pytest.mark.parametrize("days", [1, 10, 71])
def test_what_was_attacked_with_success_was_not_yet_patched(days: int) -> None:
    for server in plan(63, 5, days):
        release = server.machine.release
        for actor in server.actors:
            if IN & set(actor.steps):
                assert server.build_at(actor.at(120)) == release.build
        if server.story.on_patched:
            assert server.build_at(server.began) == release.patched


def test_two_actors_come_from_two_addresses_days_apart() -> None:
    first, second = one("two-actors", days=12).actors
    assert first.address != second.address
    assert second.began - first.began == timedelta(days=3)


@pytest.mark.parametrize(
    ("scenario", "days", "outcome", "grade"),
    [
        ("attacked", 10, "compromised", "credential-access"),
        ("shell-unused", 10, "compromised", "file-written"),
        ("probed", 10, "attempted", "probed"),
        ("patched", 10, "attempted", "attempt-failed"),
        ("half-wiped", 10, "inconclusive", ""),
        ("half-wiped", 71, "inconclusive", ""),
        ("attempt-failed", 10, "attempted", "attempt-failed"),
        ("ssrf-only", 10, "compromised", "access-gained"),
        ("mail-taken", 10, "compromised", "access-gained"),
        ("shell-used", 10, "compromised", "shell-used"),
        ("lateral-movement", 10, "compromised", "lateral-movement"),
        ("ransomware", 10, "compromised", "impact"),
        ("two-actors", 10, "compromised", "shell-used"),
        ("responders-tools", 71, "clear", ""),
        ("microsoft-scan", 71, "clear", ""),
        ("check-scan", 71, "attempted", "attempt-failed"),
        ("logs-rolled", 71, "clear-since", ""),
        ("no-exchange-logs", 71, "inconclusive", ""),
        ("no-web-logs", 71, "inconclusive", ""),
        ("exchange-2010", 10, "compromised", "file-written"),
        ("exchange-2010-clean", 71, "clear", ""),
        ("clean", 10, "clear-since", ""),
        ("clean", 70, "clear-since", ""),
        ("clean", 71, "clear", ""),
    ],
)
def test_the_truth(scenario: str, days: int, outcome: str, grade: str) -> None:
    told = truth(one(scenario, days))
    assert (told.outcome, told.grade) == (outcome, grade)


def test_a_clear_verdict_reaches_back_to_the_busy_logs_first_hour() -> None:
    rolled = one("logs-rolled", 71)
    assert truth(rolled).since == rolled.rolled
    assert truth(one("clean", 71)).since == plans.WINDOW_START
    assert truth(one("attacked", 71)).since is None


@pytest.mark.parametrize("scenario", KINDS)
def test_only_exchange_2010_cannot_have_the_forged_request(scenario: str) -> None:
    assert ("CVE-2021-26855" in truth(one(scenario)).forbids) == scenario.startswith("exchange-2010")


def test_logs_of_71_days_begin_before_the_window() -> None:
    assert one("clean", 71).begins == datetime(2020, 12, 31, tzinfo=UTC)
