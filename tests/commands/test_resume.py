"""A run that is killed goes on where it was, and what has not changed changes no byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from postvakt import engines
from postvakt.commands import plans, triage
from tests.commands import cases

KILLS = 10
CONCLUDED = ("report", "findings.json", "chains.json", "verdicts.json", "hosts.json", "answers.json")
INDICATOR = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--7a2b0a52-6f0e-4c8e-9a57-0a2f3c1d5e6f",
    "created": "2021-03-05T00:00:00.000Z",
    "modified": "2021-03-05T00:00:00.000Z",
    "name": "An address from a feed of tomorrow",
    "pattern": "[ipv4-addr:value = '127.0.0.1']",
    "pattern_type": "stix",
    "valid_from": "2021-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def hand_ins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("estate")
    return [cases.hand_in(name, folder, f"hand-in-{name}", days=2) for name in ("attacked", "probed")]


def concluded(case: Path) -> dict[str, bytes]:
    """Every conclusion of a case, byte by byte, the report in all its formats among them."""
    files = [
        path
        for name in CONCLUDED
        for path in [case / name, *case.joinpath(name).rglob("*")]
        if path.is_file()
    ]
    return {path.relative_to(case).as_posix(): path.read_bytes() for path in sorted(files)}


def read_parts(case: Path) -> dict[str, int]:
    """Every part that was written from evidence, with the time it was written."""
    return {path.as_posix(): path.stat().st_mtime_ns for path in sorted(case.glob("tables/**/*.parquet"))}


def run(case: Path, hand_ins: list[Path]) -> subprocess.Popen[bytes]:
    """Start a triage as the user does, in a group of its own, so that supervisor and workers die at one stroke."""
    words = [sys.executable, "-m", "postvakt.cli", "triage", *map(str, hand_ins), "--case", str(case)]
    return subprocess.Popen([*words, "--jobs", "2", "--quiet"], start_new_session=True)


def killed_at(moment: float, case: Path, hand_ins: list[Path]) -> bool:
    """Run a triage and kill it after some seconds; False where it ended by itself before that."""
    started = run(case, hand_ins)
    try:
        started.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
    return started.wait() == -signal.SIGKILL


def test_killed_at_ten_moments_ends_with_the_same_bytes(tmp_path: Path, hand_ins: list[Path]) -> None:
    begun = time.monotonic()
    run(tmp_path / "calm", hand_ins).wait()
    length = time.monotonic() - begun
    expected, dice, kills, case = concluded(tmp_path / "calm"), random.Random(21), 0, tmp_path / "killed"
    while kills < KILLS:
        # A run that had work left to do is killed somewhere in it; one that ended has to have ended right.
        if killed_at(dice.uniform(0.2, 0.9) * length, case, hand_ins):
            kills += 1
            continue
        assert concluded(case) == expected
        case = case.with_name(f"killed-after-{kills}")
    cases.triaged(case, *hand_ins)
    assert concluded(case) == expected


def test_a_second_triage_reads_nothing_and_changes_no_byte(tmp_path: Path, hand_ins: list[Path]) -> None:
    cases.triaged(tmp_path / "case", *hand_ins)
    before, parts = concluded(tmp_path / "case"), read_parts(tmp_path / "case")
    cases.triaged(tmp_path / "case", *hand_ins)
    assert (concluded(tmp_path / "case"), read_parts(tmp_path / "case")) == (before, parts)


def test_reask_without_new_content_changes_no_byte(tmp_path: Path, hand_ins: list[Path]) -> None:
    cases.triaged(tmp_path / "case", *hand_ins)
    before = concluded(tmp_path / "case")
    triage.reask(tmp_path / "case", plans.Packs(), engines.watch(quiet=True), jobs=2, engine_name="embedded")
    assert concluded(tmp_path / "case") == before


def test_a_new_indicator_is_asked_without_the_evidence(tmp_path: Path) -> None:
    hand_in = cases.hand_in("probed", tmp_path / "evidence", "hand-in", days=2)
    bundle = {"type": "bundle", "id": "bundle--0c8f8ff5-3a0b-4c50-8a58-5f3f1ed2f9a1", "objects": [INDICATOR]}
    feed = tmp_path / "feed.json"
    feed.write_bytes(msgspec.json.encode(bundle))
    first = cases.triaged(tmp_path / "case", hand_in)
    parts = read_parts(tmp_path / "case")
    hand_in.rename(tmp_path / "evidence is gone")
    packs = plans.Packs(indicators=(str(feed),))
    again = triage.reask(tmp_path / "case", packs, engines.watch(quiet=True), jobs=2, engine_name="embedded")
    rules = [{row.rule for host in made.hosts for row in host.findings} for made in (first, again)]
    assert rules[1] - rules[0] == {INDICATOR["id"]}
    assert read_parts(tmp_path / "case") == parts


def test_asking_the_tables_finds_what_asking_while_parsing_found(
    tmp_path: Path, hand_ins: list[Path]
) -> None:
    """The same rules asked of parts that were written without being asked give the same findings."""
    asked = cases.triaged(tmp_path / "asked", *hand_ins)
    feed = tmp_path / "feed.json"
    bundle = {"type": "bundle", "id": "bundle--0c8f8ff5-3a0b-4c50-8a58-5f3f1ed2f9a1", "objects": [INDICATOR]}
    feed.write_bytes(msgspec.json.encode(bundle))
    packs = plans.Packs(indicators=(str(feed),))
    again = triage.reask(tmp_path / "asked", packs, engines.watch(quiet=True), jobs=2, engine_name="embedded")
    for before, after in zip(asked.hosts, again.hosts, strict=True):
        kept = [row for row in after.findings if row.rule != INDICATOR["id"]]
        assert kept == list(before.findings)


def test_the_same_hand_in_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    first = cases.hand_in("probed", tmp_path / "evidence", "first", days=1)
    second = tmp_path / "evidence" / "second"
    shutil.copytree(first, second)
    report, alone = cases.triaged(tmp_path / "case", first, second), cases.triaged(tmp_path / "one", first)
    assert [host.coverage for host in report.hosts] == [host.coverage for host in alone.hosts]
    assert [gap.why for host in report.hosts for gap in host.gaps if gap.artifact == "file"] == ["conflict"]
