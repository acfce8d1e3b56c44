"""The STIX bundle: what an importer makes of it, and what must not be in it."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
import stix2
from stix2patterns.validator import run_validator

from postvakt import report
from postvakt.model.report import Acknowledgement
from tests.report import hostile, values
from tests.report.parts import KNOWN, SHELL, SSRF, digest, finding, sample

render = report.FORMATS["stix"].render
EVERY = {
    "every outcome": values.EVERY_OUTCOME,
    "hostile": values.report(hostile.HOST),
    "no host": values.report(),
    "clear": values.report(values.CLEAR),
}


def objects(made, kind=""):
    return [one for one in json.loads(render(made))["objects"] if one["type"].startswith(kind)]


@pytest.mark.parametrize("name", EVERY)
def test_the_library_reads_it_strictly(name):
    read = stix2.parse(render(EVERY[name]).decode(), allow_custom=False)
    assert {one.type for one in read.objects} >= {"marking-definition", "identity", "report"}
    assert all(run_validator(one.pattern, "2.1") == [] for one in read.objects if one.type == "indicator")


@pytest.mark.parametrize("name", EVERY)
def test_every_reference_is_in_the_bundle_and_the_report_names_all(name):
    made = objects(EVERY[name])
    ids = {one["id"] for one in made}
    assert len(ids) == len(made)
    named = {ref for one in made for key, value in one.items() if key.endswith(("_ref", "_refs"))
             for ref in ([value] if isinstance(value, str) else value)}  # fmt: skip
    assert named <= ids
    (told,) = [one for one in made if one["type"] == "report"]
    assert set(told["object_refs"]) == ids - {told["id"]} - {i for i in ids if i.startswith("marking")}


def test_everything_carries_the_marking_of_the_report():
    for tlp, word in (("amber", "TLP:AMBER"), ("red", "TLP:RED"), ("unheard of", "TLP:RED")):
        made = objects(values.report(values.host(), tlp=tlp))
        (marking,) = [one for one in made if one["type"] == "marking-definition"]
        assert marking["name"] == word
        assert all(one["object_marking_refs"] == [marking["id"]] for one in made if one is not marking)


def test_a_finding_is_sighted_by_technique_where_it_was():
    made = {one["id"]: one for one in objects(values.report(values.host(findings=(SSRF,))))}
    (seen,) = [
        one
        for one in made.values()
        if one["type"] == "sighting" and one["sighting_of_ref"].startswith("attack-pattern")
    ]
    assert made[seen["sighting_of_ref"]]["name"] == "T1190"
    assert made[seen["where_sighted_refs"][0]]["name"] == "EX01"
    assert (seen["count"], seen["first_seen"]) == (214, "2021-03-02T05:12:09.481Z")
    (observed,) = seen["observed_data_refs"]
    assert made[observed]["number_observed"] == 214
    told = [made[ref] for ref in made[observed]["object_refs"]]
    assert {"203.0.113.77", "HttpProxy_2021030205-1.LOG"} == {one.get("value") or one["name"] for one in told}


def test_a_file_of_an_intruder_is_an_indicator_and_one_that_is_only_context_is_none():
    row = sample(table="file", fields={"path": "C/inetpub/wwwroot/x.aspx", "sha256": digest("x").upper()})
    drive = msgspec.structs.replace(
        row, fields={"path": "c:/inetpub/wwwroot/x.aspx", "sha256": digest("x").upper()}
    )
    left = finding("left", stage="file-written", sample=(drive,))
    indicators = objects(values.report(values.host(findings=(left,))), "indicator")
    assert f"[file:hashes.'SHA-256' = '{digest('x')}']" in [one["pattern"] for one in indicators]
    context = finding("left", stage="context", sample=(drive,))
    patterns = [
        one["pattern"] for one in objects(values.report(values.host(findings=(context,))), "indicator")
    ]
    assert not [pattern for pattern in patterns if pattern.startswith("[file:")]


def test_what_a_person_put_aside_and_a_scan_are_left_out():
    put_aside = msgspec.structs.replace(
        SHELL,
        acknowledged=Acknowledgement(by="A. Person", at=datetime(2021, 3, 9, tzinfo=UTC), reason="ours"),
    )
    scan = finding("scan", stage="authorised-scan", techniques=("T1595.002",))
    made = values.report(values.host(findings=(put_aside, scan, KNOWN)))
    names = {one["name"] for one in objects(made, "attack-pattern")}
    assert not names & {"T1505.003", "T1595.002"}


def test_a_finding_without_a_time_has_no_observed_data_and_is_counted():
    undated = finding("late", first=None, last=None, sample=(sample(time=None),))
    made = values.report(values.host(findings=(undated,)))
    assert objects(made, "observed-data") == []
    assert objects(made, "sighting")
    assert "1 findings without a time" in objects(made, "report")[0]["description"]


def test_nobody_is_named_as_an_actor():
    kinds = {one["type"] for one in objects(values.EVERY_OUTCOME)}
    assert not kinds & {"threat-actor", "intrusion-set", "campaign", "relationship"}
