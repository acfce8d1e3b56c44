"""Our content as a whole."""

import pytest

from postvakt import content
from postvakt.content import library
from postvakt.content.facts import FACTS, SECTIONS
from tests.content.proofs import plan


def test_nothing_is_wrong():
    assert content.check() == []


def test_everything_is_asked():
    assert plan().not_asked == ()


def test_no_rule_is_without_words_for_a_person():
    assert [rule.id for rule in plan().rules if not (rule.means and rule.benign and rule.next)] == []


def test_what_decides_alone_is_grave_enough():
    grave = ("access-gained", "file-written", "shell-used", "credential-access", "lateral-movement", "impact")
    assert [r.title for r in plan().rules if r.stage in grave and r.level not in ("high", "critical")] == []


def test_what_stands_in_doubt_decides_nothing():
    weak = ("", "context", "tampering", "authorised-scan", "responder-tool", "probe", "attempt-failed")
    assert [r.title for r in plan().rules if r.confidence == "low" and r.stage not in weak] == []


@pytest.mark.parametrize("cve", ["CVE-2021-26855", "CVE-2021-26857", "CVE-2021-26858", "CVE-2021-27065"])
def test_each_flaw_has_a_rule_that_shows_it(cve):
    shown = ("access-gained", "file-written", "shell-used")
    assert [r.title for r in plan().rules if cve in r.cves and r.stage in shown]


def test_each_published_sign_has_a_rule_or_a_reason():
    named = {name for names in library.shown(content.load()).values() for name in names}
    assert [fact.id for fact in FACTS.values() if not fact.unseen and fact.id not in named] == []
    assert {fact.section for fact in FACTS.values()} == set(SECTIONS)
