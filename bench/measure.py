"""CPU time and memory of whole processes, taken in turns, so that a noisy neighbour meets all alike."""

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple


class Cost(NamedTuple):
    """User and system seconds of a process with all its children, and its peak memory in MiB."""

    seconds: float
    mebibytes: float


def cost(command: Sequence[str]) -> Cost:
    """Run a command and return what it took. Raises RuntimeError where it fails."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with {started.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def in_turns(commands: dict[str, Sequence[str]], runs: int) -> dict[str, Cost]:
    """Run every command in turn, `runs` times over, and return the medians."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            costs[name].append(cost(command))
    return {
        name: Cost(
            statistics.median(one.seconds for one in found), statistics.median(one.mebibytes for one in found)
        )
        for name, found in costs.items()
    }


def python(*words: str) -> list[str]:
    """Return the command that runs a module of this environment."""
    return [sys.executable, "-m", *words]
