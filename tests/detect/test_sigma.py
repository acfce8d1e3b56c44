"""What a Sigma rule means, a line per case: the texts that match and texts beside them that do not."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from .asking import event, is_matched, plan_of, sigma

POWERSHELL = "powershell -enc"


def encoded(text: str, codec: str = "utf-8", before: bytes = b"") -> str:
    return base64.b64encode(before + text.encode(codec)).decode()


VALUES: Sequence[tuple[str, list[str | None], list[str | None]]] = [
    # Plain values: whole, in any case; stars and question marks; escapes.
    ("f: abc", ["abc", "ABC", "aBc"], ["abcd", "xabc", "", None]),
    ("f: 'a*c'", ["ac", "abc", "A*C", "a\nc"], ["acd", "bac"]),
    ("f: 'a?c'", ["abc", "a?c", "a\nc"], ["ac", "abbc"]),
    ("f: '*abc'", ["abc", "xABC"], ["abcx"]),
    ("f: 'abc*'", ["abc", "abcx"], ["xabc"]),
    ("f: '*abc*'", ["abc", "xABCx"], ["ab c"]),
    ("f: '*'", ["x", ""], [None]),
    (r"f: 'a\*c'", ["a*c"], ["abc", "a\\*c"]),
    (r"f: 'a\?c'", ["a?c"], ["abc"]),
    (r"f: 'C:\dir\*'", ["C:\\dir*"], ["C:\\dir\\x"]),
    (r"f: 'C:\dir\\*'", ["C:\\dir\\", "c:\\DIR\\x"], ["C:\\dir"]),
    (r"f: 'a\\b'", ["a\\b"], ["a\\\\b"]),
    (r"f: '\\\\server\share'", ["\\\\server\\share"], ["\\server\\share"]),
    ("f: 'STRASSE'", ["straße", "Strasse"], ["strase"]),
    ("f: [one, two]", ["one", "TWO"], ["three"]),
    # Numbers and truth, however the source writes them.
    ("f: 4688", ["4688", "0x1250", "0X1250"], ["04688", "4688.0", "46880"]),
    ("f: '4688'", ["4688", "0x1250"], ["04688"]),
    ("f: 0", ["0", "0x0"], ["00", "", None]),
    ("f: -1", ["-1", "0xffffffffffffffff", "18446744073709551615"], ["1"]),
    ("f: 1.5", ["1.5"], ["15", "1"]),
    ("f: true", ["true", "True"], ["1", "yes"]),
    ("f: false", ["false", "FALSE"], ["0", ""]),
    # Nothing: null is no value, the empty text is a value.
    ("f: null", [None], ["x", "", "-"]),
    ("f: ''", ["", None], ["x", " "]),
    ("f: [null, '']", ["", None], ["x"]),
    ("f|exists: true", ["x", "", None], []),
    # Where in the value.
    ("f|contains: b", ["abc", "B"], ["ac", "", None]),
    ("f|startswith: ab", ["abc", "AB"], ["xab", "a"]),
    ("f|endswith: bc", ["abc", "BC"], ["bcx", "c"]),
    ("f|contains: 'a*c'", ["xabcx", "ac"], ["ca"]),
    ("f|contains: ['ab', 'cd']", ["xabx", "cd"], ["ac"]),
    ("f|contains|all: ['ab', 'cd']", ["abcd", "cd ab"], ["ab", "cd"]),
    ("f|all: ['*ab*', '*cd*']", ["abcd"], ["ab"]),
    (r"f|endswith: '\cmd.exe'", ["C:\\Windows\\cmd.exe"], ["cmd.exe", "C:\\xcmd.exe"]),
    # Case that counts.
    ("f|cased: Abc", ["Abc"], ["abc", "ABC"]),
    ("f|contains|cased: Abc", ["xAbcx"], ["xabcx"]),
    ("f|startswith|cased: Ab", ["Abc"], ["abc"]),
    ("f|endswith|cased: bC", ["abC"], ["abc"]),
    ("f|cased: 'A*c'", ["Abc"], ["abc"]),
    # Regular expressions: anywhere in the value, case counts unless it is said not to.
    ("f|re: 'a.c'", ["abc", "xabcx"], ["ABC", "a\nc", "ac"]),
    ("f|re: '^a.c$'", ["abc"], ["xabc", "abc\nx"]),
    ("f|re|i: 'a.c'", ["ABC"], ["ac"]),
    ("f|re: '(?i)a.c'", ["ABC"], ["ac"]),
    ("f|re|m: '^b$'", ["a\nb\nc", "b"], ["ab"]),
    ("f|re|s: 'a.c'", ["a\nc"], ["ac"]),
    ("f|re|i|m|s: '^b.c'", ["a\nB\nC"], ["a\nxb\nc"]),
    ("f|re: 'x{2,3}y'", ["xxy", "xxxxy"], ["xy"]),
    ("f|re: ['abc', 'd+e']", ["abc", "dde"], ["ab", "e"]),
    ("f|re: '(foo|bar)baz'", ["xfoobaz", "barbaz"], ["foo", "baz", "FOOBAZ"]),
    # What encoders make of a text.
    (f"f|base64: {POWERSHELL!r}", [encoded(POWERSHELL)], [POWERSHELL, "x" + encoded(POWERSHELL)]),
    (
        f"f|base64offset|contains: {POWERSHELL!r}",
        [encoded(POWERSHELL), encoded(POWERSHELL, before=b"x"), encoded(POWERSHELL, before=b"xy")],
        [POWERSHELL, encoded("power shell")],
    ),
    (
        f"f|utf16le|base64offset|contains: {POWERSHELL!r}",
        [encoded(POWERSHELL, "utf-16-le"), encoded(POWERSHELL, "utf-16-le", b"xy")],
        [encoded(POWERSHELL)],
    ),
    (f"f|wide|base64: {POWERSHELL!r}", [encoded(POWERSHELL, "utf-16-le")], [encoded(POWERSHELL)]),
    (f"f|utf16be|base64: {POWERSHELL!r}", [encoded(POWERSHELL, "utf-16-be")], [encoded(POWERSHELL, "utf-16-le")]),
    (f"f|utf16|base64: {POWERSHELL!r}", [encoded("\ufeff" + POWERSHELL, "utf-16-le")], [encoded(POWERSHELL)]),
    # A dash in the ways that Windows takes it.
    (
        "f|windash|contains: ' -enc'",
        ["x -enc", "x /enc", "x \u2013enc", "x \u2014enc", "x \u2015enc"],
        ["x enc", "x _enc"],
    ),
    ("f|windash|contains|all: [' -a', ' -b']", ["x -a /b", "x /a -b"], ["x -a"]),
    # Addresses and quantities.
    ("f|cidr: 10.0.0.0/8", ["10.1.2.3", "::ffff:10.1.2.3", " 10.1.2.3 "], ["11.0.0.1", "10.1.2", "x", "", None]),
    ("f|cidr: 'fe80::/10'", ["fe80::1", "fe80::1%4"], ["::1", "10.0.0.1"]),
    ("f|cidr: ['10.0.0.0/8', '192.168.0.0/16']", ["192.168.1.1"], ["172.16.0.1"]),
    ("f|gt: 10", ["11", "0xb", "10.5"], ["10", "9", "x", "", None]),
    ("f|gte: 10", ["10", "0xa"], ["9"]),
    ("f|lt: 10", ["9", "-1", "9.99"], ["10", "x"]),
    ("f|lte: 10", ["10", "0"], ["11"]),
    # The opposite: it also holds where the field is missing.
    ("f|neq: abc", ["x", "", None], ["abc", "ABC"]),
    ("f|contains|neq: b", ["a"], ["abc"]),
    # Parts of a time.
    ("f|hour: 3", ["2021-03-03T03:59:00Z", "2021-03-03T05:00:00+02:00"], ["2021-03-03T04:00:00Z", "3"]),
    ("f|minute: 59", ["2021-03-03T03:59:00Z"], ["2021-03-03T03:58:00Z"]),
    ("f|day: 3", ["2021-03-03T03:59:00Z"], ["2021-03-04T00:00:00Z"]),
    ("f|week: 9", ["2021-03-03"], ["2021-03-08"]),
    ("f|month: 3", ["2021-03-03"], ["2021-04-03"]),
    ("f|year: 2021", ["2021-03-03"], ["2022-03-03"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "matched", "others"), VALUES, ids=[line for line, _, _ in VALUES])
def test_values(line: str, matched: list[str | None], others: list[str | None]) -> None:
    plan = plan_of(sigma(f"sel:\n  {line}\ncondition: sel"))
    rows = [event("System", 1, {"f": value}) for value in (*matched, *others)]
    assert is_matched(plan, "event", *rows) == [True] * len(matched) + [False] * len(others)


def test_a_field_that_is_not_there() -> None:
    """No pair of the name at all, which is less than a pair without a value."""
    asks = {
        "f: null": True,
        "f: ''": False,
        "f|exists: false": True,
        "f|exists: true": False,
        "f|neq: x": True,
    }
    rules = [
        sigma(f"sel:\n  {line}\ncondition: sel", rule=f"00000000-0000-4000-8000-{n:012}")
        for n, line in enumerate(asks)
    ]
    plan = plan_of(*rules)
    found = [is_matched(plan_of(text), "event", event("System", 1, {"g": "x"})) for text in rules]
    assert found == [[said] for said in asks.values()]
    assert len(plan.asked) == len(asks)


FIELDS: Sequence[tuple[str, dict[str, Any], bool]] = [
    ("a|fieldref: b", {"a": "x", "b": "X"}, True),
    ("a|fieldref: b", {"a": "x", "b": "y"}, False),
    ("a|fieldref: b", {"a": "x"}, False),
    ("a|fieldref: b", {}, False),
    ("a|fieldref|startswith: b", {"a": "xyz", "b": "xy"}, True),
    ("a|fieldref|startswith: b", {"a": "zxy", "b": "xy"}, False),
    ("a|fieldref|endswith: b", {"a": "xyz", "b": "yz"}, True),
    ("a|fieldref|endswith: b", {"a": "yzx", "b": "yz"}, False),
    ("a|fieldref|contains: b", {"a": "xyz", "b": "y"}, True),
    ("a|fieldref|contains: b", {"a": "xz", "b": "y"}, False),
    ("a|fieldref|neq: b", {"a": "x", "b": "y"}, True),
    ("a: x", {"A": "x"}, True),
    ("ThreatName: x", {"Threat Name": "x"}, True),
    ("Threat_Name: x", {"Threat Name": "x"}, True),
    ("Computer: ex01", {"Computer": "other"}, True),
    ("ComputerName: ex01", {}, True),
    ("Level: 2", {}, True),
    ("Level: 3", {"Level": "3"}, True),
    ("Data: x", {"Data": "x"}, True),
]


@pytest.mark.parametrize(
    ("line", "data", "said"), FIELDS, ids=[f"{line} of {data}" for line, data, _ in FIELDS]
)
def test_fields(line: str, data: dict[str, Any], said: bool) -> None:
    plan = plan_of(sigma(f"sel:\n  {line}\ncondition: sel"))
    assert is_matched(plan, "event", event("System", 1, data, Computer="EX01", Level=2)) == [said]


TIMES: Sequence[tuple[str, bool]] = [
    ("'@timestamp|hour': 3", True),
    ("time|hour: 4", False),
    ("TimeCreated|day: 3", True),
    ("'@timestamp|exists': true", True),
    ("'@timestamp|startswith': '2021-03-03T03:'", True),
    ("'@other': x", True),
    ("'@missing': x", False),
    ("a|fieldref: '@other'", True),
    ("a|fieldref: '@missing'", False),
]


@pytest.mark.parametrize(("line", "said"), TIMES, ids=[line for line, _ in TIMES])
def test_the_time_of_a_record_and_names_with_a_sign_of_others(line: str, said: bool) -> None:
    """Other products write `@timestamp` and the like; none of our signs for kinds is meant by it."""
    plan = plan_of(sigma(f"sel:\n  {line}\ncondition: sel"))
    time = datetime(2021, 3, 3, 3, tzinfo=UTC)
    assert is_matched(plan, "event", event("System", 1, {"a": "x", "@other": "x"}, time=time)) == [said]


CONDITIONS: Sequence[tuple[str, list[str], list[str]]] = [
    # Rows are named by the letters of the fields that they have.
    ("sa", ["a", "ab"], ["", "b"]),
    ("sa and sb", ["ab"], ["a", "b"]),
    ("sa or sb", ["a", "b"], ["", "c"]),
    ("not sa", ["", "b"], ["a"]),
    ("sa and not sb", ["a", "ac"], ["ab", ""]),
    ("not (sa or sb)", ["", "c"], ["a", "b"]),
    ("sa or sb and sc", ["a", "bc"], ["b", "c"]),
    ("(sa or sb) and sc", ["ac", "bc"], ["a", "c"]),
    ("1 of them", ["a", "b", "c"], ["", "h"]),
    ("any of them", ["a"], ["", "h"]),
    ("all of them", ["abc"], ["ab", "h"]),
    ("1 of s*", ["a", "b"], [""]),
    ("all of s*", ["abc"], ["ac"]),
    ("all of s* and not _hidden", ["abc"], ["abch"]),
    ("sa and not 1 of s*b", ["a"], ["ab"]),
    ("not all of s*", ["", "ab"], ["abc"]),
    ("not 1 of them", ["", "h"], ["a"]),
    ("[sa, sb]", ["a", "b"], ["c"]),
]
SELECTIONS = "sa: {a: x}\nsb: {b: x}\nsc: {c: x}\n_hidden: {h: x}\n"


@pytest.mark.parametrize(
    ("condition", "matched", "others"), CONDITIONS, ids=[entry[0] for entry in CONDITIONS]
)
def test_conditions(condition: str, matched: list[str], others: list[str]) -> None:
    plan = plan_of(sigma(f"{SELECTIONS}condition: {condition}"))
    rows = [event("System", 1, dict.fromkeys(letters, "x")) for letters in (*matched, *others)]
    assert is_matched(plan, "event", *rows) == [True] * len(matched) + [False] * len(others)


DETECTIONS: Sequence[tuple[str, str, list[Any], list[Any]]] = [
    ("a mapping: all of its fields", "s: {a: x, b: y}", [{"a": "x", "b": "y"}], [{"a": "x"}, {"b": "y"}]),
    ("a list of mappings: any", "s: [{a: x}, {b: y}]", [{"a": "x"}, {"b": "y"}], [{"a": "y"}]),
    ("keywords: anywhere in a text", "s: [mimi, katz]", [{"z": "MIMIx"}, [(None, "xkatz")]], [{"mimi": "x"}]),
    ("a keyword with a star", "s: ['mi*tz']", [{"z": "xmimikatzx"}], [{"z": "mimi"}]),
    ("all keywords, in whatever texts", "s: {'|all': [mimi, katz]}", [{"a": "mimi", "b": "katz"}], [{"a": "mimi"}]),
    ("a keyword that is a number", "s: [4711]", [{"z": "x4711x"}], [{"z": "47"}]),
    ("a keyword that is an expression", "s: {'|re': ['mi+k']}", [{"z": "xmiiikx"}], [{"z": "mk"}]),
    ("a keyword in a column", "s: [ex01]", [{}], []),
    ("several values of one name: any", "s: {a: x}", [[("a", "y"), ("a", "x")]], [[("a", "y"), ("a", "z")]]),
    ("several values and a not: none", "s: {a|neq: x}", [[("a", "y"), ("a", "z")]], [[("a", "y"), ("a", "x")]]),
    ("all of, over values of one name", "s: {a|contains|all: [x, y]}", [[("a", "x"), ("a", "y")]], [[("a", "x")]]),
    ("no fields: nothing is asked, everything matches", "s: {a: []}", [{}], [{"a": "x"}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("detection", "matched", "others"), [d[1:] for d in DETECTIONS], ids=[d[0] for d in DETECTIONS]
)
def test_detections(detection: str, matched: list[Any], others: list[Any]) -> None:
    plan = plan_of(sigma(f"{detection}\ncondition: s"))
    rows = [event("System", 1, data, Computer="EX01") for data in (*matched, *others)]
    assert is_matched(plan, "event", *rows) == [True] * len(matched) + [False] * len(others)


COLUMNS: Sequence[tuple[str, dict[str, Any], bool]] = [
    ("HttpStatus: 200", {"HttpStatus": 200}, True),
    ("HttpStatus: '200'", {"HttpStatus": 200}, True),
    ("HttpStatus|startswith: '2'", {"HttpStatus": 200}, True),
    ("HttpStatus|gte: 400", {"HttpStatus": 401}, True),
    ("HttpStatus: null", {"HttpStatus": None}, True),
    ("httpstatus: 200", {"HttpStatus": 200}, True),
    ("IsAuthenticated: true", {"IsAuthenticated": True}, True),
    ("IsAuthenticated: 'False'", {"IsAuthenticated": False}, True),
    ("Took|gt: 1.2", {"Took": 1.25}, True),
    ("AuthenticatedUser: [null, '']", {"AuthenticatedUser": ""}, True),
    ("Later: x", {"unmapped": [{"name": "Later", "value": "x"}]}, True),
]


@pytest.mark.parametrize(("line", "row", "said"), COLUMNS, ids=[entry[0] for entry in COLUMNS])
def test_columns_of_a_text_log(line: str, row: dict[str, Any], said: bool) -> None:
    plan = plan_of(sigma(f"sel:\n  {line}\ncondition: sel", "{product: exchange, service: http_proxy}"))
    assert is_matched(plan, "http_proxy", row) == [said]
