"""NTUSER and UsrClass: what a user ran, typed and reached."""

import codecs
import struct
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import Value
from postvakt.artifacts.registry.trace import Node, filetime, program_of, trace

Row = dict[str, Any]

EXPLORER = "Software\\Microsoft\\Windows\\CurrentVersion\\Explorer"
FOLDERS = {
    "{0139D44E-6AFE-49F2-8690-3DAFCAE6FFB8}": "{Common Programs}",
    "{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}": "%SystemRoot%\\System32",
    "{6D809377-6AF0-444B-8957-A3773F02200E}": "%ProgramFiles%",
    "{7C5A40EF-A0FB-4BFC-874A-C0F2E0B9FA8E}": "%ProgramFiles(x86)%",
    "{9E3995AB-1F9C-4F13-B827-48B24B6C7174}": "{User Pinned}",
    "{A77F5D77-2E2B-44C3-A6A2-ABA601054A51}": "{Programs}",
    "{D65231B0-B2F1-4857-A4CE-A8E7C6EA7D27}": "%SystemRoot%\\SysWOW64",
    "{F38BF404-1D43-42F2-9305-67DE0B28FC23}": "%SystemRoot%",
}
"""Known folders (Windows SDK, KnownFolders.h) that UserAssist puts before a path."""

XP_ENTRY = 16
ENTRY = 72
XP_FIRST_COUNT = 5
"""On Windows XP a counter starts at 5."""

TYPED = (
    (f"{EXPLORER}\\TypedPaths", "typed_path"),
    (f"{EXPLORER}\\RunMRU", "typed_command"),
    ("Software\\Microsoft\\Internet Explorer\\TypedURLs", "typed_url"),
)
MUI = (
    "Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache",
    "Software\\Microsoft\\Windows\\ShellNoRoam\\MUICache",
    "Software\\Classes\\Local Settings\\Software\\Microsoft\\Windows\\Shell\\MuiCache",
)
MUI_ENDINGS = (".FriendlyAppName", ".ApplicationCompany")
SERVERS = "Software\\Microsoft\\Terminal Server Client\\Servers\\*"


def traces(root: Node, place: Place) -> Iterator[Row]:
    """Yield what a user's hive tells."""
    for node in root.match(f"{EXPLORER}\\UserAssist\\*\\Count"):
        for value in node.values().values():
            row = _run(node, value, place)
            if row is not None:
                yield row
    for path, kind in TYPED:
        typed = root.child(path)
        if typed is not None:
            yield from _typed(typed, kind, place)
    for path in MUI:
        cache = root.child(path)
        if cache is not None:
            yield from _named(cache, place)
    for node in root.match(SERVERS):
        yield trace("rdp_server", place, node, name=node.key.name, account=node.text("UsernameHint"))


def _run(node: Node, value: Value, place: Place) -> Row | None:
    """Return one entry of UserAssist: its name is written in ROT13, its counters are those of the shell."""
    name = codecs.decode(value.name, "rot13")
    if name.startswith("UEME_CTL") or not name:
        return None
    raw = node.raw(value)
    path = name.removeprefix("UEME_RUNPATH:").removeprefix("UEME_RUNPIDL:")
    folder, _, rest = path.partition("\\")
    known = FOLDERS.get(folder.upper())
    detail: dict[str, Any] = {"counted as": name if path != name else ""}
    ran = None
    if len(raw) == XP_ENTRY:
        session, count = struct.unpack_from("<II", raw)
        detail |= {"session": session, "count": max(0, count - XP_FIRST_COUNT)}
        ran = filetime(raw, 8)
    elif len(raw) >= ENTRY - 4:
        session, count, focus, focused = struct.unpack_from("<IIII", raw)
        detail |= {"session": session, "count": count, "focus count": focus, "focus ms": focused}
        ran = filetime(raw, 60)
    return trace(
        "userassist",
        place,
        node,
        cell=value.offset,
        name=path.rpartition("\\")[2],
        path=f"{known}\\{rest}" if known else path,
        account=place.user,
        time=ran,
        time_means="last run",
        detail=detail,
    )


def _typed(node: Node, kind: str, place: Place) -> Iterator[Row]:
    for value in node.values().values():
        told = node.told(value)
        if value.name.casefold() == "mrulist" or not told:
            continue
        if kind == "typed_command":
            told = told.removesuffix("\\1")
        columns: dict[str, Any] = {"path": told} if kind == "typed_path" else {"command": told}
        if kind == "typed_command":
            columns["path"] = program_of(told)
        yield trace(kind, place, node, cell=value.offset, name=value.name, account=place.user, **columns)


def _named(node: Node, place: Place) -> Iterator[Row]:
    """Yield the programs whose name the shell once looked up: they were started or shown."""
    for value in node.values().values():
        path = value.name
        for ending in MUI_ENDINGS:
            path = path.removesuffix(ending)
        if "\\" not in path or path.startswith("@") or value.name.endswith(MUI_ENDINGS[1]):
            continue
        yield trace(
            "muicache",
            place,
            node,
            cell=value.offset,
            name=path.rpartition("\\")[2],
            path=path,
            account=place.user,
            detail={"shown as": node.told(value)},
        )
