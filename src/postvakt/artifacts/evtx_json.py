"""The JSON that the EVTX reader makes of a record, and how it becomes columns.

Nearly all events have one of three shapes and are decoded once, typed; any other is read as a tree. What a name means
is the same on both ways.
"""

import functools
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec

from postvakt.artifacts import event_tree
from postvakt.artifacts.event import STAGE_EVENTS, SYSTEM, Events, Misfits, Names
from postvakt.artifacts.evtx_chunks import Chunk
from postvakt.artifacts.evtx_types import (
    Activity,
    ActivityElement,
    Element,
    Event,
    Id,
    Process,
    ProcessElement,
    Provider,
    ProviderElement,
    System,
    Time,
    TimeElement,
    User,
    UserElement,
    Whole,
)
from postvakt.model.clock import from_filetime, iso

_decode = msgspec.json.Decoder(Whole).decode
_decode_all = msgspec.json.Decoder(Whole).decode_lines
_COLUMNS = frozenset(SYSTEM)
_NO_PROVIDER, _NO_ACTIVITY, _NO_PROCESS = Provider(), Activity(), Process()

_DATA, _USER = '"EventData":{', '"UserData":{'
_DATA_SIZE = len(_DATA)
_SYSTEM_SIZE = 256
"""Characters that System takes at least: where a search for what follows it may begin."""

_MARK = '":'
"""What ends a name. Strings hold it too where they begin with a colon (`::1`): as many marks as names are certain."""

_COLON = '":":'
"""A value that begins with a colon, after its name: of the two marks in it one ends no name."""


