"""The terminal: nothing of evidence reaches it that a terminal obeys."""

import unicodedata

import pytest

from postvakt.model.report import HostRow
from postvakt.report import console
from tests.report import hostile, values


@pytest.mark.parametrize("colour", [False, True])
def test_nothing_of_evidence_is_obeyed(colour: bool) -> None:
    told = console.render(hostile.HOSTILE, where="\x1b[2J\u202epath", colour=colour)
    for mark in ("\x1b[1;31m", "\x1b[0m"):
        told = told.replace(mark, "") if colour else told
    assert {unicodedata.category(each) for each in told if each != "\n"} & {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    } == set()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_width(width: int) -> None:
    lines = console.render(values.EVERY_OUTCOME, width).splitlines()
    assert max(len(line) for line in lines) <= width


def test_colour_changes_no_word() -> None:
    plain = console.render(values.EVERY_OUTCOME, 80)
    coloured = console.render(values.EVERY_OUTCOME, 80, colour=True)
    assert coloured != plain
    for mark in ("1;31", "1;33", "1;35", "1;36", "1;32", "1", "0"):
        coloured = coloured.replace(f"\x1b[{mark}m", "")
    assert coloured == plain


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (values.host(), "EX01: Compromised: credentials were reached for"),
        (values.host(), "not in the evidence: ecp_server, oab_generator"),
        (values.ATTEMPTED, "EX06: Attempted: an attempt was made and failed"),
        (values.INCONCLUSIVE, "Not seen: 4 gaps, 1 question unanswerable"),
        (values.NOT_EXAMINED, "because nothing that could answer was read"),
        (values.CLEAR_SINCE, "EX02: Clear since 2021-02-08 00:00Z"),
        (values.CLEAR, "EX03: Clear\n  Answerable since 2021-01-01 00:00Z"),
        (values.CLEAR, "Not seen: 0 gaps"),
        (values.CLEAR_SINCE, "silent for a time: http_proxy"),
    ],
)
def test_says(row: HostRow, told: str) -> None:
    assert told in console.render(values.report(row), 120)


def test_gravest_first() -> None:
    told = console.render(values.EVERY_OUTCOME, 120)
    places = [told.index(f"{name}:") for name in ("EX01", "EX06", "EX04", "EX05", "EX02", "EX03")]
    assert places == sorted(places)


def test_a_fleet_stays_short() -> None:
    told = console.render(values.fleet(120, findings=5), 100, where="case/report.html")
    assert len(told.splitlines()) < 150
    assert "and 84 more hosts" in told
    assert told.endswith("Report: case/report.html\n")
