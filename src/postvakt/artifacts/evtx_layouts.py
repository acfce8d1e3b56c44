"""Template definitions of an EVTX chunk: which value of a record is which column, for all records of a template.

Only the plain shape of events is known here: System as Windows writes it, and EventData or UserData with values one
level deep. Any other definition has no layout, and its chunk is read the other way.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from postvakt.artifacts.event_tree import is_namespace
from postvakt.artifacts.evtx_definitions import (
    ALWAYS,
    DefinitionReader,
    Element,
    Known,
    UnknownShapeError,
)
from postvakt.artifacts.evtx_instances import DEFINITION_HEAD

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
ABSENT = -1
MOST_KNOWN = 2048
"""Definitions that are remembered; past it all are forgotten, which costs time and changes no row."""

_LONGEST = 16_384
_QUAD = struct.Struct("<I")

INTEGERS = (
    "EventID", "Level", "EventRecordID", "Version", "Task", "Opcode", "Execution_ProcessID", "Execution_ThreadID",
)  # fmt: skip
TEXTS = ("Channel", "Provider_Name", "Computer", "Keywords", "UserID", "ActivityID", "Provider_Guid")
TIME = "TimeCreated"
BESIDE = (
    "EventID_Qualifiers", "Provider_EventSourceName", "Correlation_RelatedActivityID", "Execution_ProcessorID",
    "Execution_SessionID", "Execution_KernelTime", "Execution_UserTime",
)  # fmt: skip
"""What System may tell and no column takes, in the order in which `unmapped` has it."""

WORDS = (*TEXTS, "Provider_EventSourceName")
_PLACES = {name: place for place, name in enumerate((*INTEGERS, *TEXTS, TIME, *BESIDE))}
COLUMNS = tuple(_PLACES)
_ELEMENTS = {
    ("Provider", "Name"): "Provider_Name",
    ("Provider", "Guid"): "Provider_Guid",
    ("Provider", "EventSourceName"): "Provider_EventSourceName",
    ("EventID", ""): "EventID",
    ("EventID", "Qualifiers"): "EventID_Qualifiers",
    ("TimeCreated", "SystemTime"): TIME,
    ("Correlation", "ActivityID"): "ActivityID",
    ("Correlation", "RelatedActivityID"): "Correlation_RelatedActivityID",
    ("Security", "UserID"): "UserID",
    **{
        ("Execution", name): f"Execution_{name}"
        for name in ("ProcessID", "ThreadID", "ProcessorID", "SessionID", "KernelTime", "UserTime")
    },
    **{
        (name, ""): name
        for name in (
            "Version", "Level", "Task", "Opcode", "Keywords", "EventRecordID", "Channel", "Computer",
        )
    },
}  # fmt: skip


class Item(NamedTuple):
    """A value by its name: `slot` of the record's values, or a text of the definition itself where it is ABSENT.

    `empty_is_null`: the reader gives no value where there is none, instead of an empty text.
    """

    name: str | None
    slot: int
    text: str = ""
    empty_is_null: bool = False


class Layout(NamedTuple):
    """What a definition makes of a record's values.

    `system` has a place for each of COLUMNS: a slot, a text, or None; empty for a definition of a payload alone.
    `payload` is the slot that holds a fragment of its own: EventData or UserData, or what is in UserData where
    `wraps`; a definition of the latter is `bare`. `further` stand in `unmapped`.
    """

    system: tuple[int | str | None, ...]
    payload: int
    wraps: bool
    bare: bool
    items: tuple[Item, ...]
    further: tuple[Item, ...]


class Layouts:
    """The layouts of a file's definitions, each read once and known again by its bytes in every chunk."""

    def __init__(self) -> None:
        self.found: list[Layout] = []
        self._known: dict[tuple[bytes, int], list[Known]] = {}
        self._numbers: dict[Layout, int] = {}
        self._count = 0

    def number(self, chunk: bytes, at: int) -> int:
        """Return the place in `found` of the definition at an offset of a chunk, ABSENT for one without layout."""
        if at + DEFINITION_HEAD > len(chunk):
            return ABSENT
        (size,) = _QUAD.unpack_from(chunk, at + 20)
        start = at + DEFINITION_HEAD
        if size > _LONGEST or start + size > len(chunk):
            return ABSENT
        key = (chunk[at + 4 : at + 20], size)
        for known in self._known.get(key, ()):
            if known.is_at(chunk, start, size):
                return known.number
        if self._count >= MOST_KNOWN:
            self._known.clear()
            self._count = 0
        reader = DefinitionReader(chunk, start, size)
        try:
            layout = _layout(reader.root())
            number = self._numbers.setdefault(layout, len(self.found))
            if number == len(self.found):
                self.found.append(layout)
        except (UnknownShapeError, struct.error, UnicodeDecodeError):
            number = ABSENT
        if reader.sound:
            self._count += 1
            known = Known(chunk[start : start + size], reader.names, number)
            self._known.setdefault(key, []).append(known)
        return number


