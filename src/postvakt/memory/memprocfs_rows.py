"""What MemProcFS tells, as rows of the tables; and when it is not to be believed."""

import ipaddress
import ntpath
from collections.abc import Callable, Iterable, Iterator, Set
from datetime import UTC, datetime
from functools import singledispatchmethod
from typing import Any

import msgspec

from postvakt.memory import memprocfs_lines as told
from postvakt.memory.network import STATES
from postvakt.memory.rows import KERNEL_NAME, Row, instant, module_flags, pairs, signed
from postvakt.memory.tables import MEM_MODULE, MEM_NETCONN, MEM_PROCESS
from postvakt.model.gap import Why
from postvakt.tables.rows import Rows as Batch

TIER = "memprocfs"
SYSTEM = 4
EVERY_MACHINE = frozenset((0, SYSTEM))
"""Ids that agree on any machine and prove nothing."""
MOST_SAME = 64
"""Processes of one id that are asked whether they are a parent; Windows gives few ids out again."""

SERVICE_STATES = {
    1: "STOPPED", 2: "START_PENDING", 3: "STOP_PENDING", 4: "RUNNING", 5: "CONTINUE_PENDING", 6: "PAUSE_PENDING",
    7: "PAUSED",
}  # fmt: skip
SERVICE_STARTS = {0: "BOOT", 1: "SYSTEM", 2: "AUTO", 3: "DEMAND", 4: "DISABLED"}
SERVICE_TYPES = {
    0x1: "KERNEL_DRIVER", 0x2: "FILE_SYSTEM_DRIVER", 0x10: "OWN_PROCESS", 0x20: "SHARE_PROCESS", 0x40: "USER_SERVICE",
    0x80: "USER_SERVICE_INSTANCE", 0x100: "INTERACTIVE",
}  # fmt: skip
VALUE_TYPES = {
    0: "REG_NONE", 1: "REG_SZ", 2: "REG_EXPAND_SZ", 3: "REG_BINARY", 4: "REG_DWORD", 5: "REG_DWORD_BIG_ENDIAN",
    6: "REG_LINK", 7: "REG_MULTI_SZ", 8: "REG_RESOURCE_LIST", 11: "REG_QWORD",
}  # fmt: skip


class Doubt(msgspec.Struct, frozen=True):
    """Why an engine's rows are not used."""

    why: Why
    detail: str


class Known:
    """What our own reader told of the same image: rows that say it again are not told twice."""

    def __init__(self, rows: Iterable[Batch]) -> None:
        self._keys: set[Key] = set()
        for batch in rows:
            for row in batch.batch.to_pylist() if batch.spec.name in KEYS else ():
                self._keys.add(_key(batch.spec.name, row))

    @property
    def pids(self) -> frozenset[int]:
        """The ids of its processes."""
        return frozenset(key[1] for key in self._keys if key[0] == MEM_PROCESS.name)

    def has(self, table: str, row: Row) -> bool:
        """Tell whether a row of a table was told already."""
        return table in KEYS and _key(table, row) in self._keys


KEYS = {
    MEM_PROCESS.name: ("ProcessId", "name"),
    MEM_MODULE.name: ("ProcessId", "base"),
    MEM_NETCONN.name: ("ProcessId", "Protocol", "SourcePort", "DestinationIp", "DestinationPort"),
}
"""What makes a row the same as another reader's."""
Key = tuple[Any, ...]


def _key(table: str, row: Row) -> Key:
    values = (row[column] for column in KEYS[table])
    return table, *(value[:KERNEL_NAME].lower() if isinstance(value, str) else value for value in values)


