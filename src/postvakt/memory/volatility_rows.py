"""Rows of Volatility's objects, plugin by plugin. Every value is the file's word: a wrong type is none."""

import ipaddress
import ntpath
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.memory.rows import Row, module_flags, signed

LONGEST_TEXT = 32_768
SYSTEM = 4
EXECUTABLE = "EXECUTE"
BYTES = re.compile(r"\A\s*((?:[0-9a-f]{2}[ \t]+){15}[0-9a-f]{2})", re.IGNORECASE)
"""The first sixteen bytes of a dump."""
HIGH, CUT = 1 << 47, 1 << 48
"""Volatility cuts the kernel's addresses to 48 bits."""
MOST_NAMED = 1 << 16
MOST_SAME = 64
"""Processes of one id that are asked whether they are a parent; Windows gives few ids out again."""
LONE = re.compile("[\ud800-\udfff]")
"""Halves of characters, which nothing can write."""


class Object(msgspec.Struct, frozen=True):
    """One object with its place in the file."""

    offset: int
    values: Mapping[str, Any]


class Named:
    """The processes of one file by their id, for the parents of others."""

    def __init__(self) -> None:
        self._by_id: dict[int, list[tuple[datetime, datetime | None, Object]]] = {}

    def add(self, told: Object) -> bool:
        """Keep a process; tell whether there was room for it."""
        pid, begun = number(told.values.get("PID")), instant(told.values.get("CreateTime"))
        if pid is None or begun is None:
            return True
        if pid not in self._by_id and len(self._by_id) >= MOST_NAMED:
            return False
        same = self._by_id.setdefault(pid, [])
        if len(same) >= MOST_SAME:
            return False
        same.append((begun, instant(told.values.get("ExitTime")), told))
        return True

    def parent(self, told: Object) -> Mapping[str, Any] | None:
        """Return the process that started another, where the file has one of that id that was there then."""
        parent, made = number(told.values.get("PPID")), instant(told.values.get("CreateTime"))
        if parent is None or made is None:
            return None
        fit = [
            (begun, other)
            for begun, gone, other in self._by_id.get(parent, ())
            if begun <= made and (gone is None or gone >= made) and other.offset != told.offset
        ]
        # Of several that began at once the last that the file tells.
        return max(reversed(fit), key=lambda one: one[0])[1].values if fit else None


def process(told: Object, known: Named) -> Row:
    """Return a row of pslist, psscan or pstree."""
    values = told.values
    parent = known.parent(told)
    return {
        "time": instant(values.get("CreateTime")),
        "ProcessId": number(values.get("PID")),
        "Image": image(values),
        "CommandLine": text(values.get("Cmd")),
        "ParentProcessId": number(values.get("PPID")),
        "ParentImage": image(parent) if parent else None,
        "ParentCommandLine": text(parent.get("Cmd")) if parent else None,
        "name": text(values.get("ImageFileName")),
        "kernel_path": text(values.get("Audit")),
        "created": instant(values.get("CreateTime")),
        "exited": instant(values.get("ExitTime")),
        "threads": number(values.get("Threads")),
        "virtual": address(values.get("Offset(V)")),
        "flags": list(_process_flags(values, parent is not None)),
    }


def _process_flags(values: Mapping[str, Any], has_parent: bool) -> Iterator[str]:
    if instant(values.get("ExitTime")) is not None:
        yield "exited"
    if not has_parent and number(values.get("PPID")):
        yield "no-parent"
    if values.get("Wow64") is True:
        yield "32-bit"


def line(told: Object, _: Named) -> Row:
    """Return a row of cmdline."""
    values = told.values
    return {
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Process")),
        "name": text(values.get("Process")),
        "CommandLine": text(values.get("Args")),
        "flags": [],
    }


def module(told: Object, _: Named) -> Row:
    """Return a row of dlllist."""
    values = told.values
    return {
        **_module(values),
        "time": instant(values.get("LoadTime")),
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Process")),
        "kernel": False,
    }


def driver(told: Object, _: Named) -> Row:
    """Return a row of modules or modscan."""
    return {**_module(told.values), "ProcessId": SYSTEM, "Image": "System", "kernel": True}


def _module(values: Mapping[str, Any]) -> Row:
    path = text(values.get("Path")) or text(values.get("Name")) or ""
    return {
        "ImageLoaded": path or None,
        "name": text(values.get("Name")) or ntpath.basename(path) or None,
        "base": address(values.get("Base")),
        "size": number(values.get("Size")),
        "flags": list(module_flags(path)),
    }


