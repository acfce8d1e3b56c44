"""Rows of the tables, made of what was read of a machine's memory."""

import ntpath
import re
from collections.abc import Iterator, Mapping, Set
from datetime import datetime
from typing import Any

import msgspec

from postvakt.memory.finding import Found, Ring
from postvakt.memory.kernel import Driver
from postvakt.memory.network import Endpoint
from postvakt.memory.process import EARLIEST, LATEST, SYSTEM, Process
from postvakt.memory.regions import Region
from postvakt.memory.tables import OWN
from postvakt.memory.userland import Module, Parameters
from postvakt.model.clock import from_filetime, from_micros

Row = dict[str, Any]

COMPILED = re.compile(r"(?:^|\\)app_web_[^\\]*\.dll$", re.IGNORECASE)
SYSTEM_FOLDERS = re.compile(
    r"^(?:[a-z]:|\\systemroot|\\\?\?\\[a-z]:)?\\?(?:windows\\)?(?:system32|syswow64|winsxs)\\", re.IGNORECASE
)
KERNEL_NAME = 14
"""Letters of a name that all builds keep; longer ones are cut there or one later."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A process with what its own memory tells; `parent` is that of the process that started it, if found."""

    found: Found
    parameters: Parameters | None
    kernel_path: str | None

    @property
    def process(self) -> Process:
        """What the kernel tells of it."""
        return self.found.process

    @property
    def image(self) -> str:
        """The best path that is known: its own where the kernel agrees on the file's name, else the kernel's."""
        own = self.parameters.image if self.parameters else None
        if own and (not self.kernel_path or _file(own) == _file(self.kernel_path)):
            return own
        return self.kernel_path or own or self.process.name

    @property
    def command(self) -> str | None:
        """Its command line."""
        return self.parameters.command if self.parameters else None

    @property
    def host(self) -> str | None:
        """COMPUTERNAME of its environment."""
        variables = self.parameters.environment if self.parameters else None
        return next((v for name, v in variables or () if name.upper() == "COMPUTERNAME" and v), None)


def processes(seen: list[Seen], ring: Ring, offset: Any) -> Iterator[Row]:
    """Yield a row for each process. `offset` gives the place in the file of a physical address."""
    by_id: dict[int, list[Seen]] = {}
    for one in seen:
        by_id.setdefault(one.process.process_id, []).append(one)
    for one in seen:
        parent = parent_of(one.process, by_id)
        told, own = one.process, one.parameters
        yield {
            "time": instant(told.created),
            "locator": offset(told.base),
            "ProcessId": told.process_id,
            "Image": one.image,
            "CommandLine": one.command,
            "CurrentDirectory": own.folder if own else None,
            "ParentProcessId": told.parent_id,
            "ParentImage": parent.image if parent else None,
            "ParentCommandLine": parent.command if parent else None,
            "Computer": one.host,
            "name": told.name,
            "kernel_path": one.kernel_path,
            "created": instant(told.created),
            "exited": instant(told.exited),
            "threads": told.threads,
            "environment": pairs(own.environment) if own else None,
            "virtual": None if told.address is None else signed(told.address),
            "directory": told.directory,
            "flags": list(_flags(one, ring, parent is not None)),
            **_how(one),
        }


def parent_of(told: Process, by_id: Mapping[int, list[Seen]]) -> Seen | None:
    """Return the process that started another: of that id, made before it and not gone before. Ids are used again."""
    fit = [
        one
        for one in by_id.get(told.parent_id, ())
        if one.process.created <= told.created
        and (not one.process.exited or one.process.exited >= told.created)
    ]
    return max(fit, key=lambda one: one.process.created, default=None)


def _flags(one: Seen, ring: Ring, has_parent: bool) -> Iterator[str]:
    told = one.process
    if told.exited:
        yield "exited"
    elif one.found.place == "bypassed" or (one.found.place == "unknown" and ring == "closed"):
        yield "hidden"
    elif one.found.method == "scan":
        yield "unlisted"
    if one.found.method == "list":
        yield "no-tag"
    if not has_parent and told.parent_id:
        yield "no-parent"
    path = one.kernel_path or (one.parameters.image if one.parameters else None)
    if path and not _agree(path, told.name):
        yield "name-differs"
    own = one.parameters.image if one.parameters else None
    if own and one.kernel_path and not _same_place(own, one.kernel_path):
        yield "path-differs"
    if told.peb and not told.exited and (one.parameters is None or one.parameters.command is None):
        yield "no-memory"
    if told.wow64:
        yield "32-bit"


def _how(one: Seen) -> Row:
    checked = one.found.method == "both" or (one.found.method == "list" and one.parameters is not None)
    weak = one.found.method == "scan" and one.process.address is None and one.parameters is None
    confidence = "high" if checked else "low" if weak else "medium"
    return {"method": one.found.method, "tier": OWN, "confidence": confidence, "physical": one.process.base}


def modules(one: Seen, told: list[Module], based: Set[int] | None, place: Any, offset: Any) -> Iterator[Row]:
    """Yield a row for each of a process's modules. `based` are the bases of its image regions, None where unknown;
    `place` gives the physical address of a virtual one."""
    for module in told:
        physical = place(module.entry)
        path = module.path or module.name or ""
        flags = []
        if based is not None and module.base not in based:
            flags.append("no-region")
        yield {
            "time": instant(module.loaded),
            "locator": None if physical is None else offset(physical),
            "ProcessId": one.process.process_id,
            "Image": one.image,
            **_module(module, path, flags),
            "kernel": False,
            "method": "list",
            "tier": OWN,
            "confidence": "high" if based and module.base in based else "medium",
            "physical": physical,
        }


