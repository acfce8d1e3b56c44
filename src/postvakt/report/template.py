"""Somebody's workbook opened as a template: what it is, that it is whole, and its parts changed in place.

What it is is told by its questions, never by the name of the file. Each refusal is one line that says what is wrong.
"""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element

import msgspec
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from postvakt.errors import EvidenceError
from postvakt.model.form import Blank, Workbook, cells
from postvakt.report import sheet_xml
from postvakt.report.sheet_xml import MAIN, Sheet
from postvakt.report.text import cut, spelled

MOST_BYTES = 64 * 2**20
MOST_PARTS = 1000
"""What a template may unpack to; CISA's largest is 1.5 MB in 35 parts."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LINKS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


class Template(msgspec.Struct):
    """An opened workbook: its parts, its sheets by name with their parts' names, which cell styles are locked."""

    name: str
    parts: dict[str, bytes]
    entries: list[zipfile.ZipInfo]
    part_of: dict[str, str]
    sheets: dict[str, Sheet]
    shared: list[str]
    locked: list[bool]

    def says(self, sheet: str, cell: str) -> str:
        """Return the text of a cell, white space as single spaces; empty where there is none."""
        held = self.sheets[sheet].cells.get(cell)
        if held is None:
            return ""
        told = held.value
        if held.shared:
            number = _number(held.value)
            told = self.shared[number] if number < len(self.shared) else ""
        return " ".join(told.split())


def opened(name: str, content: bytes) -> Template:
    """Return a workbook's parts. Raises EvidenceError for what is none, is locked, damaged, too large or has macros."""
    if content.startswith(_OLE):
        raise EvidenceError(
            f"{name}: is locked with a password, or an .xls of old; save it as .xlsx without a password"
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            entries = packed.infolist()
            parts = _unpacked(name, packed, entries)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, ValueError, OSError) as why:
        kind = "is damaged" if content.startswith(b"PK") else "is not a workbook (.xlsx)"
        raise EvidenceError(f"{name}: {kind}: {why}") from why
    macros = next((part for part in parts if part.lower().endswith(("vbaproject.bin", ".xlm"))), "")
    if macros or b"macroEnabled" in parts.get("[Content_Types].xml", b""):
        raise EvidenceError(
            f"{name}: holds macros ({macros or 'by its type'}); hand in the template as .xlsx without"
        )
    if "xl/workbook.xml" not in parts:
        raise EvidenceError(f"{name}: is not a workbook (.xlsx): it has no xl/workbook.xml")
    return _read(name, parts, entries)


def _unpacked(name: str, packed: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo]) -> dict[str, bytes]:
    if any(entry.flag_bits & 1 for entry in entries):
        raise EvidenceError(f"{name}: is locked with a password; save it without one")
    if len(entries) > MOST_PARTS or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise EvidenceError(f"{name}: unpacks to more than {MOST_BYTES:,} bytes or {MOST_PARTS:,} parts")
    if len({entry.filename for entry in entries}) < len(entries):
        raise EvidenceError(f"{name}: is damaged: a part stands in it twice")
    return {entry.filename: packed.read(entry) for entry in entries}


def _read(name: str, parts: dict[str, bytes], entries: list[zipfile.ZipInfo]) -> Template:
    book = _xml(name, parts, "xl/workbook.xml")
    links = {one.get("Id"): one.get("Target", "") for one in _xml(name, parts, "xl/_rels/workbook.xml.rels")}
    part_of = {}
    for sheet in book.iter(f"{{{MAIN}}}sheet"):
        target = links.get(sheet.get(f"{{{_LINKS}}}id"), "")
        part_of[sheet.get("name", "")] = target.removeprefix("/") if target[:1] == "/" else f"xl/{target}"
    made = Template(name, parts, entries, part_of, {}, [], [])
    if "xl/sharedStrings.xml" in parts:
        told = _xml(name, parts, "xl/sharedStrings.xml")
        made.shared = [_text(one) for one in told.iter(f"{{{MAIN}}}si")]
    if "xl/styles.xml" in parts:
        formats = _xml(name, parts, "xl/styles.xml").find(f"{{{MAIN}}}cellXfs")
        made.locked = [_is_locked(one) for one in (() if formats is None else formats)]
    return made


def _text(shared: Element) -> str:
    """Return a shared text, whole or in runs; a reading aid (rPh), which may stand beside it, is no part of it."""
    runs = (*shared.findall(f"{{{MAIN}}}t"), *shared.findall(f"{{{MAIN}}}r/{{{MAIN}}}t"))
    return "".join(run.text or "" for run in runs)


def _is_locked(style: Element) -> bool:
    """Tell whether a style locks its cell, as every style does that does not say otherwise."""
    held = style.find(f"{{{MAIN}}}protection")
    return held is None or held.get("locked", "1") in ("1", "true")


def _xml(name: str, parts: Mapping[str, bytes], part: str) -> Element:
    if part not in parts:
        raise EvidenceError(f"{name}: is damaged: {part} is missing")
    try:
        root: Element = ElementTree.fromstring(parts[part])
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as why:
        raise EvidenceError(f"{name}: is damaged: {part}: {why or type(why).__name__}") from why
    return root


