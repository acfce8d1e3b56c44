"""Amcache: files and programs that were seen on the machine, with SHA-1, in its old and its new form.

The SHA-1 is that of a file's first 31,457,280 bytes. Windows 8 and the first Windows 10 keep numbered values
(`Root\\File`), later ones named values (`Root\\InventoryApplicationFile`).
Source: value meanings as published by Y. Khatri (2013) and ANSSI (analysis of the Amcache, 2019).
"""

from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.trace import Node, filetime, said_time, trace, unix_time

Row = dict[str, Any]

FILE_DETAILS = (
    ("publisher", "1"),
    ("product", "0"),
    ("version", "5"),
    ("size", "6"),
    ("description", "c"),
    ("program id", "100"),
)
PROGRAM_DETAILS = (("version", "1"), ("publisher", "2"), ("source", "6"), ("uninstall key", "7"))
INVENTORY_DETAILS = (
    "Publisher", "Version", "ProductName", "ProductVersion", "Size", "BinaryType", "LinkDate", "OriginalFileName",
    "ProgramId", "IsOsComponent",
)  # fmt: skip
APPLICATION_DETAILS = (
    "Version",
    "Publisher",
    "InstallDate",
    "Source",
    "UninstallString",
    "Type",
    "MsiPackageCode",
)
DRIVER_DETAILS = (
    "DriverVersion",
    "DriverCompany",
    "Product",
    "DriverSigned",
    "DriverInBox",
    "DriverLastWriteTime",
)


def traces(root: Node, place: Place) -> Iterator[Row]:
    """Yield the files, programs and drivers of an Amcache hive."""
    for node in root.match("Root\\File\\*\\*"):
        yield _file(node, place)
    for node in root.match("Root\\Programs\\*"):
        yield _program(node, place)
    for node in root.match("Root\\InventoryApplicationFile\\*"):
        yield _inventory_file(node, place)
    for node in root.match("Root\\InventoryApplication\\*"):
        yield _inventory_application(node, place)
    for node in root.match("Root\\InventoryDriverBinary\\*"):
        yield _driver(node, place)


def _sha1(told: str) -> str:
    """Return the hash in an identifier: four zeros stand before it."""
    bare = told.strip().lower()
    return bare[4:] if len(bare) == 44 and bare.startswith("0000") else ""


def _base_name(path: str) -> str:
    return path.rpartition("\\")[2]


def _times(node: Node, names: tuple[tuple[str, str], ...]) -> dict[str, str]:
    values = node.values()
    return {label: said_time(filetime(node.raw(values.get(name)), 0)) for label, name in names}


def _file(node: Node, place: Place) -> Row:
    texts = node.texts()
    times = _times(node, (("created", "12"), ("modified", "11"), ("modified (store)", "17")))
    compiled = said_time(unix_time(texts.get("f", "")))
    return trace(
        "amcache_file",
        place,
        node,
        name=_base_name(texts.get("15", "")),
        path=texts.get("15"),
        sha1=_sha1(texts.get("101", "")),
        detail={label: texts.get(name) for label, name in FILE_DETAILS} | times | {"compiled": compiled},
    )


def _program(node: Node, place: Place) -> Row:
    texts = node.texts()
    detail = {label: texts.get(name) for label, name in PROGRAM_DETAILS}
    detail["installed"] = said_time(unix_time(texts.get("a", "")))
    return trace(
        "amcache_program",
        place,
        node,
        name=texts.get("0"),
        path=texts.get("d", "").partition("; ")[0],
        detail=detail,
    )


def _named(texts: dict[str, str], names: tuple[str, ...]) -> dict[str, str | None]:
    return {name: texts.get(name.casefold()) for name in names}


def _inventory_file(node: Node, place: Place) -> Row:
    texts = node.texts()
    return trace(
        "amcache_file",
        place,
        node,
        name=texts.get("name"),
        path=texts.get("lowercaselongpath"),
        sha1=_sha1(texts.get("fileid", "")),
        detail=_named(texts, INVENTORY_DETAILS),
    )


def _inventory_application(node: Node, place: Place) -> Row:
    texts = node.texts()
    return trace(
        "amcache_program",
        place,
        node,
        name=texts.get("name"),
        path=texts.get("rootdirpath"),
        detail=_named(texts, APPLICATION_DETAILS),
    )


def _driver(node: Node, place: Place) -> Row:
    """The key's name is the path, with the other slash; the first of the kind had the identifier there."""
    texts = node.texts()
    named = node.key.name
    return trace(
        "amcache_driver",
        place,
        node,
        name=texts.get("drivername"),
        path=named.replace("/", "\\") if "/" in named else "",
        sha1=_sha1(texts.get("driverid", "")) or _sha1(named),
        detail={"service": texts.get("service")} | _named(texts, DRIVER_DETAILS),
    )