def connection(told: Object, _: Named) -> Row:
    """Return a row of netscan or netstat."""
    values = told.values
    local, remote = ip(values.get("LocalAddr")), ip(values.get("ForeignAddr"))
    waits = remote is None or ipaddress.ip_address(remote).is_unspecified
    return {
        "time": instant(values.get("Created")),
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Owner")),
        "Protocol": (text(values.get("Proto")) or "")[:3].lower() or None,
        "SourceIp": local,
        "SourcePort": number(values.get("LocalPort")),
        "DestinationIp": None if waits else remote,
        "DestinationPort": None if waits else number(values.get("ForeignPort")),
        "state": text(values.get("State")),
    }


def region(told: Object, _: Named) -> Row:
    """Return a row of malfind or vadinfo."""
    values = told.values
    start, last = number(values.get("Start VPN")), number(values.get("End VPN"))
    protection = (text(values.get("Protection")) or "").removeprefix("PAGE_") or None
    private = None if number(values.get("PrivateMemory")) is None else bool(values["PrivateMemory"])
    executable = None if protection is None else EXECUTABLE in protection
    found = BYTES.match((text(values.get("Hexdump")) or "").strip('" \r\n'))
    head = "".join(found[1].split()).lower() if found else None
    flags = ["private-executable"] if private and executable else []
    if private and head and head.startswith("4d5a"):
        flags.append("mz")
    return {
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Process")),
        "start": start,
        "size": None if start is None or last is None or last < start else number(last - start + 1),
        "protection": protection,
        "executable": executable,
        "private": private,
        "path": text(values.get("File")),
        "committed": number(values.get("CommitCharge")),
        "first_bytes": head,
        "flags": flags,
    }


def handle(told: Object, _: Named) -> Row:
    """Return a row of handles."""
    values = told.values
    return {
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Process")),
        "handle": number(values.get("HandleValue")),
        "type": text(values.get("Type")),
        "object": text(values.get("Name")),
        "access": number(values.get("GrantedAccess")),
        "virtual": address(values.get("Offset")),
    }


def service(told: Object, _: Named) -> Row:
    """Return a row of svcscan."""
    values = told.values
    return {
        "ProcessId": number(values.get("PID")),
        "Image": text(values.get("Binary")),
        "service": text(values.get("Name")),
        "display": text(values.get("Display")),
        "state": _word(values.get("State")),
        "starts": _word(values.get("Start")),
        "type": _word(values.get("Type")),
        "path": text(values.get("Dll")),
        "CommandLine": text(values.get("Binary (Registry)")) or text(values.get("Binary")),
    }


MAKERS: Mapping[str, Callable[[Object, Named], Row]] = {
    "process": process,
    "line": line,
    "module": module,
    "driver": driver,
    "connection": connection,
    "region": region,
    "handle": handle,
    "service": service,
}


def image(values: Mapping[str, Any]) -> str | None:
    """Return the best path of a process."""
    return text(values.get("Path")) or text(values.get("Audit")) or text(values.get("ImageFileName"))


def text(value: Any) -> str | None:
    """Return a text that can be written, None for none; `-` stands for none in older releases."""
    if not isinstance(value, str) or value in ("", "-", "N/A"):
        return None
    return LONE.sub("\ufffd", value[:LONGEST_TEXT])


def number(value: Any) -> int | None:
    """Return a number that a column can hold."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -(1 << 63) <= value < 1 << 63 else None


def address(value: Any) -> int | None:
    """Return an address as the tables' signed number, with the bits that were cut."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 64:
        return None
    return signed(value | ~(CUT - 1) & (1 << 64) - 1 if HIGH <= value < CUT else value)


def instant(value: Any) -> datetime | None:
    """Return an instant; one without a zone is UTC."""
    if not isinstance(value, str):
        return None
    try:
        told = datetime.fromisoformat(value)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def ip(value: Any) -> str | None:
    """Return an address of the network, None for what is none (`*`)."""
    try:
        return text(str(ipaddress.ip_address(value))) if isinstance(value, str) else None
    except ValueError:
        return None


def _word(value: Any) -> str | None:
    """Return a constant without what all of its kind begin with."""
    told = text(value)
    return None if told is None else told.replace("SERVICE_", "").replace("|", " ")
