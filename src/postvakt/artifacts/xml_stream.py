"""XML of strangers as beginnings and ends of elements, read block by block: memory is bounded whatever the file's size.

No DTD, no entity, nothing fetched; damage is located, and what stands before it is kept.
"""

import codecs
import re
import xml.sax
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml

from postvakt.artifacts.troubles import Troubles
from postvakt.model.evidence import Source

if TYPE_CHECKING:
    # Loaded by what reads XML: it brings all that Python has for the web along.
    from defusedxml.expatreader import DefusedExpatParser

MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
UNMARKED = ((b"<\x00", "utf-16-le"), (b"\x00<", "utf-16-be"))
DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
BLOCK = 64 * 1024
DEEPEST = 200
LONGEST_TEXT = 1 << 20
"""Characters of one element's text that are kept."""

LONGEST_SILENCE = 8 * 1024 * 1024
"""Bytes without a beginning or an end after which no more is read: one endless tag would fill the memory."""


class Tag(NamedTuple):
    """One beginning (`opens`) or end of an element, with its line; an end has the element's own text."""

    name: str
    opens: bool
    line: int
    attributes: dict[str, str]
    text: str


class _TooDeep(Exception):  # noqa: N818 (never leaves this module)
    pass


class _Gatherer(ContentHandler):
    """Gathers what one block brings."""

    def __init__(self, troubles: Troubles) -> None:
        super().__init__()
        self.found: list[Tag] = []
        self._texts: list[list[str]] = []
        self._sizes: list[int] = []
        self._place: Locator | None = None
        self._troubles = troubles

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 (the name SAX calls)
        self._place = locator

    @property
    def line(self) -> int:
        return (self._place.getLineNumber() if self._place else None) or 1

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 (the name SAX calls)
        if len(self._texts) >= DEEPEST:
            raise _TooDeep
        self._texts.append([])
        self._sizes.append(0)
        self.found.append(Tag(name, True, self.line, dict(attrs.items()), ""))

    def characters(self, content: str) -> None:
        if not self._texts:
            return
        size = self._sizes[-1]
        if size < LONGEST_TEXT:
            self._texts[-1].append(content[: LONGEST_TEXT - size])
        elif size < 2 * LONGEST_TEXT:
            detail = f"a text of more than {LONGEST_TEXT} characters; the rest of it is not kept"
            self._troubles.note("limited", detail, self.line)
            size = 2 * LONGEST_TEXT  # told once
        self._sizes[-1] = size + len(content)

    def endElement(self, name: str) -> None:  # noqa: N802 (the name SAX calls)
        text = "".join(self._texts.pop())
        self._sizes.pop()
        self.found.append(Tag(name, False, self.line, {}, text))


def tags(
    source: Source, troubles: Troubles, *, declares: bool = False, limit: int | None = None
) -> Iterator[Tag]:
    """Yield a document's beginnings and ends in their order, as far as it can be read. Raises OSError.

    `declares`: a document type may be declared, as Nmap does; entities are refused all the same. `limit` bounds the
    bytes that are read, where what is made of the tags is not bounded itself.
    """
    from defusedxml.expatreader import DefusedExpatParser

    gatherer = _Gatherer(troubles)
    parser = DefusedExpatParser(forbid_dtd=not declares)
    parser.setContentHandler(gatherer)
    # Fed piece by piece, the parser never tells where it stands of itself.
    gatherer.setDocumentLocator(parser)
    silence = 0
    with source.open() as stream:
        for text in _texts(stream, limit, troubles):
            going = _fed(parser, gatherer, text, troubles)
            silence = 0 if gatherer.found else silence + len(text)
            yield from gatherer.found
            gatherer.found = []
            if not going:
                return
            if silence > LONGEST_SILENCE:
                detail = f"a tag or text of more than {LONGEST_SILENCE} bytes; the rest is not read"
                troubles.note("limited", detail, gatherer.line)
                return
    _fed(parser, gatherer, None, troubles)
    yield from gatherer.found


def _fed(parser: "DefusedExpatParser", gatherer: _Gatherer, text: str | None, troubles: Troubles) -> bool:
    """Give the parser a piece, or tell it that there is no more; return whether it can go on."""
    try:
        if text is None:
            parser.close()
        else:
            parser.feed(text)
    except xml.sax.SAXParseException as why:
        troubles.note("unparsed", f"no more XML: {why.getMessage()}", why.getLineNumber())
    except _TooDeep:
        troubles.note("limited", f"elements lie deeper than {DEEPEST}; the rest is not read", gatherer.line)
    except defusedxml.DefusedXmlException as why:
        kind = type(why).__name__
        detail = f"{kind}: declares what is never followed; the rest is not read"
        troubles.note("unparsed", detail, gatherer.line)
    else:
        return True
    return False


def _texts(stream: BinaryIO, limit: int | None, troubles: Troubles) -> Iterator[str]:
    """Yield the document in pieces, decoded by its mark: what its declaration says is often not what is stored."""
    blocks = _blocks(stream, limit, troubles)
    head = next(blocks, b"")
    known = next(((name, len(mark)) for mark, name in MARKS if head.startswith(mark)), None)
    if known is None:
        known = (next((name for mark, name in UNMARKED if head.startswith(mark)), "utf-8"), 0)
    decoder = codecs.getincrementaldecoder(known[0])("backslashreplace")
    first = decoder.decode(head[known[1] :])
    if declared := DECLARATION.match(first):
        # As many line feeds as it had, so that lines stay where they are.
        first = "\n" * declared[0].count("\n") + first[declared.end() :]
    yield first
    for block in blocks:
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _blocks(stream: BinaryIO, limit: int | None, troubles: Troubles) -> Iterator[bytes]:
    left = limit
    while block := stream.read(BLOCK):
        if left is not None and len(block) > left:
            troubles.note("limited", f"is read up to {limit} bytes", None)
            yield block[:left]
            return
        left = None if left is None else left - len(block)
        yield block