class Rows:
    """Makes rows of lines. `pids` are the processes that our own reader found; `offset` gives a place in the file."""

    def __init__(self, pids: Set[int], offset: Callable[[int], int | None]) -> None:
        self.pids = pids - EVERY_MACHINE
        self.processes: list[told.Process] = []
        self.crowded = 0
        self._offset = offset
        self._images: dict[int, str] = {}

    def of_processes(self) -> Iterator[Row]:
        """Yield a row for each process."""
        by_id: dict[int, list[told.Process]] = {}
        for one in self.processes:
            same = by_id.setdefault(one.pid, [])
            if len(same) < MOST_SAME:
                same.append(one)
            else:
                self.crowded += 1
            self._images[one.pid] = image(one)
        for one in self.processes:
            parent = _parent(one, by_id)
            yield {
                "time": _time(one.created),
                "ProcessId": _number(one.pid),
                "Image": image(one),
                "CommandLine": one.command or None,
                "CurrentDirectory": one.folder or None,
                "ParentProcessId": _number(one.parent),
                "ParentImage": image(parent) if parent else None,
                "ParentCommandLine": (parent.command or None) if parent else None,
                "Computer": next((v for n, v in one.environment if n.upper() == "COMPUTERNAME" and v), None),
                "name": one.name,
                "kernel_path": one.kernel_path or None,
                "created": _time(one.created),
                "exited": _time(one.exited),
                "environment": pairs(tuple(one.environment)) if one.environment else None,
                "virtual": _place(one.virtual),
                "directory": _place(one.directory),
                "flags": list(_flags(one, parent is not None)),
                **self._how("list", one.pid, one.physical),
            }

    @singledispatchmethod
    def of(self, line: Any) -> Row:
        """Return a line's row."""
        raise TypeError(type(line))

    @of.register
    def _(self, one: told.Module) -> Row:
        path = one.path or one.name
        return {
            "time": None,
            "ProcessId": _number(one.pid),
            "Image": self._image(one.pid),
            "ImageLoaded": path or None,
            "name": one.name or ntpath.basename(path) or None,
            "base": _place(one.base),
            "size": _number(one.size),
            "kernel": one.pid == SYSTEM,
            "flags": list(module_flags(path)),
            **self._how("list", one.pid, one.physical),
        }

    @of.register
    def _(self, one: told.Connection) -> Row:
        udp = "udp" in one.pool.lower() or "pdu" in one.pool.lower()
        remote = _address(one.remote)
        waits = remote is None or remote.is_unspecified
        local = _address(one.local)
        return {
            "time": instant(one.time),
            "ProcessId": _number(one.pid) or None,
            "Image": self._image(one.pid),
            "Protocol": "udp" if udp else "tcp",
            "SourceIp": None if local is None else str(local),
            "SourcePort": _number(one.local_port),
            "DestinationIp": None if waits else str(remote),
            "DestinationPort": None if waits else _number(one.remote_port),
            "state": None if udp else STATES.get(one.state),
            **self._how("table", one.pid, one.physical),
        }

    @of.register
    def _(self, one: told.Handle) -> Row:
        return {
            "time": None,
            "ProcessId": _number(one.pid),
            "Image": self._image(one.pid),
            "handle": _number(one.handle),
            "type": one.type or None,
            "object": one.object or None,
            "access": _number(one.access),
            "virtual": _place(one.virtual),
            **self._how("table", one.pid, one.physical),
        }

    @of.register
    def _(self, one: told.Service) -> Row:
        kinds = [word for bit, word in SERVICE_TYPES.items() if one.type & bit]
        return {
            "time": None,
            "ProcessId": _number(one.pid) or None,
            "Image": self._image(one.pid),
            "service": one.name,
            "display": one.display or None,
            "state": SERVICE_STATES.get(one.state),
            "starts": SERVICE_STARTS.get(one.start),
            "type": " ".join(kinds) or None,
            "account": one.account or None,
            "path": one.path or None,
            "CommandLine": one.command or None,
            **self._how("table", one.pid, None),
        }

    @of.register
    def _(self, one: told.Value) -> Row:
        return {
            "time": instant(one.time),
            "key": one.key,
            "value_name": one.name,
            "TargetObject": f"{one.key}\\{one.name or '(Default)'}",
            "Details": one.data,
            "type": VALUE_TYPES.get(one.type, str(one.type)),
            **self._how("table", 0, None),
        }

    def _image(self, pid: int) -> str | None:
        return self._images.get(pid) if pid else None

    def _how(self, method: str, pid: int, physical: int | None) -> Row:
        """Return how a row came about: what our own reader knows the process of has two readers for it."""
        where = None if physical is None else _number(physical)
        confidence = "low" if not self.pids else "high" if pid in self.pids and method == "list" else "medium"
        return {
            "locator": None if where is None else self._offset(where),
            "method": method,
            "tier": TIER,
            "confidence": confidence,
            "physical": where,
        }


def doubt(opened: told.Opened | None, rows: Rows, build: int) -> Doubt | None:
    """Return why nothing of an engine is used: no build, another build, other processes; None for no doubt."""
    if opened is None:
        return Doubt("unparsed", "it told nothing")
    if not opened.build:
        return Doubt("unsupported", "it does not tell which Windows this is")
    if build and opened.build != build:
        return Doubt("conflict", f"it takes this for build {opened.build}, and our own reader for {build}")
    theirs = {one.pid for one in rows.processes} - EVERY_MACHINE
    if not theirs:
        return Doubt("lost", "it finds no process")
    shared = len(theirs & rows.pids)
    if rows.pids and shared * 2 < min(len(theirs), len(rows.pids)):
        detail = (
            f"of its {len(theirs)} processes our own reader, which finds {len(rows.pids)}, knows {shared}"
        )
        return Doubt("conflict", detail)
    return None


def image(one: told.Process) -> str:
    """Return the best path of a process: its own where the kernel agrees on the file's name, else the kernel's."""
    kernel = one.kernel_path if "\\" in one.kernel_path else ""
    if one.path and (not kernel or ntpath.basename(one.path).lower() == ntpath.basename(kernel).lower()):
        return one.path
    return kernel or one.path or one.name


def _parent(one: told.Process, by_id: dict[int, list[told.Process]]) -> told.Process | None:
    """Return the process that started another: of that id, made before it and not gone before. Times sort as text."""
    fit = [
        other
        for other in by_id.get(one.parent, ())
        if other is not one
        and other.created <= one.created
        and (not other.exited or other.exited >= one.created)
    ]
    return max(fit, key=lambda other: other.created, default=None)


def _flags(one: told.Process, has_parent: bool) -> Iterator[str]:
    if one.state or one.exited:
        yield "exited"
    if not has_parent and one.parent:
        yield "no-parent"
    if one.wow64:
        yield "32-bit"


def _number(value: int) -> int | None:
    """Return a number, None for one that no column holds: an engine that reads damaged memory tells such."""
    return value if -(1 << 63) <= value < 1 << 63 else None


def _place(address: int) -> int | None:
    """Return an address as the tables' signed number, None for what is none."""
    return signed(address) if 0 <= address < 1 << 64 else None


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    except ValueError:
        return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
