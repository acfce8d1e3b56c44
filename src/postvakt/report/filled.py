"""A template of somebody's own workbook filled from a case: answers where they are known, and what is not known said.

A cell that lets one choose from a list takes a word of that list or stays empty; what it cannot say is told in the
place that the map names for it, and to whoever asked for the form.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from postvakt.errors import UsageError
from postvakt.model.form import Blank, ServerList, Word, Workbook, cells
from postvakt.model.report import HostRow, Report
from postvakt.report import replies, template
from postvakt.report.csv_form import cell as plain
from postvakt.report.replies import Reply
from postvakt.report.sheet_xml import row_of
from postvakt.report.template import Template
from postvakt.report.text import cut

ROOM = 8000
"""Characters of a comment; a cell holds 32,767, and nobody reads them."""

CHOICES: tuple[tuple[Word, tuple[str, ...]], ...] = (
    ("yes", ("yes",)),
    ("no", ("no",)),
    ("not-applicable", ("n/a", "not applicable")),
)
"""How lists say a word, where the map of a workbook does not tell it otherwise."""

SHORT = 70
LINE = 15.0
"""Points of a line of text; a row is made so tall that a comment can be read, for these sheets are locked."""
ACROSS = 44
"""Characters that a line of a comment holds in the narrowest of the comment cells."""


class Filled(msgspec.Struct, frozen=True):
    """A filled workbook, and what a person has to add to it, a line each."""

    content: bytes
    open: tuple[str, ...]


class _Sheets:
    """What goes into which cell, by sheet; what is told of a place, and how tall its row then has to be."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, str | int]] = {}
        self.heights: dict[str, dict[int, float]] = {}
        self.told: dict[tuple[str, str], list[str]] = {}

    def put(self, sheet: str, cell: str, value: str | int) -> None:
        self.values.setdefault(sheet, {})[cell] = plain(value) if isinstance(value, str) else value

    def tell(self, sheet: str, cell: str, line: str) -> None:
        self.told.setdefault((sheet, cell), []).append(line)

    def close(self) -> None:
        for (sheet, cell), lines in self.told.items():
            kept, more = cut("\n".join(plain(line) for line in lines), ROOM)
            told = kept + (f"\n… {more:,} more characters" if more else "")
            self.values.setdefault(sheet, {})[cell] = told
            tall = sum(math.ceil((len(line) or 1) / ACROSS) for line in told.split("\n")) * LINE
            rows = self.heights.setdefault(sheet, {})
            rows[row_of(cell)] = max(tall, rows.get(row_of(cell), 0))


def fill(report: Report, name: str, content: bytes, books: Sequence[Workbook]) -> tuple[Filled, ...]:
    """Return a template filled from a report; several where it has no place for all servers.

    Raises EvidenceError for a template that cannot be filled, UsageError for a case of another directive.
    """
    opened = template.opened(name, content)
    book = template.recognised(opened, books)
    if book.directive != report.directive:
        raise UsageError(f"--template {name}: is a form of {book.directive}; this case answers {report.directive}")
    hosts = replies.servers(report)
    places = cells(book.servers, book.servers.blanks[0].at) if book.servers else [""]
    most = len(places) if book.servers else max(1, len(hosts))
    parts = [hosts[at : at + most] for at in range(0, len(hosts), most)] or [[]]
    return tuple(_filled(report, opened, book, part, number, len(parts)) for number, part in enumerate(parts, 1))


def _filled(
    report: Report, opened: Template, book: Workbook, hosts: Sequence[HostRow], number: int, of: int
) -> Filled:
    sheets = _Sheets()
    open_: list[str] = []
    comments = (book.comments.sheet, book.comments.at)
    part = f", part {number} of {of}" if of > 1 else ""
    sheets.tell(*comments, f"Filled by Postvakt {report.postvakt} from a case{part}; a person has to check it and sign.")
    agency = replies.of_agency(report)
    for blank in book.agency:
        if blank.fills:
            line = _answer(sheets, blank, blank.sheet, blank.at, agency[blank.fills])
            if line and (blank.choices or blank.number):
                sheets.tell(*comments, line)
            if line:
                open_.append(f"{blank.sheet} {blank.at}: {line}")
        elif (blank.sheet, blank.at) != comments:
            open_.append(f"{blank.sheet} {blank.at}: {cut(' '.join(blank.asks.split()), SHORT)[0]}: a person must say")
    if book.servers is not None:
        for place, host in enumerate(hosts):
            for line in _server(sheets, book.servers, place, replies.of_server(report, host), comments, host.host):
                open_.append(line)
    sheets.close()
    return Filled(template.written(opened, sheets.values, sheets.heights), tuple(open_))


def _server(
    sheets: _Sheets,
    servers: ServerList,
    place: int,
    told: Mapping[str, Reply],
    comments: tuple[str, str],
    host: str,
) -> Iterator[str]:
    """Fill one server's cells; yield what stays open. What fills no cell is told where its blank says, else in short
    in the comments: what many questions have in common is said once."""
    reasons: dict[str, list[str]] = {}
    for blank in (blank for blank in servers.blanks if blank.fills):
        at = cells(servers, blank.at)[place]
        line = _answer(sheets, blank, servers.sheet, at, told[blank.fills])
        if not line:
            continue
        yield f"{servers.sheet} {at}: {host}: {line}"
        if not blank.choices:
            continue  # a cell of free text says itself that it is not known
        reply = told[blank.fills]
        reason = reply.told if not reply.known else f"{replies.SAID[reply.word]}: {reply.why}"
        where = cells(servers, blank.tell_in)[place] if blank.tell_in else ""
        reasons.setdefault(f"{where}\0{reason}", []).append(blank.at if servers.along == "columns" else at)
    for key, ats in reasons.items():
        where, _, reason = key.partition("\0")
        row = f"rows {', '.join(ats)}" if servers.along == "columns" else ", ".join(ats)
        if where:
            sheets.tell(servers.sheet, where, f"{row}: {reason}")
        else:
            sheets.tell(*comments, f"{host}, {servers.sheet} {row}: {reason}")


def _answer(sheets: _Sheets, blank: Blank, sheet: str, at: str, reply: Reply) -> str:
    """Put a reply into its cell as far as the cell takes it; return what is then still to be told, else nothing."""
    asks = cut(" ".join(blank.asks.split()), SHORT)[0]
    if blank.number:
        if reply.number:
            sheets.put(sheet, at, reply.number)
            return ""
        return f"{asks}: {reply.told if reply.number is None else '0, which the cell does not take'}"
    if not blank.choices:
        sheets.put(sheet, at, reply.told)
        return "" if reply.known and replies.UNKNOWN not in reply.told else f"{asks}: {reply.told}"
    choice = _choice(blank, reply.word)
    if choice:
        sheets.put(sheet, at, choice)
        # A no has to be explained where the form has a place for it.
        return f"{asks}: {reply.why}" if reply.word == "no" and blank.tell_in else ""
    return f"{asks}: {reply.told}{'' if not reply.known else f', {reply.why}'}"


def _choice(blank: Blank, word: Word) -> str:
    """Return the word of a cell's list that says an answer; empty where none does."""
    if word in blank.words:
        return blank.words[word]
    names = dict(CHOICES).get(word, ())
    return next((choice for choice in blank.choices if choice.lower() in names), "")
