"""Plans: what happens to each server, and that neither name nor hand-in tells it."""

from datetime import UTC, datetime, timedelta

import pytest

from postvakt.estate import plans
from postvakt.estate.plans import ORDER, ServerPlan, plan, truth


def one(scenario: str, days: int = 10, seed: int = 1) -> ServerPlan:
    return next(server for server in plan(len(ORDER), seed, days) if server.scenario == scenario)


def test_every_scenario_comes_once_in_six() -> None:
    assert sorted(server.scenario for server in plan(12, 3, 10)) == sorted(ORDER * 2)


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
    for server in plan(60, 5, days):
        assert server.begins < server.began
        assert server.at(700) < plans.ACQUIRED
        if server.wiped is not None:
            assert server.at(60) < server.wiped < plans.ACQUIRED - timedelta(hours=5)


@pytest.mark.parametrize("days", [1, 10, 71])
def test_what_was_attacked_with_success_was_not_yet_patched(days: int) -> None:
    for server in plan(60, 5, days):
        if server.scenario in ("attacked", "half-wiped", "shell-unused"):
            assert server.build_at(server.began) == plans.VULNERABLE_BUILD
        if server.scenario == "patched":
            assert server.build_at(server.began) == plans.PATCHED_BUILD


@pytest.mark.parametrize(
    ("scenario", "days", "outcome", "grade"),
    [
        ("attacked", 10, "compromised", "credential-access"),
        ("shell-unused", 10, "compromised", "file-written"),
        ("probed", 10, "attempted", "probed"),
        ("patched", 10, "attempted", "attempt-failed"),
        ("half-wiped", 10, "inconclusive", ""),
        ("half-wiped", 71, "inconclusive", ""),
        ("clean", 10, "clear-since", ""),
        ("clean", 70, "clear-since", ""),
        ("clean", 71, "clear", ""),
    ],
)
def test_the_truth(scenario: str, days: int, outcome: str, grade: str) -> None:
    told = truth(one(scenario, days))
    assert (told.outcome, told.grade) == (outcome, grade)


def test_logs_of_71_days_begin_before_the_window() -> None:
    assert one("clean", 71).begins == datetime(2020, 12, 31, tzinfo=UTC)
