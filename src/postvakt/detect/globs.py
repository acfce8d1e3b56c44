"""Texts with wildcards, sorted by the cheapest test that says the same."""

import enum
import itertools
from collections.abc import Iterable, Sequence

import re2

from postvakt.detect.plan import Op, Test
from postvakt.detect.values import fold


class Wild(enum.Enum):
    """A wildcard: any number of characters, or exactly one."""

    ANY = "*"
    ONE = "?"


ANY, ONE = Wild.ANY, Wild.ONE
Part = str | Wild

_SHAPES: dict[tuple[bool, ...], Op] = {
    # True stands for a text, False for a star.
    (): "equals",
    (True,): "equals",
    (False,): "present",
    (False, True, False): "contains",
    (True, False): "starts",
    (False, True): "ends",
}


def text_test(field: str, parts: Iterable[Part], *, cased: bool = False) -> Test:
    """Return the test that a text with wildcards stands for."""
    merged = list(_merged(parts))
    flags = "c" if cased else ""
    texts = [part if cased else fold(part) for part in merged if isinstance(part, str)]
    shape = tuple(isinstance(part, str) for part in merged)
    op = _SHAPES.get(shape) if ONE not in merged else None
    if op is not None:
        return Test(field, op, texts[0] if texts else "", "", "" if op == "present" else flags)
    return Test(field, "glob", _written(merged), _regex(merged, cased=cased), flags)


def literals(test: Test) -> tuple[str, ...]:
    """Return the folded texts that any value passing a `glob` test must hold."""
    pieces: list[str] = []
    text = ""
    escaped = False
    for letter in test.text:
        if not escaped and letter in "*?":
            pieces.append(text)
            text = ""
        elif not escaped and letter == "\\":
            escaped = True
            continue
        else:
            text += letter
        escaped = False
    return tuple(fold(piece) for piece in (*pieces, text) if piece)


def _merged(parts: Iterable[Part]) -> Iterable[Part]:
    """Join texts that touch and stars that touch; leave out empty texts."""
    for kind, run in itertools.groupby(
        (part for part in parts if part != ""), key=lambda p: p if isinstance(p, Wild) else None
    ):
        if kind is None:
            yield "".join(part for part in run if isinstance(part, str))
        elif kind is ANY:
            yield ANY
        else:
            yield from run


def _written(parts: Sequence[Part]) -> str:
    """Return the pattern as Sigma writes it, every special character escaped."""
    return "".join(
        part.value
        if isinstance(part, Wild)
        else part.replace("\\", "\\\\").replace("*", "\\*").replace("?", "\\?")
        for part in parts
    )


def _regex(parts: Sequence[Part], *, cased: bool) -> str:
    wild = {ANY: ".*", ONE: "."}
    return "".join(
        wild[part] if isinstance(part, Wild) else str(re2.escape(part if cased else fold(part)))
        for part in parts
    )