def unlisted(one: Seen, told: Region, place: Any, offset: Any) -> Row:
    """Return a module's row for a program file that stands in a process and in no list of its loader."""
    physical = place(told.node)
    path = told.path or ""
    return {
        "time": None,
        "locator": None if physical is None else offset(physical),
        "ProcessId": one.process.process_id,
        "Image": one.image,
        "ImageLoaded": told.path,
        "name": ntpath.basename(path) or None,
        "base": signed(told.start),
        "size": told.end - told.start + 1,
        "linked": None,
        "kernel": False,
        "flags": ["unlisted", *module_flags(path)],
        "method": "tree",
        "tier": OWN,
        "confidence": "medium",
        "physical": physical,
    }


def drivers(found: list[Driver], offset: Any) -> Iterator[Row]:
    """Yield a row for each of the kernel's modules."""
    for driver in found:
        path = driver.module.path or driver.module.name or ""
        yield {
            "time": None,
            "locator": offset(driver.base),
            "ProcessId": SYSTEM,
            "Image": "System",
            **_module(driver.module, path, ["hidden"] if driver.method == "scan" else []),
            "linked": None,
            "kernel": True,
            "method": driver.method,
            "tier": OWN,
            "confidence": "high" if driver.method == "both" else "medium",
            "physical": driver.base,
        }


def _module(module: Module, path: str, flags: list[str]) -> Row:
    return {
        "ImageLoaded": path or None,
        "name": module.name or ntpath.basename(path) or None,
        "base": signed(module.base),
        "size": module.size,
        "linked": unix(module.stamp),
        "flags": [*flags, *module_flags(path)],
    }


def module_flags(path: str) -> Iterator[str]:
    """Yield what stands out in a module's path."""
    if COMPILED.search(path):
        yield "compiled"
    if path and not SYSTEM_FOLDERS.match(path):
        yield "not-system32"


def region(one: Seen, told: Region, known: frozenset[int], place: Any, offset: Any) -> Row:
    """Return a region's row. `known` are the bases of the process's listed modules."""
    physical = place(told.node)
    return {
        "time": None,
        "locator": None if physical is None else offset(physical),
        "ProcessId": one.process.process_id,
        "Image": one.image,
        "start": told.start,
        "size": told.end - told.start + 1,
        "protection": told.protection,
        "executable": told.executable,
        "private": told.private,
        "image": told.image,
        "path": told.path,
        "committed": told.committed,
        "present_pages": told.present_pages,
        "executable_pages": told.executable_pages,
        "writable_executable_pages": told.writable_executable_pages,
        "first_bytes": told.head.hex() or None,
        "sha256": told.sha256,
        "flags": list(_region_flags(told, known)),
        "method": "tree",
        "tier": OWN,
        "confidence": "low" if told.private is None else "medium",
        "physical": physical,
    }


def _region_flags(told: Region, known: frozenset[int]) -> Iterator[str]:
    if told.of_no_file and told.may_run:
        yield "private-executable"
    elif told.of_no_file and told.executable_pages:
        yield "written-code"
    if told.of_no_file and told.head.startswith(b"MZ"):
        yield "mz"
    if told.of_a_program and known and told.start not in known:
        yield "no-module"


def endpoint(told: Endpoint, owner: Seen | None, offset: Any) -> Row:
    """Return an endpoint's row."""
    return {
        "time": instant(told.created),
        "locator": offset(told.base),
        "ProcessId": owner.process.process_id if owner else None,
        "Image": owner.image if owner else None,
        "Protocol": told.protocol,
        "SourceIp": told.local,
        "SourcePort": told.local_port,
        "DestinationIp": told.remote,
        "DestinationPort": told.remote_port,
        "state": told.state or None,
        "method": "scan",
        "tier": OWN,
        "confidence": "medium" if owner else "low",
        "physical": told.base,
    }


def instant(filetime: int) -> datetime | None:
    """Return a FILETIME as an instant, None for none or an absurd one."""
    return from_filetime(filetime) if EARLIEST < filetime < LATEST else None


def unix(seconds: int) -> datetime | None:
    """Return seconds since 1970 as an instant, None for 0."""
    return from_micros(seconds * 1_000_000) if seconds else None


def signed(address: int) -> int:
    """Return an address as the table's 64-bit signed number."""
    return address - (1 << 64) if address >> 63 else address


def pairs(variables: tuple[tuple[str, str], ...] | None) -> list[dict[str, str]] | None:
    """Return variables as a column of pairs."""
    return None if variables is None else [{"name": name, "value": value} for name, value in variables]


def _file(path: str) -> str:
    return ntpath.basename(path).lower()


def _agree(path: str, name: str) -> bool:
    """Tell whether a path may be that of a process of such a name: the kernel keeps the first letters."""
    if not name.isascii():
        return True
    return _file(path)[:KERNEL_NAME] == name.lower()[:KERNEL_NAME]


def _same_place(own: str, kernel: str) -> bool:
    """Tell whether two paths are one but for the volume's name (`C:` or `\\Device\\HarddiskVolume2`)."""
    plain = own.lower().removeprefix("\\??\\")
    tail = ntpath.splitdrive(plain)[1].removeprefix("\\systemroot")
    return kernel.lower().endswith(tail) if tail else True
