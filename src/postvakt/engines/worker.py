"""The worker process: does one task at a time and dies with its supervisor. Whatever a parser does to it, a file
at a time is all that can be lost."""

import ctypes
import errno
import importlib
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from postvakt.engines import frames
from postvakt.errors import PostvaktError

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Serve tasks from one descriptor to another until the supervisor closes the first."""
    inward, outward, parent, memory = (int(argument) for argument in arguments[:4])
    perform = _function(arguments[4])
    _bind_to(parent)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while (body := frames.read(inward)) is not None:
        job = msgspec.msgpack.decode(body, type=frames.Job)
        frames.write_all(outward, frames.encode(_answer(perform, job)))
    return 0


def _function(name: str) -> Callable[[str, dict[str, Any]], Any]:
    module, _, qualname = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part)
    function: Callable[[str, dict[str, Any]], Any] = found
    return function


def _bind_to(parent: int) -> None:
    """Die when the supervisor does, also when it is killed. Elsewhere than on Linux the closed pipe does that."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _answer(perform: Callable[[str, dict[str, Any]], Any], job: frames.Job) -> frames.Answer:
    try:
        return frames.Answer(result=perform(job.function, job.spec))
    except PostvaktError as why:
        return frames.Answer(fault=type(why).__name__, detail=str(why))
    except MemoryError:
        return frames.Answer(fault="out-of-memory", detail="needs more memory than a worker may take")
    except Exception as why:  # the one job boundary: a fault in one file costs that file
        if isinstance(why, OSError) and why.errno == errno.ENOSPC:
            return frames.Answer(fault="disk-full", detail=str(why.filename or "the case folder"))
        return frames.Answer(fault="crashed", detail=_told(why))


def _told(why: Exception) -> str:
    """Say what broke and where in our own code, without paths of this machine."""
    home = Path(__file__).resolve().parent.parent
    place = ""
    for frame in traceback.extract_tb(why.__traceback__):
        path = Path(frame.filename)
        if path.is_relative_to(home):
            place = f" at {path.relative_to(home.parent).as_posix()}:{frame.lineno}"
    text = " ".join(str(why).split())
    return f"{type(why).__name__}: {text[:300]}{place}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
