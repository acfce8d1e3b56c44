"""What an attacked server's memory shows by our rules, on each Windows; that a clean twin shows nothing above low."""

from functools import cache
from pathlib import Path

import pytest

from postvakt.content import library
from postvakt.estate.memory import containers, damage
from postvakt.estate.memory.layouts import BUILDS
from postvakt.model.rule import LEVELS
from tests.content.proofs import ROOT, plan
from tests.memory import whole
from tests.memory.test_estate_images import image, written

LOW = LEVELS.index("low")
EVERYWHERE = {
    "web-server-started-shell": "mem_process",
    "um-started-process": "mem_process",
    "lsass-dump-command": "mem_process",
    "shell-console-command": "mem_process",
    "windows-program-in-odd-folder": "mem_process",
    "memory-hidden-process": "mem_process",
    "memory-compiled-page-of-site-root": "mem_module",
    "memory-compiled-page-of-exchange": "mem_module",
    "memory-foreign-library-in-lsass": "mem_module",
    "memory-product-library-in-lsass": "mem_module",
    "exchange-loaded-odd-library": "mem_module",
    "memory-program-without-file": "mem_region",
    "memory-forged-cookie": "mem_carved",
    "memory-shell-source": "mem_carved",
    "memory-intruder-command": "mem_carved",
    "ssrf-answered": "mem_carved",
    "yara:chopper_request": "mem_yara",
    "yara:eval_page": "mem_yara",
    "yara:oab_dump_script": "mem_yara",
}
WHERE_ENDPOINTS_ARE_KNOWN = {"memory-web-server-calls-out": "mem_netconn"}
WHERE_PROTECTIONS_ARE_KNOWN = {"memory-code-without-file": "mem_region"}
ORDINARY = {
    "memory-compiled-page-of-exchange",
    "memory-product-library-in-lsass",
    "memory-code-without-file",
    "memory-web-server-calls-out",
    "ecp-vdir-changed",
}
"""What every server shows: each of it at most low."""


@cache
def names() -> dict[str, str]:
    """Return the rules' names by their ids."""
    return {
        str(library.parsed(library.text(folder / "rule.yml", folder.name))["id"]): folder.name
        for folder in library.children(ROOT / "rules")
    }


def shown(path: Path) -> dict[str, set[str]]:
    return {names().get(rule, rule): tables for rule, tables in whole.found(path).items()}


@cache
def levels() -> dict[str, str]:
    return {names().get(rule.id, rule.id): rule.level for rule in plan().rules}


@pytest.mark.parametrize("number", BUILDS)
def test_an_attacked_server(number: int, tmp_path: Path) -> None:
    told = shown(written(number, "raw", tmp_path))
    expected = dict(EVERYWHERE)
    if number != 26100:
        expected |= WHERE_ENDPOINTS_ARE_KNOWN | WHERE_PROTECTIONS_ARE_KNOWN
    missing = {rule: table for rule, table in expected.items() if table not in told.get(rule, ())}
    assert missing == {}


@pytest.mark.parametrize("number", BUILDS)
def test_a_clean_twin(number: int, tmp_path: Path) -> None:
    told = shown(written(number, "raw", tmp_path, clean=True))
    assert set(told) <= ORDINARY
    assert {rule for rule in told if LEVELS.index(levels()[rule]) > LOW} == set()


@pytest.mark.parametrize("form", ["dump-full", "dump-bitmap", "lime", "elf", "vmem"])
def test_every_container_shows_the_same(form: str, tmp_path: Path) -> None:
    assert shown(written(17763, form, tmp_path)) == shown(written(17763, "raw", tmp_path))


def test_what_nobody_uses_is_not_in_an_active_dump(tmp_path: Path) -> None:
    active, every = (shown(written(17763, form, tmp_path)) for form in ("dump-active", "raw"))
    assert {rule for rule, tables in EVERYWHERE.items() if tables != "mem_carved"} - set(active) <= {
        "yara:oab_dump_script",
        "yara:eval_page",
    }
    assert set(active) <= set(every)


@pytest.mark.parametrize("among", damage.AMONG)
@pytest.mark.parametrize("share", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("number", BUILDS)
def test_damage_makes_nothing_of_a_clean_twin(
    number: int, share: float, among: damage.Among, tmp_path: Path
) -> None:
    lost = damage.lose(image(number, clean=True), share, number, among=among)
    told = shown(containers.write(lost, tmp_path / "lost.raw"))
    assert {rule for rule in told if LEVELS.index(levels()[rule]) > LOW} == set()
