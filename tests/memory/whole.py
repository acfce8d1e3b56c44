"""Everything that is asked of an image: its tables by our rules, all of its bytes by rules and carvers."""

import ntpath
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from postvakt import content, detect
from postvakt.commands import readers
from postvakt.detect import yara_memory
from postvakt.memory.attribution import Owners
from postvakt.memory.carving import (
    OVERLAP,
    WINDOW,
    Held,
    Owner,
    Stretch,
    anchors,
    by_mapping,
    of_sorted,
    of_spaces,
    of_windows,
)
from postvakt.memory.opening import Opened, opened
from postvakt.memory.paging import Tables
from postvakt.memory.sweep import Sweep
from postvakt.model.marks import Finder
from postvakt.tables.rows import schema
from tests.content import proofs
from tests.memory.reading import Row, Told
from tests.memory.windows import OnDisk


@cache
def rules() -> Finder:
    """Return the finder of our YARA rules and the carvers' anchors."""
    texts = [detect.RuleText(text.path, text.text, "own") for text in content.load().yara]
    ids = detect.yara_ids(proofs.plan())
    return detect.memory_finder(yara_memory.compile_memory(texts, ids, anchors.source())[0], ids)


def owned(image: Opened, processes: list[Row]) -> Held:
    """Return whose the pages of a machine's image are."""
    alive = [row for row in processes if row["directory"] and not row["exited"]]
    owners = Owners(Tables(image.memory), image.memory.size, [row["directory"] for row in alive])
    names = tuple(Owner(row["ProcessId"], ntpath.basename(row["Image"] or "")) for row in alive)
    return of_sorted(owners.frames, owners.addresses, owners.ordinals.astype("int32"), names)


def stretches(image: Opened, whose: Held) -> Iterator[Stretch]:
    """Yield all bytes of a machine's image: as programs have them, then as neighbours."""
    runs = ((run.start, run.size, run.offset) for run in image.memory.runs)
    yield from of_spaces(whose, by_mapping(image.file.fileno(), runs, image.memory.read))
    yield from of_windows(image.memory.windows(WINDOW, OVERLAP), whose.pages)


def swept(path: Path, processes: list[Row], finder: Finder) -> list[tuple[str, dict[str, Any]]]:
    """Return (table, row) of everything that rules and carvers find in an image."""
    with opened(OnDisk(path)) as image:
        if image.container == "minidump":
            raise ValueError("one program's dump has no pages of others")
        whose = owned(image, processes)
        sweep = Sweep(finder, whose, offset=image.memory.offset)
        return [(row.table, dict(row.values)) for row in sweep.rows(stretches(image, whose))]


def batch(table: str, rows: list[Row]) -> pa.RecordBatch:
    """Return rows as the matcher takes them."""
    return pa.RecordBatch.from_pylist(rows, schema=schema(readers.TABLES[table], stamped=True))


def found(path: Path) -> dict[str, set[str]]:
    """Return the rules of ours that an image shows, each with the tables that show it."""
    read = Told(path)
    tables: dict[str, list[Row]] = {name: list(rows) for name, rows in read.rows.items()}
    for table, row in swept(path, tables.get("mem_process", []), rules()):
        tables.setdefault(table, []).append(row)
    shown: dict[str, set[str]] = {}
    for row in tables.get("mem_yara", ()):
        shown.setdefault(row["rule"], set()).add("mem_yara")
    for table, told in tables.items():
        if told:
            for hit in proofs.matcher().match(table, batch(table, told)):
                shown.setdefault(hit.rule, set()).add(table)
    return shown
