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
    # the dump of LSASS that an intruder left holds next to nothing
    "lost",
    "limited",
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
    # An estate of one day begins after the window of the directive.
    gaps = [gap for gap in estate.host(scenario).gaps if not gap.detail.startswith("nothing before ")]
    assert {gap.why for gap in gaps} <= MEANT_GAPS


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


NOT_TOLD = {
    # The back end sees the machine ask itself, as it does all day; HttpProxy beside it tells what was forged.
    ("session", "iis"),
    ("mail", "iis"),
    # A scanner's request to a page of the product, without what it carried; HttpProxy tells.
    ("probe", "iis"),
    ("probe-again", "iis"),
    ("check-scan", "iis"),
    ("microsoft-scan", "iis"),
    # An anchor without a path, which no published condition names; the other requests of the same check are found.
    ("check-scan", "http_proxy"),
    # Folders were listed, no message was read: people's programs do so under the machine's name too.
    ("mail", "ews"),
    # An address set to nothing in the control panel; the cmdlet log beside it tells.
    ("write", "ecp_server"),
    # The program and its note have names like any other; its service, its files and their header are found.
    ("ransom", "file"),
    ("ransom", "event"),
}
"""Steps and tables of which some planted rows are matched by no rule, each with why nothing is lost by it."""


def test_every_planted_trace_is_found_or_said_to_be_told_elsewhere(estate: Estate) -> None:
    found = {
        (row["evidence"], row["source"], row["time"])
        for row in pq.read_table(estate.case / "matches.parquet").to_pylist()
    }
    passed_over: set[tuple[str, str]] = set()
    number = 0
    for scenario in KINDS:
        evidence, before = evidence_of(estate, scenario)
        for trace in estate.truths[scenario]["traces"]:
            number += 1
            if (evidence, before + trace["source"], datetime.fromisoformat(trace["time"])) not in found:
                passed_over.add((trace["step"], trace["artifact"]))
    assert number > 300
    assert passed_over <= NOT_TOLD


@pytest.mark.parametrize("scenario", KINDS)
def test_what_is_absent_is_hidden_by_a_gap_of_its_own(estate: Estate, scenario: str) -> None:
    gaps = {row.artifact.split(":")[0] for row in estate.host(scenario).gaps}
    # A file that was deleted would stand in the file system's own table.
    instead = {"file": "mft_entry"}
    for absent in estate.truths[scenario]["absent"]:
        assert instead.get(absent["artifact"], absent["artifact"]) in gaps, absent
