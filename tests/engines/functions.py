"""What workers are made to do in these tests."""

import ctypes
import errno
import os
import sys
import time
from pathlib import Path
from typing import Any

from postvakt.errors import ContentError


def perform(function: str, spec: dict[str, Any]) -> Any:
    return FUNCTIONS[function](spec)


def double(spec: dict[str, Any]) -> int:
    return int(spec["n"]) * 2


def slow(spec: dict[str, Any]) -> str:
    time.sleep(spec["seconds"])
    return "slept"


def note(spec: dict[str, Any]) -> str:
    """Leave a mark that the task was really run."""
    with Path(spec["file"]).open("a") as out:
        out.write(f"{spec['n']}\n")
    time.sleep(spec.get("seconds", 0))
    return "noted"


def whose(spec: dict[str, Any]) -> int:
    """Say which process did it, so slowly that another had to do its share."""
    time.sleep(0.05)
    return os.getpid()


def fail(spec: dict[str, Any]) -> None:
    raise KeyError("no such thing\nin two lines")


def crash(spec: dict[str, Any]) -> None:
    ctypes.string_at(0)


def leave(spec: dict[str, Any]) -> None:
    os._exit(3)


def hang(spec: dict[str, Any]) -> None:
    while True:
        time.sleep(1)


def bomb(spec: dict[str, Any]) -> int:
    kept = []
    while True:
        kept.append(bytearray(64 * 1024 * 1024))


def full(spec: dict[str, Any]) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "part.parquet")


def mend(spec: dict[str, Any]) -> None:
    raise ContentError("rule.yml: line 3: not a rule")


def chatter(spec: dict[str, Any]) -> str:
    sys.stdout.write("noise\n" * 10_000)
    sys.stdout.flush()
    sys.stderr.write("noise\n" * 10_000)
    return "said"


def large(spec: dict[str, Any]) -> str:
    return "x" * 5_000_000


FUNCTIONS = {
    "double": double, "whose": whose, "slow": slow, "note": note, "fail": fail, "crash": crash, "leave": leave,
    "hang": hang, "bomb": bomb, "full": full, "mend": mend, "chatter": chatter, "large": large,
}  # fmt: skip
