"""Hives as Sources, from memory or from the shared evidence, and what an independent reader makes of them."""

import io
import lzma
from pathlib import Path
from typing import Any

import pyregf

from postvakt.artifacts.registry import reader
from postvakt.artifacts.registry.text import render
from postvakt.model.gap import Clue, Gap
from tests.artifacts.sources import Held, Row, pieces


def held(path: Path) -> Held:
    """Return a hive on disk with what lies beside it; `.xz` is unpacked and left out of the names."""
    files = {}
    for beside in path.parent.iterdir():
        if beside.is_file() and beside.name.casefold().startswith(path.name.removesuffix(".xz").casefold()):
            content = beside.read_bytes()
            files[beside.name.removesuffix(".xz")] = (
                lzma.decompress(content) if beside.suffix == ".xz" else content
            )
    return Held(files, path.name.removesuffix(".xz"))


def read(source: Held) -> tuple[dict[str, list[Row]], list[Gap], list[Clue]]:
    """Return the rows by table, the gaps and the clues that the reader gives."""
    return pieces(reader.READER, source)


def living(rows: list[Row]) -> list[Row]:
    """Return the rows that the hive's root leads to."""
    return [row for row in rows if not row["deleted"] and not row["orphan"]]


def told(rows: dict[str, list[Row]]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return living keys (path, time, values) and values (path, name, type, size, rendering), paths below the root."""
    root = len(min(row["key"] for row in rows["registry_key"]))
    keys = [(r["key"][root:], r["time"], r["values"]) for r in living(rows["registry_key"])]
    values = [
        (r["key"][root:], r["name"], r["type"], r["size"], r["value"]) for r in living(rows["registry_value"])
    ]
    return sorted(keys, key=str), sorted(values, key=str)


def by_libregf(content: bytes) -> tuple[list[tuple[str, int]], list[tuple[str, str, int, str]]]:
    """Return what libregf reads of a hive: keys (path, FILETIME), values (path, name, type, rendering)."""
    file = pyregf.file()
    file.open_file_object(io.BytesIO(content))
    keys, values = [], []
    waiting = [(file.get_root_key(), "")]
    while waiting:
        key, path = waiting.pop()
        keys.append((path, key.get_last_written_time_as_integer()))
        for value in key.values:
            size = value.get_data_size()
            raw = value.get_data() or b""
            values.append((path, value.name or "", value.type, render(value.type, raw, size)[0]))
        waiting += [(below, f"{path}\\{below.name or ''}") for below in key.sub_keys]
    return sorted(keys), sorted(values)
