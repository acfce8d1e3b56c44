"""Where tasks run. One verb: `run(tasks)` yields an Outcome for each, in no order. Nothing here knows what they
mean."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from postvakt.engines import embedded
from postvakt.engines.limits import Limits
from postvakt.engines.progress import Watch, watch
from postvakt.errors import UsageError
from postvakt.model.task import Outcome, Task

__all__ = ["ENGINES", "Engine", "Limits", "Watch", "get_ready", "start", "watch"]


class Engine(Protocol):
    """A place where tasks run."""

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Run tasks and yield an Outcome for each; what the ledger holds as done is not done again.

        Raises EngineError where the place itself fails, and any PostvaktError that a task raised.
        """
        ...


Perform = Callable[[str, dict[str, Any]], Any]
"""What runs a task in a worker: a function of a module, so that another process can import it by name."""

ENGINES: dict[str, Callable[..., AbstractContextManager[Engine]]] = {"embedded": embedded.start}


GETTING_READY: dict[str, Callable[..., None]] = {"embedded": embedded.get_ready}


def get_ready(name: str, perform: str, *, jobs: int, limits: Limits | None = None) -> None:
    """Let an engine do what takes it a while before it is opened. `perform` is the function's `module:name`: its module
    need not be imported yet. Nothing is done for a name that is not known: `start` tells of it."""
    if name in GETTING_READY:
        GETTING_READY[name](perform, jobs=jobs, limits=limits or Limits())


def start(
    name: str, perform: Perform, case_root: Path, *, jobs: int, watch: Watch, limits: Limits | None = None
) -> AbstractContextManager[Engine]:
    """Open an engine by name; it stops its workers when the context ends. Raises UsageError for an unknown name."""
    if name not in ENGINES:
        raise UsageError(f"--engine {name}: choose one of {', '.join(sorted(ENGINES))}")
    return ENGINES[name](perform, case_root, jobs=jobs, watch=watch, limits=limits or Limits())
