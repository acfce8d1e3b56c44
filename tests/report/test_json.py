"""JSON: the published schema describes what is written, and refuses what is not a report."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from postvakt import report
from postvakt.model.report import Report
from tests.report import golden, hostile, values

SCHEMA = report.schema()
CHECK = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
PUBLISHED = Path(__file__).parents[2] / "docs" / "report.schema.json"


def written(made: Report) -> Any:
    return json.loads(report.FORMATS["json"].render(made))


def test_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_schema_is_published() -> None:
    assert PUBLISHED.read_text() == report.schema_text(), "make docs writes it"


@pytest.mark.parametrize(
    "made", [values.report(), values.ONE, values.EVERY_OUTCOME, hostile.HOSTILE, golden.GOLDEN]
)
def test_keeps_the_schema(made: Report) -> None:
    CHECK.validate(written(made))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("schema",), "postvakt.report/2"),
        (("hosts", 0, "verdict", "outcome"), "clean"),
        (("hosts", 0, "verdict", "grade"), "owned"),
        (("hosts", 0, "verdict", "since"), 1614661929),
        (("hosts", 0, "verdict", "because"), None),
        (("hosts", 0, "findings", 0, "level"), "fatal"),
        (("hosts", 0, "findings", 0, "confidence"), 0.9),
        (("hosts", 0, "findings", 0, "stage"), "recon"),
        (("hosts", 0, "findings", 0, "count"), "214"),
        (("hosts", 0, "findings", 0, "sample", 0, "fields", "HttpStatus"), 200),
        (("hosts", 0, "gaps", 0, "why"), "skipped"),
        (("hosts", 0, "questions", 0, "answer"), "maybe"),
        (("hosts", 0, "answers", 0, "state"), "done"),
        (("hosts", 0, "coverage", 0, "days"), []),
        (("hosts", 0, "chains", 0, "complete"), "no"),
        (("evidence",), {}),
        (("window", "start"), None),
    ],
)
def test_schema_refuses(path: tuple[str | int, ...], value: object) -> None:
    made = written(values.ONE)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert not CHECK.is_valid(made)


@pytest.mark.parametrize("key", SCHEMA["$defs"]["Report"]["required"])
def test_schema_misses(key: str) -> None:
    made = written(values.ONE)
    del made[key]
    assert not CHECK.is_valid(made)


@pytest.mark.parametrize("key", ["verdict", "gaps", "coverage", "findings", "chains", "questions", "builds"])
def test_schema_misses_of_a_host(key: str) -> None:
    made = written(values.ONE)
    del made["hosts"][0][key]
    assert not CHECK.is_valid(made)


@pytest.mark.parametrize("made", [values.report(), values.ONE, values.EVERY_OUTCOME])
def test_read_back(made: Report) -> None:
    assert report.parse(report.FORMATS["json"].render(made)) == made


def test_laid_out_as_one_writer_would() -> None:
    made = report.FORMATS["json"].render(values.EVERY_OUTCOME)
    assert made == msgspec.json.format(msgspec.json.encode(json.loads(made)), indent=2) + b"\n"


def test_names_as_published() -> None:
    (build,) = written(values.ONE)["hosts"][0]["builds"]
    assert list(build) == ["build", "from", "until", "source"]
    assert build["from"] == "2020-03-01T10:00:00Z"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lone \ud83d surrogate", "lone \\ud83d surrogate"),
        ("NUL\0 and \u202e", "NUL\0 and \u202e"),
        ('"quotes" \\ </script>', '"quotes" \\ </script>'),
        ('\n  "hosts": []', '\n  "hosts": []'),
    ],
)
def test_text_stays_as_it_was(text: str, told: str) -> None:
    made = written(values.report(values.host(text), tlp=text))
    assert made["hosts"][0]["host"] == told
    assert made["tlp"] == told
