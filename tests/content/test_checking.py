"""`content.check` finds each kind of fault, told with the file and the place."""

import pytest

from postvakt import content
from postvakt.content.checking import Problem

RULE = """title: A page was asked for
id: 7c1d6c6e-5a0e-4a5c-9a55-0c7a8d4b9d10
description: A page.
tags: [attack.t1190, cve.2021-26855]
logsource: {category: webserver}
detection: {asked: {cs-uri-stem: /x}, condition: asked}
level: low
postvakt: {stage: probe, confidence: low, means: A page was asked for., benign: A link., next: Look., facts: [6.tasks]}
"""
YARA = """rule a_page {
  meta:
    level = "high"
    stage = "file-written"
    confidence = "low"
    means = "A page."
    benign = "A page of yours."
    next = "Look."
    facts = "6.tasks 6.wmi"
  strings: $a = "page"
  condition: $a
}
"""
HASH = "b75f163ca9b9240bf4b37ad92bc7556b40a17e27c2b8ed5c8991385fe07d17d0"
BUNDLE = """{"type": "bundle", "id": "bundle--1", "objects": [{"type": "indicator", "spec_version": "2.1",
"id": "indicator--1", "created": "2021-03-02T00:00:00Z", "modified": "2021-03-02T00:00:00Z",
"valid_from": "2021-03-02T00:00:00Z",
"name": "A page", "pattern_type": "stix", "pattern": "[file:hashes.'SHA-256' = 'HASH']",
"external_references": [{"source_name": "Somebody"}]}]}
""".replace("HASH", HASH)
DIRECTIVE = """id: d
title: A directive
issuer: Somebody
issued: 2021-03-03T05:00:00Z
window_start: 2021-01-01T00:00:00Z
timezone: America/New_York
source: https://example.org
questions:
  - {id: q, asks: Was it asked, stages: [probe], mandatory: true, answered_by: [{all_of: [iis]}]}
requirements:
  - {id: "1", title: Look, clause: Look., due: "2021-03-05T12:00:00-05:00", needs: ["event:Security"]}
"""
ID = "7c1d6c6e-5a0e-4a5c-9a55-0c7a8d4b9d10"
CHAIN = """id: c
title: A chain
steps:
  - {id: s, title: A page, stage: probe, needs: [iis], rules: [ID, "yara:a_page", indicator--1]}
""".replace("ID", ID)
MARKS = """sources:
  S: {title: A report, published: 2021-03-02}
marks:
  - {id: page, title: A page, kind: behaviour, weight: 8, signs: [{rules: [page]}], needs: [iis]}
  - {id: hash, title: A hash, kind: file, weight: 4, signs: [{values: [HASH]}], needs: [file]}
  - {id: early, title: Early, kind: time, weight: 2, until: 2021-03-02T00:00:00Z}
""".replace("HASH", HASH)
ACTOR = """id: a
title: Somebody
kind: cluster
claims:
  - {mark: page, source: S}
  - {mark: hash, source: S, sure: reported}
  - {mark: early, source: S}
"""
SOUND = {
    "rules/page/rule.yml": RULE,
    "rules/page/hit.jsonl": '{"table": "iis", "deciding": ["cs-uri-stem"], "cs-uri-stem": "/x"}\n',
    "rules/page/miss.jsonl": '{"table": "iis", "cs-uri-stem": "/y"}\n',
    "yara/page/rule.yar": YARA,
    "yara/page/deciding.json": '{"a": ["page"]}',
    "yara/page/hit/a": "page",
    "yara/page/miss/b": "leaf",
    "indicators/i.json": BUNDLE,
    "directives/d.yaml": DIRECTIVE,
    "chains/c.yaml": CHAIN,
    "marks/m.yaml": MARKS,
    "actors/a.yaml": ACTOR,
    "builds/b.csv": "build,name,kb,date\n15.1.1.1,A,,\n15.1.1.2,B,KB5000871,2021-03-02\n",
}


def laid(root, files):
    for path, text in files.items():
        if text is not None:
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
    return root


