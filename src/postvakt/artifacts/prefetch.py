"""Prefetch files (`*.pf`): that a program ran, when its last runs were, which files it opened as it started.

Windows Server keeps them only where the feature was switched on.
Source: the format as the libscca project documents it.
"""

import contextlib
import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from postvakt.artifacts import lzxpress
from postvakt.artifacts.instants import EARLIEST, LATEST
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.clock import from_filetime, micros
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader, batches

PREFETCH = TableSpec(
    name="prefetch",
    title="Runs of programs, as Windows notes them to start them faster",
    locator="record",
    logsources=(LogSource(product="windows", service="prefetch"),),
    fields=(("Image", "path"),),
    columns=(
        Column("executable", kind="file_name", about="at most 29 letters of it are kept"),
        Column("path", kind="file_path", about="of the program, as it stands among the files, with its volume"),
        Column("path_hash", about="of the path, and for some programs of the command line; hexadecimal"),
        Column("run", "int", about="1 is the newest run; time is that of the run"),
        Column("run_count", "int", about="runs in all; only the times of the last one (Windows 7) or eight are kept"),
        Column("files", "strings", kind="file_path", about="opened in the first seconds; told with the newest run"),
        Column("volumes", "strings", about="serial numbers of the volumes of these files, hexadecimal"),
        Column("version", "int", about="17 XP, 23 Windows 7, 26 Windows 8.1, 30 Windows 10, 31 Windows 11"),
    ),
)  # fmt: skip

VERSIONS = (17, 23, 26, 30, 31)
ARTIFACT = Artifact(
    name="prefetch",
    title="Prefetch files",
    tables=("prefetch",),
    where="%SystemRoot%\\Prefetch\\*.pf",
    paths=(r"\.pf$",),
    starts=(lzxpress.MARK, *(struct.pack("<I", version) + b"SCCA" for version in VERSIONS)),
)

MOST = 64 * 1024 * 1024
HEADER, INFORMATION = 84, 84
MOST_FILES = 20_000
MOST_VOLUMES = 256
SHORT_INFORMATION = 0x128
"""Where what follows the file information begins, in Windows 10 since 2019: the information is 8 bytes shorter."""


class Shape(msgspec.Struct, frozen=True):
    """Where a version keeps the times of its runs and their count, and how long its entry of a volume is (bytes)."""

    runs_at: int
    runs: int
    count_at: int
    volume: int


SHAPES = {
    17: Shape(120, 1, 144, 40),
    23: Shape(128, 1, 152, 104),
    26: Shape(128, 8, 208, 104),
    30: Shape(128, 8, 208, 96),
    31: Shape(128, 8, 200, 96),
}


def parse(source: Source) -> Iterator[Read]:
    """Yield a row for each run whose time is kept, the newest first, and what could not be read."""
    troubles = Troubles("prefetch")
    with source.open() as stream:
        content = stream.read(MOST)
    content = _plain(content, troubles)
    yield from batches(PREFETCH, _records(content, troubles))
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(PREFETCH,), parse=parse)


def _plain(content: bytes, troubles: Troubles) -> bytes:
    """Return the file as it is when it is not compressed; what can be had of it where it is damaged."""
    if not lzxpress.is_packed(content):
        return content
    try:
        plain, wrong = lzxpress.unpacked(content)
    except ValueError as why:
        troubles.note("limited", str(why), None)
        return b""
    if wrong:
        troubles.note("unparsed", f"{wrong}; {len(plain)} bytes of it were unpacked", None)
    return plain or content


def _records(content: bytes, troubles: Troubles) -> Iterator[dict[str, Any]]:
    shape = _shape(content)
    if shape is None:
        _note_other(content, troubles)
        return
    version, length = (_number(content, at) for at in (0, 12))
    if length > len(content):
        troubles.note(
            "truncated", f"the file tells of {length} bytes; {len(content)} are there", len(content)
        )
    if len(content) < shape.count_at + 4:
        troubles.note("truncated", "the times of the runs are not in it", len(content))
    executable = _string(content[16:76])
    files = _files(content, troubles)
    ending = f"\\{executable}".casefold()
    runs: list[datetime | None] = [*_runs(content, shape)]
    for position, run in enumerate(runs or [None]):
        yield {
            "time": run,
            "locator": position,
            "executable": executable,
            "path": next((name for name in files if name.casefold().endswith(ending)), None),
            "path_hash": f"{_number(content, 76):08X}",
            "run": position + 1 if run else None,
            "run_count": _number(content, shape.count_at) if len(content) >= shape.count_at + 4 else None,
            "files": (files or None) if position == 0 else None,
            "volumes": list(_volumes(content, shape, troubles)) if position == 0 else None,
            "version": version,
        }


def _shape(content: bytes) -> Shape | None:
    if len(content) < HEADER or content[4:8] != b"SCCA":
        return None
    shape = SHAPES.get(_number(content, 0))
    if shape is SHAPES[30] and _number(content, INFORMATION) == SHORT_INFORMATION:
        return SHAPES[31]
    return shape


def _note_other(content: bytes, troubles: Troubles) -> None:
    if not content:
        troubles.note("empty", "the file has no bytes", None)
    elif content[4:8] == b"SCCA" and len(content) >= HEADER:
        troubles.note("unsupported", f"version {_number(content, 0)} of the format is not read", 0)
    else:
        troubles.note("unparsed", "it is no prefetch file, or less than the head of one", 0)


def _runs(content: bytes, shape: Shape) -> Iterator[datetime]:
    for at in range(shape.runs_at, shape.runs_at + 8 * shape.runs, 8):
        if at + 8 <= len(content) and (ticks := int.from_bytes(content[at : at + 8], "little")):
            with contextlib.suppress(ValueError):
                if EARLIEST <= micros(run := from_filetime(ticks)) < LATEST:
                    yield run


def _files(content: bytes, troubles: Troubles) -> list[str]:
    at, size = (_number(content, INFORMATION + offset) for offset in (16, 20))
    if at + size > len(content):
        troubles.note("truncated", "the names of the files it opened run out of it", min(at, len(content)))
    text = content[at : at + size].decode("utf-16-le", "backslashreplace")
    names = [name for name in text.split("\x00") if name]
    if len(names) > MOST_FILES:
        troubles.note("limited", f"more files than {MOST_FILES}", at)
    return names[:MOST_FILES]


def _volumes(content: bytes, shape: Shape, troubles: Troubles) -> Iterator[str]:
    at, count = (_number(content, INFORMATION + offset) for offset in (24, 28))
    for position in range(min(count, MOST_VOLUMES)):
        place = at + position * shape.volume + 16
        if place + 4 > len(content):
            troubles.note("truncated", "the volumes run out of it", min(at, len(content)))
            return
        yield f"{_number(content, place):08X}"


def _number(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")


def _string(raw: bytes) -> str:
    return raw.decode("utf-16-le", "backslashreplace").partition("\x00")[0]
