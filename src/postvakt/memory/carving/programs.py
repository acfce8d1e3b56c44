"""What was to be run: command lines with their encoded part decoded, and source of pages."""

import base64
import binascii
import re
from collections.abc import Iterator

from postvakt.memory.carving.item import Item
from postvakt.memory.carving.stretch import Stretch
from postvakt.memory.carving.text import BLOCK, PLAIN, SHOWN, around, is_cut, said, step_of
from postvakt.model.marks import Mark

_ENCODED = re.compile(
    r"\s[-/](?:e|ec|en|enc|enco|encod|encode|encoded|encodedc\w{0,6})\s+[\"']?([A-Za-z0-9+/=]{16,})", re.I
)
_OPENING = re.compile(r"<%|<script\b|<\?|<html|<!DOCTYPE", re.I)
_CLOSING = re.compile(r"</script\s*>|</html\s*>", re.I)
_MARKS = re.compile(r"<script\b[^>]{0,200}\brunat\s{0,4}=|\beval\s{0,4}\(|<%@", re.I)
BEFORE = 2048
AFTER = 4096
"""Letters of source that are shown before and after what gave it away."""


def command_line(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the command line around a place."""
    step = step_of(stretch.data, mark.offset, mark.length)
    text = around(stretch, mark.offset, step, PLAIN)
    line = text.raw.strip()
    if len(line) < 8:
        return
    low = text.raw.index(line)
    kept = text.cut(low, low + len(line))
    told = kept.said()
    fields = {"CommandLine": told}
    decoded = decode(line)
    if decoded:
        fields["decoded"] = decoded
    yield Item(
        kind="command_line",
        start=kept.start,
        end=kept.end,
        encoding=kept.encoding,
        text=told,
        fragment=is_cut(stretch, kept),
        fields=fields,
    )


def decode(line: str) -> str:
    """Return the script that a command line hands to PowerShell in Base64 of UTF-16, or nothing."""
    found = _ENCODED.search(line)
    if found is None:
        return ""
    packed = found[1][: len(found[1]) // 4 * 4]
    try:
        raw = base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        return ""
    text = raw[: len(raw) // 2 * 2].decode("utf-16-le", "backslashreplace")[:SHOWN]
    return (
        said(text, 2) if text and sum(c.isprintable() or c.isspace() for c in text) > len(text) * 0.9 else ""
    )


def script(stretch: Stretch, mark: Mark) -> Iterator[Item]:
    """Yield the source of a page around a place: from where it opens to where it closes, bounded."""
    step = step_of(stretch.data, mark.offset, mark.length)
    text = around(stretch, mark.offset, step, BLOCK)
    at = (mark.offset - text.start) // step
    opened = None
    for found in _OPENING.finditer(text.raw, max(0, at - BEFORE), at + 1):
        opened = found.start() if opened is None else opened
    low = max(0, at - 128) if opened is None else opened
    closed = _CLOSING.search(text.raw, at, min(len(text.raw), at + AFTER))
    high = closed.end() if closed else min(len(text.raw), at + AFTER)
    kept = text.cut(low, high)
    yield Item(
        kind="script",
        start=kept.start,
        end=kept.end,
        encoding=kept.encoding,
        text=kept.said(),
        fragment=is_cut(stretch, kept, begun=opened is not None, ended=closed is not None),
    )
