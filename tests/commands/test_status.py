"""The deadline board over whole cases, people's words in them, and a directive that one file adds."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from postvakt import cli, content
from postvakt.commands import status
from postvakt.content import library
from postvakt.errors import EvidenceError, UsageError
from postvakt.model.report import Report
from tests.commands import cases

AT = "2021-03-05T16:00:00Z"
INVENTED = """id: invented-1
title: An invented directive
issuer: Nobody
issued: 2021-03-08T00:00:00Z
window_start: 2021-03-07T02:00:00Z
timezone: Asia/Kathmandu
source: https://example.org/
versions: [{id: first, title: The first text, issued: 2021-03-08T00:00:00Z}]
conditions: [{id: yellow, asks: Is its case yellow, presumed: false}]
questions:
  - {id: used, asks: Was a web shell used, stages: [shell-used], mandatory: true, answered_by: [{all_of: [iis]}]}
requirements:
  - {id: logs, title: Logs are read, clause: Read., version: first, due: immediately, needs: [iis], questions: [used]}
  - {id: paint, title: It is painted, clause: Paint., due: "2021-03-12T12:00:00+05:45", only_if: [yellow], ask: When}
  - {id: fixed, title: March is in, clause: Fix., due: "2021-03-09T12:00:00+05:45",
     shown_by: {patched: [proxylogon], decides: true}}
  - {id: scan, title: It is scanned, clause: Scan., shown_by: {ran: msert-full}, ask: Was it reported}
  - {id: sing, title: A song is sung, clause: Sing., of: agency, ask: Which one}
"""
ASKED = """ask:
  - {requirement: s1.triage.1, whom: C. Scanner, by: "2021-04-04T12:00:00-04:00"}
  - {requirement: "5", whom: A. Officer, by: "2021-03-05T09:00:00-05:00"}
"""
SAID = """facts:
  - {requirement: "5", state: met, words: Sent with the template., by: A. Officer, at: "2021-03-05T15:00:00Z"}
  - {requirement: s2.3, state: unmet, words: The signature is lacking., by: B. Clerk, at: "2021-03-05T15:30:00Z"}
