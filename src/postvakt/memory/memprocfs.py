"""MemProcFS as a second reader of a machine's memory, in a process of its own, where it is installed.

It gives what ours does not (handles, services, registry values, event logs from the file cache) and what ours does
give, a second time. None of its rows are used unless it names the build and finds processes that ours finds too.
"""

import contextlib
import importlib.util
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import groupby
from pathlib import Path

import msgspec

from postvakt.memory import memprocfs_lines as told
from postvakt.memory.memprocfs_gaps import LeftOut, gap
from postvakt.memory.memprocfs_rows import MOST_SAME, Known, Rows, doubt
from postvakt.memory.rows import Row
from postvakt.memory.tables import (
    MEM_HANDLE,
    MEM_MODULE,
    MEM_NETCONN,
    MEM_PROCESS,
    MEM_REGISTRY,
    MEM_SERVICE,
)
from postvakt.model.gap import Why
from postvakt.model.table import TableSpec
from postvakt.tables.rows import Read, batches

__all__ = ["TABLES", "Known", "Limits", "available", "missing", "read"]

PACKAGE = "memprocfs"
TABLES = (MEM_PROCESS, MEM_MODULE, MEM_NETCONN, MEM_SERVICE, MEM_REGISTRY, MEM_HANDLE)
"""Tables that it fills."""

PARTS = {
    told.Module: ("modules", MEM_MODULE),
    told.Connection: ("connections", MEM_NETCONN),
    told.Service: ("services", MEM_SERVICE),
    told.Value: ("registry values", MEM_REGISTRY),
    told.Handle: ("handles", MEM_HANDLE),
}
BLOCK = 1 << 16
GRACE = 5.0
"""Seconds that a child which said everything may take to end."""
MOST_TOLD = 1 << 29
"""Bytes that the child may tell. What is not yet a row is held, and what it tells is not to be trusted."""
MOST_PROCESSES = 1 << 14

_decode = msgspec.json.Decoder(told.Line).decode


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine may take: `seconds` plus the image's bytes at `slowest` bytes a second; `memory` in bytes."""

    seconds: float = 120.0
    slowest: int = 16 << 20
    memory: int = 4 << 30

    def time(self, size: int) -> float:
        """Return the seconds that an image of so many bytes may take."""
        return self.seconds + size / self.slowest


