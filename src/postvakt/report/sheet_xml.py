"""A worksheet's XML read for its cells, and changed in those alone: every byte besides them stays as it was.

Libraries for workbooks read a sheet and write it anew, and lose what they do not know (lists from another sheet are
one such thing). A template has to come back as its issuer made it, so its cells are found by their place in the bytes.
"""

import re
from collections.abc import Mapping
from xml.parsers.expat import ExpatError, ParserCreate, errors
from xml.sax.saxutils import escape

import msgspec

from postvakt.model.form import CELL, column_number

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
TALLEST = 409.0
"""Points; a spreadsheet makes no row taller."""

_TAG = re.compile(rb"""<(?:[^"'>]|"[^"]*"|'[^']*')*>""")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_HEIGHT = re.compile(rb"""\s(?:ht|customHeight)\s*=\s*(?:"[^"]*"|'[^']*')""")


class Cell(msgspec.Struct):
    """A cell's bytes from `start` to `end`, its style and its raw value; `shared` where that is a number of a text."""

    start: int
    end: int
    style: str
    shared: bool
    value: str
    formula: bool


class Line(msgspec.Struct):
    """A row: its bytes, where its first tag ends, whether it closes itself, its height in points."""

    start: int
    open_end: int
    end: int
    empty: bool
    height: float | None


class Sheet(msgspec.Struct):
    """What is needed of a sheet: cells and rows by name, lists by the cells they are for, whether it is protected."""

    xml: bytes
    cells: dict[str, Cell]
    lines: dict[int, Line]
    validations: list[tuple[str, str, str]]
    protected: bool
    data_end: int

    def allowed(self, cell: str) -> tuple[str, str] | None:
        """Return kind and formula of the rule that a cell's value has to keep to; None where there is none."""
        return next(((kind, rule) for cells, kind, rule in self.validations if covers(cells, cell)), None)


class _Reader:
    """Expat's handlers: what stands at which byte."""

    def __init__(self, xml: bytes) -> None:
        self.sheet = Sheet(xml=xml, cells={}, lines={}, validations=[], protected=False, data_end=-1)
        self.parser = ParserCreate(namespace_separator="}")
        self.parser.StartElementHandler = self.begin
        self.parser.EndElementHandler = self.finish
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.row = 0
        self.cell = ""
        self.rule: tuple[str, str] | None = None
        self.held: list[str] = []

    def refuse(self, *_: object) -> None:
        raise ValueError("it holds a document type, which no worksheet has")

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        at = self.parser.CurrentByteIndex
        local = name.removeprefix(f"{MAIN}}}")
        if local in ("row", "c") and not self.sheet.xml.startswith(b"<" + local.encode(), at):
            raise ValueError("its XML has prefixes; save it anew in a spreadsheet program")
        match local:
            case "row":
                self.row = int(attributes["r"])
                closes = self.tag_end(at)
                tall = attributes.get("ht")
                self.sheet.lines[self.row] = Line(
                    start=at,
                    open_end=closes,
                    end=closes,
                    empty=self.sheet.xml[closes - 2 : closes] == b"/>",
                    height=float(tall) if tall else None,
                )
            case "c":
                self.cell = attributes["r"]
                shared = attributes.get("t") == "s"
                self.sheet.cells[self.cell] = Cell(at, at, attributes.get("s", ""), shared, "", False)
            case "f" if self.cell:
                self.sheet.cells[self.cell].formula = True
            case "v" | "t" | "formula1":
                self.held = []
            case "dataValidation":
                self.rule = (attributes.get("sqref", ""), attributes.get("type", "none"))
            case "sheetProtection":
                self.sheet.protected = attributes.get("sheet") in ("1", "true")

    def text(self, told: str) -> None:
        self.held.append(told)

    def finish(self, name: str) -> None:
        at = self.parser.CurrentByteIndex
        match name.removeprefix(f"{MAIN}}}"):
            case "v" | "t" if self.cell:
                self.sheet.cells[self.cell].value += "".join(self.held)
            case "c":
                self.sheet.cells[self.cell].end = self.after(at, "c")
                self.cell = ""
            case "row":
                self.sheet.lines[self.row].end = self.after(at, "row")
            case "formula1" if self.rule:
                self.sheet.validations.append((*self.rule, "".join(self.held)))
            case "sheetData":
                self.sheet.data_end = at

    def tag_end(self, at: int) -> int:
        """Return where the tag that begins here ends; a `>` within quotes is none."""
        found = _TAG.match(self.sheet.xml, at)
        if found is None:
            raise ValueError(f"the tag at byte {at} does not end")
        return found.end()

    def after(self, at: int, name: str) -> int:
        """Return where an element ends whose end is told at `at`: its last tag, or behind its only one."""
        closes = re.compile(rb"</%b\s*>" % name.encode()).match(self.sheet.xml, at)
        return closes.end() if closes else at


