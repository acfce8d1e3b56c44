"""The truth against the tables: one estate of every scenario, read by Postvakt's own readers."""

import json
from collections import Counter
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from postvakt.commands import estates
from postvakt.estate.stories import KINDS, STORIES
from postvakt.model.report import HostRow, Report
from tests.commands import cases

DAYS = 1
MEANT_GAPS = {
    "missing",
    # a dump of LSASS is a program's memory
    "unsupported",
}
NAMED_ANYWAY = {"CVE-2021-26858", "CVE-2021-27065"}
"""Flaws that a rule about a process names whatever the version of Exchange is."""


class Estate:
    """What was written, and what was read of it."""

    def __init__(self, folder: Path) -> None:
        list(estates.write_into(folder, hosts=len(KINDS), seed=1, days=DAYS))
        self.truths: dict[str, dict[str, Any]] = {
            one["scenario"]: one for one in json.loads((folder / "truth.json").read_bytes())
        }
        self.case = folder / "case"
        hand_ins = [str(one["hand_in"]) for one in self.truths.values()]
        self.report: Report = cases.triaged(self.case, *(folder / "evidence" / name for name in hand_ins))

    def host(self, scenario: str) -> HostRow:
        name = self.truths[scenario]["host"]
        return next(host for host in self.report.hosts if host.host == name)

    @cache  # noqa: B019 (one estate a module)
    def rows(self, table: str) -> Counter[tuple[str, datetime]]:
        """How many rows of a table each source has at each instant."""
        found: Counter[tuple[str, datetime]] = Counter()
        for part in (self.case / "tables" / table).rglob("*.parquet"):
            read = pq.read_table(part, columns=["evidence", "source", "time"]).to_pylist()
            found.update((f"{row['evidence']} {row['source']}", row["time"]) for row in read if row["time"])
        return found


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Estate:
    return Estate(tmp_path_factory.mktemp("estate"))


def evidence_of(estate: Estate, scenario: str) -> tuple[str, str]:
    """The identifier of a hand-in, and what stands before a source in it."""
    name = estate.truths[scenario]["hand_in"]
    item = next(item for item in estate.report.evidence if Path(item.path).name == name)
    return item.id, f"{name}!/" if name.endswith(".zip") else ""


@pytest.mark.parametrize("scenario", KINDS)
def test_every_planted_trace_is_a_row_at_its_place_and_time(estate: Estate, scenario: str) -> None:
    evidence, before = evidence_of(estate, scenario)
    for trace in estate.truths[scenario]["traces"]:
        at = f"{evidence} {before}{trace['source']}"
        time = datetime.fromisoformat(trace["time"])
        assert estate.rows(trace["artifact"])[at, time], trace["id"]


@pytest.mark.parametrize("scenario", KINDS)
def test_no_missing_trace_is_a_row(estate: Estate, scenario: str) -> None:
    evidence, _ = evidence_of(estate, scenario)
    for trace in estate.truths[scenario]["absent"]:
        assert trace["why"]
        if trace["artifact"] == "event":
            continue  # the same instant may stand in another log that was kept
        time = datetime.fromisoformat(trace["time"])
        at = [key for key in estate.rows(trace["artifact"]) if key[0].startswith(evidence) and key[1] == time]
        assert not at, trace["id"]


@pytest.mark.parametrize("scenario", KINDS)
def test_a_scenario_s_files_are_read_without_gaps_other_than_meant(estate: Estate, scenario: str) -> None:
    assert {gap.why for gap in estate.host(scenario).gaps} <= MEANT_GAPS


@pytest.mark.parametrize("scenario", KINDS)
def test_the_verdict_is_the_truth(estate: Estate, scenario: str) -> None:
    verdict, told = estate.host(scenario).verdict, estate.truths[scenario]
    assert (verdict.outcome, verdict.grade) == (told["outcome"], told["grade"])
    if told["since"] is not None:
        assert verdict.since is not None
        assert verdict.since >= datetime.fromisoformat(told["since"])


@pytest.mark.parametrize("scenario", [kind for kind in KINDS if STORIES[kind].forbids])
def test_no_finding_names_a_flaw_that_the_server_cannot_have(estate: Estate, scenario: str) -> None:
    told = estate.truths[scenario]
    forbidden = set(told["forbids"]) - NAMED_ANYWAY
    decided = {
        finding.rule: forbidden & set(finding.cves)
        for finding in estate.host(scenario).findings
        if finding.id in " ".join(estate.host(scenario).verdict.because)
    }
    assert forbidden
    assert not [rule for rule, flaws in decided.items() if flaws]


def test_traces_are_named_once_and_say_what_was_done(estate: Estate) -> None:
    for told in estate.truths.values():
        every = [*told["traces"], *told["absent"]]
        assert len({trace["id"] for trace in every}) == len(every)
        assert all(trace["says"].endswith(".") and trace["step"] for trace in every)
        assert {trace["actor"] for trace in every} <= {actor["address"] for actor in told["actors"]}


@pytest.mark.parametrize(
    ("scenario", "steps", "missing"),
    [
        ("attacked", {"session", "write", "use", "dump"}, False),
        ("half-wiped", {"wipe"}, True),
        ("logs-rolled", set(), True),
        ("no-web-logs", set(), True),
        ("no-exchange-logs", set(), False),
        ("ransomware", {"session", "write", "use", "ransom"}, False),
        ("exchange-2010", {"um"}, False),
        ("responders-tools", set(), False),
        ("microsoft-scan", {"microsoft-scan"}, False),
    ],
)
def test_which_steps_are_in_the_hand_in(
    estate: Estate, scenario: str, steps: set[str], missing: bool
) -> None:
    told = estate.truths[scenario]
    assert {trace["step"] for trace in told["traces"]} == steps
    assert bool(told["absent"]) == missing


@pytest.mark.parametrize("scenario", [kind for kind in KINDS if STORIES[kind].outcome == "clear"])
def test_a_clear_server_has_no_finding_above_low(estate: Estate, scenario: str) -> None:
    found = estate.host(scenario).findings
    assert [(row.level, row.title) for row in found if row.level not in ("informational", "low")] == []
