"""CPU time, wall time and memory of whole processes, taken in turns, so that a noisy neighbour meets all alike."""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from postvakt.engines.embedded import ENVIRONMENT

AS_INSTALLED = {
    name: value for name, value in {**os.environ, **ENVIRONMENT}.items() if name != "PYTHONDONTWRITEBYTECODE"
}
"""What the engine gives its workers; and our own modules compiled once, as they are where Postvakt is installed."""

EVERY = 0.05
"""Seconds between two looks at the memory of processes."""

SHARED_EVERY = 0.5
"""Seconds between two looks at what several processes have together."""


class Failed(RuntimeError):  # noqa: N818 (what came of it, as a row says it)
    """A command that did not end well; the message says why."""


class Cost(NamedTuple):
    """What a process took with all its children: user and system seconds, seconds that passed, the peak of its largest
    process in MiB, and that of all its processes together, pages that they share counted once.

    `told` is what the process said of itself on its last line, if that is JSON.
    """

    seconds: float
    wall: float
    mebibytes: float
    together: float
    told: Mapping[str, Any]

    @property
    def work(self) -> float:
        """CPU seconds of the work itself, as the process took them, without its start; all of them where it did not."""
        return float(self.told.get("seconds", self.seconds))


def cost(command: Sequence[str], allowed: Sequence[int] = (0,), limit: float = 3600) -> Cost:
    """Run a command and return what it took. Raises Failed where it cannot be run, takes longer than `limit` seconds
    or ends with another code than those allowed."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = time.monotonic()
        try:
            started = subprocess.Popen(
                command, stdout=out, stderr=err, start_new_session=True, env=AS_INSTALLED
            )
        except OSError as why:
            raise Failed(f"{command[0]}: {why.strerror}") from why
        watch = _Watch(started.pid, limit)
        watch.start()
        _, status, usage = os.wait4(started.pid, 0)
        wall = time.monotonic() - begun
        watch.end()
        started.returncode = os.waitstatus_to_exitcode(status)
        if watch.too_long:
            raise Failed(f"stopped after {limit:.0f} s")
        if started.returncode not in allowed:
            raise Failed(_last_line(err) or f"ended with {started.returncode}")
        told = _told(_last_line(out))
    # What the kernel tells at the end is at least what this process had when it started the other one.
    largest = watch.largest or usage.ru_maxrss / 1024
    return Cost(usage.ru_utime + usage.ru_stime, wall, largest, watch.peak, told)


def in_turns(
    commands: Mapping[str, Sequence[str]],
    runs: int,
    allowed: Sequence[int] = (0,),
    once: Sequence[str] = (),
    limit: float = 3600,
) -> dict[str, Cost | Failed]:
    """Run every command in turn, `runs` times over (those in `once` a single time), and return the medians, or what
    came of a command that failed."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    failed: dict[str, Failed] = {}
    for run in range(runs):
        for name, command in commands.items():
            if name in failed or (run and name in once):
                continue
            try:
                costs[name].append(cost(command, allowed, limit))
            except Failed as why:
                failed[name] = why
    return {name: failed.get(name) or median(found) for name, found in costs.items()}


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of several runs, with what the last one told and the median of the seconds they told."""
    seconds, wall, largest, together = (
        statistics.median(column) for column in zip(*(one[:4] for one in costs), strict=True)
    )
    told = dict(costs[-1].told)
    if "seconds" in told:
        told["seconds"] = statistics.median(one.work for one in costs)
    return Cost(seconds, wall, largest, together, told)


def python(*words: str) -> list[str]:
    """Return the command that runs a module of this environment."""
    return [sys.executable, "-m", *words]


class _Watch(threading.Thread):
    """Looks at a process and its children until it ends."""

    def __init__(self, pid: int, limit: float) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._until = time.monotonic() + limit
        self._ended = threading.Event()
        self.peak = self.largest = 0.0
        self.too_long = False

    def run(self) -> None:
        looked = 0.0
        while not self._ended.wait(EVERY):
            there = list(family(self._pid))
            together = sum(map(resident, there))
            # What is shared takes long to tell, so that to look often would slow down what is measured.
            if len(there) > 1 and together > self.peak:
                together = sum(map(proportional, there)) if time.monotonic() > looked + SHARED_EVERY else 0.0
                looked = time.monotonic() if together else looked
            self.peak = max(self.peak, together)
            self.largest = max(self.largest, *map(highest, there))
            if time.monotonic() > self._until:
                self.too_long = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, 9)
                return

    def end(self) -> None:
        self._ended.set()
        self.join()


def family(pid: int) -> Iterator[int]:
    """Yield a process and all below it, as far as they still are there."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                for child in (task / "children").read_text().split():
                    yield from family(int(child))


def resident(pid: int) -> float:
    """Return a process's resident memory in MiB, 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def proportional(pid: int) -> float:
    """Return a process's resident memory in MiB, of what it shares its share (all of it where the kernel does not
    tell), 0 where it is gone."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        told = ""
    share = next((line.split()[1] for line in told.splitlines() if line.startswith("Pss:")), None)
    return resident(pid) if share is None else int(share) / 1024


def highest(pid: int) -> float:
    """Return the most memory in MiB that a process has had resident so far, 0 where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    told = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
    return int(told) / 1024


def _last_line(stream: Any) -> str:
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - 4000))
    lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _told(line: str) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
