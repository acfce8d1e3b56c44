"""The layer of the ATT&CK Navigator."""

import json

from postvakt import report
from postvakt.report.navigator_form import COLOURS, UNSEEN_COLOUR
from tests.report import hostile, values
from tests.report.parts import SSRF, finding

render = report.FORMATS["navigator"].render


def layer(*hosts):
    made = json.loads(render(values.report(*hosts)))
    return made, {one["techniqueID"]: one for one in made["techniques"]}


def test_it_is_a_layer_of_the_version_that_it_says():
    made, _ = layer(values.host())
    assert made["versions"]["layer"] == "4.5"
    assert made["domain"] == "enterprise-attack"
    assert (made["gradient"]["minValue"], made["gradient"]["maxValue"]) == (1, 5)


def test_the_score_is_the_gravest_level_and_the_comment_names_hosts_and_findings():
    weak = finding("weak", level="low", techniques=("t1190",))
    _, told = layer(values.host(findings=(SSRF,)), values.host("EX02", findings=(weak,)))
    cell = told["T1190"]
    assert (cell["score"], cell["color"]) == (5, COLOURS["critical"])
    assert SSRF.title in cell["comment"]
    assert {"EX01: ", "EX02: "} == {line[:6] for line in cell["comment"].splitlines()}
    assert cell["metadata"][0] == {"name": "hosts", "value": "EX01, EX02"}


def test_what_was_not_read_is_grey_and_says_where():
    _, told = layer(values.NOT_EXAMINED)
    assert told["T1190"]["color"] == UNSEEN_COLOUR
    assert "score" not in told["T1190"]
    assert {"name": "not visible on EX05", "value": "iis was not read"} in told["T1190"]["metadata"]


def test_a_technique_that_was_found_still_says_where_it_could_not_be_seen():
    _, told = layer(values.host(findings=(SSRF,)), values.NOT_EXAMINED)
    assert told["T1190"]["score"] == 5
    assert "not visible on EX05" in [one["name"] for one in told["T1190"]["metadata"]]


def test_a_tag_that_is_no_technique_makes_no_cell():
    made, told = layer(hostile.HOST)
    assert all(name[:1] == "T" and name[1:5].isdigit() for name in told)
    assert len(told) == len(made["techniques"])


def test_a_fleet_is_cut_and_counted():
    many = [values.host(f"EX{n:03d}", findings=(SSRF,), coverage=()) for n in range(40)]
    _, told = layer(*many)
    assert told["T1190"]["comment"].splitlines()[-1] == "and 28 more findings"
    assert told["T1190"]["metadata"][-1] == {"name": "not visible", "value": "on 68 more places"}
