"""Correlation rules and filters of a pack, from their YAML to the findings of a case."""

import json
from pathlib import Path

import pytest

from postvakt.model.report import FindingRow, Report

from .cases import hand_in, triaged

FAILED = """
title: A logon failed
name: failed_logon
id: 11111111-1111-4111-8111-111111111111
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
level: low
"""
WORKED = """
title: A logon worked
name: logon
id: 22222222-2222-4222-8222-222222222222
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
level: informational
"""
MANY = """
title: Many logons of one account failed
name: many_failed
id: 33333333-3333-4333-8333-333333333333
level: medium
correlation:
  type: event_count
  rules: [failed_logon]
  group-by: [TargetUserName]
  timespan: 5m
  condition: {gte: 3}
"""
THEN = """
title: Many logons failed and then one worked
id: 44444444-4444-4444-8444-444444444444
level: high
correlation:
  type: temporal_ordered
  rules: [many_failed, logon]
  group-by: [TargetUserName]
  timespan: 10m
"""
SPARED = """
title: The scanner's logons
logsource: {product: windows, service: security}
filter:
  rules: [failed_logon]
  scanner: {TargetUserName: scanner}
  condition: not scanner
"""


def logs(folder: Path, *events: tuple[int, str, int]) -> Path:
    """Write events (id, account, second) as a collector exports them."""
    folder.mkdir()
    with (folder / "security.json").open("w") as out:
        for number, (event, account, second) in enumerate(events, start=1):
            winlog = {
                "channel": "Security",
                "event_id": event,
                "computer_name": "EX01.corp.example",
                "record_id": number,
                "provider_name": "Microsoft-Windows-Security-Auditing",
                "event_data": {"TargetUserName": account, "TargetDomainName": "CORP"},
            }
            time = f"2021-03-03T03:{second // 60:02}:{second % 60:02}.000Z"
            out.write(json.dumps({"@timestamp": time, "winlog": winlog}) + "\n")
    return folder


def pack(folder: Path, *rules: str) -> str:
    folder.mkdir()
    # What is read first speaks of what is read last: the order of files is no order of rules.
    for number, rule in enumerate(reversed(rules)):
        (folder / f"{number}.yml").write_text(rule)
    return str(folder)


def found(report: Report) -> dict[str, FindingRow]:
    return {row.title: row for host in report.hosts for row in host.findings if row.origin == "pack"}


@pytest.fixture
def attacked(tmp_path: Path) -> Path:
    tries = [(4625, "ana", second) for second in (0, 60, 120)]
    return logs(tmp_path / "evidence", *tries, (4625, "bo", 130), (4624, "ana", 200), (4624, "bo", 210))


def test_a_chain_of_correlations(tmp_path: Path, attacked: Path) -> None:
    rules = pack(tmp_path / "pack", FAILED, WORKED, MANY, THEN)
    report = triaged(tmp_path / "case", attacked, rules=(rules,))
    told = found(report)
    # What only serves a correlation is no finding of its own, as the specification has it; the report says of which.
    assert {row.title for row in report.rules.narrowed} == {
        "A logon failed",
        "A logon worked",
        "Many logons of one account failed",
    }
    assert set(told) == {"Many logons failed and then one worked"}
    row = told["Many logons failed and then one worked"]
    assert (row.level, row.count) == ("high", 2)
    assert {sample.fields["TargetUserName"] for sample in row.sample} == {"ana"}
    assert all("of one TargetUserName ana" in sample.detail for sample in row.sample)


def test_rules_are_findings_as_well_where_the_correlation_says_so(tmp_path: Path, attacked: Path) -> None:
    rules = pack(tmp_path / "pack", FAILED, MANY.replace("  timespan", "  generate: true\n  timespan"))
    told = found(triaged(tmp_path / "case", attacked, rules=(rules,)))
    assert {title: row.count for title, row in told.items()} == {
        "A logon failed": 4,
        "Many logons of one account failed": 3,
    }


def test_a_filter_takes_matches_off_a_rule_of_a_pack(tmp_path: Path) -> None:
    evidence = logs(tmp_path / "evidence", (4625, "scanner", 0), (4625, "ana", 1))
    rules = pack(tmp_path / "pack", FAILED, SPARED)
    report = triaged(tmp_path / "case", evidence, rules=(rules,))
    told = found(report)
    assert told["A logon failed"].count == 1
    [narrowed] = report.rules.narrowed
    assert (narrowed.title, "The scanner's logons" in narrowed.reason) == ("A logon failed", True)
    assert told["A logon failed"].sample[0].fields["TargetUserName"] == "ana"


def test_what_cannot_be_asked_is_told(tmp_path: Path, attacked: Path) -> None:
    unknown = MANY.replace("failed_logon", "no_such_rule")
    ours = SPARED.replace("[failed_logon]", "any").replace("security", "dns-server")
    rules = pack(tmp_path / "pack", FAILED, unknown, ours)
    report = triaged(tmp_path / "case", attacked, rules=(rules,))
    reasons = {row.title: row.reason for row in report.rules.not_asked}
    assert "no_such_rule" in reasons["Many logons of one account failed"]
    assert "no rule of a pack" in reasons["The scanner's logons"]
    assert set(found(report)) == {"A logon failed"}


OURS = """
title: A logon of anybody's
id: 55555555-5555-4555-8555-555555555555
correlation:
  type: event_count
  rules: [RULE]
  timespan: 1h
  condition: {gte: 1000}
"""


def test_no_pack_takes_a_finding_of_ours_away(tmp_path: Path) -> None:
    evidence = hand_in("attacked", tmp_path / "evidence", "EX")
    before = triaged(tmp_path / "before", evidence)
    ours = sorted({row.rule for host in before.hosts for row in host.findings if row.stage == "file-written"})
    texts = [
        OURS.replace("RULE", rule).replace("55555555-5", f"55555555-{number}")
        for number, rule in enumerate(ours)
    ]
    rules = pack(tmp_path / "pack", *texts)
    after = triaged(tmp_path / "after", evidence, rules=(rules,))
    assert len(ours) > 1
    assert [host.verdict for host in after.hosts] == [host.verdict for host in before.hosts]
    assert {row.id for host in before.hosts for row in host.findings} <= {
        row.id for host in after.hosts for row in host.findings
    }


def test_a_match_without_a_time_joins_none_and_stays(tmp_path: Path) -> None:
    evidence = logs(tmp_path / "evidence", (4625, "ana", 0))
    log = evidence / "security.json"
    log.write_text(log.read_text() + log.read_text().replace('"2021-03-03T03:00:00.000Z"', "null"))
    rules = pack(tmp_path / "pack", FAILED, MANY)
    told = found(triaged(tmp_path / "case", evidence, rules=(rules,)))
    assert (told["A logon failed"].count, told["A logon failed"].undated) == (1, 1)
