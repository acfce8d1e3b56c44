"""Every key of a hive with its values: those that the root leads to, and those that nothing leads to any more."""

import re
import struct
from array import array
from collections.abc import Iterator

import msgspec

from postvakt.artifacts.registry.regf import MOST_NAME, NONE, ROOT, Hive, Key, Marks, Value
from postvakt.artifacts.registry.replay import BASE, PAGE
from postvakt.artifacts.registry.sound import loose_cells
from postvakt.artifacts.troubles import Troubles
from postvakt.model.clock import FILETIME_OF_1970

MOST_PATH = 1024
"""Characters of a path that are written out; of a longer one the middle is left out."""

MOST_LEVELS = 64
"""Levels that are gone up from a deleted key to its path."""

MOST_KNOWN = 16_384
"""Paths of deleted keys that are remembered for the keys below them."""

UNKNOWN = "(unknown)"
"""Stands for the path of what no key leads to and whose own parent is gone."""

EARLIEST = FILETIME_OF_1970 + 20 * 365 * 86_400 * 10_000_000
LATEST = FILETIME_OF_1970 + 130 * 366 * 86_400 * 10_000_000
"""A deleted key's time lies between 1990 and 2100, or it was no key."""

_SIZE = struct.Struct("<i")
_NODE = re.compile(rb"[nv]k")
_KNOWN_TYPES = frozenset(range(12))


class Found(msgspec.Struct, frozen=True, gc=False):
    """A key with its path and values. `key` is None for values whose key is gone; `lost` says how it was found."""

    key: Key | None
    path: str
    values: list[Value]
    lost: str = ""


def walk(hive: Hive, root_path: str, met: Marks) -> Iterator[Found]:
    """Yield every key that the root leads to, each before its subkeys, in the order of the hive's own lists."""
    root = hive.root()
    if root is None:
        hive.troubles.note("unparsed", "no root key; keys were looked for cell by cell", None)
        return
    met.add(root.offset)
    waiting = [(root, root_path)]
    while waiting:
        key, path = waiting.pop()
        yield Found(key, path, _values(hive, key, met))
        if key.subkeys:
            below = [(child, _join(hive, path, child)) for child in _children(hive, key, met)]
            below.reverse()
            waiting += below


def _children(hive: Hive, key: Key, met: Marks) -> Iterator[Key]:
    for offset in hive.subkey_offsets(key, met):
        child = hive.key(offset)
        if child is None:
            continue
        if met.add(offset):
            yield child
        else:
            hive.troubles.note("unparsed", "a key is listed twice; it is told where it was met first", offset)


def _values(hive: Hive, key: Key, met: Marks) -> list[Value]:
    found = []
    for offset in hive.value_offsets(key, met):
        value = hive.value(offset)
        if value is None:
            continue
        if met.add(offset):
            found.append(value)
        else:
            hive.troubles.note(
                "unparsed", "a value is listed twice; it is told where it was met first", offset
            )
    return found


def _join(hive: Hive, path: str, key: Key) -> str:
    joined = f"{path}\\{key.name}"
    if len(joined) > MOST_PATH:
        hive.troubles.note("limited", f"paths of more than {MOST_PATH} characters are shortened", key.offset)
    return shortened(joined, key.name)


def unreferenced(hive: Hive, root_path: str, met: Marks) -> Iterator[Found]:
    """Yield keys and values that nothing leads to: `deleted` in free cells, `orphan` in cells still allocated.

    A key's path is told by its parents as far as they still are keys. Call it after `walk` with the same marks.
    """
    loose: dict[str, array[int]] = {"deleted": array("I"), "orphan": array("I")}
    paths = _Paths(hive, root_path)
    for lost, start, stop in _unmet(hive, met):
        for key, value in _nodes(hive, start, stop, single=lost == "orphan"):
            if key is not None and met.add(key.offset):
                yield Found(key, paths.of(key), _own_values(hive, key, met), lost)
            elif value is not None:
                loose[lost].append(value.offset)
    for lost, offsets in loose.items():
        for offset in offsets:
            value = hive.value_at(offset, BASE + hive.size) if met.add(offset) else None
            if value is not None:
                yield Found(None, f"{root_path}\\{UNKNOWN}", [value], lost)


def _unmet(hive: Hive, met: Marks) -> Iterator[tuple[str, int, int]]:
    """Yield what no live key uses, as (how lost, start, stop) in offsets: free cells, and cells of nodes not met."""
    troubles = Troubles("")
    bins = list(_bins(Hive(hive.image, hive.base, troubles)))
    loose = None if any(troubles.gaps()) else loose_cells(hive, bins, met)
    if loose is None:
        yield from _unmet_one_by_one(hive, met)
        return
    for free, start, stop in loose:
        # What was loose may have been met since: a lost key leads to values.
        if free or not met.flags[start >> 3]:
            yield "deleted" if free else "orphan", start, stop


