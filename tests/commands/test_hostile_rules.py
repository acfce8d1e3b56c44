"""A pack with expressions made to stall: the run ends, and what is not asked stands in the check and in the report."""

import json
import os

import pytest

from postvakt.commands import contents, plans

from .cases import triaged

SECONDS = 20
"""Of processor time, for what takes a backtracking engine longer than anyone waits."""

STALLING = {
    "repetition in repetition": "^(a+)+$",
    "the same choice twice": "^(a|a)*b$",
    "a choice that overlaps": "^(a|aa)+$",
    "stars one after the other": "a*a*a*a*a*a*a*a*a*a*b",
    "dots in repetition": "(.*a){25}b",
    "in either case": "(?i)^(A+)+$",
    "empty in repetition": "^(a*)*$",
    "words and spaces": r"^(\\w+\\s?)*$",
}
REFUSED = {
    "a look-ahead": "(?=a+)b",
    "a back reference": r"(a+)\\1",
    "too large": "((a{1000}){1000}){1000}",
}
RULE = """
title: {title}
id: 66666666-6666-4666-8666-{number:012}
logsource: {{product: windows}}
detection: {{s: {{f|re: "{pattern}"}}, condition: s}}
"""


@pytest.fixture
def pack(tmp_path):
    patterns = {**STALLING, **REFUSED}
    rules = [
        RULE.format(title=title, number=number, pattern=pattern)
        for number, (title, pattern) in enumerate(patterns.items())
    ]
    plain = RULE.format(title="plain", number=99, pattern="a!$")
    path = tmp_path / "pack.yml"
    path.write_text("---\n".join((*rules, plain)))
    return str(path)


def test_the_check_names_what_is_not_asked_of_a_pack_of_others(pack):
    checked = contents.check(plans.packs((pack,), (), ()))
    refused = {line.split(": ")[1] for line in checked.lines if line.startswith("not asked: pack.yml")}
    assert refused == {f"pack.yml {title}" for title in REFUSED}
    assert all("bounded time" in line for line in checked.lines if line.startswith("not asked: pack.yml"))
    assert checked.faults == 0


def spent() -> float:
    """Seconds of processor time that this process and its workers took."""
    times = os.times()
    return times.user + times.children_user


def test_no_expression_stalls_a_run(pack, tmp_path):
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    winlog = {"channel": "System", "event_id": 1, "computer_name": "EX01.corp.example", "record_id": 1}
    winlog["provider_name"] = "Microsoft-Windows-Kernel-General"
    lines = [
        {"@timestamp": "2021-03-03T03:00:00Z", "winlog": {**winlog, "event_data": {"f": value}}}
        for value in ("a" * 60_000 + "!", "a" * 30 + "!", "a " * 20_000 + "!")
    ]
    evidence.joinpath("system.json").write_text("\n".join(map(json.dumps, lines)))
    began = spent()
    report = triaged(tmp_path / "case", evidence, rules=(pack,))
    assert spent() - began < SECONDS
    found = {row.title: row.count for host in report.hosts for row in host.findings}
    assert found == {"plain": 2}
    assert {row.title for row in report.rules.not_asked} == set(REFUSED)
