"""SOFTWARE: the system's version, Exchange and its updates, installed programs, scheduled tasks."""

import re
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.registry import tasks
from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.trace import Node, trace
from postvakt.model.build import CU_ONLY
from postvakt.model.gap import Clue

Row = dict[str, Any]

SETUP = "Microsoft\\ExchangeServer\\v*\\Setup"
UPDATES = ("Microsoft\\Updates\\Exchange*\\*", "Microsoft\\Updates\\Exchange*\\*\\*")
UNINSTALL = ("Microsoft\\Windows\\CurrentVersion\\Uninstall\\*",
             "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\*")  # fmt: skip
BUILD = ("MsiProductMajor", "MsiProductMinor", "MsiBuildMajor", "MsiBuildMinor")
SETUP_DETAILS = ("MsiInstallPath", "OwaVersion", "Services", "ServicesMinor", *BUILD)
PROGRAM_DETAILS = (
    "DisplayVersion",
    "Publisher",
    "InstallDate",
    "InstallSource",
    "UninstallString",
    "ParentDisplayName",
)
_KB = re.compile(r"^KB\d{6,8}", re.IGNORECASE)


def traces(root: Node, place: Place) -> Iterator[Row | Clue]:
    """Yield what a SOFTWARE hive tells."""
    yield from _system(root)
    for node in root.match(SETUP):
        yield from _exchange(node, place)
    for pattern in UPDATES:
        for node in root.match(pattern):
            if _KB.match(node.key.name):
                yield _update(node, place)
    for pattern in UNINSTALL:
        for node in root.match(pattern):
            yield _program(node, place)
    yield from tasks.traces(root, place)


def _system(root: Node) -> Iterator[Clue]:
    node = root.child("Microsoft\\Windows NT\\CurrentVersion")
    if node is None:
        return
    texts = node.texts()
    name = texts.get("productname", "")
    if not name:
        return
    build = texts.get("currentbuild") or texts.get("currentbuildnumber", "")
    full = f"{build}.{texts['ubr']}" if build and texts.get("ubr") else build
    release = texts.get("displayversion") or texts.get("releaseid") or texts.get("csdversion", "")
    said = " ".join(part for part in (name, release, f"build {full}" if full else "") if part)
    yield Clue(kind="os", value=said, weight=100, basis="SOFTWARE CurrentVersion")


def _exchange(node: Node, place: Place) -> Iterator[Row | Clue]:
    """Setup knows the cumulative update only: a security update changes files, not these values."""
    texts = node.texts()
    numbers = [texts.get(name.casefold(), "") for name in BUILD]
    yield Clue(kind="role", value="exchange", weight=100, basis="SOFTWARE ExchangeServer Setup")
    if all(number.isdigit() for number in numbers):
        basis = f"SOFTWARE ExchangeServer Setup ({CU_ONLY})"
        yield Clue(kind="build", value=".".join(numbers), weight=60, basis=basis)
    path = texts.get("msiinstallpath", "")
    if path:
        yield Clue(kind="install_path", value=path, weight=100, basis="SOFTWARE ExchangeServer Setup")
    yield trace(
        "exchange_setup",
        place,
        node,
        name=node.path.split("\\")[-2],
        path=path,
        detail={name: texts.get(name.casefold()) for name in SETUP_DETAILS},
    )


def _update(node: Node, place: Place) -> Row:
    texts = node.texts()
    return trace(
        "exchange_update",
        place,
        node,
        name=node.key.name,
        detail={
            "package": texts.get("packagename"),
            "installed": texts.get("installeddate"),
            "by": texts.get("installedby"),
            "of": node.path.partition("\\Updates\\")[2].partition("\\")[0],
            "type": texts.get("type"),
        },
    )


def _program(node: Node, place: Place) -> Row:
    texts = node.texts()
    return trace(
        "program",
        place,
        node,
        name=texts.get("displayname") or node.key.name,
        path=texts.get("installlocation"),
        detail={name: texts.get(name.casefold()) for name in PROGRAM_DETAILS},
    )
