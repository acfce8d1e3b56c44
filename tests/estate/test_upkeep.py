"""What people did against the flaws on whole synthetic servers, and what is said of it after a whole triage."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from postvakt import estate
from postvakt.estate.plans import OUT_OF_THEIR_TIME, UPKEEP, ServerPlan
from postvakt.estate.truths import Truth
from postvakt.model.build import ExposureRow
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import AnswerRow, HostRow
from tests.commands import cases

DAYS = 14
SEED = 40961
"""No server was looked at with this seed while the reading was written."""

SAME = timedelta(seconds=1)
"""A zip keeps the time of a file to the second."""

SERVERS = estate.mitigated(SEED, DAYS)
NUMBERS = range(len(SERVERS))
NOT_IN_FORCE = ("off", "unknown")


class Triaged:
    """The servers as they were planned, what is true of each, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        written = [estate.write_traced(server, folder / "evidence") for server in SERVERS]
        report = cases.triaged(folder / "case", *(path for path, _ in written))
        hosts = {host.host: host for host in report.hosts}
        self.truths: list[Truth] = [truth for _, truth in written]
        self.hosts: list[HostRow] = [hosts[server.name] for server in SERVERS]

    def row(self, number: int, name: str) -> MitigationRow | None:
        return next((row for row in self.hosts[number].mitigations if row.id == name), None)

    def flaw(self, number: int, name: str) -> ExposureRow:
        return next(row for row in self.hosts[number].exposure if row.flaw == name)

    def answer(self, number: int, requirement: str) -> AnswerRow:
        return next(row for row in self.hosts[number].answers if row.requirement == requirement)


@pytest.fixture(scope="module")
def triaged(tmp_path_factory: pytest.TempPathFactory) -> Triaged:
    return Triaged(tmp_path_factory.mktemp("upkeep"))


def same(told: datetime | None, true: datetime | None) -> bool:
    return told == true if told is None or true is None else abs(told - true) < SAME


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_in_force_and_what_ran_is_the_truth_and_nothing_else(triaged: Triaged, number: int) -> None:
    told = [row for row in triaged.hosts[number].mitigations if row.state not in NOT_IN_FORCE]
    true = [one for one in triaged.truths[number].mitigations if one.state not in NOT_IN_FORCE]
    assert sorted((row.id, row.state) for row in told) == sorted((one.id, one.state) for one in true)


@pytest.mark.parametrize("number", NUMBERS)
def test_each_stands_where_it_was_set_and_since_when(triaged: Triaged, number: int) -> None:
    for one in triaged.truths[number].mitigations:
        row = triaged.row(number, one.id)
        if row is None:
            assert one.state == "off"
            continue
        assert row.source.endswith(one.source), one.id
        assert same(row.first, one.since), one.id
        if one.until:
            assert same(row.last, one.until), one.id


@pytest.mark.parametrize("number", NUMBERS)
def test_what_was_switched_off_or_taken_back_is_off_where_the_flaw_is_open(
    triaged: Triaged, number: int
) -> None:
    for one in triaged.truths[number].mitigations:
        if one.state == "off":
            row = triaged.row(number, one.id)
            if one.until or triaged.flaw(number, "proxylogon").state == "vulnerable":
                assert row is not None
                assert row.state == "off"
            else:
                assert row is None or row.state == "off"


@pytest.mark.parametrize("number", NUMBERS)
def test_nobody_is_told_off_whose_configuration_was_not_there(triaged: Triaged, number: int) -> None:
    row = triaged.row(number, "cookie-rules")
    if not any(one.id == "cookie-rules" for one in triaged.truths[number].mitigations):
        assert row is None or row.state == "unknown"


def told(number: int, triaged: Triaged, of: str) -> str:
    return " ".join(triaged.flaw(number, of).told)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_server_that_was_open_is_told_as_mitigated_since(triaged: Triaged, number: int) -> None:
    flaw = triaged.flaw(number, "proxylogon")
    true = {one.id: one for one in triaged.truths[number].mitigations}
    rules = true.get("cookie-rules")
    if rules is None or rules.state == "off":
        assert "rewrite rules" not in told(number, triaged, "proxylogon").lower()
        return
    assert rules.since is not None
    server: ServerPlan = SERVERS[number]
    how = "mitigated in part" if rules.state == "partly" else "mitigated"
    if server.patched is None or rules.since < server.patched:
        assert f"Vulnerable, {how} from {rules.since:%Y-%m-%d %H:%M}Z at the latest" in " ".join(flaw.told)
    else:
        assert "Mitigated after the update only" in " ".join(flaw.told)


@pytest.mark.parametrize("number", NUMBERS)
def test_rules_that_came_after_the_attack_are_told_so(triaged: Triaged, number: int) -> None:
    flaw, server = triaged.flaw(number, "proxylogon"), SERVERS[number]
    rules = next((one for one in triaged.truths[number].mitigations if one.id == "cookie-rules"), None)
    attacked = server.scenario in ("attacked", "shell-unused")
    since = rules.since if rules else None
    if since is None or not attacked:
        return
    late = server.began < since and (server.patched is None or since < server.patched)
    assert ("puts nobody out" in " ".join(flaw.told)) == late


@pytest.mark.parametrize("number", NUMBERS)
def test_a_quick_or_unfinished_scan_does_not_count(triaged: Triaged, number: int) -> None:
    scans = {(one.id, one.state) for one in triaged.truths[number].mitigations if one.id.startswith("msert")}
    row = triaged.answer(number, "s1.triage.1")
    if not scans:
        assert row.state in ("unmet", "unknown")
    elif ("msert-full", "ran") in scans:
        # It ran; that it was reported a person says.
        assert row.state == "unknown"
        assert "full scan, finished" in row.basis
    else:
        assert row.state == "unmet"
        assert "0 of 1" in row.basis


def test_every_kind_of_upkeep_is_among_them() -> None:
    planned = {kept for server in SERVERS for kept in server.upkeep}
    assert planned == {kept for together in (*UPKEEP, *OUT_OF_THEIR_TIME) for kept in together}


def test_an_estate_has_mitigated_servers_and_leaves_the_demo_alone() -> None:
    servers = estate.plan(42, SEED, 2)
    cared = [server for server in servers if server.upkeep]
    assert {kept for server in cared for kept in server.upkeep} >= {
        k for together in UPKEEP for k in together
    }
    assert 0 < len(cared) < len(servers) / 2
    assert not any(server.upkeep for server in estate.plan(6, SEED, 2))
