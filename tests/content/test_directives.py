"""Directives as data: their clauses are the text's own words, and one more is one more file."""

import re

import pytest

from postvakt import content
from postvakt.model.directive import Directive
from tests.content.test_checking import SOUND, changed, laid

D = "directives/d.yaml"
REQUIREMENT = 'needs: ["event:Security"]}'


def directive(name: str) -> Directive:
    return next(d for d in content.load().directives if d.id == name)


def flat(text: str) -> str:
    """Text without the marks of its page: links as their words, lines joined."""
    text = re.sub(r"\[([^\]^]*)\]\([^)]*(?:\([^)]*\))?[^)]*\)", r"\1", text)
    text = re.sub(r"\[\^\d\]|\{:start.*?\}|[*_]|(?m:^\s*-   )", "", text)
    return re.sub(r"\s+", " ", text).strip()


@pytest.mark.shared
def test_every_clause_of_ed_21_02_stands_in_its_text(shared_evidence):
    text = flat((shared_evidence / "cisa" / "ed-21-02.md").read_text(encoding="utf-8"))
    found = directive("ed-21-02")
    clauses = {piece.id: flat(piece.clause) for piece in (*found.requirements, *found.conditions)}
    assert all(clauses.values())
    assert [name for name, clause in clauses.items() if clause not in text] == []
    assert flat(clauses["3.a"].replace("Immediately", "Later")) not in text


def test_ed_21_02_has_its_actions_and_both_supplements():
    found = directive("ed-21-02")
    assert [version.id for version in found.versions] == ["original", "supplement-1", "supplement-2"]
    by_version = {
        version.id: [r.id for r in found.requirements if r.version == version.id]
        for version in found.versions
    }
    assert {name.split(".")[0] for name in by_version["original"]} == {"1", "2", "3", "4", "5"}
    assert sum(name.startswith("s1.hardening.") for name in by_version["supplement-1"]) == 7
    assert by_version["supplement-2"] == ["s2.1", "s2.2", "s2.3", "s2.4"]
    assert sum(map(len, by_version.values())) == len(found.requirements)


@pytest.mark.parametrize("name", ["ed-21-02", "ed-25-02", "kev-cve-2026-42897"])
def test_what_evidence_cannot_say_is_asked_of_a_person(name):
    silent = [r.id for r in directive(name).requirements if not (r.needs or r.questions or r.ask)]
    assert silent == []


@pytest.mark.parametrize(
    ("name", "told"), [("ed-25-02", "5 PM and 9 PM"), ("kev-cve-2026-42897", "hour of the deadline")]
)
def test_what_is_not_known_of_a_directive_is_said(name, told):
    assert any(told in line for line in directive(name).not_known)


def test_the_look_back_begins_on_new_year():
    found = directive("ed-21-02")
    connected = next(condition for condition in found.conditions if condition.id == "connected")
    assert connected.since.isoformat() == "2021-01-01T05:00:00+00:00"


@pytest.mark.parametrize(
    ("new", "told"),
    [
        ("version: v9}", "requirements: 1: version: v9 is not in this directive"),
        ("only_if: [rich]}", "requirements: 1: only_if: rich is not in this directive"),
        ("questions: [why]}", "requirements: 1: questions: why is not in this directive"),
        ("branches: [no-expertise]}", "requirements: 1: branches: no-expertise needs the directive"),
        ("of: agency, needs: [iis]}", "requirements: 1: of: the evidence of a server cannot answer"),
    ],
)
def test_a_fault_names_file_and_place(tmp_path, new, told):
    [problem] = content.check(laid(tmp_path, SOUND | changed(D, REQUIREMENT, new)))
    assert problem.path == D
    assert problem.what.startswith(told)


@pytest.mark.parametrize(
    ("due", "told"),
    [
        ("2021-03-15T12:00:00-05:00", "has not the offset of America/New_York on that day"),
        ("2021-03-14T02:30:00-05:00", "has not the offset of America/New_York on that day"),
        ("2021-03-05T12:00:00", "has no offset"),
        ("2021-03-02T12:00:00-05:00", "lies before the text that demands it"),
        ("soon", "Invalid isoformat string: 'soon'"),
        ('immediately", before: true, who: "all', "before: there is no time to be before"),
    ],
)
def test_a_deadline_that_cannot_be_meant_is_a_fault(tmp_path, due, told):
    [problem] = content.check(laid(tmp_path, SOUND | changed(D, "2021-03-05T12:00:00-05:00", due)))
    assert problem.path == D
    assert told in problem.what


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("America/New_York", "America/Nowhere", "timezone: 'America/Nowhere' is no zone"),
        ("source: ", "expertise: skill\nsource: ", "expertise: skill is no condition of this directive"),
        ("source: ", 'conditions: [{id: "1", asks: Is it}]\nsource: ', "requirements: 1 stands twice"),
        ("clause: Look.", "claus: Look.", "unknown field `claus` - at `$.requirements[0]`"),
    ],
)
def test_a_fault_of_the_whole_is_told(tmp_path, old, new, told):
    [problem] = content.check(laid(tmp_path, SOUND | changed(D, old, new)))
    assert problem.path == D
    assert told in problem.what
