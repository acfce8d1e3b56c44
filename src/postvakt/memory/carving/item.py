"""One thing that was carved."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from postvakt.memory.carving.stretch import Stretch
from postvakt.model.marks import Mark


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What stands between two offsets of a stretch. `time` is the instant it tells itself (microseconds since 1970).

    `fragment`: it is cut at an edge of a page, or crosses one of which it is not known that it goes on so.
    `fields` go to the columns of their names.
    """

    kind: str
    start: int
    end: int
    encoding: str
    text: str
    fragment: bool = False
    time: int | None = None
    fields: Mapping[str, Any] = {}


ByMark = Callable[[Stretch, Mark], Iterable[Item]]
"""Carves what stands around a place that an anchor matched; the same bytes give the same items, whichever anchor."""

ByPage = Callable[[Stretch], Iterable[Item]]
"""Carves what begins where structures begin."""
