"""The engine of one machine: supervised worker processes. A crash, a hang or a memory bomb in a compiled parser costs
one task; it is tried once more alone and then given up, by name."""

import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from postvakt import errors
from postvakt.engines import frames
from postvakt.engines.ledger import Ledger, open_ledger
from postvakt.engines.limits import Limits
from postvakt.engines.progress import Watch
from postvakt.errors import EngineError
from postvakt.model.task import Outcome, Task

MEMORY_SIGNS = (b"memory allocation of", b"bad_alloc", b"MemoryError", b"out of memory")
"""What compiled code says on standard error before it aborts for want of memory."""

ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(64 * 1024 * 1024),
    "OMP_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
}
"""One core a worker, and allocators that give back what they do not need, but not what the next block of a log needs:
having it cleared again by the kernel costs a twentieth of the reading."""


class _Worker:
    """One worker process and what it is at."""

    def __init__(self, perform: str, limits: Limits) -> None:
        self.made_for = (perform, limits)
        task_in, self._task_out = os.pipe()
        self.answers, answer_out = os.pipe()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        # -P: whatever lies in the folder where the user stands (evidence, perhaps) is never imported.
        command = [sys.executable, "-P", "-m", "postvakt.engines.worker", str(task_in), str(answer_out)]
        try:
            self._process = subprocess.Popen(
                [*command, str(os.getpid()), str(limits.memory), perform],
                pass_fds=(task_in, answer_out),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                env={**os.environ, **ENVIRONMENT},
            )
        finally:
            os.close(task_in)
            os.close(answer_out)
        self.task: Task | None = None
        self.deadline = 0.0
        self.served = 0

    def give(self, task: Task, seconds: float) -> None:
        """Hand over a task. One that died while idle is found out when its answer is read."""
        self.task = task
        self.deadline = time.monotonic() + seconds
        self.served += 1
        with suppress(BrokenPipeError):
            frames.write_all(self._task_out, frames.encode(frames.Job(task.function, task.spec)))

    def answer(self) -> frames.Answer | None:
        """Return the answer to the task, or None where the worker died over it."""
        body = frames.read(self.answers)
        return None if body is None else msgspec.msgpack.decode(body, type=frames.Answer)

    def death(self) -> tuple[str, str]:
        """Return why a dead worker died, as (reason, detail)."""
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read(1 << 16)
        if any(sign in said for sign in MEMORY_SIGNS):
            return "out-of-memory", "needs more memory than a worker may take"
        if code < 0:
            return "crashed", f"the reader died of signal {-code}"
        return "crashed", f"the reader ended with code {code}"

    def stop(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()
        for descriptor in (self._task_out, self.answers):
            with suppress(OSError):
                os.close(descriptor)
        self._said.close()


_READY: list[_Worker] = []
"""Workers that were started before there is an engine: they import what they need while their supervisor does."""


def get_ready(perform: str, *, jobs: int, limits: Limits) -> None:
    """Start workers for an engine that will be opened, one for each core at most; as many as can be started. They end
    with that engine, or with this process where none is opened."""
    with suppress(OSError):
        while len(_READY) < min(jobs, os.cpu_count() or 1):
            _READY.append(_Worker(perform, limits))


class Embedded:
    """Runs tasks in worker processes of this machine."""

    def __init__(self, perform: str, ledger: Ledger, jobs: int, watch: Watch, limits: Limits) -> None:
        self._perform = perform
        self._ledger = ledger
        self._jobs = max(jobs, 1)
        self._watch = watch
        self._limits = limits
        self._workers: list[_Worker] = []

    def run(self, tasks: Iterable[Task]) -> Iterator[Outcome]:
        """Run tasks and yield an Outcome for each."""
        fresh: deque[Task] = deque()
        alone: deque[tuple[Task, int]] = deque()
        for task in tasks:
            known = self._ledger.find(task.id) if task.kept else None
            if known is None:
                fresh.append(task)
            elif known.state == "open":
                alone.append((task, known.attempts))
            else:
                yield known
        # The largest first: a run should not end with one worker busy over one big file.
        fresh = deque(sorted(fresh, key=lambda task: -task.bytes))
        self._watch.begin(len(fresh) + len(alone), sum(t.bytes for t in (*fresh, *(t for t, _ in alone))))
        try:
            for task, outcome in self._together(fresh):
                if outcome.state == "open":
                    alone.append((task, outcome.attempts))
                    continue
                self._watch.done(task.bytes, task.title)
                yield outcome
            while alone:
                task, attempts = alone.popleft()
                outcome = self._alone(task, attempts)
                self._watch.done(task.bytes, task.title)
                yield outcome
        finally:
            self._watch.end()

    def stop(self) -> None:
        """End every worker."""
        for workers in (self._workers, _READY):
            while workers:
                workers.pop().stop()

    def _together(self, waiting: deque[Task]) -> Iterator[tuple[Task, Outcome]]:
        """Run tasks side by side; a task that failed comes back `open` after its first attempt."""
        with selectors.DefaultSelector() as ready:
            busy: set[_Worker] = set()
            while waiting or busy:
                while waiting and len(busy) < self._jobs:
                    worker = self._idle(busy)
                    ready.register(worker.answers, selectors.EVENT_READ, worker)
                    task = waiting.popleft()
                    worker.give(task, self._limits.time(task.bytes))
                    busy.add(worker)
                until = min(worker.deadline for worker in busy)
                heard = {key.data for key, _ in ready.select(max(until - time.monotonic(), 0.0))}
                late = {w for w in busy if w.deadline <= time.monotonic()} - heard
                for worker in sorted(heard | late, key=lambda w: w.answers):
                    ready.unregister(worker.answers)
                    busy.discard(worker)
                    yield self._finished(worker, 1, late=worker in late)

    def _alone(self, task: Task, attempts: int) -> Outcome:
        """Try a task again with no neighbour; what fails each time is given up."""
        while True:
            attempts += 1
            worker = self._idle(set())
            worker.give(task, self._limits.time(task.bytes))
            with selectors.DefaultSelector() as ready:
                ready.register(worker.answers, selectors.EVENT_READ)
                heard = ready.select(self._limits.time(task.bytes))
            _, outcome = self._finished(worker, attempts, late=not heard)
            if outcome.state != "open":
                return outcome

    def _idle(self, busy: set[_Worker]) -> _Worker:
        """Return a worker without a task: one that waits, or a new one."""
        for worker in self._workers:
            if worker not in busy:
                return worker
        if not (_READY and _READY[-1].made_for == (self._perform, self._limits)):
            try:
                _READY.append(_Worker(self._perform, self._limits))
            except OSError as why:
                raise EngineError(f"no worker process can be started: {why.strerror or why}") from why
        worker = _READY.pop()
        self._workers.append(worker)
        return worker

    def _finished(self, worker: _Worker, attempts: int, *, late: bool) -> tuple[Task, Outcome]:
        """Keep what came of a worker's task. Raises what the task raised where it is for the user to mend."""
        task = worker.task
        if task is None:
            raise EngineError("a worker answered without a task")
        worker.task = None
        answer = None if late else worker.answer()
        if answer is None:
            if late:
                why, detail = "timed-out", f"not done after {self._limits.time(task.bytes):.0f} s"
            else:
                why, detail = worker.death()
            self._discard(worker)
        elif answer.fault:
            why, detail = answer.fault, answer.detail
            self._discard(worker)
            _cross(why, detail)
        else:
            if worker.served >= self._limits.tasks:
                self._discard(worker)
            return self._kept(
                task, Outcome(task=task.id, state="done", result=answer.result, attempts=attempts)
            )
        given_up = attempts >= self._limits.attempts
        outcome = Outcome(
            task=task.id,
            state="quarantined" if given_up else "open",
            why=why,
            detail=detail,
            attempts=attempts,
        )
        return self._kept(task, outcome)

    def _kept(self, task: Task, outcome: Outcome) -> tuple[Task, Outcome]:
        if task.kept:
            self._ledger.keep(outcome)
        return task, outcome

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        worker.stop()


def _cross(fault: str, detail: str) -> None:
    """Raise what a task raised for the user to mend; a fault of the file itself is no exception here."""
    if fault == "disk-full":
        raise EngineError(f"{detail}: no space left on the disk; free some and run the same command again")
    kind = getattr(errors, fault, None)
    if isinstance(kind, type) and issubclass(kind, errors.PostvaktError):
        raise kind(detail)


@contextmanager
def start(
    perform: Callable[[str, dict[str, Any]], Any], case_root: Path, *, jobs: int, watch: Watch, limits: Limits
) -> Iterator[Embedded]:
    """Open the engine of this machine over a case's ledger; the workers end with the context."""
    name = f"{perform.__module__}:{perform.__qualname__}"
    with open_ledger(case_root) as ledger:
        engine = Embedded(name, ledger, jobs, watch, limits)
        try:
            yield engine
        finally:
            engine.stop()
