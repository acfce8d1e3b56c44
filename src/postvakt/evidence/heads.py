"""What a beginning or a path must hold for a pattern to be found in it: a text to look for before the pattern is asked.

Only what is plain is read. Groups, classes and what may be left out are passed over; where an expression has
alternatives outside a group or anything unknown, nothing is needed, and it is asked of everything.
"""

import re
from functools import cached_property
from typing import AnyStr, Generic

_PART = re.compile(
    rb"(?P<passed>\\x[0-9A-Fa-f]{2}|\\[AZbBdDsSwWfnrtv]|\[\^?\]?(?:[^\]\\]|\\.)*\]|[.^$])"
    rb"|\\(?P<escaped>\W)|(?P<open>\()|(?P<close>\))|(?P<either>\|)|(?P<plain>[^\\\[{}*+?])",
    re.DOTALL,
)
_ODD_FLAGS = re.compile(rb"\(\?[A-Za-z-]*[Lx]")
_ANY_CASE = re.compile(r"\(\?[A-Za-z-]*i")
_OFTEN = re.compile(rb"(?:[*?]|\{\d*,?\d*\}|(?P<once>\+))[?+]?")


def needed(pattern: bytes) -> bytes:
    """Return the longest text without which a valid pattern is not found in bytes that were made lower-case; empty
    where none is known."""
    if _ODD_FLAGS.search(pattern):
        return b""
    runs = [b""]
    at = depth = 0
    while at < len(pattern):
        part = _PART.match(pattern, at)
        if part is None or (part["either"] and not depth):
            return b""
        often = _OFTEN.match(pattern, part.end())
        at = often.end() if often else part.end()
        depth += bool(part["open"]) - bool(part["close"])
        letter = part["escaped"] or part["plain"] or b""
        if depth or not letter:
            runs.append(b"")
        elif often is None:
            runs[-1] += letter
        else:
            # What stands there once or more is needed; what follows need not be joined to it.
            runs[-1] += letter if often["once"] else b""
            runs.append(b"")
    return max(runs, key=len).lower()


class Sought(Generic[AnyStr]):
    """A pattern that is asked only where the text is that it needs, and made ready when it first is."""

    def __init__(self, pattern: AnyStr, held: AnyStr) -> None:
        self._pattern: AnyStr = pattern
        self._held: AnyStr = held

    def found(self, text: AnyStr, lowered: AnyStr) -> bool:
        """Tell whether it is found in a text, which is given once more in lower case."""
        # To look for a text that is not there costs a tenth of what the pattern does.
        return self._held in lowered and self._compiled.search(text) is not None

    @cached_property
    def _compiled(self) -> re.Pattern[AnyStr]:
        return re.compile(self._pattern)


def of_head(pattern: bytes) -> Sought[bytes]:
    """Return a pattern that is sought in beginnings."""
    return Sought(pattern, needed(pattern))


def of_path(pattern: str) -> Sought[str]:
    """Return a pattern that is sought in paths. In text, other letters than its own may be one regardless of case."""
    plain = pattern.isascii() and not _ANY_CASE.search(pattern)
    return Sought(pattern, needed(pattern.encode()).decode() if plain else "")
