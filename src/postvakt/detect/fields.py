"""Where a field's values stand: columns, pairs of an event's data, or what a log source calls otherwise.

One answer serves both readers of it: the matcher, which takes whole columns, and `explain`, which takes one row.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from postvakt.detect.logsources import EVENT, View
from postvakt.model.table import Column, TableSpec

Change = Callable[[str], tuple[str, ...]]


class Feed(msgspec.Struct, frozen=True):
    """One place that a field's values come from.

    `column` and `list` name a column; `made` names the columns of a path and of a query, which are joined by a
    question mark, and that in which both stand where they were logged as one. `pair` names pairs in every column of
    pairs (several names: their values joined by a backslash); `unnamed` are the pairs without a name; `pairs` all of
    them.
    `change` names a function of CHANGES that gives further renderings of a value.
    """

    kind: Literal["column", "list", "made", "pair", "unnamed", "pairs"]
    names: tuple[str, ...] = ()
    squashed: bool = False
    change: str = ""


KINDS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("@ip", (("ip", "ip"),)),
    ("@domain", (("domain", "host"), ("host", "host"), ("url", "url_host"))),
    ("@url", (("url", ""),)),
    ("@url_path", (("url_path", ""),)),
    ("@hash", (("hash", "hash"),)),
    (
        "@file_name",
        (
            ("file_name", ""),
            ("file_path", "base_name"),
            ("url_path", "base_name"),
            ("url", "base_name"),
        ),
    ),
    ("@file_path", (("file_path", "path"),)),
    ("@folder", (("file_path", "folder"),)),
    ("@user_agent", (("user_agent", "agent"),)),
    ("@registry_key", (("registry_key", "registry"),)),
    ("@registry_value", (("registry_value", ""),)),
    ("@command_line", (("command_line", ""),)),
    ("@email", (("email", ""),)),
    ("@account", (("account", "account"),)),
)
"""Fields that stand for every column of a kind: (field, (kind, change)...)."""

EVENT_KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "ip",
        (
            "IpAddress",
            "SourceIp",
            "DestinationIp",
            "SourceAddress",
            "DestAddress",
            "ClientAddress",
            "Address",
            "SourceNetworkAddress",
        ),
    ),
    ("domain", ("QueryName", "DestinationHostname", "SourceHostname")),
    ("url", ("RemoteName", "url")),
    ("hash", ("Hashes", "Hash")),
    (
        "file_path",
        (
            "Image",
            "ImageLoaded",
            "TargetFilename",
            "ParentImage",
            "SourceImage",
            "TargetImage",
            "NewProcessName",
            "ParentProcessName",
            "ProcessName",
            "ServiceFileName",
            "ImagePath",
            "Application",
            "LocalName",
            "Path",
        ),
    ),
    ("command_line", ("CommandLine", "ParentCommandLine", "ServiceFileName", "ImagePath")),
    ("registry_key", ("TargetObject", "ObjectName")),
    ("account", ("TargetUserName", "SubjectUserName", "User", "AccountName")),
)
"""What names of event data mean, so that indicators reach them like columns."""

TIMES = ("time", "@timestamp", "TimeCreated")
"""What rules call the time of a record, which every table has."""

_KINDS = dict(KINDS)
_EVENT_KINDS = dict(EVENT_KINDS)


def squash(name: str) -> str:
    """Return a pair's name as Sigma writes it: `Threat Name`, `Threat_Name` and `ThreatName` are one."""
    return name.casefold().replace(" ", "").replace("_", "")


def feeds(spec: TableSpec, view: View, field: str) -> tuple[Feed, ...]:
    """Return where a table, seen through a view, holds a field. Its values are those of all places."""
    if field == "@text":
        return tuple(_texts(spec))
    if field in _KINDS:
        return tuple(_of_kind(spec, field))
    told = [place for name, place in view.told if name == field]
    if told:
        return tuple(
            Feed("pair", tuple(n.casefold() for n in place.names), change=place.change) for place in told
        )
    return tuple(_plain(spec, field))


def has_kind(spec: TableSpec, field: str) -> bool:
    """Tell whether a table has any place for a field that stands for a kind."""
    return any(True for _ in _of_kind(spec, field))


