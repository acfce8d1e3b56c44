"""`python -m postvakt.memory.memprocfs_child`: the process in which MemProcFS runs; what it does costs only itself.

It opens one image, writes what it finds as lines (see `memprocfs_lines`) and ends. No YARA, no symbol server, no
scripts of the engine's own are ever started; nothing is written but event logs where a folder for them is given.
"""

import ctypes
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from postvakt.memory.memprocfs_lines import (
    LOGS,
    LONGEST_TEXT,
    MOST_VARIABLES,
    Checked,
    Connection,
    Ended,
    Failed,
    Handle,
    Line,
    Log,
    Missed,
    Module,
    Opened,
    Process,
    Service,
    Value,
)
from postvakt.memory.memprocfs_registry import OF_INTEREST, values

OPTIONS = (
    "-waitinitialize", "-norefresh", "-disable-symbolserver", "-disable-python", "-disable-yara",
    "-disable-yara-builtin",
)  # fmt: skip
PR_SET_PDEATHSIG = 1
SYSTEM = 4
MOST_PROCESSES = 1 << 14
MOST_MODULES = 1 << 20
MOST_HANDLES = 1 << 20
MOST_LOGS = 200
LARGEST_LOG = 256 << 20
LARGEST_FILE = 1 << 16
"""Bytes of the engine's small files of text."""
PIECE = 1 << 20
LOG_NAME = re.compile(r"[^A-Za-z0-9._%()\- ]")

Engine = Any
"""MemProcFS has no types."""


def main(words: list[str]) -> int:
    """Tell what is in an image: the image's path, the parent's id, bytes of memory allowed, a folder for event logs."""
    path, parent, memory, logs = words
    _bound(int(parent), int(memory))
    # The engine prints what it likes: what it prints is no line of ours.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(line: Line) -> None:
        out.write(msgspec.json.encode(line) + b"\n")
        # What was told before the engine dies is kept.
        out.flush()

    try:
        engine = importlib.import_module("memprocfs").Vmm(["-device", path, *OPTIONS])
    except Exception as why:  # whatever the engine raises, it is told and costs nothing else
        tell(Failed("image", _words(why)))
        out.close()
        return 1
    for line in told(engine, Path(logs) if logs else None):
        tell(line)
    out.close()
    # The engine's threads are not waited for.
    os._exit(0)


def _bound(parent: int, memory: int) -> None:
    """Die with the parent, and of asking for more memory than is allowed."""
    if sys.platform == "linux":
        import resource

        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        most = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.getppid() != parent:
            os._exit(1)


def told(engine: Engine, logs: Path | None) -> Iterator[Line]:
    """Yield everything, processes first; a part that fails is told and the next one is gone on with."""
    yield Opened(version(engine), int(engine.kernel.build or 0))
    found = engine.process_list()
    everything, missed = found[:MOST_PROCESSES], Missed("processes")
    missed.add(f"past the first {MOST_PROCESSES} were not looked at", "", len(found) - MOST_PROCESSES)
    kernel = next((one for one in everything if one.pid == SYSTEM), None)
    yield from _part("processes", lambda: processes(engine, everything, kernel, missed))
    yield from missed.lines()
    yield Checked()
    yield from _part("modules", lambda: modules(everything))
    yield from _part("connections", lambda: connections(engine, kernel))
    yield from _part("services", lambda: services(engine))
    yield from _part("registry values", lambda: registry(engine))
    yield from _part("handles", lambda: handles(everything, kernel))
    yield from _part("event logs", lambda: event_logs(engine, logs))
    yield Ended()


