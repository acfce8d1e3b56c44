"""Real web logs: as many requests as there are lines that are neither directives nor empty."""

from pathlib import Path

import pytest

from postvakt import artifacts, evidence
from postvakt.artifacts import iis
from tests.artifacts.sources import on_disk, pieces

pytestmark = pytest.mark.shared


def test_counts_are_those_of_the_lines(shared_evidence: Path, tmp_path: Path) -> None:
    known = [reader.artifact for reader in artifacts.READERS]
    members = evidence.take_in(str(shared_evidence), known, scratch=tmp_path).members
    logs = [member.path for member in members if member.artifact == "iis" and "!/" not in member.path]
    ours = {name: len(pieces(iis.READER, on_disk(shared_evidence / name))[0]["iis"]) for name in logs}
    theirs = {name: requests((shared_evidence / name).read_bytes()) for name in logs}
    assert ours == theirs
    assert (len(logs), sum(ours.values())) == (18, 334)


def requests(content: bytes) -> int:
    return sum(bool(line.strip()) and not line.startswith(b"#") for line in content.splitlines())
