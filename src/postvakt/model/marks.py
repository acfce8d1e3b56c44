"""What one pass over bytes of memory found: where patterns of rules stand, and where something may be carved."""

from collections.abc import Callable

import msgspec


class Mark(msgspec.Struct, frozen=True, gc=False):
    """A place in the bytes that were looked at: offset and length."""

    offset: int
    length: int


class RuleMarks(msgspec.Struct, frozen=True):
    """A rule that holds in the bytes, with the places of each of its patterns that occurs."""

    rule: str
    patterns: tuple[tuple[str, tuple[Mark, ...]], ...]


class Marks(msgspec.Struct, frozen=True):
    """What one pass found. `anchors` has the places of each kind of carver; `full` the kinds of which more stand
    there than a pass gives. `fault` says why the pass did not finish."""

    rules: tuple[RuleMarks, ...] = ()
    anchors: dict[str, list[Mark]] = {}
    full: frozenset[str] = frozenset()
    fault: str = ""


Finder = Callable[[bytes], Marks]
