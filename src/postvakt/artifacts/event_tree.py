"""Events as trees of names and values: every leaf with its path, in order, repeated names kept.

A JSON object is a dict where no name repeats and a list of (name, value) pairs where one does.
"""

import json
from collections.abc import Callable, Collection
from typing import Any

import msgspec

ATTRIBUTES = "#attributes"
TEXT = "#text"
DEEPEST = 64
"""Levels of a tree that are told apart; what lies deeper is kept as JSON text."""


LONGEST_NUMBER = 9
"""Digits of the numbers that the reader gives elements; their own may be longer than Python reads."""

Leaf = tuple[str, Any]
"""A value with its path."""


class Object(list[Leaf]):
    """A JSON object as the pairs that were written: names may repeat."""


NODES = frozenset((dict, list, Object))
"""What has anything below it."""


def decode(text: str | bytes) -> Any:
    """Return a JSON value; objects are dicts, or Objects where a name repeats. Raises ValueError.

    A name ends in `":`. Where there are as many of these as names were read, none was read twice; strings that hold
    it too only cost a second, slower reading.
    """
    try:
        tree = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return decode_pairs(text)
    marks = text.count('":') if isinstance(text, str) else text.count(b'":')
    if type(tree) is dict and marks == len(tree):
        return tree
    return tree if marks == names_in(tree) else decode_pairs(text)


def decode_pairs(text: str | bytes | memoryview) -> Any:
    """Return a JSON value whose objects are Objects; numbers that are no integers stay text. Raises ValueError."""
    if not isinstance(text, str):
        text = bytes(text).decode("utf-8", "backslashreplace")
    try:
        return json.loads(text, object_pairs_hook=Object, parse_float=str, parse_constant=str)
    except RecursionError:
        raise ValueError("nested too deep") from None


def names_in(tree: Any) -> int:
    """Count the names of all objects in a tree."""
    count, waiting = 0, [tree]
    while waiting:
        node = waiting.pop()
        if type(node) is dict:
            count += len(node)
            waiting += [value for value in node.values() if type(value) in NODES]
        elif type(node) is list:
            waiting += node
    return count


def members(node: Any) -> Collection[Leaf]:
    """Return an object's names and values."""
    return node.items() if type(node) is dict else node


def is_object(node: Any) -> bool:
    """Tell whether a node is an object."""
    return type(node) is dict or type(node) is Object


def member(node: Any, name: str) -> Any:
    """Return the first value of that name, None where there is none or the node is no object."""
    if type(node) is dict:
        return node.get(name)
    if type(node) is Object:
        return next((value for key, value in node if key == name), None)
    return None


def unnumbered(node: Any) -> Collection[Leaf]:
    """Return an element's children under their own names.

    The EVTX reader numbers elements that repeat (`Header`, `Header_1`, `Header_2`); the number is taken off again.
    """
    children = members(node)
    for name, _ in children:
        if name[-1:].isdecimal():
            return _without_numbers(children)
    return children


def _without_numbers(children: Collection[Leaf]) -> list[Leaf]:
    found = []
    seen: dict[str, int] = {}
    for name, value in children:
        base, mark, number = name.rpartition("_")
        numbered = mark and number.isdecimal() and len(number) <= LONGEST_NUMBER
        if numbered and seen.get(base) == int(number):
            seen[base] += 1
            found.append((base, value))
            continue
        seen[name] = 1
        found.append((name, value))
    return found


def leaves(node: Any, path: str, joint: str = ".") -> list[Leaf]:
    """Return every leaf below a node with its path; attributes stand beside children, an XML namespace is none."""
    found: list[Leaf] = []
    _gather(found.append, node, path, joint, 0)
    return found


