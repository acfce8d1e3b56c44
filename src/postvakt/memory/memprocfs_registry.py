"""Which registry values are asked of MemProcFS, and how they are written as text."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from postvakt.memory.memprocfs_lines import Missed

SZ, EXPAND_SZ, DWORD, MULTI_SZ, QWORD = 1, 2, 4, 7, 11
SHOWN_BYTES = 256
MOST_SUBKEYS = 5000
MOST_VALUES = 1000
KEYS_LOST = "keys that were asked for could not be read"
SELECT = "HKLM\\SYSTEM\\Select"
UNNAMED = "(Default)"
"""What the engine calls a value without a name."""

Told = tuple[str, str, int, str, int]
"""Key, value's name, type, data as text, FILETIME of the key's last write."""


class Wanted(msgspec.Struct, frozen=True):
    """A key. `below`: it is each of its subkeys that is wanted; `then` is a path below each; `names`: only these values
    (lower case), all where None."""

    path: str
    below: bool = False
    then: str = ""
    names: frozenset[str] | None = None


MACHINE = "HKLM\\SOFTWARE\\Microsoft\\"
WINDOWS = MACHINE + "Windows\\CurrentVersion\\"
NT = MACHINE + "Windows NT\\CurrentVersion"
CONTROL = "HKLM\\SYSTEM\\{set}\\Control\\"
SERVICES = "HKLM\\SYSTEM\\{set}\\Services"
SERVICE_VALUES = frozenset(("imagepath", "start", "type", "objectname", "displayname", "failurecommand"))

OF_INTEREST: tuple[Wanted, ...] = (
    Wanted(SELECT),
    Wanted(CONTROL + "ComputerName\\ComputerName"),
    Wanted(CONTROL + "TimeZoneInformation"),
    Wanted(CONTROL + "Lsa"),
    Wanted(CONTROL + "SecurityProviders\\WDigest"),
    Wanted(CONTROL + "Session Manager"),
    Wanted(CONTROL + "Terminal Server", names=frozenset(("fdenytsconnections",))),
    Wanted(SERVICES, below=True, names=SERVICE_VALUES),
    Wanted(SERVICES, below=True, then="\\Parameters", names=frozenset(("servicedll", "application"))),
    Wanted(NT, names=frozenset(("productname", "currentbuildnumber", "ubr", "installdate"))),
    Wanted(NT + "\\Winlogon"),
    Wanted(NT + "\\Windows", names=frozenset(("appinit_dlls", "loadappinit_dlls"))),
    Wanted(NT + "\\Image File Execution Options", below=True, names=frozenset(("debugger", "globalflag"))),
    Wanted(NT + "\\SilentProcessExit", below=True),
    Wanted(WINDOWS + "Run"),
    Wanted(WINDOWS + "RunOnce"),
    Wanted(WINDOWS + "Policies\\Explorer\\Run"),
    Wanted("HKLM\\SOFTWARE\\Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Run"),
    Wanted(MACHINE + "ExchangeServer\\v15\\Setup"),
    Wanted(MACHINE + "InetStp", names=frozenset(("pathwwwroot", "majorversion", "minorversion"))),
    Wanted(MACHINE + "Windows Defender\\Exclusions", below=True),
    Wanted("HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender", below=True),
)
"""No key of secrets is among them: neither SECURITY nor SAM, and of Lsa only its own values."""


def values(engine: Any, wanted: Sequence[Wanted], missed: Missed) -> Iterator[Told]:
    """Yield the wanted values that are in memory; `missed` counts keys and values that could not be read, or were too
    many. A key that is not among the subkeys of the one above it is not there, and nothing is missed."""
    in_use = control_set(engine, missed)
    for one in wanted:
        path = one.path.replace("{set}", in_use)
        for key in _below(engine, path, missed) if one.below else (path,):
            yield from _of_key(engine, key + one.then, one.names, missed)


def control_set(engine: Any, missed: Missed) -> str:
    """Return the name of the control set that was in use; the first where that is not in memory."""
    for _, name, _, data, _ in _of_key(engine, SELECT, frozenset(("current",)), missed):
        if name.lower() == "current" and data.isdecimal() and 0 < int(data) < 1000:
            return f"ControlSet{int(data):03}"
    return "ControlSet001"


def _below(engine: Any, path: str, missed: Missed) -> Iterator[str]:
    try:
        found = list(engine.reg_key(path).subkeys())
    except (RuntimeError, ValueError):
        _miss(engine, path, missed)
        return
    missed.add(f"subkeys past the first {MOST_SUBKEYS} were not looked at", path, len(found) - MOST_SUBKEYS)
    for key in found[:MOST_SUBKEYS]:
        try:
            name = key.name
        except (RuntimeError, ValueError):
            missed.add(KEYS_LOST, f"{path}\\?")
            continue
        yield f"{path}\\{name}"


def _of_key(engine: Any, path: str, names: frozenset[str] | None, missed: Missed) -> Iterator[Told]:
    try:
        key = engine.reg_key(path)
        found, time = list(key.values()), int(key.time_int)
    except (RuntimeError, ValueError):
        _miss(engine, path, missed)
        return
    missed.add(f"values past the first {MOST_VALUES} were not looked at", path, len(found) - MOST_VALUES)
    for value in found[:MOST_VALUES]:
        name = "?"
        try:
            name = value.name
            if names is not None and name.lower() not in names:
                continue
            kind, data = int(value.type), bytes(value.value)
        except (RuntimeError, ValueError, MemoryError):
            missed.add("values could not be read", f"{path}\\{name}")
            continue
        yield path, "" if name == UNNAMED else name, kind, shown(kind, data), time


def _miss(engine: Any, path: str, missed: Missed) -> None:
    """Count a key that could not be read, unless what stands above it tells that there is none."""
    above, _, name = path.rpartition("\\")
    while "\\" in above:
        with contextlib.suppress(RuntimeError, ValueError):
            if name.lower() not in {key.name.lower() for key in engine.reg_key(above).subkeys()}:
                return
            break
        above, _, name = above.rpartition("\\")
    missed.add(KEYS_LOST, path)


def shown(kind: int, data: bytes) -> str:
    """Return a value as text: numbers in decimal, lists with `; ` between, the rest in hexadecimal."""
    if kind in (SZ, EXPAND_SZ):
        return data.decode("utf-16-le", "replace").partition("\x00")[0]
    if kind == MULTI_SZ:
        return "; ".join(part for part in data.decode("utf-16-le", "replace").split("\x00") if part)
    if (kind == DWORD and len(data) == 4) or (kind == QWORD and len(data) == 8):
        return str(int.from_bytes(data, "little"))
    return data[:SHOWN_BYTES].hex()
