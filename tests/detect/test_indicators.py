"""What a STIX indicator reaches: every column of its kind in every table, today's and tomorrow's."""

from datetime import datetime
from typing import Any

import pytest

from postvakt.detect import explain

from .asking import Row, event, indicator, is_matched, plan_of
from .tables import BY_NAME, TABLES

IP = "[ipv4-addr:value = '203.0.113.7']"
SHA = "a" * 64
REQUEST = "network-traffic:extensions.'http-request-ext'"
BOTH = "[ipv4-addr:value = '203.0.113.7' AND"
CONTROL_SET = {"key": "HKLM\\ControlSet002\\x"}
SEEN = {"c-ip": "203.0.113.7"}

REACHED: list[tuple[str, str, Row, bool]] = [
    # An address, however the log writes it.
    (IP, "iis", {"c-ip": "203.0.113.7"}, True),
    (IP, "iis", {"c-ip": "203.0.113.70"}, False),
    (IP, "iis", {"cs-uri-stem": "203.0.113.7"}, False),
    (IP, "http_proxy", {"ClientIpAddress": "::ffff:203.0.113.7"}, True),
    (IP, "http_proxy", {"ClientIpAddress": "[::ffff:203.0.113.7]:443"}, True),
    (IP, "http_proxy", {"ClientIpAddress": "203.0.113.7:50123"}, True),
    (IP, "event", event("Security", 4624, {"IpAddress": "203.0.113.7"}), True),
    (IP, "event", event("Security", 4624, {"WorkstationName": "203.0.113.7"}), False),
    (IP, "file", {"name": "203.0.113.7"}, False),
    ("[ipv4-addr:value = '203.0.113.0/24']", "iis", {"c-ip": "203.0.113.200"}, True),
    ("[ipv4-addr:value ISSUBSET '203.0.113.0/24']", "iis", {"c-ip": "203.0.114.1"}, False),
    ("[ipv6-addr:value ISSUBSET '2001:db8::/32']", "iis", {"c-ip": "2001:db8::1%4"}, True),
    ("[ipv6-addr:value = '2001:DB8:0:0::1']", "iis", {"c-ip": "2001:db8::1"}, True),
    ("[network-traffic:src_ref.value = '203.0.113.7']", "iis", {"c-ip": "203.0.113.7"}, True),
    ("[network-traffic:dst_ref.value = 'evil.example']", "http_proxy", {"UrlHost": "evil.example"}, True),
    # A name, alone or in a link.
    ("[domain-name:value = 'evil.example']", "http_proxy", {"UrlHost": "EVIL.example.:443"}, True),
    ("[domain-name:value = 'evil.example']", "http_proxy", {"UrlHost": "notevil.example"}, False),
    ("[domain-name:value = 'evil.example']", "iis", {"cs(Referer)": "https://u@evil.example:8443/x?y"}, True),
    ("[domain-name:value = 'evil.example']", "event", event("x", 22, {"QueryName": "evil.example"}), True),
    ("[domain-name:value = 'evil.example']", "file", {"links": ["a.example", "evil.example"]}, True),
    ("[domain-name:value LIKE '%.evil.example']", "http_proxy", {"UrlHost": "x.evil.example"}, True),
    ("[url:value = 'https://evil.example/x']", "iis", {"cs(Referer)": "https://evil.example/x"}, True),
    (f"[{REQUEST}.request_value = '/x.aspx']", "iis", {"cs-uri-stem": "/X.aspx"}, True),
    # An agent, with the plus signs that IIS writes.
    (f"[{REQUEST}.request_header.'User-Agent' = 'anti agent']", "iis", {"cs(User-Agent)": "anti+agent"}, True),
    (f"[{REQUEST}.request_header.'User-Agent' LIKE 'anti%']", "iis", {"cs(User-Agent)": "Anti+Agent"}, True),
    # Files: name, path, folder, hash.
    ("[file:name = 'x.aspx']", "file", {"name": "X.ASPX"}, True),
    ("[file:name = 'x.aspx']", "file", {"path": "c:/inetpub/x.aspx"}, True),
    ("[file:name = 'x.aspx']", "iis", {"cs-uri-stem": "/owa/auth/x.aspx"}, True),
    ("[file:name = 'x.aspx']", "iis", {"cs-uri-stem": "/owa/auth/xx.aspx"}, False),
    ("[file:name = 'x.exe']", "event", event("x", 1, {"Image": "C:\\Temp\\x.exe"}), True),
    (r"[file:path = 'C:\\inetpub\\x.aspx']", "file", {"path": "c:/inetpub/x.aspx"}, True),
    ("[file:path = 'C:/inetpub/x.aspx']", "event", event("x", 11, {"TargetFilename": "C:\\inetpub\\x.aspx"}), True),
    (r"[directory:path = 'C:\\root']", "file", {"path": "c:/root/lsass.dmp"}, True),
    (r"[directory:path = 'C:\\root\\']", "file", {"path": "c:/root/lsass.dmp"}, True),
    (r"[directory:path = 'C:\\root']", "file", {"path": "c:/root2/lsass.dmp"}, False),
    (r"[file:name = 'x.exe' AND file:parent_directory_ref.path = 'C:\\Temp']", "file", {"path": "c:/temp/x.exe"}, True),
    (r"[file:name = 'x.exe' AND file:parent_directory_ref.path = 'C:\\Temp']", "file", {"path": "c:/tmp/x.exe"}, False),
    (f"[file:hashes.'SHA-256' = '{SHA}']", "file", {"sha256": SHA.upper()}, True),
    (f"[file:hashes.'SHA-256' = '{SHA}']", "event", event("x", 1, {"Hashes": f"MD5=00,SHA256={SHA}"}), True),
    (f"[process:image_ref.hashes.SHA256 = '{SHA}']", "file", {"sha256": SHA}, True),
    # Registry, commands, people.
    (r"[windows-registry-key:key = 'HKEY_LOCAL_MACHINE\\Soft']", "registry_value", {"key": "HKLM\\Soft"}, True),
    (r"[windows-registry-key:key = 'HKLM\\CurrentControlSet\\x']", "registry_value", CONTROL_SET, True),
    (r"[windows-registry-key:values[*].name = 'v']", "registry_value", {"name": "V"}, True),
    ("[process:command_line MATCHES '(?i)a.+b']", "event", event("x", 1, {"CommandLine": "A xB"}), True),
    ("[process:command_line LIKE '%lsass%']", "event", event("x", 1, {"CommandLine": "procdump LSASS"}), True),
    ("[process:command_line LIKE 'a_c']", "event", event("x", 1, {"CommandLine": "a%c"}), True),
    ("[process:name = 'x.exe']", "event", event("x", 1, {"Image": "C:\\x.exe"}), True),
    ("[user-account:account_login = 'eve']", "iis", {"cs-username": "CORP\\Eve"}, True),
    ("[user-account:account_login = 'eve']", "event", event("x", 4624, {"TargetUserName": "eve"}), True),
    ("[email-addr:value = 'eve@x.example']", "registry_value", {"mail": "Eve@x.example"}, True),
    # Joining and taking away.
    ("[ipv4-addr:value IN ('203.0.113.7', '203.0.113.8')]", "iis", {"c-ip": "203.0.113.8"}, True),
    ("[ipv4-addr:value = '203.0.113.7' OR url:value = 'x']", "iis", {"cs(Referer)": "x"}, True),
    (f"{BOTH} url:value = 'x']", "iis", {"cs(Referer)": "x"}, False),
    (f"{BOTH} url:value = 'x']", "iis", {**SEEN, "cs(Referer)": "x"}, True),
    ("[ipv4-addr:value = '203.0.113.7'] OR [url:value = 'x']", "iis", {"cs(Referer)": "x"}, True),
    ("([ipv4-addr:value = '203.0.113.7'] OR [url:value = 'x'])", "iis", {"c-ip": "203.0.113.7"}, True),
    (f"{BOTH} url:value != 'x']", "iis", {**SEEN, "cs(Referer)": "x"}, False),
    (f"{BOTH} url:value NOT = 'x']", "iis", {**SEEN, "cs(Referer)": "y"}, True),
    (f"{BOTH} (url:value = 'x' OR url:value = 'y')]", "iis", {**SEEN, "cs(Referer)": "y"}, True),
    (r"[url:value = 'it\'s']", "iis", {"cs(Referer)": "it's"}, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "table", "row", "said"),
    REACHED,
    ids=[f"{n}: {r[0]} in {r[1]}" for n, r in enumerate(REACHED)],
)
def test_what_a_pattern_reaches(pattern: str, table: str, row: Row, said: bool) -> None:
    plan = plan_of(indicator(pattern))
    assert plan.not_asked == ()
    assert is_matched(plan, table, row) == [said]


