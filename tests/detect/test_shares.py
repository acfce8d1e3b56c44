"""Rules that are read in shares make the same plan as rules that are read in one go."""

import msgspec
import pytest

from postvakt import content
from postvakt.detect import RuleText, Sheaf, compile_plan, read_rules, shares
from postvakt.detect import compile as compiling

from .asking import sigma
from .tables import TABLES

FIRST, SECOND = ("00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b")
PIPELINE = "name: values\nvars:\n  who: [lars, kim]\n"
CORRELATION = f"""
title: many
id: 00000000-0000-4000-8000-00000000000c
correlation: {{type: event_count, rules: [{FIRST}], group-by: [User], timespan: 5m, condition: {{gte: 2}}}}
"""
FILTER = f"""
title: not ours
logsource: {{product: windows}}
filter: {{rules: [{SECOND}], selection: {{User: backup}}, condition: not selection}}
"""
TEXTS = [
    CORRELATION + "---\n" + sigma("selection:\n  User|expand: '%who%'\ncondition: selection", rule=FIRST),
    FILTER,
    sigma("selection:\n  User: b\ncondition: selection", rule=SECOND),
    sigma("selection:\n  User: another\ncondition: selection", rule=SECOND),
    sigma("selection:\n  User: b\ncondition: selection", rule=SECOND),
    "a: [",
    "",
    PIPELINE,
    sigma("selection:\n  Nothing|re: '(?=x)'\ncondition: selection", rule="no-uuid"),
]


def rules(texts: list[str], origin: str) -> list[RuleText]:
    return [RuleText(path=f"{place}.yml", text=text, origin=origin) for place, text in enumerate(texts)]


@pytest.mark.parametrize(
    "texts",
    [rules(TEXTS, "pack"), [RuleText(text.path, text.text, "own") for text in content.load().rules]],
    ids=["each by itself is odd", "our own"],
)
def test_a_plan_is_the_same_however_its_rules_are_shared_out(
    texts: list[RuleText], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compile_plan(texts, [], [], TABLES)
    monkeypatch.setattr(compiling, "SHARE_BYTES", len(PIPELINE))
    assert len(shares(texts)) > len(texts) // 2
    assert compile_plan(texts, [], [], TABLES).to_bytes() == whole.to_bytes()
    assert whole.rules
    if texts[0].origin == "pack":
        assert [correlation.rules for correlation in whole.correlations] == [(FIRST,)]
        assert [rule.rule for rule in whole.filtered] == [SECOND]
        assert {told.reason.split(":")[0] for told in whole.not_asked} >= {
            "duplicate of 2.yml",
            "not readable as YAML",
            "holds no rule",
        }


def test_a_sheaf_comes_back_from_its_file_as_it_was_left() -> None:
    for share in shares(rules(TEXTS, "pack")):
        sheaf = read_rules(share, TABLES)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(sheaf), type=Sheaf) == sheaf


def test_a_text_of_many_correlations_is_kept_once() -> None:
    text = "---\n".join(CORRELATION.replace("00000c", f"{number:06d}") for number in range(50))
    [share] = shares(rules([text], "pack"))
    [later] = read_rules(share, TABLES).leaves
    assert later.places == tuple(range(50))
    assert len(compile_plan(rules([*TEXTS, text], "pack"), [], [], TABLES).correlations) == 51


def test_what_fills_placeholders_is_not_copied_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "SHARE_BYTES", 60)
    texts = rules([*TEXTS, PIPELINE, PIPELINE], "pack")
    [share] = shares(texts)
    assert list(share.texts) == texts


def test_every_rule_is_in_one_share_in_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = rules(TEXTS, "pack")
    monkeypatch.setattr(compiling, "SHARE_BYTES", 300)
    found = shares(texts)
    assert [text for share in found for text in share.texts] == texts
    assert len(found) > 2
    assert all([text.text for text in share.filling] == [PIPELINE] for share in found)
    assert shares([]) == []
