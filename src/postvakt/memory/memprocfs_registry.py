"""Which registry values are asked of MemProcFS, and how they are written as text."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

SZ, EXPAND_SZ, DWORD, MULTI_SZ, QWORD = 1, 2, 4, 7, 11
SHOWN_BYTES = 256
MOST_SUBKEYS = 5000
MOST_VALUES = 1000
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
    Wanted("HKLM\\SYSTEM\\Select"),
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


def values(engine: Any, wanted: Sequence[Wanted]) -> Iterator[Told]:
    """Yield the wanted values that are in memory."""
    in_use = control_set(engine)
    for one in wanted:
        path = one.path.replace("{set}", in_use)
        for key in _below(engine, path) if one.below else (path,):
            yield from _of_key(engine, key + one.then, one.names)


def control_set(engine: Any) -> str:
    """Return the name of the control set that was in use; the first where that is not in memory."""
    for _, name, _, data, _ in _of_key(engine, "HKLM\\SYSTEM\\Select", frozenset(("current",))):
        if name.lower() == "current" and data.isdecimal() and 0 < int(data) < 1000:
            return f"ControlSet{int(data):03}"
    return "ControlSet001"


def _below(engine: Any, path: str) -> Iterator[str]:
    try:
        found = engine.reg_key(path).subkeys()
    except (RuntimeError, ValueError):
        return
    for key in found[:MOST_SUBKEYS]:
        yield f"{path}\\{key.name}"


def _of_key(engine: Any, path: str, names: frozenset[str] | None) -> Iterator[Told]:
    try:
        key = engine.reg_key(path)
        found, time = key.values(), int(key.time_int)
    except (RuntimeError, ValueError):
        return
    for value in found[:MOST_VALUES]:
        if names is not None and value.name.lower() not in names:
            continue
        try:
            kind, data = int(value.type), bytes(value.value)
        except (RuntimeError, ValueError, MemoryError):
            continue
        yield path, "" if value.name == UNNAMED else value.name, kind, shown(kind, data), time


def shown(kind: int, data: bytes) -> str:
    """Return a value as text: numbers in decimal, lists with `; ` between, the rest in hexadecimal."""
    if kind in (SZ, EXPAND_SZ):
        return data.decode("utf-16-le", "replace").partition("\x00")[0]
    if kind == MULTI_SZ:
        return "; ".join(part for part in data.decode("utf-16-le", "replace").split("\x00") if part)
    if (kind == DWORD and len(data) == 4) or (kind == QWORD and len(data) == 8):
        return str(int.from_bytes(data, "little"))
    return data[:SHOWN_BYTES].hex()