def _layout(root: Element) -> Layout:
    if root.name in ("EventData", "UserData"):
        return Layout((), ABSENT, False, False, *_payload(root))
    if root.name != "Event":
        return Layout((), ABSENT, False, True, *_user_data(root))
    if root.attributes != [("xmlns", NAMESPACE)] or root.texts or len(root.slots) > 1:
        raise UnknownShapeError
    if not root.children or root.children[0].name != "System" or len(root.children) + len(root.slots) > 2:
        raise UnknownShapeError
    system = _system(root.children[0])
    if len(root.children) == 1:
        return Layout(system, root.slots[0] if root.slots else ABSENT, False, False, (), ())
    payload = root.children[1]
    if payload.name == "UserData" and payload.slots:
        slot = payload.content()
        if not isinstance(slot, int) or payload.attributes or payload.depends not in (ALWAYS, slot):
            raise UnknownShapeError
        return Layout(system, slot, True, False, (), ())
    return Layout(system, ABSENT, False, False, *_payload(payload))


def _system(element: Element) -> tuple[int | str | None, ...]:
    system: list[int | str | None] = [None] * len(COLUMNS)
    if element.attributes or element.slots or element.texts:
        raise UnknownShapeError
    seen = set()
    for child in element.children:
        parts = [*child.attributes, ("", child.content())]
        own = [content for _, content in parts if isinstance(content, int)]
        if child.name in seen or child.depends not in (ALWAYS, *own):
            raise UnknownShapeError
        seen.add(child.name)
        for name, content in parts:
            column = _ELEMENTS.get((child.name, name))
            if column is None and (name or content != ""):
                raise UnknownShapeError
            if column is None or content == "":
                continue
            place = _PLACES[column]
            if system[place] is not None or (isinstance(content, str) and column not in WORDS):
                raise UnknownShapeError
            system[place] = content
        if child.depends != ALWAYS and child.depends != child.content():
            raise UnknownShapeError
    return tuple(system)


def _payload(root: Element) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    if root.depends != ALWAYS or root.slots or root.texts:
        raise UnknownShapeError
    if root.name == "UserData":
        if root.attributes or len(root.children) != 1:
            raise UnknownShapeError
        return _user_data(root.children[0])
    further = tuple(_item(f"EventData_{name}", content) for name, content in root.attributes)
    if any(name != "Name" for name, _ in root.attributes):
        raise UnknownShapeError
    items = tuple(_data(root))
    names = [item.name for item in items if item.name is not None]
    if len(set(names)) != len(names) or any(item.slot != ABSENT for item in further):
        raise UnknownShapeError
    return items, further


def _data(root: Element) -> Iterator[Item]:
    """Yield the values of EventData: `Data` with names alone, or without names and then elements of other names."""
    named = any(child.attributes for child in root.children)
    others = False
    for child in root.children:
        if child.depends not in (ALWAYS, *child.slots):
            raise UnknownShapeError
        if child.name != "Data":
            if named or child.attributes or child.name[-1:].isdigit():
                raise UnknownShapeError
            others = True
            yield _item(child.name, child.content(), empty_is_null=True)
        elif named:
            names = [content for name, content in child.attributes if name == "Name"]
            if len(child.attributes) != 1 or not names or not isinstance(names[0], str) or not names[0]:
                raise UnknownShapeError
            yield _item(names[0], child.content())
        else:
            if others:
                raise UnknownShapeError
            yield _item(None, child.content())


def _user_data(told: Element) -> tuple[tuple[Item, ...], tuple[Item, ...]]:
    if told.depends != ALWAYS or told.slots or told.texts or not told.children:
        raise UnknownShapeError
    if not all(is_namespace(name) and isinstance(content, str) for name, content in told.attributes):
        raise UnknownShapeError
    names = [child.name for child in told.children]
    if len(set(names)) != len(names) or any(name[-1:].isdigit() for name in names):
        raise UnknownShapeError
    if any(child.attributes or child.depends != ALWAYS for child in told.children):
        raise UnknownShapeError
    items = tuple(_item(child.name, child.content(), empty_is_null=True) for child in told.children)
    return items, (Item("UserData", ABSENT, told.name),)


def _item(name: str | None, content: int | str, *, empty_is_null: bool = False) -> Item:
    if isinstance(content, int):
        return Item(name, content, "", empty_is_null)
    return Item(name, ABSENT, content, empty_is_null)
