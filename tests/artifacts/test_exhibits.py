"""Every parser against its exhibits. A difference means that a reader changed what it makes of the same bytes:
read the difference, and where it is meant, `python -m tests.artifacts.exhibits --all` writes it down."""

from pathlib import Path

import pytest

from postvakt import artifacts
from tests.artifacts.exhibits import EVIDENCE, EXPECTED, exhibits, outcome

CASES = [pytest.param(*case, id=case[1].relative_to(EVIDENCE).as_posix()) for case in exhibits()]


@pytest.mark.parametrize(("artifact", "path"), CASES)
def test_reads_what_is_expected(artifact: str, path: Path) -> None:
    expected = path.with_name(path.name + EXPECTED)
    assert outcome(artifact, path) == expected.read_text(encoding="utf-8")


def test_every_artifact_has_an_exhibit() -> None:
    assert {artifact for artifact, _ in exhibits()} == set(artifacts.BY_NAME)


def test_no_expectation_is_orphaned() -> None:
    inputs = {path for _, path in exhibits()}
    orphans = [
        path
        for path in EVIDENCE.rglob("*" + EXPECTED)
        if Path(str(path).removesuffix(EXPECTED)) not in inputs
    ]
    assert orphans == []
