"""CliXML, in which PowerShell keeps objects, as a stream of properties: nothing is built, whatever the file's size.

Source: [MS-PSRP] 2.2.5, serialization.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_stream import Tag, tags
from postvakt.model.evidence import Source

MOST_PROPERTIES = 10_000_000
MOST_REMEMBERED = 50_000
"""Objects whose print is kept for those who refer to them."""

LONGEST_REMEMBERED = 300

HOLDERS = frozenset(("Props", "MS"))
LISTS = frozenset(("LST", "IE", "QUE", "STK", "DCT"))
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")

GUESSED = (
    ("HealthCheckerExchangeServer", "HealthChecker"),
    ("ExchangeInformation", "HealthChecker"),
    ("ModuleList", "IISModules"),
)
"""Properties by which an object without a type of its own is known."""


class Property(NamedTuple):
    """One property of an object. `kind` is what is known of the object's kind so far; `value` None for nothing."""

    object: int
    kind: str
    path: str
    type: str
    value: str | None
    line: int


class _Open(msgspec.Struct):
    """An element that is open: where it stands, how many it has had, what it prints as."""

    name: str
    path: str
    line: int
    ref: str = ""
    count: int = 0
    printed: str | None = None


class _Reading:
    """Where in the document the reader is."""

    def __init__(self) -> None:
        self.number = 0
        self.kind = ""
        self._open: list[_Open] = []
        self._printed: dict[str, str] = {}
        self._types: dict[str, str] = {}
        self._typed = False

    def opens(self, tag: Tag) -> None:
        """Take the beginning of an element in."""
        above = self._open[-1] if self._open else None
        given = tag.attributes.get("N")
        path = above.path if above else ""
        top = above is not None and above.name == "Objs"
        if top:
            self.number += 1
            self.kind, self._typed = "", False
        elif above is not None and (above.name in HOLDERS or above.name == "En") and given is not None:
            path = _joined(path, unescaped(given))
        elif above is not None and above.name in LISTS:
            path = _joined(path, str(above.count))
        elif above is not None and above.name == "Obj" and tag.name not in ("Props", "MS", *LISTS):
            path = _joined(path, "value")
        if above is not None:
            above.count += 1
        self._open.append(_Open(name=tag.name, path=path, line=tag.line, ref=tag.attributes.get("RefId", "")))

    def closes(self, tag: Tag) -> Property | None:
        """Return the property that ends here, None where none does."""
        ended = self._open.pop()
        above = self._open[-1] if self._open else None
        if tag.name == "T" and above is not None:
            if above.ref and len(self._types) < MOST_REMEMBERED:
                self._types.setdefault(above.ref, tag.text[:LONGEST_REMEMBERED])
            self._type(tag.text)
        elif tag.name == "TNRef":
            self._type(self._types.get(ended.ref, ""))
        elif tag.name == "ToString" and above is not None:
            above.printed = unescaped(tag.text)
        elif tag.name == "Obj":
            return self._object(ended)
        elif tag.name == "Ref":
            return self._told(ended, "Ref", self._printed.get(ended.ref))
        elif above is not None and tag.name not in ("Objs", "TN", "TNRef", "En", *HOLDERS, *LISTS):
            return self._told(ended, tag.name, None if tag.name == "Nil" else unescaped(tag.text))
        return None

    def _object(self, ended: _Open) -> Property | None:
        if ended.printed is None:
            return None
        if ended.ref and len(self._printed) < MOST_REMEMBERED:
            self._printed[ended.ref] = ended.printed[:LONGEST_REMEMBERED]
        return self._told(ended, "Obj", ended.printed)

    def _type(self, name: str) -> None:
        """The first type of an object at the top is its kind: `Microsoft.(...).ExchangeServer` is ExchangeServer."""
        if name and not self._typed and sum(one.name == "Obj" for one in self._open) == 1:
            self._typed = True
            self.kind = name.removeprefix("Deserialized.").rpartition(".")[2].partition("#")[0]
            if name.endswith("HealthCheckerExchangeServer"):
                self.kind = "HealthChecker"

    def _told(self, ended: _Open, kind: str, value: str | None) -> Property:
        if self.kind in ("", "PSCustomObject", "Object", "HashTable", "Hashtable"):
            first = ended.path.split("/", 1)[0]
            self.kind = next((known for name, known in GUESSED if name == first), self.kind)
        return Property(self.number, self.kind, ended.path, kind, value, ended.line)


def properties(source: Source, troubles: Troubles) -> Iterator[Property]:
    """Yield the properties of every object in the order in which they end. Raises OSError."""
    reading = _Reading()
    told = 0
    for tag in tags(source, troubles):
        if tag.opens:
            reading.opens(tag)
            continue
        found = reading.closes(tag)
        if found is None:
            continue
        told += 1
        if told > MOST_PROPERTIES:
            detail = f"more than {MOST_PROPERTIES} properties; the rest is not read"
            troubles.note("limited", detail, tag.line)
            return
        yield found


def unescaped(text: str) -> str:
    """Return a text with CliXML's `_x000A_` as the characters that they stand for."""
    return ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
