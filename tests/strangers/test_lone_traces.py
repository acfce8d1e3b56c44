"""One trace alone in a quiet week, or evidence that lacks: no such server is called clear."""

from pathlib import Path

import pytest

from tests.strangers.lone import LONE
from tests.strangers.test_strangers import triaged


@pytest.mark.parametrize("name", LONE)
def test_a_lone_trace_is_not_passed_over(name: str, tmp_path: Path) -> None:
    lone = LONE[name]
    host = triaged(lone.handed_in(), tmp_path)
    found = [(one.level, one.stage, one.title) for one in host.findings]
    assert host.verdict.outcome in lone.outcomes, (lone.says, found, host.verdict.because)
