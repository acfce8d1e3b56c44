"""What to rotate and remove on whole servers: as far as the intruder came there, and no further."""

from pathlib import Path

import msgspec
import pytest

from postvakt.estate import plan, write
from postvakt.model.eviction import EvictionRow
from postvakt.model.report import Report
from postvakt.report import markdown_form
from tests.commands import cases

CREDENTIALS = {"account", "service-account", "machine-account", "certificate", "machine-keys"}


def triaged(scenario: str, folder: Path) -> Report:
    server = next(one for one in plan(30, 5, 5) if one.scenario == scenario)
    hand_in = write(msgspec.structs.replace(server, layout="folder"), folder / "evidence")
    return cases.triaged(folder / "case", hand_in)


def sure(rows: tuple[EvictionRow, ...], start: str) -> str:
    return next((row.sure for row in rows if row.what.startswith(start)), "")


@pytest.mark.parametrize("scenario", ["clean", "probed"])
def test_a_server_that_nobody_entered_has_nothing_to_rotate(scenario: str, tmp_path: Path) -> None:
    report = triaged(scenario, tmp_path)
    assert [host.eviction for host in report.hosts] == [()]
    assert "rotate" not in markdown_form.render(report).decode()


def test_forged_requests_alone_rotate_no_credential(tmp_path: Path) -> None:
    (host,) = triaged("ssrf-only", tmp_path).hosts
    assert host.eviction
    assert not CREDENTIALS & {row.kind for row in host.eviction}
    assert sure(host.eviction, "krbtgt") == ""


def test_a_dump_of_lsass_shows_accounts_and_names_the_shell_and_the_dump(tmp_path: Path) -> None:
    report = triaged("attacked", tmp_path)
    (host,) = report.hosts
    assert sure(host.eviction, "Every account that was signed in") == "shown"
    assert sure(host.eviction, "Local accounts") == "within-reach"
    assert sure(host.eviction, "krbtgt") == ""
    removed = {
        row.what.lower().replace("\\", "/") for row in host.eviction if row.kind in ("persistence", "tool")
    }
    assert any(name.endswith(".aspx") for name in removed)
    assert "c:/windows/temp/lsass.dmp" in removed
    known = {row.id for row in host.findings}
    assert all(set(row.findings) <= known for row in host.eviction)
    text = markdown_form.render(report).decode()
    assert "What to rotate, remove and rebuild" in text
    assert "**`c:/windows/temp/lsass.dmp`** (tool, shown)" in text


def test_going_on_to_the_domain_controller_adds_krbtgt_and_the_account_that_was_used(tmp_path: Path) -> None:
    (host,) = triaged("lateral-movement", tmp_path).hosts
    assert sure(host.eviction, "krbtgt") == "within-reach"
    assert sure(host.eviction, "svc-backup") == "within-reach"
