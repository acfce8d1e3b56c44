"""Placeholders: what a pipeline of a pack gives for them, and rules for which none does."""

from collections.abc import Sequence

import pytest

from .asking import event, is_matched, plan_of, sigma

SERVERS = (
    "name: ours\nvars:\n  servers: [EX01, 'DC*']\n  number: 5\ntransformations:\n- type: value_placeholders\n"
)

VALUES: Sequence[tuple[str, list[str], list[str]]] = [
    ("f|expand: '%servers%'", ["ex01", "DC07"], ["ex", "%servers%"]),
    ("f|contains|expand: '%servers%'", ["x.ex01.y", "adcb"], ["x"]),
    ("f|expand: 'on %servers%!'", ["on EX01!", "on dc!"], ["EX01"]),
    ("f|expand: '%servers%%number%'", ["ex015", "DC5"], ["ex01"]),
    ("f|cased|expand: '%servers%'", ["EX01", "DC1"], ["ex01", "dc1"]),
    ("f|expand|windash: '-s %servers%'", ["-s ex01", "/s ex01"], ["s ex01"]),
    ("f|expand: ['%servers%', other]", ["ex01", "other"], ["x"]),
    ("f: '%servers%'", ["%servers%"], ["ex01"]),
]


@pytest.mark.parametrize(("line", "matched", "others"), VALUES, ids=[line for line, _, _ in VALUES])
def test_a_pipeline_gives_values(line: str, matched: list[str], others: list[str]) -> None:
    plan = plan_of(sigma(f"s:\n  {line}\ncondition: s"), SERVERS)
    assert plan.not_asked == ()
    rows = [event("System", 1, {"f": value}) for value in (*matched, *others)]
    assert is_matched(plan, "event", *rows) == [True] * len(matched) + [False] * len(others)


def test_two_pipelines_of_one_name_both_count() -> None:
    rule = sigma("s: {f|expand: '%servers%'}\ncondition: s")
    plan = plan_of(SERVERS, rule, "vars: {servers: FS01}")
    values = ("ex01", "fs01", "x")
    rows = [event("System", 1, {"f": value}) for value in values]
    assert is_matched(plan, "event", *rows) == [True, True, False]


REFUSED: Sequence[tuple[str, str]] = [
    ("transformations: [{type: field_name_mapping, mapping: {a: b}}]", "not field_name_mapping"),
    ("vars: {servers: x}\ntransformations: 5", "not 5"),
    ("vars: 5", "no mapping"),
]


@pytest.mark.parametrize(("pipeline", "said"), REFUSED)
def test_a_pipeline_that_does_more_is_told_and_gives_nothing(pipeline: str, said: str) -> None:
    plan = plan_of(pipeline, sigma("s: {f|expand: '%servers%'}\ncondition: s"))
    told = {row.path: row.reason for row in plan.not_asked}
    assert said in told["text-0"]
    assert "placeholder %servers%" in told["text-1"]
