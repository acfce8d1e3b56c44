"""Windows events as other programs write them in JSON: which of their names means what.

Sources: the Event schema of Windows; fields of winlogbeat (Elastic Common Schema and `winlog.*`); evtx_dump's and
Velociraptor's renderings; NXLog's im_msvistalog.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from postvakt.artifacts import event_tree
from postvakt.artifacts.event import SYSTEM, instant
from postvakt.artifacts.event_tree import Told, is_object, leaves, member, members
from postvakt.model.clock import from_micros, iso

COLUMNS = frozenset(SYSTEM)

WINLOGBEAT = {
    "winlog.channel": "Channel",
    "winlog.event_id": "EventID",
    "winlog.provider_name": "Provider_Name",
    "winlog.provider_guid": "Provider_Guid",
    "winlog.computer_name": "Computer",
    "winlog.record_id": "EventRecordID",
    "winlog.version": "Version",
    "winlog.task": "Task",
    "winlog.opcode": "Opcode",
    "winlog.keywords": "Keywords",
    "winlog.process.pid": "Execution_ProcessID",
    "winlog.process.thread.id": "Execution_ThreadID",
    "winlog.user.identifier": "UserID",
    "winlog.activity_id": "ActivityID",
    "event.code": "EventID",
    "log.level": "Level",
    # Before version 7 the same stood at the top.
    "log_name": "Channel",
    "event_id": "EventID",
    "source_name": "Provider_Name",
    "provider_guid": "Provider_Guid",
    "computer_name": "Computer",
    "record_number": "EventRecordID",
    "version": "Version",
    "task": "Task",
    "opcode": "Opcode",
    "keywords": "Keywords",
    "process_id": "Execution_ProcessID",
    "thread_id": "Execution_ThreadID",
    "user.identifier": "UserID",
    "activity_id": "ActivityID",
    "level": "Level",
}
WINLOGBEAT_DATA = ("winlog.event_data.", "winlog.user_data.", "event_data.", "user_data.")

FLAT = {
    "Channel": "Channel",
    "LogName": "Channel",
    "EventID": "EventID",
    "EventId": "EventID",
    "SourceName": "Provider_Name",
    "Provider": "Provider_Name",
    "ProviderName": "Provider_Name",
    "Provider_Name": "Provider_Name",
    "ProviderGuid": "Provider_Guid",
    "Hostname": "Computer",
    "Computer": "Computer",
    "ComputerName": "Computer",
    "MachineName": "Computer",
    "RecordNumber": "EventRecordID",
    "EventRecordID": "EventRecordID",
    "RecordId": "EventRecordID",
    "Level": "Level",
    "Version": "Version",
    "Task": "Task",
    "OpcodeValue": "Opcode",
    "Opcode": "Opcode",
    "Keywords": "Keywords",
    "ExecutionProcessID": "Execution_ProcessID",
    "UserID": "UserID",
    "UserSID": "UserID",
    "ActivityID": "ActivityID",
}
"""Names of events whose data stand beside what the system says. `ProcessID` is not among them: 5156 has its own."""

NXLOG = {
    **{name: column for name, column in FLAT.items() if name != "Opcode"},
    "ThreadID": "Execution_ThreadID",
}
"""The same of NXLog, whose `Opcode` is a word and whose `ThreadID` is the system's."""

COLLECTORS = frozenset(
    (
        "@timestamp", "@version", "EventReceivedTime", "EventTime", "TimeCreated", "TimeGenerated", "SystemTime",
        "SourceModuleName", "SourceModuleType", "Severity", "SeverityValue", "Category", "Message", "host", "port",
        "tags", "type", "OSPath", "FullPath", "_Source",
    )
)  # fmt: skip
"""What collectors add to a flat event; it is kept, and is no data of the event."""

LEVELS = {"critical": 1, "error": 2, "warning": 3, "information": 4, "verbose": 5}
_PARAM = re.compile(r"param([1-9][0-9]?)")
_QUARTER_HOUR = 900_000_000


def read(tree: Any) -> Told | None:
    """Return what an object tells if it is a Windows event in a shape that is known, else None.

    `time` is ISO 8601 with a zone, or None.
    """
    inner = member(tree, "_source")
    if is_object(inner):
        tree = inner
    event = member(tree, "Event")
    if is_object(event) and is_object(member(event, "System")):
        return _schema(event, ((name, value) for name, value in members(tree) if name != "Event"))
    if is_object(member(tree, "System")):
        return _schema(tree, ())
    names = {name for name, _ in members(tree)}
    found = _shape(names) or _shape({name.partition(".")[0] for name in names})
    return found(tree) if found else None


def _shape(names: set[str]) -> Callable[[Any], Told] | None:
    return next((reader for mark, reader in SHAPES if mark <= names), None)


def _schema(event: Any, beside: Iterable[tuple[str, Any]]) -> Told:
    """The event as Windows' own schema has it (evtx_dump, Velociraptor)."""
    told = event_tree.told(event, COLUMNS)
    told.further += (leaf for name, value in beside for leaf in leaves(value, name))
    told.time = _moment(told.time)
    _mask(told)
    return told


