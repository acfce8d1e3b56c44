"""The real samples: every file is accounted for."""

from collections import Counter
from pathlib import Path

import pytest

from postvakt import evidence
from postvakt.commands import readers

pytestmark = pytest.mark.shared

NEVER_PASSED_OVER = (b"ElfFile\x00", b"ElfChnk\x00", b"regf", b"#Fields", b"#Software")


@pytest.fixture(scope="module")
def taken(shared_evidence: Path, tmp_path_factory: pytest.TempPathFactory) -> evidence.Taken:
    return evidence.take_in(
        str(shared_evidence),
        [reader.artifact for reader in readers.READERS],
        scratch=tmp_path_factory.mktemp("scratch"),
    )


def test_every_file_on_disk_is_a_member(taken: evidence.Taken, shared_evidence: Path) -> None:
    on_disk = {p.relative_to(shared_evidence).as_posix() for p in shared_evidence.rglob("*") if p.is_file()}
    assert {m.path for m in taken.members if "!/" not in m.path} == on_disk


def test_every_member_is_hashed_or_a_gap(taken: evidence.Taken) -> None:
    assert {m.path for m in taken.members if not m.sha256} <= {gap.source for gap in taken.gaps}


def test_nothing_familiar_is_passed_over(
    taken: evidence.Taken, shared_evidence: Path, tmp_path: Path
) -> None:
    told = {gap.source for gap in taken.gaps} | set(taken.beside)
    silent = [m for m in taken.members if not m.artifact and m.sha256 and m.path not in told]
    passed = []
    for member in silent:
        with evidence.source(str(shared_evidence), member, scratch=tmp_path).open() as stream:
            if stream.read(16).lstrip(b"\xef\xbb\xbf").startswith(NEVER_PASSED_OVER):
                passed.append(member.path)
    assert passed == []


def test_hashes_are_those_of_the_manifest(taken: evidence.Taken, shared_evidence: Path) -> None:
    lines = (shared_evidence / "MANIFEST.tsv").read_text("utf-8").splitlines()[1:]
    listed = {line.split("\t")[0]: line.split("\t")[2] for line in lines}
    found = {m.path: m.sha256 for m in taken.members}
    assert {path: found.get(path) for path in listed} == listed


@pytest.mark.parametrize(
    ("artifact", "why", "count"),
    [("disk_image", "unsupported", 8), ("archive", "encrypted", 3)],
)
def test_what_is_not_read_is_named(taken: evidence.Taken, artifact: str, why: str, count: int) -> None:
    assert Counter((gap.artifact, gap.why) for gap in taken.gaps)[artifact, why] == count


def test_the_collections_of_velociraptor_are_placed(taken: evidence.Taken) -> None:
    hive = next(
        m for m in taken.members if m.path.endswith("uploads/auto/C%3A/Users/Administrator/ntuser.dat")
    )
    assert (hive.windows_path, hive.artifact) == ("c:/users/administrator/ntuser.dat", "registry")
    assert hive.root.endswith("-08_00.zip!/")


def test_transaction_logs_lie_beside_their_hives(taken: evidence.Taken) -> None:
    assert len(taken.beside) == 11
