"""CSV: a row for everything, and no cell that a spreadsheet would run."""

import csv
import io

import pytest

from postvakt import report
from postvakt.model.report import Report
from postvakt.report.csv_form import CELL, COLUMNS, cell
from tests.report import hostile, values

SIGNS = tuple("=+-@\t\r＝＋－＠")


def table(made: Report, delimiter: str = ",") -> list[list[str]]:
    written = report.FORMATS["csv"].render(made).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter))


def rows(made: Report) -> list[dict[str, str]]:
    return [dict(zip(COLUMNS, row, strict=True)) for row in table(made)[1:]]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'⇥=1"),
        ("\r=1", "'[U+000D]=1"),
        ("\n=1", "'⏎=1"),
        ("   =1", "'   =1"),
        ('"=1', "'\"=1"),
        ("'=1", "''=1"),
        (" ' \"=1", "' ' \"=1"),
        ("\u00a0=1", "'[U+00A0]=1"),
        ("\ufeff=1", "'[U+FEFF]=1"),
        ("\0=1", "'[U+0000]=1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠A", "'＠A"),
        ("﹦1", "'﹦1"),
        ("a;=1", "a;'=1"),
        ('a; "=1', "a; \"'=1"),
        ("a;＝1", "a;'＝1"),
        ("a=1", "a=1"),
        ("2021-03-02", "2021-03-02"),
        ("T1190", "T1190"),
        ("", ""),
        ("A" * (CELL + 2), "A" * CELL + " … 2 more characters"),
    ],
)
def test_cell(value: str, told: str) -> None:
    assert cell(value) == told


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_begins_a_formula(delimiter: str) -> None:
    cells = [value for row in table(hostile.HOSTILE, delimiter) for value in row]
    assert len(cells) > 20
    assert not [value for value in cells if value.lstrip(' "').startswith(SIGNS)]


def test_nothing_unseen_is_in_a_cell() -> None:
    told = report.FORMATS["csv"].render(hostile.HOSTILE).decode("utf-8-sig")
    assert not set(told) & set("\u202e\u2066\u200b\ufeff\x1b\x00\x9b\x07\t")


def test_every_row_has_every_column() -> None:
    assert {len(row) for row in table(hostile.HOSTILE)} == {len(COLUMNS)}


@pytest.mark.parametrize(
    ("row", "number"),
    [("verdict", 6), ("gap", 16), ("question", 13), ("finding", 14), ("evidence", 6), ("not-asked", 2)],
)
def test_rows(row: str, number: int) -> None:
    assert sum(each["row"] == row for each in rows(values.EVERY_OUTCOME)) == number


def test_host_without_findings_has_its_verdict() -> None:
    assert [
        (each["host"], each["outcome"], each["title"]) for each in rows(values.report(values.NOT_EXAMINED))
    ][:1] == [("EX05", "not-examined", "Not examined")]


def test_record_stands_with_its_place() -> None:
    first = next(each for each in rows(values.ONE) if each["row"] == "finding")
    assert first["locator"] == "line 117"
    assert first["source"].endswith("HttpProxy_2021030205-1.LOG")
    assert "ClientIpAddress=203.0.113.77" in first["record"]
