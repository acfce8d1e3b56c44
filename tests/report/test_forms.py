"""The forms that are written when asked: a workbook of our own, the incident draft, the attestation, OSCAL."""

import io
import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec
import openpyxl
import pytest

from postvakt import report
from postvakt.model.form import QUESTIONS
from postvakt.model.report import AnswerRow, Report, Said
from postvakt.report import html_form, oscal_form, workbook_form
from tests.report import hostile, values
from tests.report.oscal_subset import SUBSET
from tests.report.pages import read
from tests.report.parts import KNOWN, SHELL, at

CASES: dict[str, Report] = {
    "one": values.ONE,
    "every": values.EVERY_OUTCOME,
    "hostile": hostile.HOSTILE,
    "nobody": values.report(),
}
ASKED = ("workbook", "incident", "attestation", "oscal")


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Report:
    return CASES[request.param]


def test_written_only_when_asked() -> None:
    kept = [name for name, form in report.FORMATS.items() if form.kept]
    assert kept == ["html", "json", "md", "csv"]
    assert set(ASKED) <= {*report.FORMATS} - {*kept}


def cells(made: Report) -> dict[str, list[list[Any]]]:
    """Return the rows of each sheet of our own workbook, without the empty ones."""
    book = openpyxl.load_workbook(io.BytesIO(workbook_form.render(made)))
    return {sheet.title: [[c.value for c in row] for row in sheet.iter_rows(min_row=4)] for sheet in book}


def test_workbook_has_one_row_a_server() -> None:
    made = cells(values.EVERY_OUTCOME)
    head, *rows = made["Servers"]
    assert head == ["Verdict", *(one.asks for one in QUESTIONS if one.of == "server")]
    assert [row[1] for row in rows] == ["EX01", "EX06", "EX04", "EX05", "EX02", "EX03"]
    triaged = head.index("Were memory, web logs, event logs and all registry hives collected and triaged?")
    assert {row[triaged][:28] for row in rows} == {"Unknown - not read: memory, "}


def test_workbook_names_its_basis() -> None:
    rows = cells(values.ONE)["Basis"]
    assert [
        "Evidence",
        "handed-in/EX01.zip",
        values.ONE.evidence[0].sha256,
        1734882113,
        "KAPE collection",
        "EX01",
    ] in rows
    assert ["Rules and other content", "2,412 rules asked", values.ONE.content] in [row[:3] for row in rows]


def test_workbook_holds_no_formula(case: Report) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook_form.render(case)))
    held = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert held
    assert {cell.data_type for cell in held} <= {"s", "n"}
    assert not [cell for cell in held if str(cell.value).startswith(("=", "+", "-", "@", "\t"))]


@pytest.mark.parametrize("name", ["#N/A", "#REF!", "=1", "TRUE", "12"])
def test_workbook_shows_a_name_as_text(name: str) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(workbook_form.render(values.report(values.host(name)))))[
        "Servers"
    ]
    assert sheet["B5"].data_type == "s"
    assert sheet["B5"].value.endswith(name)


def test_workbook_has_no_time_of_its_own() -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook_form.render(values.ONE)))
    assert {book.properties.created, book.properties.modified} == {values.ONE.window.end.replace(tzinfo=None)}


def incident(made: Report) -> str:
    return report.FORMATS["incident"].render(made).decode()


def test_incident_is_a_draft_with_its_mark(case: Report) -> None:
    told = incident(case)
    assert told.count("**DRAFT · ") == 2
    assert "# DRAFT incident report" in told


@pytest.mark.parametrize(
    "told",
    [
        "**DRAFT · TLP:AMBER**",
        "- First sign: 2021-03-02 05:12Z",
        "- `203.0.113.77` on `EX01`, 2021-03-02 05:12Z to 05:40Z",
        "- `/aspnet_client/discover.aspx` on `EX01`",
        "**Critical**, file written: ",
        "Not read: memory, event logs, registry hives.",
        "**Unknown**: The servers are disconnected (`3.a`)",
        "- Number of the ticket: \\[to be filled\\]",
    ],
)
def test_incident_says(told: str) -> None:
    assert told in incident(values.ONE)


def test_incident_leaves_out_what_was_put_aside() -> None:
    aside = msgspec.structs.replace(SHELL, acknowledged=KNOWN.acknowledged)
    assert SHELL.title in incident(values.report(values.host(findings=(SHELL,))))
    assert SHELL.title not in incident(values.report(values.host(findings=(aside,), questions=())))
    assert KNOWN.title not in incident(values.ONE)


def test_incident_tells_who_did_what() -> None:
    said = Said(
        state="met", words="Unplugged from both networks", by="T. Okafor", at=at("2021-03-04T10:00:00")
    )
    row = AnswerRow(
        requirement="3.a", title="The servers are disconnected", state="met", basis="x", said=(said,)
    )
    told = incident(values.report(values.host(answers=(row,))))
    assert (
        "**Met**: The servers are disconnected (`3.a`): T. Okafor, 2021-03-04 10:00Z: Unplugged from both"
        in told
    )


