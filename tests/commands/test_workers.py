"""What the workers share out comes to the same bytes with one and with two, and what one of them loses is told."""

from pathlib import Path

import pytest

from postvakt import engines
from postvakt.commands import triage, work
from tests.commands import breaking, cases
from tests.commands.test_resume import concluded

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cases.hand_in("attacked", tmp_path_factory.mktemp("estate"), "hand-in", days=2)


@pytest.fixture(scope="module")
def calm(hand_in: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What comes of it with two workers of which nothing breaks."""
    case = tmp_path_factory.mktemp("calm") / "case"
    cases.triaged(case, hand_in)
    return concluded(case)


@pytest.fixture
def breaks(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Workers that break where the environment says so."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    monkeypatch.setattr(work, "perform", breaking.perform)
    return monkeypatch


def test_one_worker_writes_what_two_write(tmp_path: Path, hand_in: Path, calm: dict[str, bytes]) -> None:
    request = triage.Request(
        evidence=(str(hand_in),), case=str(tmp_path / "case"), started=cases.STARTED, jobs=1
    )
    triage.triage(request, engines.watch(quiet=True))
    assert concluded(tmp_path / "case") == calm
    assert not (tmp_path / "case" / "scratch").exists() or not list((tmp_path / "case" / "scratch").iterdir())


@pytest.mark.parametrize(
    "function", ["look", "read_rules", "read_signatures", "put_together", "write", "measure:memory"]
)
def test_what_can_be_done_elsewhere_is_lost_by_nobody(
    tmp_path: Path, hand_in: Path, calm: dict[str, bytes], breaks: pytest.MonkeyPatch, function: str
) -> None:
    breaks.setenv(breaking.NAMED, function)
    cases.triaged(tmp_path / "case", hand_in)
    assert concluded(tmp_path / "case") == calm


@pytest.mark.parametrize(
    ("function", "told", "tables"),
    [
        ("read_back", "could not be read back", {"http_proxy", "iis"}),
        ("measure", "could not be counted over", {"iis", "event"}),
        ("name_servers", "which servers it names", {"http_proxy", "event"}),
    ],
)
def test_what_a_worker_loses_of_a_second_look_is_a_gap(
    tmp_path: Path, hand_in: Path, breaks: pytest.MonkeyPatch, function: str, told: str, tables: set[str]
) -> None:
    breaks.setenv(breaking.NAMED, function)
    report = cases.triaged(tmp_path / "case", hand_in)
    gaps = [gap for host in report.hosts for gap in host.gaps if told in gap.detail]
    assert {gap.artifact for gap in gaps} >= tables
    assert {gap.why for gap in gaps} == {"crashed"}
    assert [host.findings for host in report.hosts if host.findings]
    breaks.setenv(breaking.NAMED, "")
    again = cases.triaged(tmp_path / "case", hand_in)
    assert not [gap for host in again.hosts for gap in host.gaps if told in gap.detail]
