"""`postvakt inventory`: sources read into a case, a case that is there given more, and what a user can mend."""

import csv
import io
import json
from pathlib import Path

import pytest

from postvakt import engines
from postvakt.commands import inventory, reports
from postvakt.errors import EvidenceError, UsageError
from tests.artifacts.exhibits import EVIDENCE
from tests.commands import cases

EXPORT = EVIDENCE / "directory_export" / "oab.ldf"
SCAN = EVIDENCE / "nmap" / "scan.xml"


def listed(case: Path, *sources: Path, form: str = "json") -> bytes:
    return inventory.inventory(
        [str(path) for path in sources],
        case,
        form=form,
        started=cases.STARTED,
        jobs=1,
        watch=engines.watch(quiet=True, log="text"),
    )


def test_sources_that_are_no_evidence_make_a_list_and_no_hosts(tmp_path: Path) -> None:
    plain = tmp_path / "plain.ldf"
    plain.write_bytes(EXPORT.read_bytes()[EXPORT.read_bytes().index(b"dn: CN=EX01") :])
    rows = json.loads(listed(tmp_path / "case", plain))
    assert [(row["name"], row["submitted"], row["told"][0]) for row in rows] == [
        ("ex01.corp.example", False, "Named once, never collected.")
    ]
    assert reports.load(tmp_path / "case").hosts == ()


def test_a_case_that_is_there_holds_the_sources_too(tmp_path: Path) -> None:
    hand_in = cases.hand_in("attacked", tmp_path / "evidence", "hand-in", days=1)
    before = cases.triaged(tmp_path / "case", hand_in)
    (own,) = before.inventory
    rows = {row["name"]: row for row in json.loads(listed(tmp_path / "case", SCAN))}
    assert {name: row["submitted"] for name, row in rows.items()} == {
        own.name: True,
        "ex01.corp.example": False,
    }
    after = reports.load(tmp_path / "case")
    verdicts = [{host.host: host.verdict for host in report.hosts} for report in (before, after)]
    assert verdicts[0].items() <= verdicts[1].items()
    assert json.loads(listed(tmp_path / "case")) == list(rows.values())


def test_the_same_list_for_people_and_spreadsheets(tmp_path: Path) -> None:
    text = listed(tmp_path / "case", SCAN, form="text").decode()
    assert text.startswith("0 of 1 Exchange servers that the sources name were handed in.\n")
    assert "    Named once, never collected.\n" in text
    table = listed(tmp_path / "case", form="csv").decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(table))
    assert (row["name"], row["submitted"], row["facing"]) == ("ex01.corp.example", "no", "internet")


def test_what_a_user_can_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="choose one of text, json, csv"):
        listed(tmp_path / "case", SCAN, form="yaml")
    with pytest.raises(EvidenceError, match="no such file"):
        listed(tmp_path / "case", tmp_path / "nowhere.ldf")
    with pytest.raises(EvidenceError, match="no case there"):
        listed(tmp_path / "case")


def test_a_case_is_left_as_it_was_where_sources_cannot_be_read(tmp_path: Path) -> None:
    listed(tmp_path / "case", SCAN)
    before = (tmp_path / "case" / "case.json").read_bytes()
    with pytest.raises(EvidenceError, match="lies inside the evidence"):
        listed(tmp_path / "case", tmp_path)
    assert (tmp_path / "case" / "case.json").read_bytes() == before