"""


def board(*roots: Path, at: str = AT) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(status.status(roots, at=at, form="json"))
    return made


def row(told: dict[str, Any], requirement: str) -> dict[str, Any]:
    [found] = [r for r in told["rows"] if r["answer"]["requirement"] == requirement]
    return dict(found)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    cases.triaged(folder / "case", cases.hand_in("clean", folder / "evidence", "hand-in", days=3))
    return folder / "case"


def test_json_has_every_answer_once_with_its_time(clean: Path) -> None:
    told = board(clean)
    assert (told["schema"], told["at"]) == ("postvakt.status/1", AT)
    asked = next(d for d in content.load().directives if d.id == "ed-21-02").requirements
    assert sorted(r["answer"]["requirement"] for r in told["rows"]) == sorted(r.id for r in asked)
    assert (row(told, "5")["standing"], row(told, "5")["seconds"], row(told, "5")["host"]) == (
        "running",
        3600,
        "",
    )
    assert row(told, "1.memory")["answer"]["lacks"] == ["collect memory"]
    assert row(told, "s2.1")["standing"] == "undemanded"


@pytest.mark.parametrize(
    ("at", "standing", "seconds"),
    [
        ("2021-03-05T12:00:00-05:00", "running", 0),
        ("2021-03-05T17:00:01Z", "late", -1),
        ("2021-03-06", "late", -25200),
    ],
)
def test_at_is_the_time_that_is_asked_about(clean: Path, at: str, standing: str, seconds: int) -> None:
    found = row(board(clean, at=at), "5")
    assert (found["standing"], found["seconds"]) == (standing, seconds)


def test_text_says_what_is_late_by_how_much_and_what_blocks_it(clean: Path) -> None:
    told = status.status([clean], at="2021-03-07T18:30:00Z", form="text").decode()
    head, late, at_once = told.partition("  late\n")[0], *told.partition("  late\n")[2].split("\n\n")[:2]
    assert "ed-21-02, 1 server; answers: " in head
    assert "(by Fri 2021-03-05 12:00 EST (UTC-5), 2 days 1 h late)" in late
    assert "unknown  the agency: When was the report sent" in late
    assert at_once.startswith("  owed at once\n")
    assert "collect memory" in at_once
    assert "by Mon 2021-04-05 12:00 EDT (UTC-4)" in told


def test_the_command_line_takes_several_cases(clean: Path, tmp_path: Path) -> None:
    shutil.copytree(clean, tmp_path / "second")
    ran = CliRunner().invoke(
        cli.app, ["status", str(clean), str(tmp_path / "second"), "--at", AT, "--format", "json"]
    )
    assert ran.exit_code == 0
    assert {r["case"] for r in json.loads(ran.stdout)["rows"]} == {str(clean), str(tmp_path / "second")}


def test_what_cannot_be_shown_is_said(clean: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--format pdf: choose one of text, json"):
        status.status([clean], at=AT, form="pdf")
    with pytest.raises(UsageError, match="--at tomorrow: not a time"):
        status.status([clean], at="tomorrow", form="text")
    with pytest.raises(EvidenceError, match="no case there"):
        status.status([tmp_path], at=AT, form="text")


def test_a_person_s_word_reaches_report_and_board(clean: Path, tmp_path: Path) -> None:
    case = Path(shutil.copytree(clean, tmp_path / "case"))
    (case / "facts.yaml").write_text(SAID)
    ran = CliRunner().invoke(cli.app, ["reask", str(case), "--quiet", "--jobs", "1"])
    assert ran.exception is None or isinstance(ran.exception, SystemExit)
    told = board(case)
    assert row(told, "5")["standing"] == "met"
    assert row(told, "s2.3")["answer"]["lacks"][0].startswith("When was completion reported")
    for form in ("html", "json"):
        page = (case / "report" / f"report.{form}").read_text()
        assert "said by A. Officer at 2021-03-05T15:00:00Z: Sent with the template." in page


def test_whom_a_question_was_given_stands_on_the_board(clean: Path, tmp_path: Path) -> None:
    case = Path(shutil.copytree(clean, tmp_path / "case"))
    (case / "facts.yaml").write_text(SAID + ASKED)
    CliRunner().invoke(cli.app, ["reask", str(case), "--quiet", "--jobs", "1"])
    asked = "asked of C. Scanner, by 2021-04-04T16:00:00Z"
    assert row(board(case), "s1.triage.1")["answer"]["lacks"][-1] == asked
    assert row(board(case), "5")["answer"]["lacks"] == []
    for form in ("text", "html"):
        told = status.status([case], at="2021-04-04T00:00:00Z", form=form).decode()
        assert asked in told
        assert "asked of A. Officer" not in told


def triaged_with(directive: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Report]:
    place = tmp_path / "content"
    shutil.copytree(Path(str(library.here())), place, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (place / "directives" / "invented-1.yaml").write_text(directive)
    assert content.check(place) == []
    monkeypatch.setattr(library, "here", lambda: place)
    evidence = cases.hand_in("clean", tmp_path / "evidence", "hand-in", days=5)
    return tmp_path / "case", cases.triaged(tmp_path / "case", evidence, directive="invented-1")


def test_a_directive_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, report = triaged_with(INVENTED, tmp_path, monkeypatch)
    [host] = report.hosts
    assert host.verdict.outcome == "clear"
    assert [(a.requirement, a.state) for a in host.answers] == [
        ("logs", "met"),
        ("paint", "unknown"),
        ("fixed", "met"),
        ("scan", "unknown"),
        ("sing", "unknown"),
    ]
    told = board(case, at="2021-03-12T06:15:01Z")
    assert [(r["standing"], r["seconds"]) for r in told["rows"]] == [
        ("late", -1),
        ("no-date", None),
        ("no-date", None),
        ("met", None),
        ("met", None),
    ]
    fixed = row(told, "fixed")["answer"]
    assert "before the deadline" in fixed["basis"]
    assert "nothing that was read tells of such a run" in row(told, "scan")["answer"]["basis"]
    assert "2021-03-12 12:00 +0545 (UTC+5:45)" in status.status([case], at=AT, form="text").decode()


def test_what_is_owed_within_the_hour_runs_from_when_the_case_found_it(tmp_path: Path) -> None:
    attacked = tmp_path / "case"
    cases.triaged(attacked, cases.hand_in("attacked", tmp_path / "evidence", "hand-in", days=3))
    early, late = (
        row(board(attacked, at=at), "4") for at in ("2021-03-12T08:59:00Z", "2021-03-12T09:01:00Z")
    )
    assert (early["standing"], early["seconds"]) == ("running", 60)
    assert (late["standing"], late["seconds"]) == ("late", -60)
