"""Text of evidence made safe to look at: what a reader cannot see, or what would move other text, is spelled.

The attacker chose many of these characters. A control character, a direction override or a zero-width space
stays in the JSON as it was read; where people read, it is shown as `U+202E`.
"""

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

MOST = 2000
"""Characters of one value that a page shows; how many more there are is told."""

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u1680"
    "\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3164\ud800-\udfff\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\uffff\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# A letter may carry a few marks; a tower of them covers the lines around it.
_TOWER = (
    "(?<=[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_SPELLED_RUN = re.compile(f"([{_UNSEEN}])\\1*|{_TOWER}")
_SPELLED_ON_ONE_LINE = re.compile(f"([{_UNSEEN}\t\n])\\1*|{_TOWER}")
_CODED = re.compile("`([^`]+)`")
_LINE_SIGNS = {"\n": "⏎", "\t": "⇥"}


def spelled(text: str) -> str:
    """Return text on one line in which nothing is invisible: `U+XXXX` in brackets, line ends as ⏎, tabs as ⇥."""
    return _SPELLED_ON_ONE_LINE.sub(_in_brackets, _one_line_end(text))


def shown(text: str, most: int = MOST) -> Markup:
    """Return text as HTML: escaped, unseen characters spelled in a marked span, line ends and tabs kept."""
    if len(text) <= most and text.isascii() and text.isprintable():
        return escape(text)  # most of what a page shows: nothing in it is to be spelled
    kept, more = cut(_one_line_end(text), most)
    parts = [_span(piece) if special else escape(piece) for special, piece in _pieces(kept)]
    if more:
        parts.append(_left_away(more))
    return Markup("").join(parts)


def coded(text: str) -> Markup:
    """Return a sentence as HTML, what stands in it between grave accents as code: `AnchorMailbox`."""
    kept, more = cut(text)
    parts = _CODED.split(kept)
    told = [
        Markup('<code class="ev">{}</code>').format(shown(part)) if place % 2 else shown(part)
        for place, part in enumerate(parts)
    ]
    return Markup("").join(told) + (_left_away(more) if more else "")


def attribute(text: str) -> Markup:
    """Return text for an HTML attribute: one line, cut short, escaped, without markup."""
    kept, more = cut(text, 200)
    return escape(spelled(kept) + (" …" if more else ""))


def cut(text: str, most: int = MOST) -> tuple[str, int]:
    """Return the first `most` characters and the number of those left away."""
    return text[:most], max(0, len(text) - most)


def encodable(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate, which no JSON reader takes, is written as `\\udc80`."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def encodable_in(value: Any) -> Any:
    """Return plain values, mappings and lists in which every text is `encodable`."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, dict):
        return {encodable(key): encodable_in(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [encodable_in(inner) for inner in value]
    return value


def _one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n")


def _left_away(number: int) -> Markup:
    return Markup('<span class="more"> … {:,} more characters</span>').format(number)


def _pieces(text: str) -> Iterator[tuple[bool, str]]:
    """Return (is special, piece) in order, empty pieces left away; a run of one special character is one piece."""
    at = 0
    for special in _SPELLED_RUN.finditer(text):
        if special.start() > at:
            yield False, text[at : special.start()]
        yield True, special.group()
        at = special.end()
    if at < len(text):
        yield False, text[at:]


def _span(run: str) -> Markup:
    return Markup('<span class="cp">{}</span>').format(_told(run))


def _in_brackets(found: re.Match[str]) -> str:
    run = found.group()
    return _LINE_SIGNS[run[0]] * len(run) if run[0] in _LINE_SIGNS else f"[{_told(run)}]"


def _told(run: str) -> str:
    times = f" ×{len(run):,}" if len(run) > 1 else ""
    return f"{_code_point(run[0])}{times}"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"


def finalize(value: object) -> object:
    """Make every string that a template prints visible and harmless, without anyone having to remember it."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return shown(value)