def _part(name: str, of: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from of()
    except Exception as why:  # one part of an engine without types: the others are still told
        yield Failed(name, _words(why))


def version(engine: Engine) -> str:
    """Return the engine's version, empty where it does not tell."""
    module = sys.modules.get("memprocfs")
    parts = []
    for name in ("MAJOR", "MINOR", "REVISION"):
        with suppress(Exception):
            parts.append(str(engine.get_config(getattr(module, f"OPT_CONFIG_VMM_VERSION_{name}"))))
    return ".".join(parts)


def processes(engine: Engine, everything: list[Any], kernel: Any, missed: Missed) -> Iterator[Process]:
    """Yield every process with what its own memory tells."""
    cut = f"have more than {MOST_VARIABLES} environment variables; the rest are not told"
    for one in everything:
        place = f"/pid/{one.pid}/"
        files = _files(engine, place)
        variables = [
            (name, value)
            for line in _read(engine, place, "win-environment.txt", files).splitlines()
            for name, found, value in [line.partition("=")]
            if found and name
        ]
        if len(variables) > MOST_VARIABLES:
            missed.add(cut, _name(one))
        yield Process(
            pid=one.pid,
            parent=one.ppid,
            name=text(one.name),
            path=text(_of(one, "pathuser")),
            kernel_path=text(_of(one, "pathkernel")),
            command=text(_of(one, "cmdline")),
            folder=_read(engine, place, "win-curdir.txt", files).strip(),
            environment=variables[:MOST_VARIABLES],
            created=_read(engine, place, "time-create.txt", files).strip(),
            exited=_read(engine, place, "time-exit.txt", files).strip(),
            virtual=int(one.eprocess),
            physical=physical(kernel, int(one.eprocess)),
            directory=int(one.dtb),
            wow64=bool(_of(one, "is_wow64", False)),
            state=int(_of(one, "state", 0)),
        )


def modules(everything: list[Any]) -> Iterator[Line]:
    """Yield the modules of every process; the process 4 has the kernel's."""
    left, missed = MOST_MODULES, Missed("modules")
    for one in everything:
        for module in _asked(one, lambda one: one.module_list(), missed):
            # The engine lists the kernel's modules with some programs too.
            if one.pid != SYSTEM and int(module.base) >> 47:
                continue
            if not left:
                missed.add(f"past the first {MOST_MODULES} are not told", "")
                continue
            left -= 1
            yield Module(
                pid=one.pid,
                name=text(module.name),
                path=text(module.fullname),
                base=int(module.base),
                size=int(module.image_size),
                physical=physical(one, int(module.base)),
            )
    yield from missed.lines()


def connections(engine: Engine, kernel: Any) -> Iterator[Line]:
    """Yield the endpoints that the network's own tables lead to."""
    for one in engine.maps.net():
        yield Connection(
            pid=one["pid"],
            pool=one["pooltag"].to_bytes(4, "little").decode("latin-1"),
            state=one["state"],
            local=text(one["src-ip"]),
            local_port=one["src-port"],
            remote=text(one["dst-ip"]),
            remote_port=one["dst-port"],
            time=one["time"],
            virtual=one["va"],
            physical=physical(kernel, one["va"]),
        )


def services(engine: Engine) -> Iterator[Line]:
    """Yield the services."""
    for one in engine.maps.service().values():
        yield Service(
            pid=one["pid"],
            name=text(one["name"]),
            display=text(one["name-display"]),
            state=one["dwCurrentState"],
            start=one["dwStartType"],
            type=one["dwServiceType"],
            account=text(one["user-acct"]),
            path=text(one["path"]),
            command=text(one["path-image"]),
        )


def registry(engine: Engine) -> Iterator[Line]:
    """Yield values of interest. An engine that knows no hive has none to tell."""
    if not engine.reg_hive_list():
        return
    missed = Missed("registry values")
    for key, name, kind, data, time in values(engine, OF_INTEREST, missed):
        yield Value(key=text(key), name=text(name), type=kind, data=text(data), time=time)
    yield from missed.lines()


def handles(everything: list[Any], kernel: Any) -> Iterator[Line]:
    """Yield the open handles of every process."""
    left, missed = MOST_HANDLES, Missed("handles")
    for one in everything:
        for told in _asked(one, lambda one: one.maps.handle(), missed):
            if not left:
                missed.add(f"past the first {MOST_HANDLES} are not told", "")
                continue
            left -= 1
            yield Handle(
                pid=told["pid"],
                handle=told["handle"],
                type=text(told["type"]),
                object=text(told["tag"]),
                access=told["access"],
                virtual=told["va-object"],
                physical=physical(kernel, told["va-object"]),
            )
    yield from missed.lines()


def event_logs(engine: Engine, folder: Path | None) -> Iterator[Line]:
    """Yield the event logs that the file cache has, as far as they can be made whole; a folder is given them."""
    logs = [(name, about) for name, about in engine.vfs.list(LOGS).items() if name.lower().endswith(".evtx")]
    logs.sort(key=lambda log: log[0])
    missed = Missed("event logs")
    missed.add(f"past the first {MOST_LOGS} were not looked at", "", len(logs) - MOST_LOGS)
    yield from missed.lines()
    for place, (name, about) in enumerate(logs[:MOST_LOGS]):
        size = int(about["size"])
        written = 0
        if folder is not None and size <= LARGEST_LOG:
            # The name is the image's: it names no place of ours.
            own = f"{place:03}-{LOG_NAME.sub('_', name)[-100:]}"
            with (folder / own).open("xb") as out:
                written = _copy(engine, LOGS + name, size, out)
        yield Log(text(name), size, written)


def _copy(engine: Engine, path: str, size: int, out: BinaryIO) -> int:
    done = 0
    while done < size:
        piece = engine.vfs.read(path, min(PIECE, size - done), done)
        if not piece:
            break
        out.write(piece)
        done += len(piece)
    return done


def physical(process: Any, address: int) -> int | None:
    """Return where an address of a process lies, None where it is not in memory; the process 4 has the kernel's."""
    if process is None or not address:
        return None
    found = _or(lambda: process.memory.virt2phys(address))
    return int(found) or None if found else None


def text(value: Any) -> str:
    """Return a text that can be written as JSON, cut where it is longer than any of Windows' own."""
    return str(value or "")[:LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")


def _asked(one: Any, ask: Callable[[Any], Any], missed: Missed) -> list[Any]:
    """Return a list that a process has; one that is not told of a process that still ran is missed."""
    found = _or(lambda: list(ask(one)))
    if found is None and not _of(one, "state", 0):
        missed.add("processes do not tell theirs", _name(one))
    return found or []


def _name(one: Any) -> str:
    return f"{one.name} ({one.pid})"


def _or(ask: Callable[[], Any], otherwise: Any = None) -> Any:
    """Return what the engine tells of one thing, or what stands for its not telling."""
    try:
        return ask()
    except (RuntimeError, ValueError, AttributeError):
        return otherwise


def _of(one: Any, name: str, otherwise: Any = None) -> Any:
    """Return an attribute, each of which the engine reads as it is asked for."""
    return _or(lambda: getattr(one, name), otherwise)


def _files(engine: Engine, place: str) -> frozenset[str]:
    return frozenset(_or(lambda: engine.vfs.list(place), {}))


def _read(engine: Engine, place: str, name: str, files: frozenset[str]) -> str:
    """Return one of the engine's files of text, empty where it has none."""
    raw = _or(lambda: engine.vfs.read(place + name, LARGEST_FILE), b"") if name in files else b""
    return text(raw.decode("utf-8", "replace"))


def _words(why: BaseException) -> str:
    return " ".join(f"{type(why).__name__}: {why}".split())[:300]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