class Waiting:
    """Events that were decoded and wait to become columns, few at a time."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._begin()

    def _begin(self) -> None:
        self._systems: list[System] = []
        self._locators: list[int] = []
        self._numbers: list[int] = []
        self._times: list[str | None] = []
        self._names: list[Names] = []
        self._values: list[Iterable[Any]] = []
        self._further: list[tuple[int, str | None, Any]] = []

    def read(self, size: int) -> None:
        """Count bytes that were read, and make columns of what waits where that is much."""
        self._events.bytes += size
        if len(self._systems) >= STAGE_EVENTS:
            self.settle()

    def add_all(self, chunk: Chunk, numbers: Sequence[int], texts: Sequence[str]) -> list[int]:
        """Add the events of a whole chunk, and return the places of those whose JSON could not be read."""
        try:
            events = _decode_all("\n".join(texts))
        except (msgspec.DecodeError, RecursionError):
            events = []
        if len(events) != len(texts):
            # One of them has a shape of its own; each is tried alone.
            return [
                place
                for place, (offset, number, text) in enumerate(
                    zip(chunk.offsets, numbers, texts, strict=True)
                )
                if not self.add(chunk, offset, number, text)
            ]
        lost = []
        add_names, add_values = self._names.append, self._values.append
        systems, times = self._systems, self._times
        places = zip(chunk.offsets, numbers, texts, events, strict=True)
        for place, (offset, number, text, whole) in enumerate(places):
            event = whole.Event
            data = event.EventData
            # The commonest shapes are told here, without a call: there are millions of them.
            if data is None or event.UserData is not None:
                plain = False
            elif (seen := text.count(_MARK, text.find(_DATA, _SYSTEM_SIZE) + _DATA_SIZE)) == len(data):
                # A name for each mark, and so no value that holds one: Element has a name of its own.
                plain = True
                add_names(tuple(data))
                add_values(data.values())
            else:
                plain = seen == len(data) + 1 and self._add_unnamed(data)
            if not plain and not self._add_data(event, text):
                if not self._add_unusual(chunk, offset, number, text, False):
                    lost.append(place)
                continue
            system = event.System
            created = system.TimeCreated
            time = None if created is None else created.attributes.SystemTime
            times.append(self._headed(chunk, offset) if time is None else time)
            systems.append(system)
            self._locators.append(chunk.offset + offset)
            self._numbers.append(number)
        return lost

    def add(self, chunk: Chunk, offset: int, number: int, text: str, *, torn: bool = False) -> bool:
        """Add the event of the record at an offset of the chunk, and tell whether its JSON could be read.

        A `torn` record is refused where the number of its header is not the one that the event itself tells.
        """
        try:
            event = _decode(text).Event
        except (msgspec.DecodeError, RecursionError):
            return self._add_unusual(chunk, offset, number, text, torn)
        if torn and event.System.EventRecordID != number:
            return False
        if not self._add_data(event, text):
            return self._add_unusual(chunk, offset, number, text, torn)
        self._place(chunk, offset, number, event.System)
        return True

    def _add_data(self, event: Event, text: str) -> bool:
        """Add what an event tells beside System, where all of it is plain."""
        data = event.EventData
        if event.UserData is not None:
            return self._add_user_data(event, text)
        if data is None:
            self._names.append(())
            self._values.append(())
        elif _marks(text, text.find(_DATA, _SYSTEM_SIZE) + len(_DATA)) == len(data):
            self._names.append(tuple(data))
            self._values.append(data.values())
        else:
            return self._add_elements(data, text)
        return True

    def _place(self, chunk: Chunk, offset: int, number: int, system: System) -> None:
        created = system.TimeCreated
        time = None if created is None else created.attributes.SystemTime
        self._times.append(self._headed(chunk, offset) if time is None else time)
        self._systems.append(system)
        self._locators.append(chunk.offset + offset)
        self._numbers.append(number)

    def _headed(self, chunk: Chunk, offset: int) -> str | None:
        """Return the time of a record's header, for an event that tells none itself."""
        time = _written(chunk, offset)
        self._further.append((len(self._systems), "header_Written", time))
        return time

    def _add_unnamed(self, data: dict[str, Any]) -> bool:
        """Add EventData that begins with texts without names, where its one name too many is that of these texts."""
        names = tuple(data)
        told, *further = data.values() or (None,)
        if type(told) is not Element or names[0] != "Data" or told.text is msgspec.UNSET:
            return False
        if any(type(value) is Element for value in further):
            return False
        texts = told.text if type(told.text) is list else [told.text]
        self._names.append((None,) * len(texts) + names[1:])
        self._values.append(texts + further)
        return True

    def _add_elements(self, data: dict[str, Any], text: str) -> bool:
        """Add EventData that holds objects, or texts that look like the end of a name."""
        names: list[str | None] = []
        values: list[Any] = []
        row = len(self._systems)
        called = None
        objects = 0
        for name, value in data.items():
            if type(value) is not Element:
                names.append(name)
                values.append(value)
                continue
            objects += 1
            if name == "Data" and value.text is not msgspec.UNSET and value.Name is msgspec.UNSET:
                told = value.text if type(value.text) is list else [value.text]
                names += [None] * len(told)
                values += told
            elif name == event_tree.ATTRIBUTES and value.text is msgspec.UNSET:
                called = value.Name
            else:
                return False
        if _names_after(text, _DATA) != len(data) + objects:
            return False
        if called is not None:
            self._further.append((row, "EventData_Name", called))
        self._names.append(tuple(names))
        self._values.append(values)
        return True

    def _add_user_data(self, event: Event, text: str) -> bool:
        """Add the leaves of UserData where it is one element with plain children."""
        if event.EventData is not None or len(event.UserData or ()) != 1:
            return False
        [(root, children)] = (event.UserData or {}).items()
        children = dict(children or {})
        names = 1 + len(children)
        attributes = children.pop(event_tree.ATTRIBUTES, None)
        if type(attributes) is dict:
            names += len(attributes)
            if not all(map(event_tree.is_namespace, attributes)):
                return False
        if names != _names_after(text, _USER) or event_tree.TEXT in children:
            return False
        self._further.append((len(self._systems), "UserData", root))
        self._names.append(_unnumbered(tuple(children)))
        self._values.append(children.values())
        return True

    def _add_unusual(self, chunk: Chunk, offset: int, number: int, text: str, torn: bool) -> bool:
        """Add an event whose JSON has a shape of its own."""
        try:
            event = event_tree.member(event_tree.decode(text), "Event")
            told = event_tree.told(event if event_tree.is_object(event) else {}, _COLUMNS)
        except (ValueError, RecursionError):
            return False
        if torn and told.system.get("EventRecordID") != number:
            return False
        row = len(self._systems)
        self._further += ((row, name, value) for name, value in told.further)
        self._names.append(tuple(name for name, _ in told.data))
        self._values.append([value for _, value in told.data])
        self._place(chunk, offset, number, _system_of(told))
        return True

    def settle(self) -> None:
        """Make columns of what waits."""
        systems = self._systems
        if not systems:
            return
        misfits = Misfits(len(systems))
        for row, name, value in self._further:
            misfits.add(row, name, value)
        ids = [s.EventID for s in systems]
        providers = [s.Provider.attributes if s.Provider else _NO_PROVIDER for s in systems]
        activities = [s.Correlation.attributes if s.Correlation else _NO_ACTIVITY for s in systems]
        processes = [s.Execution.attributes if s.Execution else _NO_PROCESS for s in systems]
        qualifiers = [i.attributes.Qualifiers if type(i) is Id else None for i in ids]
        misfits.beside("EventID_Qualifiers", qualifiers)
        misfits.beside("Provider_EventSourceName", [p.EventSourceName for p in providers])
        misfits.beside("Correlation_RelatedActivityID", [a.RelatedActivityID for a in activities])
        for name in ("ProcessorID", "SessionID", "KernelTime", "UserTime"):
            misfits.beside(f"Execution_{name}", list(map(attrgetter(name), processes)))
        columns: dict[str, list[Any]] = {
            "Channel": [s.Channel for s in systems],
            "EventID": [i.text if type(i) is Id else i for i in ids],
            "Provider_Name": [p.Name for p in providers],
            "Computer": [s.Computer for s in systems],
            "Level": [s.Level for s in systems],
            "EventRecordID": self._record_numbers([s.EventRecordID for s in systems], misfits),
            "Version": [s.Version for s in systems],
            "Task": [s.Task for s in systems],
            "Opcode": [s.Opcode for s in systems],
            "Keywords": [s.Keywords for s in systems],
            "Execution_ProcessID": [p.ProcessID for p in processes],
            "Execution_ThreadID": [p.ThreadID for p in processes],
            "UserID": [s.Security.attributes.UserID if s.Security else None for s in systems],
            "ActivityID": [a.ActivityID for a in activities],
            "Provider_Guid": [p.Guid for p in providers],
        }
        system = [columns[name] for name in SYSTEM]
        self._events.add(self._locators, self._times, system, (self._names, self._values), misfits)
        self._begin()

    def _record_numbers(self, told: list[Any], misfits: Misfits) -> list[Any]:
        """Return the numbers that events tell, their headers' where they tell none; one that differs goes along."""
        if told == self._numbers:
            return told
        for row, (number, headed) in enumerate(zip(told, self._numbers, strict=True)):
            if str(number) != str(headed):
                misfits.add(row, "header_EventRecordID", headed)
                told[row] = headed if number in (None, "") else number
        return told