class StoppedError(Exception):
    """The engine did not tell everything: why."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why: Why = why
        self.detail = detail


def available() -> bool:
    """Tell whether MemProcFS is installed. That it works is seen when it is used."""
    return importlib.util.find_spec(PACKAGE) is not None


def missing() -> str:
    """Return what is said where it is not installed."""
    return (
        "MemProcFS is not installed (the extra `memprocfs`): handles, services, registry values and event logs in the"
        " file cache are not told, and nothing checks processes, modules and connections a second time"
    )


def read(
    path: Path,
    *,
    pids: Set[int] = frozenset(),
    build: int = 0,
    known: Known | None = None,
    offset: Callable[[int], int | None] = lambda physical: physical,
    logs: Path | None = None,
    limits: Limits | None = None,
) -> Iterator[Read]:
    """Yield what MemProcFS tells of an image as rows of TABLES, and Gaps; Gaps alone where it is not to be believed.

    `pids` are the processes that our own reader found, `build` is the Windows that it names (0: not known). With
    `known`, which has the processes too, rows that our reader told already are left out: both agree on them. `offset`
    gives the place in the file of a physical address. Event logs are written into the folder `logs`, as files of
    their own, where one is given.
    """
    if not available():
        yield gap("limited", missing())
        return
    rows = Rows(known.pids if known else pids, offset)
    with _Child(path, logs, limits or Limits()) as child:
        yield from _checked(child, rows, build, known)


def _checked(child: "_Child", rows: Rows, build: int, known: Known | None) -> Iterator[Read]:
    lines, left_out = child.lines(), LeftOut()
    opened: told.Opened | None = None
    for line in lines:
        if isinstance(line, told.Opened) and opened is None:
            opened = line
        elif isinstance(line, told.Process) and len(rows.processes) < MOST_PROCESSES:
            rows.processes.append(line)
        elif isinstance(line, told.Checked):
            break
        else:
            left_out.add(line)
    name = f"MemProcFS {opened.version[:40]}".strip() if opened else "MemProcFS"
    why = child.stopped or doubt(opened, rows, build)
    if why is not None:
        yield gap(why.why, f"{name}: {why.detail}; nothing of it is used")
        return
    if not rows.pids:
        yield gap("limited", f"{name}: no process of our own reader checks it; its rows are told unchecked")
    yield from batches(MEM_PROCESS, _new(MEM_PROCESS, rows.of_processes(), known))
    if rows.crowded:
        detail = (
            f"{name}: {rows.crowded} processes past the first {MOST_SAME} of one id were not asked as parents"
        )
        yield gap("limited", detail, rows.crowded)
    without = dict.fromkeys([*(part for part, _ in PARTS.values()), "event logs"])
    for kind, group in groupby(lines, key=type):
        if kind in PARTS:
            part, spec = PARTS[kind]
            without.pop(part, None)
            yield from batches(spec, _new(spec, map(rows.of, group), known))
        else:
            if kind is told.Log:
                without.pop("event logs", None)
            for line in group:
                left_out.add(line)
    for failed in left_out.parts:
        without.pop(failed, None)
    if without and child.stopped is None:
        yield gap("lost", f"{name} finds no {', no '.join(without)} in this image")
    yield from left_out.gaps(name)
    if child.stopped is not None:
        yield gap(child.stopped.why, f"{name}: {child.stopped.detail}; what it told before is used")


def _new(spec: TableSpec, rows: Iterable[Row], known: Known | None) -> Iterator[Row]:
    """Yield the rows that were not told before."""
    return (row for row in rows if known is None or not known.has(spec.name, row))


class _Child:
    """The process in which the engine runs; it ends with the context. `stopped` says why it told too little."""

    def __init__(self, path: Path, logs: Path | None, limits: Limits) -> None:
        self.stopped: StoppedError | None = None
        self._seconds = limits.time(path.stat().st_size)
        self._deadline = time.monotonic() + self._seconds
        # -P: whatever lies in the folder where the user stands is never imported.
        command = [sys.executable, "-P", "-m", "postvakt.memory.memprocfs_child"]
        words = [
            str(path.absolute()),
            str(os.getpid()),
            str(limits.memory),
            str(logs.absolute()) if logs else "",
        ]
        self._process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def lines(self) -> Iterator[told.Line]:
        """Yield what it tells until it ends or is stopped; an ending without its last word is a stop too."""
        last: told.Line | None = None
        try:
            for raw in self._raw():
                last = _decode(raw)
                yield last
                if isinstance(last, told.Ended):
                    return
        except StoppedError as why:
            self.stopped = why
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.stopped = StoppedError("unparsed", "it told what is no line of the kind agreed on")
            return
        self.stopped = self._died(last)

    def _raw(self) -> Iterator[bytes]:
        assert self._process.stdout is not None
        descriptor, waiting, size = self._process.stdout.fileno(), b"", 0
        with selectors.DefaultSelector() as ready:
            ready.register(descriptor, selectors.EVENT_READ)
            while True:
                left = self._deadline - time.monotonic()
                if left <= 0 or not ready.select(left):
                    raise StoppedError("timed-out", f"not done after {self._seconds:.0f} s")
                block = os.read(descriptor, BLOCK)
                if not block:
                    return
                size += len(block)
                if size > MOST_TOLD:
                    raise StoppedError("limited", f"more than {MOST_TOLD} bytes")
                *whole, waiting = (waiting + block).split(b"\n")
                yield from whole
                if len(waiting) > told.LONGEST_LINE:
                    raise StoppedError("limited", f"a line of more than {told.LONGEST_LINE} bytes")

    def _died(self, last: told.Line | None) -> StoppedError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        code = self._process.poll()
        if isinstance(last, told.Failed) and last.part == "image":
            return StoppedError("unreadable", f"it does not open the image ({last.why})")
        if code is not None and code < 0:
            return StoppedError("crashed", f"it died of signal {-code}")
        return StoppedError("crashed", "it ended before it had told everything")