def read(xml: bytes) -> Sheet:
    """Return a worksheet's cells and rules. Raises ValueError that says what is wrong with it."""
    try:
        xml.decode("utf-8")
    except UnicodeDecodeError as why:
        raise ValueError(f"byte {why.start} is not UTF-8") from why
    reader = _Reader(xml)
    try:
        reader.parser.Parse(xml, True)
    except ExpatError as why:
        raise ValueError(f"line {why.lineno}: {errors.messages[why.code]}") from why
    except KeyError as why:
        raise ValueError(f"a row or cell has no {why}") from why
    if reader.sheet.data_end < 0:
        raise ValueError("it holds no rows")
    return reader.sheet


def changed(sheet: Sheet, values: Mapping[str, str | int], heights: Mapping[int, float]) -> bytes:
    """Return the sheet's XML with these cells holding these values, and these rows at least so tall (points).

    A text is written as text, never as a formula, whatever it begins with. Raises ValueError for a row that the sheet
    does not have.
    """
    edits: list[tuple[int, int, bytes]] = []
    missing: dict[int, list[str]] = {}
    for name, value in values.items():
        found = sheet.cells.get(name)
        if found is not None:
            edits.append((found.start, found.end, _cell(name, found.style, value)))
        else:
            missing.setdefault(row_of(name), []).append(name)
    for row, names in missing.items():
        edits += _added(sheet, row, {name: values[name] for name in names})
    for row, height in heights.items():
        line = sheet.lines.get(row)
        if line is not None and (line.height or 0) < height:
            edits.append(_taller(sheet.xml, line, min(height, TALLEST)))
    written = bytearray(sheet.xml)
    for start, end, told in sorted(edits, reverse=True):
        written[start:end] = told
    return bytes(written)


def _cell(name: str, style: str, value: str | int) -> bytes:
    styled = f' s="{style}"' if style else ""
    if isinstance(value, int):
        return f'<c r="{name}"{styled}><v>{value}</v></c>'.encode()
    text = escape(literal(value))
    told = f'<c r="{name}"{styled} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    return told.encode("utf-8")


def literal(text: str) -> str:
    """Return text in which nothing is read as an escape: a spreadsheet takes `_x003D_` for an equals sign."""
    return _ESCAPE.sub("_x005F_", text)


def _added(sheet: Sheet, row: int, values: Mapping[str, str | int]) -> list[tuple[int, int, bytes]]:
    """Return the insertions of cells that a row does not have yet, each before the next one to its right."""
    line = sheet.lines.get(row)
    if line is None or line.empty:
        raise ValueError(f"row {row} is not there")
    own = sorted((column_of(name), cell.start) for name, cell in sheet.cells.items() if row_of(name) == row)
    told: dict[int, list[tuple[int, bytes]]] = {}
    for name, value in values.items():
        column = column_of(name)
        place = next((start for number, start in own if number > column), _row_close(sheet.xml, line))
        told.setdefault(place, []).append((column, _cell(name, "", value)))
    return [(place, place, b"".join(cell for _, cell in sorted(cells))) for place, cells in told.items()]


def _row_close(xml: bytes, line: Line) -> int:
    return xml.rindex(b"</", line.start, line.end)


def _taller(xml: bytes, line: Line, height: float) -> tuple[int, int, bytes]:
    """Return the change of a row's first tag to another height."""
    bare = _HEIGHT.sub(b"", xml[line.start : line.open_end]).rstrip(b"/> ")
    ends = b"/>" if line.empty else b">"
    return line.start, line.open_end, bare + f' ht="{height:g}" customHeight="1"'.encode() + ends


def row_of(cell: str) -> int:
    """Return the row of a cell's name."""
    found = CELL.fullmatch(cell)
    if found is None:
        raise ValueError(f"{cell!r} is no cell")
    return int(found[2])


def column_of(cell: str) -> int:
    """Return the number of the column of a cell's name, 1 for A."""
    found = CELL.fullmatch(cell)
    if found is None:
        raise ValueError(f"{cell!r} is no cell")
    return column_number(found[1])


def covers(ranges: str, cell: str) -> bool:
    """Tell whether a list of ranges (`C7:V12 C27`) holds a cell."""
    column, row = column_of(cell), row_of(cell)
    for one in ranges.split():
        first, _, last = one.partition(":")
        ends = (first, last or first)
        if not all(CELL.fullmatch(end) for end in ends):
            continue
        columns, rows = [column_of(end) for end in ends], [row_of(end) for end in ends]
        if columns[0] <= column <= columns[1] and rows[0] <= row <= rows[1]:
            return True
    return False