def _names_after(text: str, section: str) -> int:
    """Count the names in an event's last section, never too few; -1 where that is not plain."""
    start = text.find(section, _SYSTEM_SIZE) + len(section)
    if text.find(r'\\":', start) >= 0:
        return -1
    # What is escaped ends no name; where it stands before a colon of its own it was counted already.
    return _marks(text, start) - text.count(r"\":", start) + text.count(r'\":":', start)


def _marks(text: str, start: int) -> int:
    """Count what ends a name, or looks like it, from there on."""
    return text.count(_MARK, start) - text.count(_COLON, start)


def _written(chunk: Chunk, offset: int) -> str | None:
    """Return when a record's header says that it was written."""
    ticks = chunk.written(offset)
    try:
        return iso(from_filetime(ticks))
    except ValueError:
        return f"FILETIME {ticks}"


@functools.lru_cache(maxsize=4096)
def _unnumbered(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name, _ in event_tree.unnumbered(dict.fromkeys(names)))


def _system_of(told: event_tree.Told) -> System:
    """Return System as the typed way gives it; its values may be any scalars."""
    get = told.system.get
    return System(
        Provider=ProviderElement(Provider(get("Provider_Name"), get("Provider_Guid"))),
        EventID=get("EventID"),
        Version=get("Version"),
        Level=get("Level"),
        Task=get("Task"),
        Opcode=get("Opcode"),
        Keywords=get("Keywords"),
        TimeCreated=None if told.time is None else TimeElement(Time(str(told.time))),
        EventRecordID=get("EventRecordID"),
        Correlation=ActivityElement(Activity(get("ActivityID"))),
        Execution=ProcessElement(Process(get("Execution_ProcessID"), get("Execution_ThreadID"))),
        Channel=get("Channel"),
        Computer=get("Computer"),
        Security=UserElement(User(get("UserID"))),
    )