def _gather(add: Callable[[Leaf], None], node: Any, path: str, joint: str, depth: int) -> None:
    # Each leaf of an event passes here, and most of what is slow in reading odd events is calls.
    kind = type(node)
    if kind not in NODES:
        add((path, node))
    elif depth >= DEEPEST:
        add((path, msgspec.json.encode(node).decode()))
    elif kind is list:
        for entry in node:
            _gather(add, entry, path, joint, depth + 1)
    else:
        for name, value in _children(node):
            below = path if not name else f"{path}{joint}{name}" if path else name
            if type(value) in NODES:
                _gather(add, value, below, joint, depth + 1)
            else:
                add((below, value))


def _children(node: Any) -> list[Leaf]:
    """Return an element's attributes, its text (under no name) and its children."""
    found: list[Leaf] = []
    for name, value in unnumbered(node):
        if name == ATTRIBUTES and is_object(value):
            found += [(told, v) for told, v in members(value) if not is_namespace(told)]
        else:
            found.append(("" if name == TEXT else name, value))
    return found


def is_namespace(attribute: str) -> bool:
    """Tell whether an XML attribute only declares a namespace."""
    return attribute == "xmlns" or attribute.startswith("xmlns:")


RENAMED = {
    "Security_UserID": "UserID",
    "Correlation_ActivityID": "ActivityID",
    "EventID_Value": "EventID",
}


class Told(msgspec.Struct):
    """What one event tells: its time as written, System by the table's names, its data, and the rest."""

    time: Any
    system: dict[str, Any]
    data: list[tuple[str | None, Any]]
    further: list[tuple[str | None, Any]]


def told(event: Any, columns: frozenset[str]) -> Told:
    """Return what the tree of one event (System, EventData, UserData...) tells; `columns` are the names System has."""
    read = Told(None, {}, [], [])
    for section, node in members(event):
        if section == "System":
            _system(node, columns, read)
        elif section == "EventData":
            event_data(node, read)
        elif section == "UserData":
            user_data(node, read)
        elif section != ATTRIBUTES:
            read.further += (
                ("Message" if path == "RenderingInfo.Message" else path, value)
                for path, value in leaves(node, section)
            )
    return read


def _system(node: Any, columns: frozenset[str], read: Told) -> None:
    for path, value in leaves(node, "", "_"):
        name = RENAMED.get(path, path)
        if name == "TimeCreated_SystemTime" and read.time is None:
            read.time = value
        elif name in columns and read.system.get(name) is None:
            read.system[name] = value
        elif value is not None:
            read.further.append((name, value))


def event_data(node: Any, read: Told) -> None:
    """Add the values of EventData in order, `Data` elements without a name under none."""
    if not is_object(node):
        read.data += ((None, value) for _, value in leaves(node, "") if value is not None)
        return
    for (name, value), (base, _) in zip(members(node), unnumbered(node), strict=True):
        if name == ATTRIBUTES:
            read.further += ((f"EventData_{key}", v) for key, v in leaves(value, "") if not is_namespace(key))
        elif name == TEXT:
            read.data += ((None, v) for _, v in leaves(value, ""))
        elif name == "Data" and (is_object(value) or type(value) is list):
            _unnamed(value, read)
        else:
            _named(base if is_object(value) else name, value, read)


def _unnamed(node: Any, read: Told) -> None:
    for path, value in leaves(node, ""):
        (read.further if path else read.data).append((f"Data_{path}" if path else None, value))


def _named(name: str, node: Any, read: Told) -> None:
    """Add an element under its `Name` (`ComplexData`), else under its own."""
    attributes = member(node, ATTRIBUTES)
    given = member(attributes, "Name")
    if type(given) is not str:
        read.data += leaves(node, name)
        return
    read.data.append((given, member(node, TEXT)))
    read.further += ((f"{given}_{key}", v) for key, v in members(attributes) if key != "Name")


def user_data(node: Any, read: Told) -> None:
    """Add the leaves of UserData under their paths below its one element, whose name is kept beside."""
    if not is_object(node):
        event_data(node, read)
        return
    for root, value in _children(node):
        read.further.append(("UserData", root))
        if value is not None:
            read.data += [(path or root, leaf) for path, leaf in leaves(value, "")]
