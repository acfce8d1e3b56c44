"""What a triage concludes of servers whose evidence was written without knowledge of the rules."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from postvakt.model.report import HostRow
from tests.commands import cases
from tests.strangers import (
    busy_and_clean,
    half_wiped,
    mail_reader,
    page_beside_the_products,
    panel_and_dump,
    prober,
    refused,
    two_actors,
    voice_of_2010,
    without_exchange_logs,
)
from tests.strangers.ground import HandIn

STRANGERS: dict[str, Callable[[], HandIn]] = {
    "1-panel-and-dump": panel_and_dump.handed_in,
    "2-mail-reader": mail_reader.handed_in,
    "3-prober": prober.handed_in,
    "4-refused": refused.handed_in,
    "5-busy-and-clean": busy_and_clean.handed_in,
    "6-half-wiped": half_wiped.handed_in,
    "7-without-exchange-logs": without_exchange_logs.handed_in,
    "8-page-beside-the-products": page_beside_the_products.handed_in,
    "9-two-actors": two_actors.handed_in,
    "10-voice-of-2010": voice_of_2010.handed_in,
}
CLEAN = ("5-busy-and-clean", "7-without-exchange-logs")
QUIET = ("informational", "low")


def triaged(stranger: HandIn, folder: Path) -> HostRow:
    """Write a hand-in under a name that tells nothing, and triage it."""
    evidence = folder / "hand-in"
    for path, content in stranger.files.items():
        target = evidence / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        os.utime(target, (stranger.times[path].timestamp(),) * 2)
    (host,) = cases.triaged(folder / "case", evidence).hosts
    return host


@pytest.fixture(scope="module")
def concluded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], HostRow]:
    """What is concluded of a stranger; each is triaged once."""
    return functools.cache(lambda name: triaged(STRANGERS[name](), tmp_path_factory.mktemp("stranger")))


@pytest.mark.parametrize("name", STRANGERS)
def test_the_verdict_is_what_the_evidence_says(name: str, concluded: Callable[[str], HostRow]) -> None:
    verdict, truth = concluded(name).verdict, STRANGERS[name]().truth
    assert (verdict.outcome, verdict.grade) == (truth.outcome, truth.grade), verdict.because


@pytest.mark.parametrize("name", CLEAN)
def test_a_clean_server_has_no_finding_above_low(name: str, concluded: Callable[[str], HostRow]) -> None:
    findings = concluded(name).findings
    assert [(one.level, one.title, one.count) for one in findings if one.level not in QUIET] == []
