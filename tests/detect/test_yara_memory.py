"""YARA rules in their form for memory: found wherever they stand, left out by name where they mean whole files."""

import pytest

from postvakt.detect.plan import RuleText
from postvakt.detect.yara_memory import compile_memory, form, memory_finder
from postvakt.errors import ContentError

ANCHORS = 'rule command { strings: $a = "cmd.exe" ascii wide condition: any of them }'
PLAIN = 'rule plain { strings: $a = "needle" condition: $a }'
SIZED = 'rule sized { strings: $a = "needle" condition: $a and filesize < 9 }'
HEAD = 'rule head { strings: $a = "needle" $b = { 01 02 } condition: uint16(0) == 0x5a4d and $a and $b }'
OWN = (
    'rule own { meta: memory = "$b in (@a[1]-10..@a[1]+10)" strings: $a = "needle" $b = "thread"'
    " condition: uint8(0) == 0x3c and $a and $b }"
)
NAMES = "private rule other { condition: filesize < 9 } rule names { condition: other or false }"
WORDS = (
    'rule words { meta: about = "filesize < 9 }" strings: $a = /filesize\\/{1,2}/ // at 0 }\n condition: $a }'
)


def asked(*texts, origin="pack", ids=("plain", "sized", "head", "own", "other", "names", "words")):
    ids = [f"yara:{name}" for name in ids]
    packed, left = compile_memory(
        [RuleText(f"{n}.yar", t, origin) for n, t in enumerate(texts)], ids, ANCHORS
    )
    return memory_finder(packed, ids), [rule.rule for rule in left]


def found(finder, data):
    return [rule.rule for rule in finder(data).rules]


def test_rules_about_whole_files_are_left_out_by_name():
    finder, left = asked(PLAIN, SIZED, HEAD)
    assert left == ["yara:sized", "yara:head"]
    assert found(finder, b"MZ needle \x01\x02") == ["yara:plain"]


def test_a_rule_says_its_form_for_memory():
    finder, left = asked(OWN, origin="own")
    assert left == []
    assert found(finder, b"x" * 50 + b"needle thread") == ["yara:own"]
    assert found(finder, b"needle" + b"x" * 50 + b"thread") == []
    assert found(finder, b"needle thread") == ["yara:own"]


def test_other_people_s_rules_say_no_form():
    assert asked(OWN)[1] == ["yara:own"]


def test_what_needs_a_rule_that_is_left_out_is_left_out():
    _, left = asked(NAMES)
    assert left == ["yara:other", "yara:names"]


def test_words_in_texts_and_comments_are_no_condition():
    finder, left = asked(WORDS)
    assert left == []
    assert found(finder, b"see filesize/") == ["yara:words"]


def test_rules_that_are_not_asked_are_not_told():
    finder, _ = asked(PLAIN, ids=())
    assert found(finder, b"needle") == []


def test_anchors_are_found_in_the_same_pass():
    finder, _ = asked(PLAIN)
    marks = finder(b"needle " + "cmd.exe".encode("utf-16-le") + b"cmd.exe")
    assert [(mark.offset, mark.length) for mark in marks.anchors["command"]] == [(7, 14), (21, 7)]
    (rule,) = marks.rules
    assert [(name, [m.offset for m in places]) for name, places in rule.patterns] == [("$a", [0])]


def test_a_file_that_does_not_compile_is_left_out_and_the_others_are_asked():
    finder, left = asked("rule broken {", PLAIN)
    assert left == ["file:0.yar"]
    assert found(finder, b"needle") == ["yara:plain"]


def test_without_rules_the_anchors_are_asked():
    finder, _ = asked()
    assert list(finder(b"cmd.exe").anchors) == ["command"]


def test_what_is_no_compiled_rule_is_refused():
    with pytest.raises(ContentError, match="not readable"):
        memory_finder(b"zz", ())


def test_the_form_of_a_rule_that_needs_none_is_the_rule():
    assert form(RuleText("a", PLAIN, "own")).text == PLAIN
