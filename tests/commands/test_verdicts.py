"""Whole triages of synthetic servers: the verdict follows the evidence, and nothing else.

The window begins where a test says, so that a few days of logs can cover all of it.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.commands import cases

CLEAR, CLEAR_SINCE, INCONCLUSIVE = ("clear", ""), ("clear-since", ""), ("inconclusive", "")
COMPROMISED = ("compromised", "credential-access")
COVERED = "2021-03-07T02:00:00Z"
"""A window's start that five days of logs, from the seventh of March, reach over; the attack comes after it."""

WEB_LOGS = re.compile(r"/Logging/HttpProxy/|/W3SVC[12]/")
EVENT_LOGS = re.compile(r"/(Security|Microsoft-Windows-Sysmon%4Operational)\.evtx$")
DAY = re.compile(r"(?:20)?(21\d{4})(?:00-1\.LOG|\.log)$")


def remove(hand_in: Path, wanted: re.Pattern[str], before: str = "999999") -> None:
    """Take away the files of a hand-in that fit, of the days before a day (`210310`) where one is given."""
    for file in sorted(hand_in.rglob("*")):
        day = DAY.search(file.name)
        if file.is_file() and wanted.search(file.as_posix()) and (day is None or day[1] < before):
            file.unlink()


@pytest.fixture
def clear(tmp_path: Path) -> Path:
    return cases.hand_in("clean", tmp_path / "evidence", "hand-in-0001")


def verdict(tmp_path: Path, hand_in: Path) -> tuple[str, str]:
    return cases.verdicts(cases.triaged(tmp_path / "case", hand_in, since=COVERED))[hand_in.name]


def test_logs_that_cover_the_window_say_clear(tmp_path: Path, clear: Path) -> None:
    assert verdict(tmp_path, clear) == CLEAR


def test_without_web_logs_nothing_can_be_concluded(tmp_path: Path, clear: Path) -> None:
    remove(clear, WEB_LOGS)
    assert verdict(tmp_path, clear) == INCONCLUSIVE


def test_shorter_web_logs_say_clear_since_they_begin(tmp_path: Path, clear: Path) -> None:
    remove(clear, WEB_LOGS, before="210310")
    report = cases.triaged(tmp_path / "case", clear, since=COVERED)
    assert cases.verdicts(report)[clear.name] == CLEAR_SINCE
    since = report.hosts[0].verdict.since
    assert since is not None
    assert datetime(2021, 3, 10, tzinfo=UTC) <= since < datetime(2021, 3, 10, 1, tzinfo=UTC)


def test_without_the_logs_of_processes_nothing_can_be_concluded(tmp_path: Path, clear: Path) -> None:
    remove(clear, EVENT_LOGS)
    assert verdict(tmp_path, clear) == INCONCLUSIVE


def test_swapping_two_hand_ins_swaps_their_verdicts(tmp_path: Path) -> None:
    first = cases.hand_in("clean", tmp_path / "evidence", "hand-in-0001")
    second = cases.hand_in("attacked", tmp_path / "evidence", "hand-in-0002")
    before = cases.verdicts(cases.triaged(tmp_path / "before", first, second, since=COVERED))
    first.rename(tmp_path / "aside")
    second.rename(first)
    (tmp_path / "aside").rename(second)
    after = cases.verdicts(cases.triaged(tmp_path / "after", first, second, since=COVERED))
    assert before == {"hand-in-0001": CLEAR, "hand-in-0002": COMPROMISED}
    assert after == {"hand-in-0001": COMPROMISED, "hand-in-0002": CLEAR}


def test_a_host_is_named_by_its_evidence_whatever_the_hand_in_is_called(tmp_path: Path) -> None:
    named = cases.server("probed")
    path = cases.hand_in("probed", tmp_path / "evidence", "EX99-clean")
    assert [host.host for host in cases.triaged(tmp_path / "case", path).hosts] == [named.name]


def test_logs_of_71_days_say_clear_for_the_directive_s_own_window(tmp_path: Path) -> None:
    path = cases.hand_in("clean", tmp_path / "evidence", "hand-in-0001", days=71)
    report = cases.triaged(tmp_path / "case", path)
    assert report.window.start == datetime(2021, 1, 1, tzinfo=UTC)
    assert cases.verdicts(report)[path.name] == CLEAR
