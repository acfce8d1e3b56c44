"""A small reporting workbook of our own, with all that a template must not lose, and the map of it."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping

from openpyxl import Workbook as Book
from openpyxl.comments import Comment
from openpyxl.formatting.rule import CellIsRule
from openpyxl.styles import Alignment, PatternFill, Protection
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation

from postvakt.model.form import Blank, Mark, Place, ServerList, Workbook

PLACES = 3
"""Servers that the workbook has room for."""

QUESTIONS = (
    ("address", "Which server?", ()),
    ("exchange-version", "Which version?", ()),
    ("triaged", "Was it triaged?", ("Yes", "No")),
    ("found", "Was anything found?", ("Yes", "No")),
    ("disconnected", "Is it disconnected?", ("Yes", "No", "N/A")),
)

MAP = Workbook(
    id="small",
    title="A small form",
    directive="ed-21-02",
    source="made for a test",
    version=Mark(sheet="Status", cell="A1", says="Form (Version 2.0)", family="Form (Version"),
    agency=(
        Blank(asks="Name?", asks_at="A2", at="B2", sheet="Status"),
        Blank(
            asks="Any Exchange?",
            asks_at="A3",
            at="B3",
            sheet="Status",
            fills="runs-exchange",
            choices=("Yes", "No"),
        ),
        Blank(asks="How many?", asks_at="A4", at="B4", sheet="Status", fills="servers", number=True),
        Blank(asks="Comments", asks_at="A5", at="B5", sheet="Status"),
    ),
    comments=Place(sheet="Status", at="B5"),
    servers=ServerList(
        sheet="List",
        along="columns",
        first="B",
        last="D",
        blanks=tuple(
            Blank(asks=asks, asks_at=f"A{row}", at=str(row), fills=fills, choices=choices)
            for row, (fills, asks, choices) in enumerate(QUESTIONS, start=2)
        ),
    ),
)

OPEN = Protection(locked=False)
OUTER = (
    b'<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}" '
    b'xmlns:x14="http://schemas.microsoft.com/office/spreadsheetml/2009/9/main"><x14:dataValidations count="1" '
    b'xmlns:xm="http://schemas.microsoft.com/office/excel/2006/main"><x14:dataValidation type="list">'
    b"<x14:formula1><xm:f>Names!$A$1:$A$2</xm:f></x14:formula1><xm:sqref>B2</xm:sqref>"
    b"</x14:dataValidation></x14:dataValidations></ext></extLst>"
)
"""A list kept on another sheet, as Excel writes it and other libraries lose it."""


def template(change: Callable[[Book], None] = lambda book: None) -> bytes:
    """Return the workbook, changed as a test wants it."""
    book = Book()
    status = book.worksheets[0]
    status.title = "Status"
    texts = ("Form (Version 2.0)", "Name?", "Any  Exchange?", "How many?", "Comments")
    for row, text in enumerate(texts, start=1):
        status.cell(row, 1, text)
        status.cell(row, 2).protection = OPEN
    status["B5"].alignment = Alignment(wrap_text=True)
    status.merge_cells("B5:C5")
    status["A5"].comment = Comment("what else there is", "the issuer")
    _list(status, "B3", ("Yes", "No"))
    status.protection.sheet = True
    listed = book.create_sheet("List")
    for row, (_, asks, choices) in enumerate(QUESTIONS, start=2):
        listed.cell(row, 1, asks)
        for column in range(2, 2 + PLACES):
            listed.cell(row, column).protection = OPEN
        if choices:
            _list(listed, f"B{row}:D{row}", choices)
    red = PatternFill("solid", bgColor="FFC7CE")
    listed.conditional_formatting.add("B2:D6", CellIsRule(operator="equal", formula=['"Yes"'], fill=red))
    listed.protection.sheet = True
    names = book.create_sheet("Names")
    names["A1"], names["A2"] = "One", "Two"
    names.sheet_state = "hidden"
    book.defined_names["agencies"] = DefinedName("agencies", attr_text="Names!$A$1:$A$2")
    change(book)
    written = io.BytesIO()
    book.save(written)
    return _shared(repacked(written.getvalue(), {"xl/worksheets/sheet1.xml": _outer}))


def _shared(content: bytes) -> bytes:
    """Return a workbook whose texts of the second sheet are shared ones, as Excel keeps them; a reading aid in each."""
    held: list[bytes] = []

    def number(found: re.Match[bytes]) -> bytes:
        held.append(found[2])
        return found[1] + b't="s"><v>%d</v></c>' % (len(held) - 1)

    def sheet(xml: bytes) -> bytes:
        return re.sub(rb'(<c [^>]*)t="inlineStr"><is><t[^>]*>([^<]*)</t></is></c>', number, xml)

    made = repacked(content, {"xl/worksheets/sheet2.xml": sheet})
    texts = b"".join(b'<si><t>%b</t><rPh sb="0" eb="1"><t>aid</t></rPh></si>' % text for text in held)
    strings = b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">' + texts + b"</sst>"
    kind = (
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        b'spreadsheetml.sharedStrings+xml"/></Types>'
    )
    types = {"[Content_Types].xml": lambda xml: xml.replace(b"</Types>", kind)}
    return repacked(made, types, {"xl/sharedStrings.xml": strings})


def _list(sheet: object, cells: str, choices: tuple[str, ...]) -> None:
    rule = DataValidation(type="list", formula1=f'"{", ".join(choices)}"', allow_blank=True)
    rule.add(cells)
    sheet.add_data_validation(rule)  # type: ignore[attr-defined]


def _outer(xml: bytes) -> bytes:
    return xml.replace(b"</worksheet>", OUTER + b"</worksheet>")


def parts(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def repacked(
    content: bytes, changes: Mapping[str, Callable[[bytes], bytes]], added: Mapping[str, bytes] | None = None
) -> bytes:
    """Return a workbook with some parts changed and some added."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in {**parts(content), **(added or {})}.items():
            packed.writestr(name, changes.get(name, bytes)(part))
    return written.getvalue()
