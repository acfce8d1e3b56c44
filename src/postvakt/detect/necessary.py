"""What a text must hold to pass a pattern: texts to look for before the pattern itself is asked.

Only what is plain is read; where an expression is anything else, nothing is needed, and it is asked of every value.
"""

import functools
from collections.abc import Iterator

from postvakt.detect.globs import literals
from postvakt.detect.plan import Test
from postvakt.detect.values import fold

SHORTEST = 3
"""Characters of a text that is worth looking for."""

RARE = frozenset("@|<>^`{}~")
"""Characters that few values hold: worth looking for alone, and rather than for several short words."""

MOST = 64
"""Alternatives of one expression that are looked for."""

UNREAD = "QExpPC0123456789"
"""Escapes that stand for more than the letter that follows them."""

Texts = tuple[str, ...]


def needed(test: Test) -> Texts:
    """Return folded texts of which a value must hold one to pass a glob or regular expression; none where unknown."""
    if test.op not in ("glob", "regex"):
        return ()
    return _read(test) if test.held is None else test.held


@functools.lru_cache(maxsize=8192)
def _read(test: Test) -> Texts:
    if test.op == "glob":
        held = max(literals(test), key=len, default="")
        return (held,) if held else ()
    try:
        reader = _Reader(test.regex)
        found = reader.alternatives()
        return found if found and reader.done() and len(found) <= MOST else ()
    except _UnreadError:
        return ()


class _UnreadError(Exception):
    """An expression is not plain enough."""


class _Reader:
    """Reads an expression from left to right; each function leaves off behind what it has read."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0

    def done(self) -> bool:
        """Tell whether all is read."""
        return self._at == len(self._pattern)

    def alternatives(self) -> Texts:
        """Read alternatives up to a closing bracket or the end; return texts of which one is needed."""
        found = [self._sequence()]
        while self._peek() == "|":
            self._at += 1
            found.append(self._sequence())
        return tuple(dict.fromkeys(text for texts in found for text in texts)) if all(found) else ()

    def _sequence(self) -> Texts:
        """Read one alternative; return the best of what each of its parts needs."""
        return max(self._parts(), key=lambda texts: min(map(_weight, texts), default=0), default=())

    def _parts(self) -> Iterator[Texts]:
        run = ""
        while (letter := self._peek()) and letter not in "|)":
            self._at += 1
            inner: Texts = ()
            held = ""
            if letter == "(":
                inner = self._group()
            elif letter == "[":
                self._skip_class()
            elif letter == "\\":
                held = self._escaped()
            elif letter not in ".^$":
                held = letter if letter.isascii() else ""
            once, more = self._repeated()
            run += held if once else ""
            if not held or more or not once:
                yield _worth(run)
                run = ""
            if once:
                yield inner
        yield _worth(run)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _group(self) -> Texts:
        if self._peek() == "?":
            head = self._pattern[self._at :]
            colon, close, named = head.find(":"), head.find(")"), head.find(">")
            if head.startswith(("?P<", "?<")):
                self._at += named + 1
            elif close >= 0 and (colon < 0 or close < colon):
                # Flags for what follows: nothing to hold.
                self._at += close + 1
                return ()
            else:
                self._at += colon + 1
        found = self.alternatives()
        if self._peek() != ")":
            raise _UnreadError
        self._at += 1
        return found

    def _skip_class(self) -> None:
        """Read a class of characters, behind its opening bracket."""
        self._at += self._peek() == "^"
        self._at += self._peek() == "]"
        while (letter := self._peek()) != "]":
            if letter in ("", "["):
                raise _UnreadError
            self._at += 2 if letter == "\\" else 1
        self._at += 1

    def _escaped(self) -> str:
        letter = self._peek()
        if letter == "" or letter in UNREAD:
            raise _UnreadError
        self._at += 1
        return letter if letter.isascii() and not letter.isalnum() else ""

    def _repeated(self) -> tuple[bool, bool]:
        """Read how often the last part may stand: whether at least once, and whether other than exactly once."""
        letter = self._peek()
        if not letter or letter not in "*?+{":
            return True, False
        if letter == "{":
            end = self._pattern.find("}", self._at)
            least = self._pattern[self._at + 1 : end].partition(",")[0] if end > 0 else ""
            if not least.isdecimal():
                raise _UnreadError
            self._at = end
        self._at += 1
        self._at += self._peek() == "?"
        if self._peek() in ("*", "+", "?", "{"):
            raise _UnreadError
        return letter == "+" or (letter == "{" and int(least) > 0), True


def _worth(run: str) -> Texts:
    text = fold(run)
    return (text,) if _weight(text) >= SHORTEST else ()


def _weight(text: str) -> float:
    """Rate a text by its length; one with a rare character counts as a little longer than the shortest word."""
    return max(len(text), SHORTEST + 0.5 if RARE.intersection(text) else 0)
