"""A host's product files beside the lists of its build: what differs is shown, and keeps a host from being clear."""

import hashlib
from pathlib import Path

import pytest

from postvakt.model.report import HostRow
from tests.commands import cases

BUILD = "15.1.2106.13"


def lists(hand_in: Path, folder: Path, spoiled: str = "") -> Path:
    """Write the list of a hand-in's own product files, one of them with another content."""
    folder.mkdir()
    lines = []
    for path in sorted(hand_in.rglob("*")):
        _, found, below = path.as_posix().partition("/V15/")
        if path.is_file() and found:
            content = b"other" if path.name == spoiled else path.read_bytes()
            lines.append(f"{hashlib.sha256(content).hexdigest().upper()},{BUILD},{below}\n")
    (folder / f"baseline_{BUILD}.csv").write_text("".join(lines), encoding="utf-8-sig")
    return folder


def host(tmp_path: Path, spoiled: str) -> HostRow:
    hand_in = cases.hand_in("clean", tmp_path, "hand-in", days=3)
    given = lists(hand_in, tmp_path / "lists", spoiled)
    [made] = cases.triaged(tmp_path / "case", hand_in, baseline=str(given)).hosts
    return made


def test_files_that_are_the_product_s_leave_a_host_clear(tmp_path: Path) -> None:
    made = host(tmp_path, "")
    assert (made.baseline.state, made.baseline.build, made.baseline.differ) == ("compared", BUILD, 0)
    assert made.baseline.compared > 3
    assert made.verdict.outcome == "clear-since"


@pytest.mark.parametrize("spoiled", ["logon.aspx"])
def test_an_altered_script_wants_a_person(tmp_path: Path, spoiled: str) -> None:
    made = host(tmp_path, spoiled)
    assert [(row.path.rpartition("/")[2], row.state) for row in made.baseline.files] == [(spoiled, "altered")]
    assert made.verdict.outcome == "inconclusive"
    assert spoiled in made.verdict.because[0]
