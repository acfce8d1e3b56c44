"""`report` with the forms that are asked for: what is written where, what is told besides, what is refused."""

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from typer.testing import CliRunner

from postvakt import cli
from postvakt.commands import reports
from postvakt.content import library
from postvakt.errors import EvidenceError, UsageError
from postvakt.model.form import Workbook, cells
from postvakt.model.report import AnswerRow, HostRow, Said
from postvakt.report import filled, template
from postvakt.tables.case import Case
from tests.report import templates_made, values
from tests.report.parts import at

CISA = {
    "ed-21-02-v1": "ed21-02status.xlsx",
    "ed-21-02-v3": "ed21-02status_v3.xlsx",
    "ed-21-02-v4": "ed21-02status_SuppDir_V2.xlsx",
}
BOOKS = {book.id: book for book in library.workbooks()}
SAID = Said(state="met", words="ticket INC000010", by="T. Okafor", at=at("2021-03-04T10:00:00"))
HOSTS = (
    values.host(
        "EX01", answers=(AnswerRow(requirement="4", title="x", state="met", basis="so", said=(SAID,)),)
    ),
    values.CLEAR,
    values.NOT_EXAMINED,
    values.host("=cmd|' /C calc'!A1"),
)


@pytest.fixture
def case(tmp_path: Path) -> Path:
    """A case that was concluded, and nothing else of it."""
    root = tmp_path / "case"
    made = Case(root)
    made.write("case.json", b"{}")
    reports.keep(made, values.report(*HOSTS))
    return root


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(cli.app, ["report", *map(str, words)])


def test_a_triage_keeps_what_people_and_programs_read_every_time(case: Path) -> None:
    names = {path.name for path in (case / "report").iterdir()}
    assert names == {"concluded.msgpack", "report.html", "report.json", "report.md", "report.csv"}


@pytest.mark.parametrize(
    ("form", "begins"),
    [
        ("workbook", b"PK"),
        ("incident", b"**DRAFT"),
        ("attestation", b"<!doctype html>"),
        ("oscal", b'{\n  "assessment-results"'),
    ],
)
def test_forms_are_written_when_asked(case: Path, tmp_path: Path, form: str, begins: bytes) -> None:
    out = tmp_path / "out"
    assert run(case, "--format", form, "-o", out).exit_code == 0
    assert out.read_bytes().startswith(begins)
    assert out.read_bytes() == reports.render(case, form)[1]


def test_a_template_is_told_by_its_content(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "workbooks", lambda: (templates_made.MAP,))
    form = tmp_path / "named otherwise.bin"
    form.write_bytes(templates_made.template())
    out = tmp_path / "filled.xlsx"
    ran = run(case, "--format", "workbook", "--template", form, "-o", out)
    assert ran.exit_code == 0
    assert "open: Status B2, Name?: a person must say\n" in ran.stderr
    # Four servers in a form with room for three.
    assert zipfile.is_zipfile(out)
    assert zipfile.is_zipfile(tmp_path / "filled-2.xlsx")
    assert isinstance(run(case, "--format", "workbook", "--template", form).exception, UsageError)


def test_a_template_is_for_the_workbook_alone(case: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="only --format workbook takes one"):
        reports.fill(case, "oscal", tmp_path / "x.xlsx")
    with pytest.raises(EvidenceError, match="cannot be read"):
        reports.fill(case, "workbook", tmp_path / "x.xlsx")


def fill(folder: Path, book: str, *hosts: HostRow, **changed: Any) -> tuple[bytes, filled.Filled]:
    before = (folder / "cisa" / CISA[book]).read_bytes()
    (made,) = filled.fill(
        values.report(*(hosts or HOSTS), **changed), "form.xlsx", before, library.workbooks()
    )
    return before, made


