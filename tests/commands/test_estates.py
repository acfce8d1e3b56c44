"""`postvakt estate`: a new folder, the truth outside the hand-ins, what a user can mend."""

import json
from pathlib import Path

import pytest

from postvakt.commands import estates
from postvakt.errors import UsageError
from postvakt.estate import plans


def written(output: Path, hosts: int = 2) -> list[str]:
    return list(estates.write(output, hosts=hosts, seed=4, days=1))


def test_the_truth_lies_beside_the_hand_ins_and_names_each(tmp_path: Path) -> None:
    written(tmp_path / "new", hosts=3)
    truths = json.loads((tmp_path / "new" / "truth.json").read_bytes())
    hand_ins = sorted(path.name for path in (tmp_path / "new" / "evidence").iterdir())
    assert [one["hand_in"] for one in truths] == hand_ins
    keys = {
        "host",
        "hand_in",
        "scenario",
        "outcome",
        "grade",
        "since",
        "exchange",
        "forbids",
        "culprits",
        "actors",
        "traces",
        "absent",
        "mitigations",
    }
    assert [set(one) for one in truths] == [keys] * 3
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "README.txt",
        "evidence",
        "inventory.json",
        "organisation",
        "truth.json",
    ]


def test_it_says_what_was_written_and_warns_of_scanners(tmp_path: Path) -> None:
    lines = written(tmp_path / "new")
    assert len(lines) == 4
    assert "2 synthetic servers, 1 days of logs" in lines[2]
    assert "a virus scanner may take files away" in lines[3]


def test_no_line_tells_a_scenario(tmp_path: Path) -> None:
    told = " ".join(written(tmp_path / "new", hosts=6)[:7])
    assert not [scenario for scenario in plans.ORDER if scenario in told]


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert written(tmp_path)


def test_what_lies_there_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="is there already; choose a new folder"):
        written(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        written(tmp_path / "file")


def test_the_same_seed_gives_the_same_estate(tmp_path: Path) -> None:
    written(tmp_path / "a", hosts=3)
    written(tmp_path / "b", hosts=3)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert [(tmp_path / "a" / name).read_bytes() for name in names] == [
        (tmp_path / "b" / name).read_bytes() for name in names
    ]
