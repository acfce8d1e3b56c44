"""YARA: asked of whole contents, refused by name where it cannot be."""

import msgspec
import pytest

from postvakt.detect import Plan, RuleText, Scanner, compile_plan, explain
from postvakt.errors import ContentError

from .tables import FILE

FINDS = 'rule finds { meta: level = "critical" strings: $a = "needle" $b = { 01 02 ?? 04 } condition: any of them }'
SIZE = "rule small { condition: filesize < 5 }"


def plan_of(*texts: str, origin: str = "pack") -> Plan:
    return compile_plan(
        [], [RuleText(f"rule-{n}.yar", text, origin) for n, text in enumerate(texts)], [], [FILE]
    )


SCANNED: list[tuple[bytes, list[tuple[str, str]]]] = [
    (b"a needle in hay", [("yara:finds", "$a at 0x2: needle")]),
    (b"needle needle needle needle", [("yara:finds", "$a at 0x0, 0x7, 0xe and 1 more: needle")]),
    (b"xxxxx\x01\x02\x03\x04", [("yara:finds", "$b at 0x5: \\x01\\x02\\x03\\x04")]),
    (b"hay", [("yara:small", "condition without strings")]),
    (b"nothing at all", []),
    (b"", [("yara:small", "condition without strings")]),
]


@pytest.mark.parametrize(("content", "said"), SCANNED)
def test_scanning(content: bytes, said: list[tuple[str, str]]) -> None:
    scanner = Scanner(Plan.from_bytes(plan_of(SIZE, FINDS).to_bytes()))
    assert [(hit.rule, hit.detail) for hit in scanner.scan(content)] == said


def test_without_rules_nothing_is_found() -> None:
    assert Scanner(plan_of()).scan(b"needle") == []


REFUSED: list[tuple[str, str]] = [
    ("rule broken {", "YARA-X cannot compile it"),
    ('include "other.yar"', "YARA-X cannot compile it"),
    ('import "nosuch"\nrule x { condition: true }', "YARA-X cannot compile it"),
    ("rule x { condition: nosuch }", "YARA-X cannot compile it"),
    ("// nothing", "holds no YARA rule"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_what_cannot_be_compiled_is_told_and_the_others_are_asked(text: str, said: str) -> None:
    plan = plan_of(text, FINDS)
    (told,) = plan.not_asked
    assert (told.rule, told.path) == ("file:rule-0.yar", "rule-0.yar")
    assert said in told.reason
    assert [hit.rule for hit in Scanner(plan).scan(b"needle")] == ["yara:finds"]


def test_of_two_rules_of_one_name_the_first_is_asked() -> None:
    plan = plan_of(FINDS, FINDS.replace("needle", "thread"))
    assert "duplicate" in plan.not_asked[0].reason
    assert Scanner(plan).scan(b"thread") == []


def test_what_a_rule_says_of_itself() -> None:
    text = FINDS.replace(
        "meta:", 'meta: stage = "file-written" cve = "CVE-2021-27065" description = "a shell"'
    )
    (rule,) = plan_of(text).rules
    assert (rule.level, rule.stage, rule.cves, rule.means) == ("critical", "", ("CVE-2021-27065",), "a shell")
    (rule,) = plan_of(text, origin="own").rules
    assert rule.stage == "file-written"


def test_the_rules_do_not_lie_plain_in_the_plan() -> None:
    """A virus scanner would take the case's plan away."""
    assert b"needle" not in plan_of(FINDS).to_bytes()


def test_broken_compiled_rules_are_said_to_be_broken() -> None:
    with pytest.raises(ContentError, match="compile them again"):
        Scanner(msgspec.structs.replace(plan_of(FINDS), yara=b"broken"))


def test_why_a_file_matches() -> None:
    assert (
        explain(plan_of(FINDS), "yara:finds", FILE, {}).summary
        == "the content of the file matches the YARA rule finds"
    )