def recognised(template: Template, books: Sequence[Workbook]) -> Workbook:
    """Return which of the known workbooks a template is. Raises EvidenceError that names how it differs from all."""
    for book in books:
        if (
            _has(template, book.version.sheet)
            and template.says(book.version.sheet, book.version.cell) == book.version.says
        ):
            _check(template, book)
            return book
    versions = ", ".join(f"{book.version.says!r}" for book in books)
    for book in books:
        if _has(template, book.version.sheet):
            said = template.says(book.version.sheet, book.version.cell)
            if said.startswith(book.version.family):
                raise EvidenceError(
                    f"{template.name}: is another version: {_short(said)}; there are maps of {versions}"
                )
    raise EvidenceError(f"{template.name}: is none of the known templates: no sheet says any of {versions}")


def _has(template: Template, sheet: str) -> bool:
    """Open a sheet where the workbook has it. Raises EvidenceError where it is damaged."""
    if sheet in template.sheets:
        return True
    part = template.part_of.get(sheet)
    if part is None:
        return False
    if part not in template.parts:
        raise EvidenceError(f"{template.name}: is damaged: {part} is missing")
    try:
        template.sheets[sheet] = sheet_xml.read(template.parts[part])
    except ValueError as why:
        raise EvidenceError(f"{template.name}: is damaged: {part}: {why}") from why
    return True


def _check(template: Template, book: Workbook) -> None:
    """Hold every question, list and blank of a template against its map: a form that differs is not filled."""
    servers = book.servers
    listed = [(servers.sheet, blank, cells(servers, blank.at)) for blank in servers.blanks] if servers else []
    for sheet, blank, places in [*((blank.sheet, blank, [blank.at]) for blank in book.agency), *listed]:
        where = f"{template.name}: sheet {sheet}"
        if not _has(template, sheet):
            raise EvidenceError(
                f"{template.name}: is another version: it says {book.version.says!r} and has no sheet {sheet}"
            )
        asks = template.says(sheet, blank.asks_at)
        if asks != " ".join(blank.asks.split()):
            raise EvidenceError(
                f"{where}, {blank.asks_at}: is another version: it asks {_short(asks)}, not {_short(blank.asks)}"
            )
        _check_blank(template, sheet, blank, places)


def _check_blank(template: Template, sheet: str, blank: Blank, places: Sequence[str]) -> None:
    if not blank.fills:
        return
    where = f"{template.name}: sheet {sheet}"
    for place in places:
        held = template.says(sheet, place)
        if held:
            raise EvidenceError(
                f"{where}, {place}: is filled already ({_short(held)}); hand in an empty template"
            )
        cell = template.sheets[sheet].cells.get(place)
        style = _number(cell.style) if cell else 0
        locked = style >= len(template.locked) or template.locked[style]
        if template.sheets[sheet].protected and locked:
            raise EvidenceError(
                f"{where}, {place}: is locked in this workbook; hand in the template as published"
            )
    rule = template.sheets[sheet].allowed(places[0])
    choices = listed(rule[1]) if rule and rule[0] == "list" else ()
    if choices != blank.choices:
        raise EvidenceError(
            f"{where}, {places[0]}: is another version: it lets choose from {_short(', '.join(choices))}, "
            f"not from {_short(', '.join(blank.choices))}"
        )


def listed(formula: str) -> tuple[str, ...]:
    """Return the choices of a list that is written out (`"Yes, No"`); none for one that is kept in other cells."""
    if not (formula.startswith('"') and formula.endswith('"')):
        return ()
    return tuple(one.strip() for one in formula[1:-1].replace('""', '"').split(","))


def _number(told: str) -> int:
    """Return a number as workbooks write them; 0, the one that is meant where none is written, for anything else."""
    return int(told) if told.isascii() and told.isdigit() else 0


def _short(told: str) -> str:
    kept, more = cut(spelled(" ".join(told.split())), 60)
    return repr(kept + (" …" if more else "")) if told else "nothing"


def written(
    template: Template,
    values: Mapping[str, Mapping[str, str | int]],
    heights: Mapping[str, Mapping[int, float]],
) -> bytes:
    """Return the workbook with cells filled, by sheet. Every other part is the same, byte for byte, in its order."""
    parts = dict(template.parts)
    for sheet, held in values.items():
        part = template.part_of[sheet]
        try:
            parts[part] = sheet_xml.changed(template.sheets[sheet], held, heights.get(sheet, {}))
        except ValueError as why:
            raise EvidenceError(f"{template.name}: is damaged: sheet {sheet}: {why}") from why
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as packed:
        for entry in template.entries:
            kept = zipfile.ZipInfo(entry.filename, entry.date_time)
            kept.compress_type = zipfile.ZIP_DEFLATED
            kept.external_attr = entry.external_attr
            packed.writestr(kept, parts[entry.filename])
    return made.getvalue()
