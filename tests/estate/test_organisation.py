"""The inventory against the truth, on a seed that nothing was built with: every server once, with who names it."""

import json
from pathlib import Path
from typing import Any

import pytest

from postvakt.commands import estates
from postvakt.model.inventory import ServerRow
from tests.commands import cases

SEED, HOSTS = 7321, 4


class Organisation:
    """What was written, and the inventory that was made of it."""

    def __init__(self, folder: Path) -> None:
        list(estates.write_into(folder, hosts=HOSTS, seed=SEED, days=1))
        told = json.loads((folder / "inventory.json").read_bytes())
        self.truths: dict[str, dict[str, Any]] = {one["name"]: one for one in told}
        hand_ins = sorted((folder / "evidence").iterdir())
        self.report = cases.triaged(folder / "case", *hand_ins, folder / "organisation")
        self.rows: dict[str, ServerRow] = {row.name: row for row in self.report.inventory}


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> Organisation:
    return Organisation(tmp_path_factory.mktemp("organisation"))


def test_every_server_is_a_row_and_no_other(organisation: Organisation) -> None:
    assert len(organisation.report.inventory) == len(organisation.truths) == HOSTS + 6
    assert set(organisation.rows) == set(organisation.truths)


def test_who_was_handed_in_and_who_names_each(organisation: Organisation) -> None:
    made = {
        name: (row.submitted, sorted({source.kind for source in row.sources}), row.exchange)
        for name, row in organisation.rows.items()
    }
    assert made == {
        name: (told["submitted"], sorted(told["named_by"]), "yes")
        for name, told in organisation.truths.items()
    }


def test_who_faces_the_internet(organisation: Organisation) -> None:
    made = {name: row.facing for name, row in organisation.rows.items()}
    assert made == {name: told["facing"] for name, told in organisation.truths.items()}


def test_every_source_that_is_no_evidence_tells_the_cumulative_update(organisation: Organisation) -> None:
    for name, told in organisation.truths.items():
        built = [s for s in organisation.rows[name].sources if s.build and s.kind != "evidence"]
        assert built
        assert {".".join(source.build.split(".")[:3]) for source in built} == {told["build"]}


def test_what_is_told_of_servers_that_nobody_collected(organisation: Organisation) -> None:
    for name, told in organisation.truths.items():
        words = " ".join(organisation.rows[name].told)
        assert ("never collected" in words) is not told["submitted"]
        assert ("computer account in Active Directory is disabled" in words) is told["disabled"]
        assert ("Active Directory does not list it" in words) is (told["named_by"] == ["log"])
        assert (f"same short name: {told['namesake']}" in words) is bool(told["namesake"])
        if told["times"]:
            assert f"Named {told['times']} times, never collected." in words


def test_lists_of_servers_are_no_hosts(organisation: Organisation) -> None:
    of_host = {row.host: row for row in organisation.report.hosts}
    handed_in = {row.host for row in organisation.rows.values() if row.submitted}
    others = set(of_host) - handed_in
    # HealthChecker alone tells of one more: it is a host of which nothing was examined.
    named = {row.name.partition(".")[0].upper() for row in organisation.rows.values() if not row.submitted}
    assert others <= named
    assert {of_host[name].verdict.outcome for name in others} <= {"not-examined", "inconclusive"}
