"""STIX 2.1 patterns: a strict reader of the part that one record can answer.

Source: STIX 2.1, section 9 (STIX Patterning), OASIS Standard of 10 June 2021.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from postvakt.detect.shelf import Refused


class Comparison(msgspec.Struct, frozen=True):
    """One comparison of an object's property with values (several for IN)."""

    object: str
    path: str
    operator: Literal["=", "!=", "IN", "LIKE", "MATCHES", "ISSUBSET"]
    values: tuple[str, ...]
    negated: bool = False


class Joined(msgspec.Struct, frozen=True):
    """Expressions of which all (`and`) or any (`or`) must hold of one record."""

    op: Literal["and", "or"]
    parts: tuple["Expression", ...]


Expression = Comparison | Joined

_TOKENS = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^'\\]|\\.)*')
    | (?P<number>[+-]?\d+(?:\.\d+)?)(?![\w-])
    | (?P<word>[A-Za-z][A-Za-z0-9_-]*)
    | (?P<mark>!=|<>|==|<=|>=|[\[\]():=<>.,*])
    )""",
    re.VERBOSE,
)
DEEPEST = 64


def parse(pattern: str) -> Expression:
    """Return a pattern's comparisons. Raises Refused for what a single record cannot answer or what is no pattern."""
    return _Parser(list(_tokens(pattern))).pattern()


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    position = 0
    end = len(pattern.rstrip())
    while position < end:
        found = _TOKENS.match(pattern, position)
        if found is None:
            raise Refused(f"not a STIX pattern at character {position}: {pattern[position : position + 20]}")
        kind = str(found.lastgroup)
        yield kind, found.group(kind)
        position = found.end()


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def pattern(self) -> Expression:
        whole = self._observations()
        if self._at < len(self._tokens):
            raise Refused(f"pattern: {self._peek()[1]} is not understood here")
        return whole

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _take(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _is(self, text: str) -> bool:
        kind, value = self._peek()
        return value == text and kind in ("mark", "word")

    def _want(self, text: str) -> None:
        if not self._is(text):
            raise Refused(f"pattern: {text} is wanted where {self._peek()[1]} stands")
        self._take()

    def _observations(self) -> Expression:
        parts = [self._observation()]
        while self._peek()[0] == "word":
            word = self._peek()[1]
            if word != "OR":
                raise Refused(f"pattern: {word} joins several observations; one record is asked at a time")
            self._take()
            parts.append(self._observation())
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _observation(self) -> Expression:
        if self._is("("):
            return self._bracketed("(", ")", self._observations)
        return self._bracketed("[", "]", self._any)

    def _bracketed(self, opens: str, closes: str, inside: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Refused("pattern: nested too deep")
        self._want(opens)
        found = inside()
        self._want(closes)
        self._depth -= 1
        return found

    def _any(self) -> Expression:
        return self._list("OR", "or", self._every)

    def _every(self) -> Expression:
        return self._list("AND", "and", self._comparison)

    def _list(self, word: str, op: Literal["and", "or"], one: Callable[[], Expression]) -> Expression:
        parts = [one()]
        while self._is(word):
            self._take()
            parts.append(one())
        return parts[0] if len(parts) == 1 else Joined(op, tuple(parts))

    def _comparison(self) -> Expression:
        if self._is("("):
            return self._bracketed("(", ")", self._any)
        negated = self._negation()
        if self._is("EXISTS"):
            raise Refused("pattern: EXISTS is not asked")
        kind, name = self._take()
        if kind != "word":
            raise Refused(f"pattern: an object type is wanted where {name} stands")
        self._want(":")
        path = self._path()
        negated = self._negation() != negated
        kind, operator = self._take()
        operator = {"==": "=", "<>": "!="}.get(operator, operator)
        if operator not in ("=", "!=", "IN", "LIKE", "MATCHES", "ISSUBSET"):
            raise Refused(f"pattern: the operator {operator} is not asked")
        values = self._set() if operator == "IN" else (self._value(),)
        return Comparison(name, path, operator, values, negated)  # type: ignore[arg-type]

    def _negation(self) -> bool:
        if self._is("NOT"):
            self._take()
            return True
        return False

    def _path(self) -> str:
        """Read a property path; list positions are read as any."""
        parts = [self._step()]
        while True:
            if self._is("."):
                self._take()
                parts.append(self._step())
            elif self._is("["):
                self._take()
                kind, index = self._take()
                if kind != "number" and index != "*":
                    raise Refused(f"pattern: {index} is no list position")
                self._want("]")
            else:
                return ".".join(parts)

    def _step(self) -> str:
        kind, text = self._take()
        if kind == "text":
            return _unquoted(text)
        if kind != "word":
            raise Refused(f"pattern: a property is wanted where {text} stands")
        return text

    def _set(self) -> tuple[str, ...]:
        self._want("(")
        values = [self._value()]
        while self._is(","):
            self._take()
            values.append(self._value())
        self._want(")")
        return tuple(values)

    def _value(self) -> str:
        kind, text = self._take()
        if kind == "text":
            return _unquoted(text)
        if kind == "number" or text in ("true", "false"):
            return text
        raise Refused(f"pattern: a value is wanted where {text} stands")


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
