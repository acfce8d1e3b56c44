"""XML of strangers as elements with their ancestors, lines and texts: configurations, which are small."""

from collections.abc import Iterator

import msgspec

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_stream import tags
from postvakt.model.evidence import Source

LIMIT = 32 * 1024 * 1024
"""Bytes of a configuration that are read; real ones are a hundredth of it."""


class Element(msgspec.Struct, frozen=True):
    """One element: the names of it and its ancestors, its attributes, its text, its line.

    `above` are the attributes of its ancestors, outermost first.
    """

    path: tuple[str, ...]
    attributes: dict[str, str]
    above: tuple[dict[str, str], ...]
    text: str
    line: int


def elements(source: Source, troubles: Troubles) -> Iterator[Element]:
    """Yield a document's elements in the order they begin, as far as it can be read. Raises OSError."""
    found: list[Element] = []
    # The places of the elements that are open: what they hold ends before they do.
    within: list[int] = []
    for tag in tags(source, troubles, declares=True, limit=LIMIT):
        if tag.opens:
            above = [found[place] for place in within]
            path = (*(one.path[-1] for one in above), tag.name)
            within.append(len(found))
            found.append(Element(path, tag.attributes, tuple(one.attributes for one in above), "", tag.line))
            continue
        place = within.pop()
        if text := tag.text.strip():
            found[place] = msgspec.structs.replace(found[place], text=text)
    yield from found


def name_of(path: tuple[str, ...]) -> str:
    """Return an element's names below the root, joined by slashes."""
    return "/".join(path[1:]) or path[0]
