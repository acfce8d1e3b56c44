"""The timeline that Timesketch imports."""

import json
from datetime import datetime, timedelta

from postvakt import report
from tests.report import hostile, values
from tests.report.parts import SSRF, finding, sample

render = report.FORMATS["timeline"].render


def rows(made):
    return [json.loads(line) for line in render(made).decode("utf-8").split("\n")[:-1]]


def test_each_row_has_what_the_importer_demands():
    for made in (values.EVERY_OUTCOME, values.report(hostile.HOST)):
        told = rows(made)
        assert told
        for row in told:
            assert row["message"]
            assert row["timestamp_desc"]
            assert datetime.fromisoformat(row["datetime"]).utcoffset() == timedelta(0)


def test_rows_stand_in_the_order_of_time():
    times = [row["datetime"] for row in rows(values.EVERY_OUTCOME)]
    assert times == sorted(times)


def test_each_dated_record_is_a_row_with_its_own_fields():
    told = [
        r for r in rows(values.report(values.host(findings=(SSRF,)))) if r["data_type"] == "postvakt:finding"
    ]
    assert len(told) == len(SSRF.sample)
    assert told[0]["row_ClientIpAddress"] == "203.0.113.77"
    assert told[0]["locator"] == "line 117"
    assert told[0]["finding"] == SSRF.id


def test_a_row_without_a_time_is_left_out():
    made = finding("undated", sample=(sample(time=None), sample(1)))
    told = [
        r for r in rows(values.report(values.host(findings=(made,)))) if r["data_type"] == "postvakt:finding"
    ]
    assert len(told) == 1


def test_a_field_of_evidence_takes_no_place_of_ours():
    made = finding("odd", sample=(sample(fields={"message": "forged", "datetime": "1999-01-01"}),))
    (told,) = [r for r in rows(values.report(values.host(findings=(made,)))) if r.get("row_message")]
    assert told["row_message"] == "forged"
    assert told["datetime"].startswith("2021")


def test_the_story_stands_between_the_records():
    steps = [row for row in rows(values.ONE) if row["data_type"] == "postvakt:step"]
    assert steps
    assert steps[0]["party"]


def test_what_was_read_and_where_it_is_silent_stands_in_it():
    told = rows(values.ONE)
    described = {row["timestamp_desc"] for row in told if row["data_type"] == "postvakt:coverage"}
    assert described == {"First record", "Last record", "Begin of a hole"}


def test_the_first_row_counts_what_has_no_time():
    made = finding("undated", sample=(sample(time=None), sample(1)))
    (window,) = [
        r for r in rows(values.report(values.host(findings=(made,)))) if r["data_type"] == "postvakt:window"
    ]
    assert "1 rows without a time" in window["message"]
    (alone,) = rows(values.report())
    assert "no host was recognised" in alone["message"]