def test_attestation_obeys_no_script(case: Report) -> None:
    page = read(report.FORMATS["attestation"].render(case))
    (policy,) = [each for each in page.find("meta") if "http-equiv" in each.attributes]
    (style,) = page.find("style")
    assert policy.attributes["content"] == html_form.policy(style.text)
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert "script" not in policy.attributes["content"]
    assert not page.find("script", "link", "iframe", "img", "form", "object")
    assert not [
        each for each in page.all() if set(each.attributes) & {"src", "href", "style", "onclick", "onload"}
    ]


def test_attestation_says_what_is_not_known() -> None:
    text = read(report.FORMATS["attestation"].render(values.ONE)).text
    for told in (
        "Was mail taken, or were data destroyed? Cannot be answered: ews was not read",
        "What happened before 2021-02-27 03:00Z nobody can tell",
        "not read: memory",
        values.ONE.evidence[0].sha256,
        values.ONE.content,
        "Statement of the Chief Information Officer or equivalent",
    ):
        assert told in text


def test_attestation_tells_every_requirement_with_its_state() -> None:
    rows = [
        row
        for row in read(report.FORMATS["attestation"].render(values.ONE)).find("tr")
        if row.find("td", "th")
    ]
    told = [" ".join(row.text.split()) for row in rows]
    for answer in values.ONE.hosts[0].answers:
        assert any(answer.requirement in line and answer.basis in line for line in told)


def oscal(made: Report) -> dict[str, Any]:
    return json.loads(report.FORMATS["oscal"].render(made))


def test_oscal_keeps_to_the_subset(case: Report) -> None:
    jsonschema.Draft202012Validator(SUBSET).validate(oscal(case))


def test_oscal_keeps_to_the_models_of_its_schema(case: Report) -> None:
    models = pytest.importorskip(
        "trestle.oscal.assessment_results",
        reason="compliance-trestle is not installed: it holds OSCAL's models",
    )
    assert models.Model(**oscal(case)).assessment_results.metadata.title


@pytest.mark.parametrize(
    "place",
    [
        ("uuid",),
        ("metadata", "oscal-version"),
        ("results", 0, "findings", 0, "target", "status"),
        ("results", 0, "start"),
    ],
)
def test_the_subset_refuses_what_lacks(place: tuple[str | int, ...]) -> None:
    made = oscal(values.ONE)
    held = made["assessment-results"]
    for step in place[:-1]:
        held = held[step]
    del held[place[-1]]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SUBSET).validate(made)


def _all(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from _all(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _all(inner)


@pytest.mark.parametrize("name", ["one", "every", "nobody"])
def test_oscal_names_each_thing_once_and_refers_to_what_is_there(name: str) -> None:
    told = list(_all(oscal(CASES[name])))
    named = Counter(value for name, value in told if name == "uuid")
    assert [name for name, count in named.items() if count > 1] == []
    assert {uuid.UUID(name).version for name in named} == {5}
    referred = {value for name, value in told if name.endswith("-uuid")}
    assert referred <= set(named)
    hrefs = {value.removeprefix("#") for name, value in told if name == "href"}
    assert hrefs <= set(named)


def test_oscal_names_change_with_the_case() -> None:
    other = msgspec.structs.replace(values.ONE, content="another")
    assert oscal(values.ONE)["assessment-results"]["uuid"] != oscal(other)["assessment-results"]["uuid"]


@pytest.mark.parametrize(
    ("state", "status", "risky"),
    [
        ("met", {"state": "satisfied", "reason": "pass", "remarks": "Met"}, False),
        ("unmet", {"state": "not-satisfied", "reason": "fail", "remarks": "Not met"}, True),
        ("unknown", {"state": "not-satisfied", "reason": "other", "remarks": "Unknown"}, True),
        ("not-applicable", {"state": "satisfied", "reason": "other", "remarks": "Does not apply"}, False),
    ],
)
def test_oscal_says_the_state(state: Any, status: dict[str, str], risky: bool) -> None:
    row = AnswerRow(requirement="1.memory", title="x", state=state, basis="so")
    (result,) = oscal(values.report(values.host(answers=(row,))))["assessment-results"]["results"]
    (finding,) = result["findings"]
    assert finding["target"]["status"] == status
    assert finding["target"]["target-id"] == "r1.memory"
    assert bool(result.get("risks")) == bool(finding.get("related-risks")) == risky


def test_oscal_times_are_the_reports() -> None:
    told = oscal(values.ONE)["assessment-results"]
    assert told["metadata"]["last-modified"] == "2021-03-10T06:00:00Z"
    assert told["metadata"]["oscal-version"] == oscal_form.VERSION
    assert not [
        v for n, v in _all(told) if n in ("collected", "start", "end") and not re.match(r"20(2[01])-", v)
    ]