def changed(path, old, new):
    assert old in SOUND[path]
    return {path: SOUND[path].replace(old, new)}


def test_sound(tmp_path):
    assert content.check(laid(tmp_path, SOUND)) == []


def test_nothing_at_all(tmp_path):
    assert content.check(tmp_path) == []


R, Y, N, D, C, B = (
    "rules/page/rule.yml",
    "yara/page/rule.yar",
    "indicators/i.json",
    "directives/d.yaml",
    "chains/c.yaml",
    "builds/b.csv",
)
M, A = "marks/m.yaml", "actors/a.yaml"
FAULTS = [
    (changed(M, "rules: [page]", "rules: [leaf]"), M, "marks: page: leaf is no rule of ours"),
    (changed(M, "rules: [page]", 'rules: ["yara:leaf"]'), M, "marks: page: yara:leaf is no rule of ours"),
    (changed(M, HASH, "ab" * 32), M, f"marks: hash: {'ab' * 32} is no value of our indicators"),
    (changed(M, "needs: [iis]", "needs: [smoke]"), M, "marks: page: needs: smoke is no coverage"),
    (changed(M, ", needs: [file]", ""), M, "marks: hash: needs: names no source that would show it"),
    (
        changed(M, "weight: 4", "weight: 5"),
        M,
        "marks: hash: weight: 5 is not between 1 and 4, the most of a file",
    ),
    (
        changed(M, "weight: 8", "weight: 0"),
        M,
        "marks: page: weight: 0 is not between 1 and 8, the most of a behaviour",
    ),
    (
        changed(M, ", until: 2021-03-02T00:00:00Z", ""),
        M,
        "marks: early: says nothing by which it could be seen",
    ),
    (
        changed(M, "published: 2021-03-02", "published: soon"),
        M,
        "Invalid RFC3339 encoded date - at `$.sources[...].published`",
    ),
    (changed(A, "mark: page", "mark: leaf"), A, "claims: leaf is no mark"),
    (changed(A, "mark: page, source: S", "mark: page, source: T"), A, "claims: page: T is no source"),
    (changed(A, "mark: early", "mark: page"), A, "claims: page stands twice"),
    (changed(A, "  - {mark: early, source: S}\n", ""), "marks", "early is named by no actor"),
    (changed(A, "kind: cluster", "kind: state"), A, "Invalid enum value 'state' - at `$.kind`"),
    (
        changed(M, "signs: [{values: [HASH]}]".replace("HASH", HASH), "signs: [{rules: [page]}]"),
        A,
        "claims: page and hash are shown by the same matches",
    ),
    ({R: None}, R, "No such file or directory"),
    ({R: "- a\n"}, R, "not a mapping"),
    ({R: "title: [\n"}, R, "line 2, column 1: expected the node content, but found '<stream end>'"),
    (
        changed(R, "level: low\n", "level: low\nlevel: high\n"),
        R,
        "line 8, column 1: the key 'level' stands twice",
    ),
    (changed(R, ID, "page-1"), R, "id: 'page-1' is no UUID"),
    (changed(R, "title: A page was asked for\n", ""), R, "title: is missing"),
    (changed(R, "description: A page.\n", ""), R, "description: is missing"),
    (
        changed(R, "level: low", "level: bad"),
        R,
        "level: 'bad' is none of informational, low, medium, high, critical",
    ),
    (changed(R, "attack.t1190", "attack.T1190x"), R, "tags: 'attack.T1190x' is no technique, tactic or CVE"),
    (
        changed(R, "{category: webserver}", "{product: linux}"),
        R,
        "logsource: no table of ours serves {'product': 'linux'}",
    ),
    (changed(R, ", condition: asked", ""), R, "detection: has no condition"),
    (
        changed(R, "stage: probe, ", ""),
        R,
        "postvakt: is not a mapping of stage, confidence, means, benign, next, facts",
    ),
    (changed(R, "stage: probe", "stage: start"), R, "postvakt.stage: 'start' is no stage"),
    (
        changed(R, "confidence: low", "confidence: 9"),
        R,
        "postvakt.confidence: 9 is none of low, medium, high",
    ),
    (changed(R, "benign: A link.", "benign: ''"), R, "postvakt.benign: says nothing"),
    (changed(R, "[6.tasks]", "[]"), R, "postvakt.facts: names no published sign"),
    (
        changed(R, "6.tasks", "6.nothing"),
        R,
        "postvakt.facts: 6.nothing is no published sign of content/facts.py",
    ),
    (changed(R, "6.tasks", "6.hybrid"), R, "postvakt.facts: 6.hybrid is said to have no rule"),
    ({"rules/page/hit.jsonl": None}, R, "hit.jsonl: is missing"),
    ({"rules/page/miss.jsonl": "\n"}, R, "miss.jsonl: holds no row"),
    ({"rules/page/miss.jsonl": "{\n"}, R, "miss.jsonl: Expecting property name enclosed in double quotes"),
    ({"rules/page/miss.jsonl": '{"table": "syslog"}\n'}, R, "miss.jsonl: line 1: names no table of ours"),
    (
        {"rules/page/hit.jsonl": '{"table": "iis"}\n'},
        R,
        "hit.jsonl: line 1: does not say which fields decide it",
    ),
    ({"rules/other/rule.yml": RULE}, "rules/other/rule.yml", f"id: {ID} is also another rule's"),
    ({Y: "// nothing\n"}, Y, "holds no rule"),
    (changed(Y, 'level = "high"', 'level = "bad"'), Y, "a_page: meta level: 'bad' is none of informational"),
    (changed(Y, 'stage = "file-written"', 'stage = "start"'), Y, "a_page: meta stage: 'start' is no stage"),
    (
        changed(Y, '    confidence = "low"\n', ""),
        Y,
        "a_page: meta confidence: None is none of low, medium, high",
    ),
    (changed(Y, '    next = "Look."\n', ""), Y, "a_page: meta next: says nothing"),
    (changed(Y, '    facts = "6.tasks 6.wmi"\n', ""), Y, "a_page: meta facts: names no published sign"),
    (changed(Y, "6.wmi", "6.x"), Y, "a_page: meta facts: 6.x is no published sign of content/facts.py"),
    ({"yara/page/hit/a": None}, Y, "hit/: holds no file"),
    ({"yara/page/miss/b": None}, Y, "miss/: holds no file"),
    ({"yara/page/deciding.json": None}, Y, "deciding.json: No such file or directory"),
    ({"yara/page/deciding.json": "[]"}, Y, "deciding.json: not a mapping"),
    ({"yara/page/deciding.json": "{}"}, Y, "deciding.json: does not say what decides a"),
    ({"yara/page/deciding.json": '{"a": ["page"], "c": ["x"]}'}, Y, "deciding.json: c is no sample in hit/"),
    (
        {"yara/page/rule.yar": None, "yara/page/rule.yar.enc": "x"},
        "yara/page/rule.yar.enc",
        "does not begin with the line",
    ),
    ({N: "[]"}, N, "not a STIX bundle"),
    (changed(N, '"objects": [', '"objects": 1, "other": ['), N, "a bundle without objects"),
    (changed(N, '"type": "indicator"', '"type": "note"'), N, "holds no indicator"),
    (changed(N, '"name": "A page", ', ""), N, "indicator--1: lacks name"),
    (changed(N, '{"source_name": "Somebody"}', ""), N, "indicator--1: names no source"),
    (
        changed(N, f"= '{HASH}'", "LIKE 'a%'"),
        N,
        "indicator--1: compares nothing: [file:hashes.'SHA-256' LIKE 'a%']",
    ),
    (changed(N, HASH, HASH[:-1]), N, f"indicator--1: '{HASH[:-1]}' is no SHA-256 (64 digits 0-9 a-f)"),
    (
        changed(N, "file:hashes.'SHA-256' = '" + HASH, "ipv4-addr:value = '5.2.69"),
        N,
        "indicator--1: '5.2.69' does not appear",
    ),
    (changed(D, "issuer: Somebody\n", ""), D, "Object missing required field `issuer`"),
    (changed(D, "issuer:", "isuer:"), D, "Object "),
    (
        changed(D, "mandatory: true, ", ""),
        D,
        "questions: none is mandatory, so no server could ever be clear",
    ),
    (changed(D, "all_of: [iis]", "all_of: [ii]"), D, "questions: q: ii is no coverage"),
    (changed(D, "[{all_of: [iis]}]", "[]"), D, "questions: q: nothing could answer it"),
    (changed(D, "event:Security", "httperr:x"), D, "requirements: 1: httperr:x is no coverage"),
    (
        changed(D, "-05:00", "-04:00"),
        D,
        "requirements: 1: due: 2021-03-05T12:00:00-04:00 has not the offset of America/New_York",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "shown_by: {patched: [nothing-known]}"),
        D,
        "requirements: 1: shown_by: nothing-known is no flaw of ours",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "shown_by: {ran: mser-full}"),
        D,
        "requirements: 1: shown_by: 'mser-full' is no run that we read; there are msert-full,",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "shown_by: {decides: true}"),
        D,
        "requirements: 1: shown_by: nothing shows it",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "shown_by: {ran: msert-full, times: 0}"),
        D,
        "requirements: 1: shown_by: times: 0 times of what?",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "of: agency, shown_by: {ran: msert-full}"),
        D,
        "requirements: 1: of: the evidence of a server cannot answer for the agency",
    ),
    (
        changed(D, 'needs: ["event:Security"]', "shown_by: {scan: msert-full}"),
        D,
        "Object contains unknown field `scan` - at `$.requirements[0].shown_by`",
    ),
    (changed(D, "2021-03-05T12", "soon"), D, "requirements: 1: due: Invalid isoformat string"),
    (changed(D, "America/New_York", "America/Gotham"), D, "timezone: 'America/Gotham' is no zone"),
    ({D: DIRECTIVE + '  - {id: "1", title: Again, clause: Again.}\n'}, D, "requirements: 1 stands twice"),
    (changed(C, "yara:a_page", "yara:no_page"), C, "steps: s: yara:no_page is no rule of ours"),
    (changed(C, "needs: [iis]", "needs: [ii]"), C, "steps: s: ii is no coverage"),
    (changed(C, f'[{ID}, "yara:a_page", indicator--1]', "[]"), C, "steps: s: no rule shows it"),
    ({C: "id: c\ntitle: A chain\nsteps: []\n"}, C, "steps: there is none"),
    ({C: CHAIN + CHAIN.partition("steps:\n")[2]}, C, "steps: s stands twice"),
    (changed(B, "15.1.1.2,B", "15.1.1.0,B"), B, "15.1.1.0 does not follow 15.1.1.1"),
    (changed(B, "KB5000871", "KB50"), B, "line 3: 'KB50' is no KB"),
    ({B: "build,name,kb,date\n"}, B, "holds no build"),
]


@pytest.mark.parametrize(
    ("change", "path", "what"), FAULTS, ids=[f"{path}: {what}"[:70] for _, path, what in FAULTS]
)
def test_fault(tmp_path, change, path, what):
    told = [problem for problem in content.check(laid(tmp_path, SOUND | change)) if problem.path == path]
    assert [problem for problem in told if problem.what.startswith(what)]


def test_everything_is_told_at_once(tmp_path):
    change = changed(R, "level: low", "level: bad") | changed(B, "KB5000871", "KB50") | {N: "[]"}
    assert [problem.path for problem in content.check(laid(tmp_path, SOUND | change))] == [B, C, N, M, R]


def test_problems_come_in_the_order_of_paths(tmp_path):
    problems = content.check(laid(tmp_path, dict.fromkeys(SOUND, "")))
    assert problems == sorted(problems)
    assert isinstance(problems[0], Problem)
