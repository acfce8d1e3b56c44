"""Each indicator against a row made of its own pattern, and against that row's neighbours."""

import json
import re
import uuid

import pytest

from postvakt.content import library, stix
from tests.content.proofs import ROOT, explained, matched

VALUE = re.compile(r"'((?:[^'\\]|\\.)*)'\s*(?:AND|OR|\)|\]|$)")
CLEAR = "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"
BUNDLES = [
    json.loads(library.text(file, path).text) for path, file in library.files(ROOT, "indicators", ".json")
]
INDICATORS = [
    indicator for bundle in BUNDLES for indicator in bundle["objects"] if indicator["type"] == "indicator"
]


def values(indicator):
    return [value.replace("\\\\", "\\") for value in VALUE.findall(indicator["pattern"])]


def hash_rows(indicator):
    for value in values(indicator):
        other = value[:-1] + ("0" if value[-1] != "0" else "1")
        yield "file", {"path": "c:/x", "sha256": value}, [{"path": "c:/x", "sha256": other}]
        yield (
            "event",
            {"Channel": "x", "EventData": [{"name": "Hashes", "value": f"IMPHASH=00,MD5={value.upper()}"}]},
            [{"Channel": "x", "EventData": [{"name": "Hashes", "value": f"MD5={other}"}]}],
        )


def placed_rows(indicator):
    name, folder = (value.lower().replace("\\", "/") for value in values(indicator))
    yield "file", file_row(folder, name), [file_row(folder + "/x", name), file_row(folder, "x" + name)]


def file_row(folder, name):
    return {"path": f"{folder}/{name}", "folder": folder, "name": name, "extension": name.rpartition(".")[2]}


def address_rows(indicator):
    (value,) = values(indicator)
    other = value + "1" if len(value.rpartition(".")[2]) < 3 else value[:-1]
    yield "http_proxy", {"ClientIpAddress": value}, [{"ClientIpAddress": other}]
    yield "iis", {"c-ip": value, "s-ip": "192.0.2.1"}, [{"c-ip": other, "s-ip": "192.0.2.1"}]


def domain_rows(indicator):
    (value,) = values(indicator)
    yield "event", query(value), [query("x" + value), query(value + ".example")]


def query(name):
    return {
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "EventID": 22,
        "EventData": [{"name": "QueryName", "value": name}],
    }


def agent_rows(indicator):
    *agents, where = values(indicator)
    path = where.replace("%", "/x.js").replace("//", "/")
    for agent in agents:
        yield (
            "iis",
            {"cs(User-Agent)": agent.replace(" ", "+"), "cs-uri-stem": path},
            [
                {"cs(User-Agent)": agent.replace(" ", "+"), "cs-uri-stem": "/mapi/emsmdb/"},
                {"cs(User-Agent)": "x" + agent.replace(" ", "+"), "cs-uri-stem": path},
            ],
        )
        yield "http_proxy", {"UserAgent": agent, "UrlStem": path}, [{"UserAgent": agent, "UrlStem": "/owa/"}]


ROWS = (
    ("[file:hashes", hash_rows),
    ("[file:name", placed_rows),
    ("[ipv4-addr:", address_rows),
    ("[domain-name:", domain_rows),
    ("[(network-traffic:", agent_rows),
)
CASES = [
    pytest.param(indicator, table, own, others, id=f"{indicator['name']}-{table}-{position}")
    for indicator in INDICATORS
    for start, rows in ROWS
    if indicator["pattern"].startswith(start)
    for position, (table, own, others) in enumerate(rows(indicator))
]


def test_every_indicator_is_tried():
    assert {case.values[0]["id"] for case in CASES} == {indicator["id"] for indicator in INDICATORS}


@pytest.mark.parametrize(("indicator", "table", "own", "others"), CASES)
def test_own_row(indicator, table, own, others):
    assert explained(indicator["id"], table, own)
    assert indicator["id"] in matched(table, own)


@pytest.mark.parametrize(("indicator", "table", "own", "others"), CASES)
def test_neighbours(indicator, table, own, others):
    assert [other for other in others if explained(indicator["id"], table, other)] == []
    assert [other for other in others if indicator["id"] in matched(table, other)] == []


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator["name"])
def test_form(indicator):
    assert uuid.UUID(indicator["id"].removeprefix("indicator--")).version == 5
    assert indicator["object_marking_refs"] == [CLEAR]
    assert 0 <= indicator["confidence"] <= 100
    assert indicator["labels"][0].startswith("level:")
    assert indicator["valid_until"] > indicator["valid_from"] if "valid_until" in indicator else True


def test_bundles_are_written_one_way():
    written = [
        (path, library.data(file, path).decode()) for path, file in library.files(ROOT, "indicators", ".json")
    ]
    again = [
        (path, json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        for path, text in written
    ]
    assert again == written


def test_no_id_stands_in_two_bundles():
    assert len({indicator["id"] for indicator in INDICATORS}) == len(INDICATORS)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("file:hashes.'SHA-256'", "ab" * 31),
        ("file:hashes.'SHA-256'", "G" + "a" * 63),
        ("file:hashes.'SHA-1'", "a" * 41),
        ("file:hashes.MD5", "A" * 32),
        ("ipv4-addr:value", "5.2.69"),
        ("ipv4-addr:value", "5.2.69.300"),
        ("domain-name:value", "p.estonine"[:1]),
        ("file:name", ""),
    ],
)
def test_malformed_value(path, value):
    assert stix.value_fault(path, value)