def _texts(spec: TableSpec) -> Iterator[Feed]:
    for column in spec.columns:
        if column.type == "string":
            yield Feed("column", (column.name,))
            yield from _made_feed(column)
        elif column.type == "strings":
            yield Feed("list", (column.name,))
    yield Feed("pairs")


def _of_kind(spec: TableSpec, field: str) -> Iterator[Feed]:
    for kind, change in _KINDS[field]:
        for column in spec.columns:
            if column.kind == kind and column.type in ("string", "strings"):
                yield Feed("list" if column.type == "strings" else "column", (column.name,), change=change)
        if spec.name == EVENT:
            for name in _EVENT_KINDS.get(kind, ()):
                yield Feed("pair", (name.casefold(),), change=change)


def _plain(spec: TableSpec, field: str) -> Iterator[Feed]:
    if field in TIMES:
        yield Feed("column", ("time",))
    columns = _columns(spec, field)
    for column in columns:
        yield _column_feed(column)
        yield from _made_feed(column)
    if spec.name == EVENT and field == "EventID":
        return
    yield Feed("pair", (field.casefold(),), squashed=not columns)
    if field == "Data":
        yield Feed("unnamed")
    if field == "Message" and not columns:
        # Windows makes the message of the values; a log file holds only those.
        yield Feed("pairs")


def _columns(spec: TableSpec, field: str) -> list[Column]:
    names = [field, *(column for alias, column in spec.fields if alias == field)]
    found = [column for column in spec.columns if column.name in names and column.type != "pairs"]
    if not found and not any(column.type == "pairs" for column in spec.columns):
        # Only where no event data can hold a name that differs by case (ProcessID and ProcessId do).
        folded = field.casefold()
        names = [column for alias, column in spec.fields if alias.casefold() == folded]
        found = [c for c in spec.columns if c.name.casefold() == folded or c.name in names]
    return found


def _column_feed(column: Column) -> Feed:
    change = {"file_path": "path", "user_agent": "agent"}.get(column.kind, "")
    return Feed("list" if column.type == "strings" else "column", (column.name,), change=change)


def _made_feed(column: Column) -> Iterator[Feed]:
    if column.made_of is not None:
        yield Feed("made", (*column.made_of, column.name))


def values_of(places: tuple[Feed, ...], row: Mapping[str, Any]) -> list[str | None]:
    """Return a field's values in one row, in order; None is a pair that is there without a value."""
    found: list[str | None] = []
    for feed in places:
        for value in _raw(feed, row):
            found += (value,) if value is None or not feed.change else CHANGES[feed.change](value)
    return found


def _raw(feed: Feed, row: Mapping[str, Any]) -> Iterator[str | None]:
    if feed.kind == "column":
        value = row.get(feed.names[0])
        if value is not None:
            yield text_of(value)
    elif feed.kind == "list":
        yield from (value for value in row.get(feed.names[0]) or () if value is not None)
    elif feed.kind == "made":
        path, query, own = (row.get(name) for name in feed.names)
        made = [part for part in (path, query) if part is not None]
        if own is None and made:
            yield "?".join(made)
    elif feed.kind == "pair" and len(feed.names) > 1:
        parts = [
            next((v for n, v in _pairs(row) if n is not None and n.casefold() == name), None)
            for name in feed.names
        ]
        if all(part is not None for part in parts):
            yield "\\".join(part for part in parts if part is not None)
    else:
        yield from (value for name, value in _pairs(row) if _is_fed(feed, name))


def _is_fed(feed: Feed, name: str | None) -> bool:
    if feed.kind == "pairs":
        return True
    if feed.kind == "unnamed" or name is None:
        return feed.kind == "unnamed" and name is None
    return name_matches(feed, name)


def name_matches(feed: Feed, name: str) -> bool:
    """Tell whether a pair's name is what a feed of kind `pair` asks for."""
    return name.casefold() == feed.names[0] or (feed.squashed and squash(name) == squash(feed.names[0]))


def _pairs(row: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None]]:
    for value in row.values():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            for pair in value:
                yield pair["name"], pair["value"]


def text_of(value: object) -> str:
    """Return a column's value as rules see it: numbers in decimal, truth in lower case, times in ISO 8601 UTC."""
    if isinstance(value, bool):
        return "true" if value else "false"
    stamp = getattr(value, "isoformat", None)
    if stamp is not None:
        return str(stamp()).replace("+00:00", "Z")
    return str(value)


