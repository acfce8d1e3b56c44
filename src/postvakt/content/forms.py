"""What makes the map of a workbook sound: every place is a place, every answer has a word in its list."""

from collections import Counter
from collections.abc import Iterable, Iterator

from postvakt.model.form import CELL, COLUMN, QUESTIONS, ROW, Blank, ServerList, Workbook

OF = {asked.id: asked.of for asked in QUESTIONS}
WORDS = ("yes", "no", "not-applicable", "yes-clean", "yes-found")


def faults(book: Workbook, directives: Iterable[str]) -> Iterator[str]:
    """Yield what is wrong with one map, each with its place in the file."""
    if book.directive not in directives:
        yield f"directive: {book.directive} is no directive of ours"
    if not book.version.says.startswith(book.version.family):
        yield f"version: {book.version.says!r} does not begin as its family does, {book.version.family!r}"
    yield from (f"version: {fault}" for fault in _place(book.version.cell))
    yield from (f"comments: {fault}" for fault in _place(book.comments.at))
    for number, blank in enumerate(book.agency):
        place = f"agency[{number}]: "
        yield from (f"{place}{fault}" for fault in (*_place(blank.at), *_blank(blank, "agency")))
        if not blank.sheet:
            yield f"{place}sheet: is missing"
    if book.servers is not None:
        yield from (f"servers: {fault}" for fault in _servers(book.servers))
    filled = Counter(blank.fills for blank in _blanks(book) if blank.fills)
    yield from (f"{name} fills {count} places" for name, count in filled.items() if count > 1)


def _blanks(book: Workbook) -> list[Blank]:
    return [*book.agency, *(book.servers.blanks if book.servers else ())]


def _servers(servers: ServerList) -> Iterator[str]:
    ends, shared = (ROW, COLUMN) if servers.along == "rows" else (COLUMN, ROW)
    for name, end in (("first", servers.first), ("last", servers.last)):
        if not ends.fullmatch(end):
            yield f"{name}: {end!r} is none of the {servers.along}"
    for number, blank in enumerate(servers.blanks):
        for name, at in (("at", blank.at), ("tell_in", blank.tell_in)):
            if (at or name == "at") and not shared.fullmatch(at):
                yield f"blanks[{number}]: {name}: {at!r} is no place that servers along {servers.along} share"
        yield from (f"blanks[{number}]: {fault}" for fault in _blank(blank, "server"))


def _blank(blank: Blank, of: str) -> Iterator[str]:
    yield from (f"asks_at: {fault}" for fault in _place(blank.asks_at))
    if blank.fills and OF.get(blank.fills) != of:
        yield f"fills: {blank.fills} is nothing that is asked of {'each server' if of == 'server' else 'the agency'}"
    for word, choice in blank.words.items():
        if word not in WORDS:
            yield f"words: {word} is none of {', '.join(WORDS)}"
        if choice not in blank.choices:
            yield f"words: {choice!r} is none of its choices"


def _place(at: str) -> Iterator[str]:
    if not CELL.fullmatch(at):
        yield f"{at!r} is no cell"
