"""The table `registry_trace`: what is read out of keys and values that mean something, and the way to them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import Hive, Key, Value
from postvakt.artifacts.registry.text import render
from postvakt.model.clock import FILETIME_OF_1970, from_micros, iso
from postvakt.model.table import Column, LogSource, TableSpec

REGISTRY_TRACE = TableSpec(
    name="registry_trace",
    title="What is read out of the registry: services, autostarts, programs run, tasks, accounts",
    locator="cell",
    logsources=(LogSource(product="windows", service="registry_trace"),),
    fields=(("TargetObject", "key"), ("Image", "path"), ("CommandLine", "command"), ("Hashes", "sha1")),
    split="trace",
    columns=(
        Column(
            "trace",
            about="service, run_key, autostart, task, shimcache, amcache_file, userassist, account...",
        ),
        Column("hive"),
        Column("user", kind="account", about="whose hive it is; empty for the machine's"),
        Column("key", kind="registry_key", about="where it was read"),
        Column("name", about="of the service, program, task, account, group, update or value"),
        Column("path", kind="file_path", about="the program or file that is meant"),
        Column("command", kind="command_line", about="the whole command as it is written"),
        Column("sha1", kind="hash"),
        Column("account", kind="account", about="who runs it, ran it or is meant"),
        Column("sid", kind="sid"),
        Column("time_means", about="what `time` is the time of: key written, file modified, last run..."),
        Column("detail", "pairs", about="what else is said of it"),
    ),
)

MOST_BYTES = 16 * 1024 * 1024
MOST_PLACES = 100_000
KEY_WRITTEN = "key written"
LAST = 253_402_300_800_000_000
"""Microseconds from 1970 to the year 10000."""

_PROGRAM = re.compile(
    r'^\s*(?:"([^"]+)"|(.+?\.(?:exe|com|bat|cmd|dll|sys|scr|ps1|vbs|js|msi))(?=[\s,;]|$)|(\S+))', re.I
)


class Node(msgspec.Struct, frozen=True):
    """A key that was looked up: its place in the hive and its whole path."""

    hive: Hive
    key: Key
    path: str

    def children(self) -> Iterator["Node"]:
        """Yield the subkeys."""
        for key in self.hive.subkeys(self.key):
            yield Node(self.hive, key, f"{self.path}\\{key.name}")

    def child(self, path: str) -> "Node | None":
        """Return the key at a relative path (any case, backslashes between names), or None."""
        node = self
        for name in path.split("\\"):
            wanted = name.casefold()
            found = next((below for below in node.children() if below.key.name.casefold() == wanted), None)
            if found is None:
                return None
            node = found
        return node

    def match(self, pattern: str) -> Iterator["Node"]:
        """Yield the keys at a relative path in which a name may be `*` or end with it."""
        first, _, rest = pattern.partition("\\")
        wanted = first.casefold()
        for node in self.children():
            name = node.key.name.casefold()
            if name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1])):
                if rest:
                    yield from node.match(rest)
                else:
                    yield node

    def values(self) -> dict[str, Value]:
        """Return the values by their case-folded names; the first of equal names."""
        found: dict[str, Value] = {}
        for value in self.hive.values(self.key):
            found.setdefault(value.name.casefold(), value)
        return found

    def raw(self, value: Value | None) -> bytes:
        """Return a value's bytes, none where there is no value."""
        return b"" if value is None else self.hive.bytes_of(value, MOST_BYTES)

    def told(self, value: Value | None) -> str:
        """Return a value as people read it, empty where there is none."""
        if value is None:
            return ""
        return render(value.type, self.hive.bytes_of(value, 65_538), value.size)[0]

    def texts(self) -> dict[str, str]:
        """Return all values by their case-folded names, as people read them."""
        return {name: self.told(value) for name, value in self.values().items()}

    def text(self, name: str) -> str:
        """Return the value of that name as people read it, empty where there is none."""
        return self.told(self.values().get(name.casefold()))

    def number(self, name: str) -> int | None:
        """Return the value of that name as a number, or None."""
        value = self.values().get(name.casefold())
        raw = self.raw(value)
        return (
            int.from_bytes(raw[:8], "little") if value is not None and value.type in (4, 11) and raw else None
        )


def instant(ticks: int) -> int | None:
    """Return a FILETIME as microseconds since 1970; None for zero, "never" and what lies past the year 9999."""
    if ticks <= 0:
        return None
    found = (ticks - FILETIME_OF_1970) // 10
    return found if found < LAST else None


def filetime(raw: bytes, at: int) -> int | None:
    """Return the FILETIME at an offset as microseconds since 1970, or None."""
    return instant(int.from_bytes(raw[at : at + 8], "little")) if at + 8 <= len(raw) else None


def said_time(micros_since_1970: int | None) -> str:
    """Return an instant as ISO 8601 in UTC, empty for none."""
    if micros_since_1970 is None:
        return ""
    return iso(from_micros(micros_since_1970)) or ""


def unix_time(told: str) -> int | None:
    """Return seconds since 1970, told in decimal, as microseconds, or None."""
    return (
        int(told) * 1_000_000
        if told.isascii() and told.isdigit() and 0 < int(told) < LAST // 1_000_000
        else None
    )


def program_of(command: str) -> str:
    """Return the program that a command line starts, without the kernel's own prefixes."""
    found = _PROGRAM.match(command)
    return plain_path(next((part for part in found.groups() if part), "")) if found else ""


def plain_path(path: str) -> str:
    """Return a path as people write it: no `\\??\\` before the drive, `%SystemRoot%` for the kernel's own link."""
    bare = path.removeprefix("\\??\\")
    return "%SystemRoot%" + bare[11:] if bare[:12].casefold() == "\\systemroot\\" else bare


def sid_text(raw: bytes) -> str:
    """Return a binary SID in its usual form, empty where it is none."""
    if len(raw) < 8 or raw[0] != 1 or len(raw) < 8 + 4 * raw[1]:
        return ""
    authority = int.from_bytes(raw[2:8], "big")
    parts = (int.from_bytes(raw[8 + 4 * i : 12 + 4 * i], "little") for i in range(raw[1]))
    return "-".join(("S", "1", str(authority), *map(str, parts)))


def trace(
    kind: str,
    place: Place,
    node: Node,
    *,
    detail: Mapping[str, Any] | None = None,
    cell: int | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """Return one row of `registry_trace`. Without `time_means` its time is that of the key's last write."""
    if "time_means" not in columns:
        columns |= {"time": instant(node.key.written), "time_means": KEY_WRITTEN}
    return {
        "trace": kind,
        "locator": node.key.offset if cell is None else cell,
        "hive": place.kind,
        "user": place.user,
        "key": node.path,
        "detail": [
            {"name": name, "value": str(value)}
            for name, value in (detail or {}).items()
            if value not in (None, "")
        ],
        **{name: value for name, value in columns.items() if value is not None and value != ""},
    }
