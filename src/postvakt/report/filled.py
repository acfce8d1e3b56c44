"""A template of somebody's own workbook filled from a case: answers where they are known, and what is not known said.

A cell that lets one choose from a list takes a word of that list or stays empty; what it cannot say is told in the
place that the map names for it, and to whoever asked for the form.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from postvakt.errors import UsageError
from postvakt.model.form import Blank, ServerList, Word, Workbook, cell, column_number, room
from postvakt.model.report import HostRow, Report
from postvakt.report import agency_replies, replies, template
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
LINE = 13.0
"""Points of a line of text; a row is made so tall that a comment can be read, for these sheets are locked."""
ACROSS = 56
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
        self.untold: dict[tuple[tuple[str, ...], str], list[str]] = {}

    def put(self, sheet: str, at: str, value: str | int) -> None:
        self.values.setdefault(sheet, {})[at] = plain(value) if isinstance(value, str) else value

    def tell(self, sheet: str, at: str, line: str) -> None:
        self.told.setdefault((sheet, at), []).append(line)

    def close(self) -> None:
        """Put what was told into its cells."""
        for (sheet, at), lines in self.told.items():
            kept, more = cut("\n".join(plain(line) for line in lines), ROOM)
            told = kept + (f"\n… {more:,} more characters" if more else "")
            self.values.setdefault(sheet, {})[at] = told
            self.grow(sheet, at, told)

    def grow(self, sheet: str, at: str, told: str) -> None:
        """Have a cell's row be as tall as a text needs, as far as can be guessed from its characters."""
        tall = sum(math.ceil((len(line) or 1) / ACROSS) for line in told.split("\n")) * LINE
        rows = self.heights.setdefault(sheet, {})
        rows[row_of(at)] = max(tall, rows.get(row_of(at), 0))


def fill(report: Report, name: str, content: bytes, books: Sequence[Workbook]) -> tuple[Filled, ...]:
    """Return a template filled from a report; several where it has no place for all servers.

    Raises EvidenceError for a template that cannot be filled, UsageError for a case of another directive.
    """
    opened = template.opened(name, content)
    book = template.recognised(opened, books)
    if book.directive != report.directive:
        raise UsageError(
            f"--template {name}: is a form of {book.directive}; this case answers {report.directive}"
        )
    hosts = replies.servers(report)
    most = room(book.servers) if book.servers else max(1, len(hosts))
    parts = [hosts[at : at + most] for at in range(0, len(hosts), most)] or [[]]
    return tuple(
        _filled(report, opened, book, part, number, len(parts)) for number, part in enumerate(parts, 1)
    )


def _filled(
    report: Report, opened: Template, book: Workbook, hosts: Sequence[HostRow], number: int, of: int
) -> Filled:
    sheets = _Sheets()
    open_: list[str] = []
    comments = (book.comments.sheet, book.comments.at)
    part = f", part {number} of {of}" if of > 1 else ""
    sheets.tell(
        *comments,
        f"Filled by Postvakt {report.postvakt} from a case{part}; a person has to check it and sign.",
    )
    agency = agency_replies.of_agency(report)
    for blank in book.agency:
        if blank.fills:
            line = _answer(sheets, blank, blank.sheet, blank.at, agency[blank.fills])
            if not (blank.choices or blank.number):
                sheets.grow(blank.sheet, blank.at, agency[blank.fills].told)
            if line and (blank.choices or blank.number):
                sheets.tell(*comments, f"{blank.sheet} {blank.at}: {line}")
            if line:
                open_.append(f"{blank.sheet} {blank.at}, {_asks(blank)}: {line}")
        elif (blank.sheet, blank.at) != comments:
            open_.append(f"{blank.sheet} {blank.at}, {_asks(blank)}: a person must say")
    if book.servers is not None:
        for place, host in enumerate(hosts):
            open_ += _server(sheets, book.servers, place, replies.of_server(report, host), host.host)
        for line in _in_common(book.servers, sheets.untold):
            sheets.tell(*comments, line)
    sheets.close()
    return Filled(template.written(opened, sheets.values, sheets.heights), tuple(open_))


def _server(
    sheets: _Sheets, servers: ServerList, place: int, told: Mapping[str, Reply], host: str
) -> Iterator[str]:
    """Fill one server's cells; yield what stays open. What fills no cell is told where its blank says, else kept."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for blank in (blank for blank in servers.blanks if blank.fills):
        at = cell(servers, blank.at, place)
        line = _answer(sheets, blank, servers.sheet, at, told[blank.fills])
        if line:
            yield f"{servers.sheet} {at}, {host}, {_asks(blank)}: {line}"
        if line and blank.choices:  # a cell of free text says itself that it is not known
            reply = told[blank.fills]
            reason = f"{replies.SAID[reply.word]}: {reply.why}" if reply.known else reply.told
            where = cell(servers, blank.tell_in, place) if blank.tell_in else ""
            reasons.setdefault((where, reason), []).append(blank.at)
    for (where, reason), ats in reasons.items():
        if where:
            sheets.tell(servers.sheet, where, f"{_runs(servers, ats)}: {reason}")
        else:
            sheets.untold.setdefault((tuple(ats), reason), []).append(host)


def _in_common(servers: ServerList, untold: Mapping[tuple[tuple[str, ...], str], list[str]]) -> Iterator[str]:
    """Yield what fills no cell, once for all servers of which it holds: a comment has little room."""
    kind = "row" if servers.along == "columns" else "column"
    for (ats, reason), hosts in untold.items():
        kinds = kind if len(ats) == 1 else f"{kind}s"
        yield f"{servers.sheet}, {kinds} {_runs(servers, ats)}, {', '.join(hosts)}: {reason}"


def _runs(servers: ServerList, ats: Sequence[str]) -> str:
    """Return rows or columns in short: `I-R, T`."""
    to_number = int if servers.along == "columns" else column_number
    runs: list[list[str]] = []
    for at in sorted(ats, key=to_number):
        if runs and to_number(at) == to_number(runs[-1][-1]) + 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _answer(sheets: _Sheets, blank: Blank, sheet: str, at: str, reply: Reply) -> str:
    """Put a reply into its cell as far as the cell takes it; return what is then still to be told, else nothing."""
    if blank.number:
        if reply.number:
            sheets.put(sheet, at, reply.number)
            return ""
        return reply.told if reply.number is None else "0, which the cell does not take"
    if not blank.choices:
        sheets.put(sheet, at, reply.told)
        return "" if reply.known and replies.UNKNOWN not in reply.told else reply.told
    choice = _choice(blank, reply.word)
    if choice:
        sheets.put(sheet, at, choice)
        # A no has to be explained where the form has a place for it.
        return reply.why if reply.word == "no" and blank.tell_in else ""
    return f"{reply.told}, {reply.why}" if reply.known else reply.told


def _asks(blank: Blank) -> str:
    kept, more = cut(" ".join(blank.asks.split()), SHORT)
    return kept.rstrip(":") + (" …" if more else "")


def _choice(blank: Blank, word: Word) -> str:
    """Return the word of a cell's list that says an answer; empty where none does."""
    if word in blank.words:
        return blank.words[word]
    names = dict(CHOICES).get(word, ())
    return next((choice for choice in blank.choices if choice.lower() in names), "")
