"""One trace alone in a quiet week, or evidence that lacks: no such server is called clear."""

from pathlib import Path

import pytest

from tests.strangers.lone_table import LONE
from tests.strangers.test_strangers import triaged


@pytest.mark.parametrize("name", LONE)
def test_a_lone_trace_is_not_passed_over(name: str, tmp_path: Path) -> None:
    lone = LONE[name]
    host = triaged(lone.handed_in(), tmp_path)
    verdict, found = host.verdict, [(one.level, one.stage, one.title) for one in host.findings]
    late = lone.blind_until is not None and verdict.since is not None and verdict.since >= lone.blind_until
    assert verdict.outcome in lone.outcomes or (verdict.outcome == "clear-since" and late), (
        lone.says,
        found,
        verdict,
    )
    assert found or not lone.seen, (lone.says, verdict)
