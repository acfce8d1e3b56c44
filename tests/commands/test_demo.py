"""`postvakt demo`: every verdict beside its truth, run again, and nothing of others touched."""

from pathlib import Path

import msgspec
import pytest

from postvakt import engines, estate
from postvakt.commands import demo
from postvakt.errors import UsageError
from postvakt.model.report import Report
from tests.commands import cases

WATCH = engines.watch(quiet=True, log="text")


def shown(output: Path) -> demo.Shown:
    return demo.demo(output, started=cases.STARTED, jobs=2, watch=WATCH)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of one server and one day, for what does not depend on the scenario."""
    monkeypatch.setattr(demo, "HOSTS", 1)
    monkeypatch.setattr(demo, "DAYS", 1)


def test_every_verdict_is_the_truth(tmp_path: Path) -> None:
    found = shown(tmp_path / "demo")
    truths = [estate.truth(server) for server in estate.plan(demo.HOSTS, demo.SEED, demo.DAYS)]
    assert found.right, "\n".join(found.lines)
    assert len({one.scenario for one in truths}) == 6
    told = [line.split() for line in found.lines]
    assert all([one.host, one.hand_in, one.outcome] in [words[:3] for words in told] for one in truths)
    assert found.lines[-1] == f"The report: {tmp_path / 'demo' / 'case' / 'report' / 'report.html'}"


@pytest.mark.usefixtures("small")
def test_a_second_run_says_the_same(tmp_path: Path) -> None:
    report = tmp_path / "demo" / "case" / "report" / "report.html"
    first = shown(tmp_path / "demo")
    before = report.read_bytes()
    assert shown(tmp_path / "demo") == first
    assert report.read_bytes() == before


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    with pytest.raises(UsageError, match="holds something that no demo made"):
        shown(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["case"]


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        shown(tmp_path / "demo")


@pytest.mark.usefixtures("small")
def test_only_what_a_demo_made_is_made_anew(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    output = tmp_path / "demo"
    shown(output)
    (output / "notes.txt").write_text("mine")
    (output / "evidence" / "hand-in-0007").mkdir()
    (output / "case" / "link").symlink_to(outside)
    shown(output)
    assert (output / "notes.txt").read_text() == "mine"
    assert (outside / "precious").read_text() == "precious"
    names = sorted(path.name for path in (output / "evidence").iterdir())
    assert names == ["hand-in-0001", "hand-in-0001.memory.raw"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("compare")
    return cases.triaged(folder / "case", cases.hand_in("probed", folder, "a", days=1))


PROBED = cases.server("probed", days=1)
TRUE = estate.truth(PROBED)


@pytest.mark.parametrize(
    ("truths", "last"),
    [
        ([TRUE], [""]),
        ([msgspec.structs.replace(TRUE, outcome="clear", grade="")], ["differs"]),
        ([msgspec.structs.replace(TRUE, grade="attempt-failed")], ["differs"]),
        ([TRUE, msgspec.structs.replace(TRUE, host="SRV-0000")], ["", "differs"]),
        ([], ["differs"]),
    ],
    ids=["as it is", "another outcome", "another grade", "a server that is missing", "a host too many"],
)
def test_what_differs_is_said(report: Report, truths: list[estate.Truth], last: list[str]) -> None:
    assert [row[-1] for row in demo.compare(report, truths)] == last


def test_columns_are_aligned_and_lines_end_where_their_text_does() -> None:
    assert list(demo.table((("a", "b", ""), ("longer", "c", "differs")))) == [
        "a       b",
        "longer  c  differs",
    ]
