"""Two whole cases held against each other, and the board as a page."""

import json
from pathlib import Path

from typer.testing import CliRunner

from postvakt import cli
from postvakt.commands import diff, status

from .cases import hand_in, triaged


def test_two_runs_of_one_evidence_are_the_same_and_another_is_told(tmp_path: Path) -> None:
    clean, attacked = (hand_in(name, tmp_path / name, "EX", days=3) for name in ("clean", "attacked"))
    for name, evidence in (("one", clean), ("again", clean), ("other", attacked)):
        triaged(tmp_path / name, evidence)
    assert diff.diff(tmp_path / "one", tmp_path / "again", "text") == b"Nothing changed.\n"
    changes = json.loads(diff.diff(tmp_path / "one", tmp_path / "other", "json"))
    assert changes["schema"] == "postvakt.diff/1"
    assert {change["kind"] for change in changes["changes"]} >= {"case", "host"}
    page = status.status([tmp_path / "other"], at="2021-03-12T08:30:00Z", form="html").decode()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "left" in page


def test_asking_again_tells_what_that_changed(tmp_path: Path) -> None:
    triaged(tmp_path / "case", hand_in("attacked", tmp_path / "evidence", "EX", days=3))
    rule = tmp_path / "rule.yml"
    rule.write_text(
        "title: Any page\nid: 11111111-1111-4111-8111-111111111111\nlogsource: {category: webserver}\n"
        "detection: {s: {cs-method: GET}, condition: s}\nlevel: low\n"
    )
    told = CliRunner().invoke(cli.app, ["reask", str(tmp_path / "case"), "--rules", str(rule)]).stdout
    assert "Since it was asked before:" in told
    assert "Any page" in told.split("Since it was asked before:")[1]
    assert "other rules and indicators are asked" in told