def test_an_address_reaches_every_column_of_addresses_of_every_table() -> None:
    plan = plan_of(indicator(IP))
    for spec in TABLES:
        for name in spec.of_kind("ip"):
            assert is_matched(plan, spec.name, {name: "203.0.113.7"}) == [True]
    assert {route.table for route in plan.asked[0].routes} == {"iis", "http_proxy", "event"}


VALID: list[tuple[dict[str, str], str, str]] = [
    ({}, "2021-03-03T00:00:00Z", ""),
    ({"valid_from": "2021-03-01T00:00:00Z"}, "2021-03-03T00:00:00Z", ""),
    ({"valid_from": "2021-04-01T00:00:00Z"}, "2021-03-03T00:00:00Z", "valid from 2021-04-01"),
    ({"valid_until": "2021-02-01T00:00:00Z"}, "2021-03-03T00:00:00Z", "valid until 2021-02-01"),
]  # fmt: skip


@pytest.mark.parametrize(("valid", "time", "said"), VALID)
def test_outside_its_time_an_indicator_matches_and_says_so(
    valid: dict[str, str], time: str, said: str
) -> None:
    plan = plan_of(indicator(IP, **valid))
    row = {"c-ip": "203.0.113.7", "time": datetime.fromisoformat(time)}
    assert is_matched(plan, "iis", row) == [True]
    told = explain(plan, "indicator--1", BY_NAME["iis"], row)
    assert said in told.summary
    assert ("valid" in told.summary) == bool(said)


