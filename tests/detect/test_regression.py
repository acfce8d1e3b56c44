"""SigmaHQ's own samples: every rule finds the event log that its author recorded for it, as often as he counted."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from postvakt import artifacts, detect
from postvakt.artifacts import evtx
from postvakt.tables.rows import Rows
from tests.artifacts.sources import on_disk

pytestmark = pytest.mark.shared

SAMPLES = "evtx/sigma-regression/regression_data"

JUDGED = {
    # Of the five files that were created, three are `user.conf.new`, `user.conf~RF2d9c20d.TMP`, `user.conf.new`.
    "0b9ad457-2554-44c1-82c2-d56a99c42377": 3,
    # Three files end in procdump.exe, procdump64.exe, procdump64a.exe; three more are their Zone.Identifier streams.
    "8fbf3271-1ef6-4e94-8210-03c2317947f6": 3,
}
"""Rules whose author counted one event in a log that holds more of them: every record was read by eye."""


@cache
def told(root: Path) -> list[dict[str, Any]]:
    """Every sample: the rule's id, the log, and how many events its author counted (None: did not say)."""
    found = []
    for path in sorted(root.joinpath(SAMPLES).rglob("info.yml")):
        info = yaml.safe_load(path.read_text("utf-8"))
        (rule,), (test,) = info["rule_metadata"], info["regression_tests_info"]
        log = path.parent / Path(test["path"]).name
        found.append({"rule": rule["id"], "log": log, "count": test.get("match_count")})
    return found


@pytest.fixture(scope="module")
def plan(shared_evidence: Path) -> detect.Plan:
    """The rules that have samples."""
    wanted = {sample["rule"] for sample in told(shared_evidence)}
    texts = [
        detect.RuleText(path.name, text, "pack")
        for path in sorted(shared_evidence.joinpath("sigma-rules").rglob("*.yml"))
        if yaml_id(text := path.read_text("utf-8")) in wanted
    ]
    return detect.compile_plan(texts, [], [], list(artifacts.TABLES.values()))


def yaml_id(text: str) -> str:
    return next((line[4:].strip() for line in text.splitlines() if line.startswith("id: ")), "")


def batches(log: Path) -> Iterator[Rows]:
    yield from (piece for piece in evtx.parse(on_disk(log)) if isinstance(piece, Rows))


def test_every_rule_with_a_sample_is_asked(plan: detect.Plan, shared_evidence: Path) -> None:
    samples = told(shared_evidence)
    assert len(samples) == 86
    assert plan.not_asked == ()
    assert {sample["rule"] for sample in samples} == {rule.id for rule in plan.rules}


def test_every_rule_finds_its_own_sample(plan: detect.Plan, shared_evidence: Path) -> None:
    matcher = detect.Matcher(plan, list(artifacts.TABLES.values()))
    found = {
        sample["rule"]: sum(
            hit.rule == sample["rule"]
            for piece in batches(sample["log"])
            for hit in matcher.match("event", piece.batch)
        )
        for sample in told(shared_evidence)
    }
    counted = {sample["rule"]: sample["count"] for sample in told(shared_evidence)} | JUDGED
    assert all(found.values())
    assert {rule: found[rule] for rule, count in counted.items() if count is not None} == {
        rule: count for rule, count in counted.items() if count is not None
    }
