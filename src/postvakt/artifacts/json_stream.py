"""JSON objects one after another: a line each, in an array, or written over many lines; with the offset of each.

Memory is bounded whatever the file's size or its lines'. What is no object is noted and passed over.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from postvakt.artifacts import event_tree
from postvakt.artifacts.troubles import Troubles

LONGEST = 4 * 1024 * 1024
"""Bytes of the longest object that is read."""

BLOCK = 1024 * 1024
MOST_OPEN = 64
"""Objects without an end that are looked for beyond their line; after so many the file has one object a line."""

NO_OBJECT = "not a JSON object"
TOO_LONG = f"longer than {LONGEST} bytes"
CUT = "the last object has no end"

_BETWEEN = re.compile(rb"[ \t\r\n,\[\]\x00]*")
_TOKENS = re.compile(rb'"[^"\\\r\n]*+(?:\\.[^"\\\r\n]*+)*+"|["{}\[\]]')
_AFTER_LINE = b" \t\r,]\0"


class _Bytes(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Transcoded:
    """A UTF-16 stream read as UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("backslashreplace")

    def read(self, size: int, /) -> bytes:
        while block := self._stream.read(size):
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "backslashreplace")
        return self._decoder.decode(b"", final=True).encode("utf-8", "backslashreplace")


class _Text:
    """A window on a stream: `ahead` from `at` on is what was read and not passed over."""

    def __init__(self, stream: BinaryIO) -> None:
        head = stream.read(4)
        encoding, mark = _encoding(head)
        self._wide = encoding != "utf-8"
        self._stream: _Bytes = _Transcoded(stream, encoding) if self._wide else stream
        self._offset = mark
        self.ahead = head[mark:]
        if self._wide:
            self.ahead = self.ahead.decode(encoding, "backslashreplace").encode("utf-8", "backslashreplace")
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Read on; tell whether there was anything."""
        block = b"" if self.ended else self._stream.read(BLOCK)
        self.ended = not block
        if block:
            self.ahead = self.ahead[self.at :] + block
            self.at = 0
        return bool(block)

    def skip_to(self, place: int) -> None:
        """Pass over what lies before a place in `ahead`."""
        if self._wide:
            taken = self.ahead[self.at : place].decode("utf-8", "replace")
            self._offset += len(taken.encode("utf-16-le", "replace"))
        else:
            self._offset += place - self.at
        self.at = place

    @property
    def offset(self) -> int:
        """The offset in the file of what comes next."""
        return self._offset


def _encoding(head: bytes) -> tuple[str, int]:
    """Return how a file is encoded, and how many bytes at its start are no text."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return encoding, len(mark)
    if head[:1] in (b"{", b"[") and head[1:2] == b"\0":
        return "utf-16-le", 0
    return "utf-8", 3 if head.startswith(codecs.BOM_UTF8) else 0


def objects(stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, Any]]:
    """Yield each object as a tree (see `event_tree`) with the offset of its first byte."""
    return _Objects(stream, troubles).all()


class _Objects:
    def __init__(self, stream: BinaryIO, troubles: Troubles) -> None:
        self._text = _Text(stream)
        self._troubles = troubles
        self._open = 0
        self._fresh = True
        """Whether the next object is the first of its line, and no array began before it there."""

    def all(self) -> Iterator[tuple[int, Any]]:
        while self._between():
            text = self._text
            offset = text.offset
            if text.ahead[text.at] != ord("{"):
                self._pass_line(begun=False)
            elif (tree := self._object()) is not None:
                yield offset, tree

    def _between(self) -> bool:
        """Go on to what is not between objects; tell whether there is anything."""
        text = self._text
        while True:
            end = _BETWEEN.match(text.ahead, text.at).end()  # type: ignore[union-attr]
            passed = text.ahead[text.at : end]
            text.skip_to(end)
            if passed:
                self._fresh = b"[" not in passed and (self._fresh or b"\n" in passed)
            if end < len(text.ahead):
                return True
            if not text.more():
                return False

    def _object(self) -> Any:
        """Return the object that begins here and pass over it; None, with a note, where it is none."""
        text = self._text
        if self._fresh:
            end = self._line_end()
            line = text.ahead[text.at : end].rstrip(_AFTER_LINE)
            if line.endswith(b"}") and (tree := _tree(line)) is not None:
                text.skip_to(end)
                return tree
        if self._open < MOST_OPEN:
            end = self._end()
            if end and (tree := _tree(text.ahead[text.at : end])) is not None:
                text.skip_to(end)
                self._fresh = False
                return tree
            self._open += 1
        self._pass_line(begun=True)
        return None

    def _line_end(self) -> int:
        """Return where the line ends that begins here, or where it is too long."""
        text = self._text
        looked = 0
        while True:
            end = text.ahead.find(b"\n", text.at + looked)
            if end >= 0:
                return end
            looked = len(text.ahead) - text.at
            if looked > LONGEST or not text.more():
                return text.at + looked

    def _end(self) -> int:
        """Return where the object ends that begins here, 0 where it does not within LONGEST."""
        text = self._text
        while True:
            end = _balanced(text.ahead, text.at)
            if end >= 0:
                return end
            if len(text.ahead) - text.at > LONGEST or not text.more():
                return 0

    def _pass_line(self, *, begun: bool) -> None:
        """Pass over the rest of the line, and say so; `begun` tells that an object seemed to begin here."""
        text = self._text
        offset = text.offset
        size = 0
        while True:
            end = self._line_end()
            size += end - text.at
            text.skip_to(end)
            if end < len(text.ahead) or (text.ended and end == len(text.ahead)):
                break
        self._fresh = True
        if size > LONGEST:
            self._troubles.note("limited", TOO_LONG, offset)
        elif begun and end == len(text.ahead):
            self._troubles.note("truncated", CUT, offset)
        else:
            self._troubles.note("unparsed", NO_OBJECT, offset)


def _tree(text: bytes) -> Any:
    """Return an object as a tree, None where it is none."""
    try:
        return event_tree.decode(text)
    except (ValueError, RecursionError):
        return None


def _balanced(text: bytes, start: int) -> int:
    """Return where the object that begins at `start` ends: -1 where its end was not read yet, 0 where it has none."""
    depth = 0
    for found in _TOKENS.finditer(text, start):
        token = found[0]
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth == 0:
                return found.end()
        elif token == b'"':
            broken = _LINE_BREAK.search(text, found.end())
            return 0 if broken else -1
    return -1


_LINE_BREAK = re.compile(rb"[\r\n]")
