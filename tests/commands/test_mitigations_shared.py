"""Rewrite rules of a real Exchange 2019, read as evidence."""

import shutil
from pathlib import Path

import pytest

from postvakt.model.mitigation import MitigationRow
from tests.commands import cases

pytestmark = pytest.mark.shared

KEPT = "exchange-config/css-exchange-e19/Diagnostics/HealthChecker/Tests/DataCollection/E19/Exchange/IIS"


def told(shared: Path, folder: Path, site: str, *, mend: bool = False) -> dict[str, MitigationRow]:
    for name, place in (
        (site, "C/inetpub/wwwroot/web.config"),
        ("applicationHost.config", "C/Windows/System32/inetsrv/config/applicationHost.config"),
    ):
        target = folder / "evidence" / place
        target.parent.mkdir(parents=True)
        shutil.copyfile(shared / KEPT / name, target)
    if mend:
        # The sample itself is no XML: it closes an element that it does not open.
        path = folder / "evidence/C/inetpub/wwwroot/web.config"
        text = path.read_text(encoding="utf-8-sig")
        rewrite = text[text.index("<rewrite>") : text.index("</rewrite>") + len("</rewrite>")]
        path.write_text(f"<configuration><system.webServer>{rewrite}</system.webServer></configuration>")
    [host] = cases.triaged(folder / "case", folder / "evidence").hosts
    return {row.id: row for row in host.mitigations}


def test_the_rule_against_powershell_stands_and_those_against_cookies_do_not(
    shared_evidence: Path, tmp_path: Path
) -> None:
    rows = told(shared_evidence, tmp_path, "DefaultWebSite_web1.config", mend=True)
    assert rows["powershell-rule"].state == "on"
    assert rows["powershell-rule"].source.endswith("wwwroot/web.config")
    assert rows["cookie-rules"].state == "off"
    assert rows["control-panel-stopped"].state == "off"


def test_a_configuration_that_is_no_xml_leaves_it_unknown(shared_evidence: Path, tmp_path: Path) -> None:
    rows = told(shared_evidence, tmp_path, "DefaultWebSite_web1.config")
    assert {rows[name].state for name in ("powershell-rule", "cookie-rules")} == {"unknown"}
    assert "could be read in part only" in rows["cookie-rules"].told


def test_a_site_without_rules_has_none(shared_evidence: Path, tmp_path: Path) -> None:
    rows = told(shared_evidence, tmp_path, "DefaultWebSite_web.config")
    assert {rows[name].state for name in ("powershell-rule", "cookie-rules")} == {"off"}
