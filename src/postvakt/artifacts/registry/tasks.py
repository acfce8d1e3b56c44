"""Scheduled tasks as the registry keeps them, with what Windows itself does not show: a task without its SD.

Source: the layout of `Actions` and `DynamicInfo` as published by the Tarrask report (Microsoft, April 2022) and
by Cyber.WTF (2022).
"""

import struct
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import text
from postvakt.artifacts.registry.trace import Node, filetime, program_of, said_time, trace

Row = dict[str, Any]

CACHE = "Microsoft\\Windows NT\\CurrentVersion\\Schedule\\TaskCache"
EXEC = 0x6666
COM = 0x7777
MOST_ACTIONS = 64
MOST_DEPTH = 32


def traces(software: Node, place: Place) -> Iterator[Row]:
    """Yield the tasks of a SOFTWARE hive: each key of `Tasks`, and each of `Tree` whose task is hidden or gone."""
    cache = software.child(CACHE)
    if cache is None:
        return
    tree = dict(_tree(cache))
    for node in cache.match("Tasks\\*"):
        yield _task(node, place, tree.pop(node.key.name.casefold(), None))
    for node in tree.values():
        path = node.path.partition("\\TaskCache\\Tree")[2]
        yield trace(
            "task", place, node, name=path, detail={"task": "no key of Tasks belongs to it"} | _signs(node)
        )


def _tree(cache: Node) -> Iterator[tuple[str, Node]]:
    """Yield (identifier, key) for each key of `Tree` that stands for a task."""
    top = cache.child("Tree")
    waiting = [(top, 0)] if top else []
    while waiting:
        node, depth = waiting.pop()
        identifier = node.text("Id")
        if identifier:
            yield identifier.casefold(), node
        if depth < MOST_DEPTH:
            waiting += [(child, depth + 1) for child in node.children()]


def _signs(node: Node) -> dict[str, str]:
    values = node.values()
    return {
        "SD": "missing: the task is hidden from schtasks and the Task Scheduler"
        if "sd" not in values
        else "",
        "Index": node.told(values.get("index")),
    }


def _task(node: Node, place: Place, entry: Node | None) -> Row:
    values = node.values()
    texts = node.texts()
    info = node.raw(values.get("dynamicinfo"))
    actions = list(_actions(node.raw(values.get("actions"))))
    command = next((command for kind, command in actions if kind == "exec"), "")
    detail = {
        "id": node.key.name,
        "actions": " | ".join(f"{kind}: {command}" for kind, command in actions),
        "author": texts.get("author"),
        "created": said_time(filetime(info, 4)),
        "last run": said_time(filetime(info, 12)),
        "tree": "no key of Tree belongs to it" if entry is None else "",
    }
    if entry is not None:
        detail |= _signs(entry)
    return trace(
        "task",
        place,
        node,
        name=texts.get("path") or texts.get("uri"),
        path=program_of(command),
        command=command,
        detail=detail,
    )


def _text_at(raw: bytes, at: int) -> tuple[str, int]:
    """Return the counted text at an offset and where it ends."""
    length = int.from_bytes(raw[at : at + 4], "little")
    end = at + 4 + length
    return text(raw[at + 4 : end]), end


def _actions(raw: bytes) -> Iterator[tuple[str, str]]:
    """Yield (kind, what is started) for each action of a task."""
    if len(raw) < 2:
        return
    version = int.from_bytes(raw[:2], "little")
    at = 2
    if version >= 2:
        _, at = _text_at(raw, at)
    for _ in range(MOST_ACTIONS):
        if at + 6 > len(raw):
            return
        magic = struct.unpack_from("<H", raw, at)[0]
        _, at = _text_at(raw, at + 2)
        if magic == EXEC:
            program, at = _text_at(raw, at)
            arguments, at = _text_at(raw, at)
            _, at = _text_at(raw, at)
            at += 2 if version >= 3 else 0
            yield "exec", f"{_quoted(program)} {arguments}".strip()
        elif magic == COM and at + 16 <= len(raw):
            identifier = UUID(bytes_le=raw[at : at + 16])
            argument, at = _text_at(raw, at + 16)
            yield "com", f"{{{identifier}}} {argument}".strip()
        else:
            return


def _quoted(program: str) -> str:
    return f'"{program}"' if " " in program and not program.startswith('"') else program