@pytest.mark.shared
@pytest.mark.parametrize("book", CISA)
class TestOfCisa:
    """The three versions that the agency published."""

    def test_is_recognised(self, shared_evidence: Path, book: str) -> None:
        content = (shared_evidence / "cisa" / CISA[book]).read_bytes()
        assert template.recognised(template.opened("form.xlsx", content), library.workbooks()) == BOOKS[book]

    def test_every_part_but_the_filled_sheets_is_kept(self, shared_evidence: Path, book: str) -> None:
        before, made = fill(shared_evidence, book)
        old, new = templates_made.parts(before), templates_made.parts(made.content)
        assert list(old) == list(new)
        changed = {name for name in old if old[name] != new[name]}
        assert changed == {"xl/worksheets/sheet1.xml"} | (
            {"xl/worksheets/sheet2.xml"} if BOOKS[book].servers else set()
        )
        for name in changed:
            for mark in (b"<dataValidations", b"<extLst", b"<sheetProtection", b"<mergeCells"):
                assert _tail(old[name], mark) == _tail(new[name], mark)

    def test_opens_with_its_rules(self, shared_evidence: Path, book: str) -> None:
        before, made = fill(shared_evidence, book)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old, new = (openpyxl.load_workbook(io.BytesIO(content)) for content in (before, made.content))
        for sheet in old.sheetnames:
            assert [(str(r.sqref), r.formula1) for r in old[sheet].data_validations.dataValidation] == [
                (str(r.sqref), r.formula1) for r in new[sheet].data_validations.dataValidation
            ]
            for row in new[sheet].iter_rows():
                for cell in row:
                    assert cell.data_type != "f" or old[sheet][cell.coordinate].data_type == "f"

    def test_lists_hold_only_their_words(self, shared_evidence: Path, book: str) -> None:
        _, made = fill(shared_evidence, book)
        opened = template.opened("form.xlsx", made.content)
        blanks = [(blank.sheet, blank, [blank.at]) for blank in BOOKS[book].agency]
        servers = BOOKS[book].servers
        blanks += [(servers.sheet, b, cells(servers, b.at)) for b in servers.blanks] if servers else []
        for sheet, blank, places in blanks:
            assert template._has(opened, sheet)
            held = {opened.says(sheet, place) for place in places}
            if blank.choices:
                assert held <= {"", *blank.choices}
            if not blank.fills and blank.at not in ("E16", "E15", "E23", "H", "W"):
                assert held == {""}

    def test_a_filled_one_is_refused(self, shared_evidence: Path, book: str) -> None:
        _, made = fill(shared_evidence, book)
        with pytest.raises(EvidenceError, match="is filled already"):
            filled.fill(values.report(*HOSTS), "form.xlsx", made.content, library.workbooks())


def _tail(xml: bytes, mark: bytes) -> bytes:
    return xml[xml.index(mark) :] if mark in xml else b""


@pytest.mark.shared
def test_first_template_says_what_is_known(shared_evidence: Path) -> None:
    listed = _sheet(fill(shared_evidence, "ed-21-02-v1")[1], "Inventory")
    assert [listed[f"C{row}"].value for row in (4, 5, 6, 16, 19, 26)] == [
        "EX01 (Unknown address)", "2016 (15.1.1913.5)", "Unknown - no source says", None, "Yes", "ticket INC000010",
    ]  # fmt: skip
    assert [listed[f"{column}19"].value for column in "CDEF"] == ["Yes", "No", None, "Yes"]
    assert listed["F4"].value.startswith("'=cmd|")


@pytest.mark.shared
def test_third_template_tells_a_no_in_its_notes(shared_evidence: Path) -> None:
    word = Said(
        state="unmet", words="the server cannot be taken down", by="T. Okafor", at=at("2021-04-01T10:00:00")
    )
    row = AnswerRow(requirement="s1.triage.1", title="x", state="unmet", basis="so", said=(word,))
    listed = _sheet(fill(shared_evidence, "ed-21-02-v3", values.host(answers=(row,)))[1], "Inventory")
    assert listed["F7"].value == "No (must provide narrative explanation in comments section)"
    assert (
        "F: No: said by T. Okafor, 2021-04-01 10:00Z: the server cannot be taken down" in listed["H7"].value
    )
    assert listed["F8"].value is None


@pytest.mark.shared
def test_fourth_template_counts_only_what_somebody_listed(shared_evidence: Path) -> None:
    assert _sheet(fill(shared_evidence, "ed-21-02-v4")[1], "Status Update")["E14"].value is None
    whole = AnswerRow(requirement="1.identify", title="x", state="met", basis="so", of="agency", said=(SAID,))
    status = _sheet(fill(shared_evidence, "ed-21-02-v4", values.host(), answers=(whole,))[1], "Status Update")
    assert [status[f"E{row}"].value for row in range(14, 20)] == [1, None, 1, None, None, None]
    assert "E15: 0, which the cell does not take" in status["E23"].value


def _sheet(made: filled.Filled, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(io.BytesIO(made.content))[name]


def test_maps_fit_their_model() -> None:
    assert set(BOOKS) == set(CISA)
    assert all(isinstance(book, Workbook) for book in BOOKS.values())
