"""XML of strangers as a stream of elements with their lines: no DTD, no entity, nothing fetched, damage located."""

import codecs
import re
import xml.sax
from collections.abc import Iterator
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml
import defusedxml.sax
import msgspec

from postvakt.artifacts.troubles import Troubles
from postvakt.model.evidence import Source

LIMIT = 32 * 1024 * 1024
"""Bytes of a configuration that are read; real ones are a hundredth of it."""

DEEPEST = 200
DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
UNMARKED = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))


class Element(msgspec.Struct, frozen=True):
    """One element when it closes: the names of it and its ancestors, its attributes, its text, its line.

    `above` are the attributes of its ancestors, outermost first.
    """

    path: tuple[str, ...]
    attributes: dict[str, str]
    above: tuple[dict[str, str], ...]
    text: str
    line: int


class _TooDeep(Exception):  # noqa: N818 (never leaves this module)
    pass


class _Gatherer(ContentHandler):
    """Gathers elements in the order of their beginnings."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Element] = []
        self._open: list[tuple[str, dict[str, str], int, list[str]]] = []
        self._place: Locator | None = None

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 (the name SAX calls)
        self._place = locator

    @property
    def line(self) -> int:
        """The line that is being read."""
        return (self._place.getLineNumber() if self._place else None) or 1

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 (the name SAX calls)
        if len(self._open) >= DEEPEST:
            raise _TooDeep
        attributes = dict(attrs.items())
        # Its place is kept now: what it holds ends before it does.
        self._open.append((name, attributes, len(self.found), []))
        path = tuple(entry[0] for entry in self._open)
        above = tuple(entry[1] for entry in self._open[:-1])
        self.found.append(Element(path, attributes, above, "", self.line))

    def characters(self, content: str) -> None:
        if self._open:
            self._open[-1][3].append(content)

    def endElement(self, name: str) -> None:  # noqa: N802 (the name SAX calls)
        _, _, place, texts = self._open.pop()
        text = "".join(texts).strip()
        if text:
            self.found[place] = msgspec.structs.replace(self.found[place], text=text)


def elements(source: Source, troubles: Troubles) -> Iterator[Element]:
    """Yield a document's elements in the order they begin, as far as it can be read. Raises OSError."""
    with source.open() as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        troubles.note("limited", f"is read up to {LIMIT} bytes", None)
        content = content[:LIMIT]
    gatherer = _Gatherer()
    try:
        defusedxml.sax.parseString(_plain(content), gatherer)
    except xml.sax.SAXParseException as why:
        troubles.note("unparsed", f"no more XML: {why.getMessage()}", why.getLineNumber())
    except _TooDeep:
        troubles.note("limited", f"elements lie deeper than {DEEPEST}; the rest is not read", gatherer.line)
    except defusedxml.DefusedXmlException as why:
        kind = type(why).__name__
        troubles.note(
            "unparsed", f"{kind}: declares what is never followed; the rest is not read", gatherer.line
        )
    yield from gatherer.found


def name_of(path: tuple[str, ...]) -> str:
    """Return an element's names below the root, joined by slashes."""
    return "/".join(path[1:]) or path[0]


def _plain(content: bytes) -> bytes:
    """Return a document as UTF-8 without a declaration: what is declared is often not what is stored."""
    known = next(((name, len(mark)) for mark, name in MARKS if content.startswith(mark)), None)
    if known is None:
        known = (next((name for mark, name in UNMARKED if content.startswith(mark)), "utf-8"), 0)
    text = content[known[1] :].decode(known[0], "backslashreplace")
    declared = DECLARATION.match(text)
    if declared:
        # As many line feeds as it had, so that lines stay where they are.
        text = "\n" * declared[0].count("\n") + text[declared.end() :]
        text = (
            text.lstrip("\r\n\t ")
            if not declared[0].count("\n") and not text.startswith(("\r", "\n"))
            else text
        )
    return text.encode("utf-8", "backslashreplace")
