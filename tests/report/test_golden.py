"""Every format of the example report, as it was last read and found good."""

import hashlib
import os
import subprocess
import sys

import pytest

from postvakt import report
from postvakt.report import console
from tests.report import values
from tests.report.golden import EXPECTED, FILES

SUMS = """
import hashlib
from tests.report.golden import FILES
print(*(hashlib.sha256(written()).hexdigest() for written in FILES.values()))
"""


@pytest.mark.parametrize("name", FILES)
def test_golden(name: str) -> None:
    assert FILES[name]() == (EXPECTED / name).read_bytes(), "python -m tests.report.golden writes it anew"


def test_no_file_without_a_format() -> None:
    assert {path.name for path in EXPECTED.iterdir()} == set(FILES)


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_same_value_same_bytes(seed: str) -> None:
    here = [hashlib.sha256(written()).hexdigest() for written in FILES.values()]
    there = subprocess.run(
        [sys.executable, "-c", SUMS],
        env={**os.environ, "PYTHONHASHSEED": seed, "TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert there.stdout.split() == here


EVERY_FORM = {
    **{
        name: lambda made, name=name: report.FORMATS[name].render(made).decode()
        for name in report.FORMATS
        if name != "workbook"  # bytes that are no text; its cells are in workbook.txt
    },
    "console": console.render,
}


@pytest.mark.parametrize("told", ["ecp_server", "not read", "EX04", "Cannot be answered"])
@pytest.mark.parametrize("form", ["html", "md", "csv", "console"])
def test_names_what_could_not_be_seen(form: str, told: str) -> None:
    assert told in EVERY_FORM[form](values.report(values.INCONCLUSIVE))


@pytest.mark.parametrize("told", ['"unanswerable"', '"why": "missing"', '"holes": [\n', '"not_asked": [\n'])
def test_json_names_what_could_not_be_seen(told: str) -> None:
    assert told in EVERY_FORM["json"](values.ONE)


@pytest.mark.parametrize("form", EVERY_FORM)
def test_no_host_is_not_good_news(form: str) -> None:
    told = EVERY_FORM[form](values.report())
    assert told
    assert "Clear:" not in told


@pytest.mark.parametrize("form", ["html", "md", "console"])
def test_no_host_is_said(form: str) -> None:
    assert "That says nothing about any server." in EVERY_FORM[form](values.report())
