"""A workbook of our own with the questions of the reporting forms: the agency, one row a server, and its basis."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat
from typing import TYPE_CHECKING

from postvakt.model.form import QUESTIONS, column_letters
from postvakt.model.report import Report
from postvakt.report import agency_replies, replies, words
from postvakt.report.csv_form import cell as plain
from postvakt.report.sheet_xml import TALLEST, literal
from postvakt.report.times import machine, minute

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell, MergedCell
    from openpyxl.worksheet.worksheet import Worksheet

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every part: a zip holds one, and the same report has to give the same bytes."""
_MODIFIED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")
WIDE = 60
LINE = 15.0
"""Points of a line of text."""

Row = Sequence[str | int]


def render(report: Report) -> bytes:
    """Return the workbook as bytes of an .xlsx; every cell is text or a number, none a formula."""
    # Imported here: a triage never writes a workbook, and openpyxl takes longer to import than all the rest.
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    told = report.window.end or report.window.start
    book.properties.creator = plain(f"Postvakt {report.postvakt}")
    book.properties.title = plain(report.directive_title or report.directive)
    head = [
        f"{plain(report.directive_title or report.directive)} · {words.tlp(report.tlp)}",
        f"As of {minute(told)}",
    ]
    _sheet(book.create_sheet("Agency"), head, _agency(report), wide=(WIDE, 30, WIDE))
    _sheet(book.create_sheet("Servers"), head, _servers(report), wide=(24,), across=True)
    _sheet(book.create_sheet("Why"), head, _why(report), wide=(24, WIDE, 22, WIDE))
    _sheet(book.create_sheet("Basis"), head, _basis(report), wide=(26, 40, 68, 16, 24, 24))
    written = io.BytesIO()
    book.save(written)
    return _settled(written.getvalue(), machine(told))


def _agency(report: Report) -> Iterator[Row]:
    told = agency_replies.of_agency(report)
    yield "Question", "Answer", "Basis"
    yield from ((asked.asks, *_said(told[asked.id])) for asked in QUESTIONS if asked.of == "agency")
    yield "Name and signature of the CIO or equivalent", "", ""


def _servers(report: Report) -> Iterator[Row]:
    asked = [one for one in QUESTIONS if one.of == "server"]
    yield "Verdict", *(one.asks for one in asked)
    for host in words.gravest_first(replies.servers(report)):
        told = replies.of_server(report, host)
        yield words.headline(host), *(told[one.id].told for one in asked)


def _why(report: Report) -> Iterator[Row]:
    yield "Server", "Question", "Answer", "Basis"
    for host in words.gravest_first(replies.servers(report)):
        told = replies.of_server(report, host)
        for asked in QUESTIONS:
            if asked.of == "server":
                yield host.host, asked.asks, *_said(told[asked.id])


def _said(reply: replies.Reply) -> tuple[str, str]:
    return (reply.told, reply.why) if reply.known else (replies.UNKNOWN, reply.why)


def _basis(report: Report) -> Iterator[Row]:
    yield "What", "Which", "SHA-256 or version", "Bytes", "Recognised as", "Server"
    yield "Program", "Postvakt", report.postvakt, "", "", ""
    yield "Rules and other content", f"{report.rules.asked:,} rules asked", report.content, "", "", ""
    for item in report.evidence:
        yield "Evidence", item.path, item.sha256, item.bytes, item.recognised_as or item.kind, item.host
    for host in report.hosts:
        for gap in host.gaps:
            yield "Gap", f"{gap.artifact}: {words.WHYS[gap.why]}", gap.detail, "", gap.source, host.host
    for rule in report.rules.not_asked:
        yield "Rule not asked", rule.title or rule.rule, rule.reason, "", rule.path, ""


def _sheet(
    sheet: "Worksheet", head: Iterable[str], rows: Iterable[Row], *, wide: Sequence[int], across: bool = False
) -> None:
    from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
    from openpyxl.worksheet.properties import PageSetupProperties

    bold, fill = Font(bold=True), PatternFill("solid", fgColor="DDE3EA")
    under = Border(bottom=Side(style="thin", color="B4BCC7"))
    for place, line in enumerate(head, start=1):
        _put(sheet.cell(place, 1), line)
    sheet["A1"].font = Font(bold=True, size=13)
    top = 4
    columns = 0
    for number, row in enumerate(rows, start=top):
        columns = max(columns, len(row))
        # Not every program makes a row as tall as its text when it opens a workbook.
        sheet.row_dimensions[number].height = min(TALLEST, LINE * max(map(_lines, row, _widths(wide))))
        for column, value in enumerate(row, start=1):
            cell = sheet.cell(number, column)
            _put(cell, value)
            cell.alignment, cell.border = Alignment(wrap_text=True, vertical="top"), under
            if number == top:
                cell.font, cell.fill = bold, fill
    widths = _widths(wide)
    for column in range(1, columns + 1):
        sheet.column_dimensions[column_letters(column)].width = next(widths)
    sheet.freeze_panes = f"{'C' if across else 'A'}{top + 1}"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=not across)
    sheet.print_title_rows = f"{top}:{top}"


def _widths(wide: Sequence[int]) -> Iterator[int]:
    """Yield the width of each column, in characters; the last one given is that of all that follow."""
    return chain(wide, repeat(wide[-1]))


def _lines(value: str | int, width: int) -> int:
    return sum(-(-len(line) // (width - 3)) or 1 for line in str(value).split("\n"))


def _put(cell: "Cell | MergedCell", value: str | int) -> None:
    if isinstance(value, int):
        cell.value = value
        return
    cell.value = literal(plain(value))
    # What looks like a formula or an error is text: openpyxl would write it as what it looks like.
    cell.data_type = "s"


def _settled(content: bytes, at: str) -> bytes:
    """Return the workbook with the report's time in place of the time at which it was written."""
    stamp = at[:19] + "Z"
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w") as packed:
        for entry in before.infolist():
            part = before.read(entry)
            if entry.filename == "docProps/core.xml":
                part = _MODIFIED.sub(rb"\g<1>" + stamp.encode(), part)
            kept = zipfile.ZipInfo(entry.filename, LONG_AGO)
            kept.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(kept, part)
    return made.getvalue()