def _mask(told: Told) -> None:
    """Write keywords that are a number, signed or not, as EVTX does."""
    mask = told.system.get("Keywords")
    if type(mask) is int and -(2**63) <= mask < 2**64:
        told.system["Keywords"] = f"{mask & (2**64 - 1):#x}"


def _winlogbeat(tree: Any) -> Told:
    told = Told(None, {}, [], [])
    time = None
    for path, value in leaves(tree, ""):
        name = WINLOGBEAT.get(path)
        data = next((prefix for prefix in WINLOGBEAT_DATA if path.startswith(prefix)), None)
        if data is not None:
            _beat_data(path[len(data) :], value, told)
        elif path == "@timestamp" and time is None:
            time = value
        elif name == "Keywords" and told.system.get(name):
            told.system[name] = f"{told.system[name]}, {value}"
        elif name is not None and told.system.get(name) is None:
            told.system[name] = value
        elif value is not None:
            told.further.append(("Message" if path == "message" else path, value))
    told.time = _moment(time)
    _level(told)
    if not told.system.get("Provider_Guid"):
        _unname(told)
    return told


def _beat_data(name: str, value: Any, told: Told) -> None:
    if name == "xml_name":
        told.further.append(("UserData", value))
    else:
        told.data.append((name, value))


def _level(told: Told) -> None:
    """Turn winlogbeat's word into Windows' number; audit events have none (0), which it calls information too."""
    word = told.system.get("Level")
    if type(word) is str and word.lower() in LEVELS:
        told.further.append(("log.level", word))
        audit = word.lower() == "information" and told.system.get("Channel") == "Security"
        told.system["Level"] = 0 if audit else LEVELS[word.lower()]


def _unname(told: Told) -> None:
    """Take back names that winlogbeat makes up (param1, param2...) for the values of classic events, which have none.

    A provider with a manifest, which could really name them so, has a GUID.
    """
    names = [name for name, _ in told.data if name != "Binary"]
    numbers = [int(found[1]) for name in names if name and (found := _PARAM.fullmatch(name))]
    if numbers and len(numbers) == len(names) == max(numbers):
        ranked = sorted(
            (leaf for leaf in told.data if leaf[0] != "Binary"), key=lambda leaf: int(str(leaf[0])[5:])
        )
        binary = [leaf for leaf in told.data if leaf[0] == "Binary"]
        told.data = [*((None, value) for _, value in ranked), *binary]


def _flat(tree: Any) -> Told:
    told = Told(None, {}, [], [])
    system = told.system
    names = dict(members(tree))
    own = NXLOG if "ExecutionProcessID" in names else FLAT
    for name, value in members(tree):
        column = own.get(name)
        if name == "EventData" and value is not None:
            event_tree.event_data(value, told)
        elif name == "UserData" and value is not None:
            event_tree.user_data(value, told)
        elif column is not None and not is_object(value) and system.get(column) is None:
            system[column] = value
        else:
            place = told.further if name in COLLECTORS or name == "Opcode" else told.data
            if type(value) is dict or isinstance(value, list):
                place += leaves(value, name)
            else:
                place.append((name, value))
    told.time = _flat_time(names)
    _mask(told)
    return told


def _flat_time(names: dict[str, Any]) -> Any:
    """Return an event's own time; one without a zone counts only where the zone can be told.

    Sysmon tells UTC in its data. NXLog writes local time for the event and for its arrival, and Logstash the arrival
    in UTC beside them.
    """
    given = [
        names[name] for name in ("TimeCreated", "SystemTime", "EventTime", "TimeGenerated") if names.get(name)
    ]
    zoned = next((time for time in given if type(time) is not str or instant(time) is not None), None)
    if zoned is not None:
        return _moment(zoned)
    if type(names.get("UtcTime")) is str:
        return names["UtcTime"] + "Z"
    arrived, local, event = (
        instant(time, zoned=False) if type(time) is str else None
        for time in (names.get("@timestamp"), names.get("EventReceivedTime"), given[0] if given else None)
    )
    if arrived is not None and local is not None and event is not None:
        return iso(from_micros(event + round((arrived - local) / _QUARTER_HOUR) * _QUARTER_HOUR))
    return given[0] if given else names.get("@timestamp")


def _moment(value: Any) -> str | None:
    """Return a time as ISO 8601: a text as it is, a number as seconds since 1970."""
    if value is None or type(value) is bool:
        return None
    try:
        seconds = float(value)
        return iso(from_micros(round(seconds * 1_000_000)))
    except (ValueError, OverflowError, TypeError):
        return str(value)


SHAPES: tuple[tuple[frozenset[str], Callable[[Any], Told]], ...] = (
    (frozenset(("winlog",)), _winlogbeat),
    (frozenset(("event_data", "event_id")), _winlogbeat),
    (frozenset(("log_name", "event_id")), _winlogbeat),
    (frozenset(("EventID", "Channel")), _flat),
    (frozenset(("EventID", "SourceName")), _flat),
    (frozenset(("EventID", "Provider")), _flat),
    (frozenset(("EventID", "EventRecordID")), _flat),
    (frozenset(("EventId", "LogName")), _flat),
)
"""Names that stand together at the top of an object, and how it is read then; the first that fits decides."""