SAID: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"level": "medium", "confidence": "medium", "stage": "", "kind": "indicator"}),
    ({"indicator_types": ["malicious-activity"]}, {"level": "high"}),
    ({"indicator_types": ["anomalous-activity"], "labels": ["level:critical"]}, {"level": "critical"}),
    ({"confidence": 85}, {"confidence": "high"}),
    ({"confidence": 10}, {"confidence": "low"}),
    ({"description": "a scanner"}, {"means": "a scanner"}),
    (
        {"external_references": [{"source_name": "cve", "external_id": "cve-2021-26855"}]},
        {"cves": ("CVE-2021-26855",)},
    ),
    (
        {"external_references": [{"source_name": "mitre-attack", "external_id": "T1190"}]},
        {"techniques": ("T1190",)},
    ),
    ({"x_postvakt": {"stage": "shell-used"}}, {"stage": ""}),
]


@pytest.mark.parametrize(("more", "said"), SAID)
def test_what_an_indicator_says_of_itself(more: dict[str, Any], said: dict[str, Any]) -> None:
    (rule,) = plan_of(indicator(IP, **more)).rules
    assert {name: getattr(rule, name) for name in said} == said


def test_only_our_own_indicators_carry_a_stage() -> None:
    (rule,) = plan_of(indicator(IP, x_postvakt={"stage": "shell-used", "next": "look"}), origin="own").rules
    assert (rule.stage, rule.next) == ("shell-used", "look")
