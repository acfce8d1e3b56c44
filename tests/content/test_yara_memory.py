"""Our YARA rules in memory: each sample of a rule that has a form for memory is found in the midst of other bytes."""

import functools

import pytest

from postvakt.content import library
from postvakt.content.encoded import ENDING
from postvakt.detect.plan import RuleText
from postvakt.detect.yara_memory import compile_memory, memory_finder
from postvakt.memory.carving import anchors
from tests.content.proofs import ROOT

MENTIONS = {
    ("eval-page", name)
    for name in (
        "list-of-indicators.md",
        "rule.yml",
        "script-of-a-responder.ps1",
        "search-of-a-responder.txt",
    )
} | {("credential-tool", "list-of-words.yml")}
"""Texts that speak of a shell. As files they are no pages; in memory nothing tells them from one."""
WHOLE_FILES = {("upload-page", "only-an-upload.aspx")}
"""Samples that a file's size decides."""


def texts():
    return [RuleText(path, library.text(file, path).text, "own") for path, file in library.yara_files(ROOT)]


@functools.cache
def finder():
    ids = [f"yara:{name}" for text in texts() for name in library.YARA_NAME.findall(text.text)]
    return memory_finder(compile_memory(texts(), ids, anchors.source())[0], ids)


def samples(kind):
    return [
        pytest.param(
            f"yara:{library.YARA_NAME.findall(text.text)[0]}",
            slug,
            name,
            library.data(file, name),
            id=f"{slug}/{name}",
        )
        for text in texts()
        if "    memory = " in text.text
        for slug in [text.path.split("/")[1]]
        for file in library.children(ROOT / "yara" / slug / kind)
        for name in [file.name.removesuffix(ENDING)]
    ]


@functools.lru_cache
def found(data):
    return {rule.rule for rule in finder()(b"\x01" * 5000 + data + b"\x02" * 300).rules}


@pytest.mark.parametrize(("rule", "slug", "name", "data"), samples("hit"))
def test_hit(rule, slug, name, data):
    assert (rule in found(data)) is ((slug, name) not in WHOLE_FILES)


@pytest.mark.parametrize(("rule", "slug", "name", "data"), samples("miss"))
def test_miss(rule, slug, name, data):
    assert (rule in found(data)) is ((slug, name) in MENTIONS)


def test_most_rules_about_pages_have_a_form_for_memory():
    assert len({sample.values[0] for sample in samples("hit")}) >= 16