def _unmet_one_by_one(hive: Hive, met: Marks) -> Iterator[tuple[str, int, int]]:
    image, flags, unpack_from = hive.image, met.flags, _SIZE.unpack_from
    for start, stop in _bins(hive):
        at = start
        while at + 8 <= stop:
            size = unpack_from(image, BASE + at)[0]
            end = at - size if size < 0 else at + size
            if size == 0 or size & 7 or end > stop:
                hive.troubles.note("unparsed", "the cells of a hive bin do not fill it", at)
                yield "deleted", at, stop
                break
            if size > 0:
                yield "deleted", at, end
            elif not flags[at >> 3]:
                yield "orphan", at, end
            at = end


def _bins(hive: Hive) -> Iterator[tuple[int, int]]:
    """Yield where the cells of each hive bin start and stop."""
    at = 0
    while at + 32 <= hive.size:
        head = BASE + at
        if hive.image[head : head + 4] != b"hbin":
            if hive.image.count(0, head, head + PAGE) < PAGE:
                hive.troubles.note("unparsed", "a hive bin has no header", at)
            at += PAGE
            continue
        size = int.from_bytes(hive.image[head + 8 : head + 12], "little")
        if size < PAGE or size % PAGE or at + size > hive.size:
            if at + size > hive.size:
                size = hive.size - at
            else:
                hive.troubles.note("unparsed", "a hive bin's size is wrong", at)
                size = min(PAGE, hive.size - at)
        yield at + 32, at + size
        at += size


def _nodes(hive: Hive, start: int, stop: int, *, single: bool) -> Iterator[tuple[Key | None, Value | None]]:
    """Yield what looks like a key or a value between two offsets; `single`: only at the start of the cell."""
    image, end = hive.image, BASE + stop
    first = BASE + start + 4
    matches = _NODE.finditer(image, first, first + 2 if single else end)
    for place in (match.start() for match in matches):
        offset = place - BASE - 4
        if offset & 7:
            continue
        if image[place] == 0x6E:
            key = hive.key_at(offset, end)
            if key is not None and _is_likely_key(hive, key):
                yield key, None
        else:
            value = hive.value_at(offset, end)
            if value is not None and _is_likely_value(hive, value, end):
                yield None, value


def _is_likely_key(hive: Hive, key: Key) -> bool:
    return (
        0 < len(key.name) <= MOST_NAME // 4
        and EARLIEST < key.written < LATEST
        and (key.parent == NONE or (not key.parent & 7 and key.parent < hive.size))
        and _is_readable(key.name)
    )


def _is_likely_value(hive: Hive, value: Value, end: int) -> bool:
    return (
        (value.type in _KNOWN_TYPES or value.type >> 16 == 0xFFFF)
        and (value.inline or value.size == 0 or (not value.data & 7 and value.data < hive.size))
        and value.size <= (4 if value.inline else hive.size)
        and BASE + value.offset + 24 + len(value.name) <= end
        and _is_readable(value.name)
    )


def _is_readable(name: str) -> bool:
    return all(c.isprintable() or c in "\0\t" for c in name) and "\\x" not in name


def _own_values(hive: Hive, key: Key, met: Marks) -> list[Value]:
    """Return the values that a lost key's list still leads to, up to the first that is none or belongs to another."""
    if key.value_list & 7:
        return []
    at = BASE + key.value_list + 4
    found: list[Value] = []
    while len(found) < key.values and at + 4 <= BASE + hive.size:
        offset = int.from_bytes(hive.image[at : at + 4], "little")
        if offset & 7 or offset + 24 > hive.size or offset in met:
            break
        value = hive.value_at(offset, BASE + hive.size)
        if value is None or not _is_likely_value(hive, value, BASE + hive.size):
            break
        met.add(offset)
        found.append(value)
        at += 4
    return found


class _Paths:
    """Paths of lost keys, told by their parents; `(unknown)` stands for a parent that is no key any more."""

    def __init__(self, hive: Hive, root_path: str) -> None:
        self._hive = hive
        self._root = root_path
        self._known: dict[int, str] = {}

    def of(self, key: Key) -> str:
        """Return a lost key's path."""
        names = [key.name]
        passed = {key.offset}
        parent = key.parent
        while not (known := self._known.get(parent)):
            found = self._parent(parent) if len(names) < MOST_LEVELS and parent not in passed else None
            if found is None:
                names.append(UNKNOWN)
                break
            if found.flags & ROOT:
                break
            names.append(found.name)
            passed.add(parent)
            parent = found.parent
        path = shortened("\\".join((known or self._root, *reversed(names))), key.name)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[key.offset] = path
        return path

    def _parent(self, offset: int) -> Key | None:
        if offset & 7 or offset >= self._hive.size:
            return None
        return self._hive.key_at(offset, BASE + self._hive.size)


def shortened(path: str, name: str) -> str:
    """Return a path of a length that can be written out; of a longer one the middle is left out."""
    return path if len(path) <= MOST_PATH else f"{path[: MOST_PATH // 4]}\\...\\{name}"