_INTEGRITY = {"4096": "Low", "8192": "Medium", "8448": "Medium", "12288": "High", "16384": "System"}
_PROTOCOL = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}
_OPERATION = {"%%1904": "SetValue", "%%1905": "SetValue", "%%1906": "DeleteValue"}
_OUTBOUND = {"%%14592": "false", "%%14593": "true"}
_DEVICE = re.compile(r"\\device\\harddiskvolume\d+\\", re.IGNORECASE)
_HIVES = (
    ("hkey_local_machine\\", "HKLM\\"),
    ("hkey_users\\", "HKU\\"),
    ("hkey_current_user\\", "HKCU\\"),
    ("hkey_classes_root\\", "HKCR\\"),
    ("\\registry\\machine\\", "HKLM\\"),
    ("\\registry\\user\\", "HKU\\"),
)
_CONTROL_SET = re.compile(r"\\controlset\d{3}\\", re.IGNORECASE)
_PORT = re.compile(r":\d{1,5}$")


def _also(value: str, other: str | None) -> tuple[str, ...]:
    return (value,) if other is None or other == value else (value, other)


def _path(value: str) -> tuple[str, ...]:
    return _also(value, value.replace("/", "\\"))


def _device_path(value: str) -> tuple[str, ...]:
    # The drive letter is not in the event; most rules that name one mean the system drive.
    return _also(value, _DEVICE.sub(r"C:\\", value, count=1))


def _registry(value: str) -> tuple[str, ...]:
    lowered = value.casefold()
    short = next(
        (root + value[len(prefix) :] for prefix, root in _HIVES if lowered.startswith(prefix)), value
    )
    return tuple(dict.fromkeys((value, short, _CONTROL_SET.sub(r"\\CurrentControlSet\\", short))))


def _hash(value: str) -> tuple[str, ...]:
    return tuple(part.rpartition("=")[2].strip() for part in value.split(","))


def _ip(value: str) -> tuple[str, ...]:
    bare = value.strip()
    if bare.startswith("[") and "]" in bare:
        bare = bare[1 : bare.index("]")]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    bare = bare.partition("%")[0]
    if bare.casefold().startswith("::ffff:") and "." in bare:
        bare = bare[7:]
    return _also(value, bare)


def _host(value: str) -> tuple[str, ...]:
    return (_PORT.sub("", value.strip()).rstrip("."),)


def _url_host(value: str) -> tuple[str, ...]:
    rest = value.partition("://")[2] or value
    authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]
    return _host(authority)


def _base_name(value: str) -> tuple[str, ...]:
    path = value.strip().strip('"').partition("?")[0]
    return (re.split(r"[/\\]", path)[-1],)


def _folder(value: str) -> tuple[str, ...]:
    return (value.replace("/", "\\").rpartition("\\")[0],)


def _agent(value: str) -> tuple[str, ...]:
    # IIS writes a plus sign where the client sent a space.
    return (value,) if " " in value or "+" not in value else (value, value.replace("+", " "))


def _account(value: str) -> tuple[str, ...]:
    return _also(value, value.rpartition("\\")[2])


CHANGES: dict[str, Change] = {
    "path": _path,
    "device_path": _device_path,
    "registry": _registry,
    "hash": _hash,
    "ip": _ip,
    "host": _host,
    "url_host": _url_host,
    "base_name": _base_name,
    "folder": _folder,
    "agent": _agent,
    "account": _account,
    "integrity": lambda value: _also(value, _INTEGRITY.get(value.removeprefix("S-1-16-"))),
    "protocol": lambda value: _also(value, _PROTOCOL.get(value)),
    "operation": lambda value: _also(value, _OPERATION.get(value)),
    "outbound": lambda value: _also(value, _OUTBOUND.get(value)),
}

PIECES: dict[str, tuple[str, str] | None] = {
    **dict.fromkeys(("", "hash", "ip", "host", "url_host", "base_name", "account")),
    "path": ("/", "\\"),
    "folder": ("/", "\\"),
    "agent": ("+", " "),
}
"""Changes whose renderings are pieces of the value, or of the value with one letter put for another."""
