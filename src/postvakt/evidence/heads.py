"""What a beginning must hold for a pattern to be found in it: a text to look for before the pattern is asked.

Only what is plain is read. Groups, classes and what may be left out are passed over; where an expression has
alternatives outside a group or anything unknown, nothing is needed, and it is asked of every beginning.
"""

import re

_PART = re.compile(
    rb"(?P<passed>\\x[0-9A-Fa-f]{2}|\\[AZbBdDsSwWfnrtv]|\[\^?\]?(?:[^\]\\]|\\.)*\]|[.^$])"
    rb"|\\(?P<escaped>\W)|(?P<open>\()|(?P<close>\))|(?P<either>\|)|(?P<plain>[^\\\[{}*+?])",
    re.DOTALL,
)
_OFTEN = re.compile(rb"(?:[*?]|\{\d*,?\d*\}|(?P<once>\+))[?+]?")


def needed(pattern: bytes) -> bytes:
    """Return the longest text without which a valid pattern is not found in bytes that were made lower-case; empty
    where none is known."""
    if re.compile(pattern).flags & (re.VERBOSE | re.LOCALE):
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
