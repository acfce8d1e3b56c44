"""Progress by bytes, told to a person on a terminal or to a program as JSON lines; to nobody when quiet."""

import sys
import time
from typing import Protocol, TextIO

import msgspec


class Watch(Protocol):
    """Is told what is to be done and what is done."""

    def begin(self, tasks: int, size: int) -> None:
        """So many tasks that read so many bytes are to be done now."""
        ...

    def done(self, size: int, title: str) -> None:
        """A task that read so many bytes is done."""
        ...

    def note(self, text: str) -> None:
        """Something is known already that cannot wait until everything is."""
        ...

    def end(self) -> None:
        """All of them are done, or the run stops."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, tasks: int, size: int) -> None: ...

    def done(self, size: int, title: str) -> None: ...

    def note(self, text: str) -> None: ...

    def end(self) -> None: ...


class _Counted:
    def __init__(self) -> None:
        self.tasks = 0
        self.size = 0
        self.tasks_done = 0
        self.size_done = 0
        self.began = 0.0

    def begin(self, tasks: int, size: int) -> None:
        self.tasks, self.size, self.tasks_done, self.size_done = tasks, size, 0, 0
        self.began = time.monotonic()

    def done(self, size: int, title: str) -> None:
        self.tasks_done += 1
        self.size_done += size

    def seconds_left(self) -> float | None:
        """Return the time left at the pace so far; by bytes where there are any, else by tasks."""
        share = self.size_done / self.size if self.size else self.tasks_done / max(self.tasks, 1)
        if not share:
            return None
        spent = time.monotonic() - self.began
        return max(spent / share - spent, 0.0)


class _Told(_Counted):
    """Counted work that is told of at a pace that eyes and logs can follow, and always when it is done."""

    EVERY = 0.5
    """Seconds between two tellings."""

    def __init__(self, out: TextIO) -> None:
        super().__init__()
        self._out = out
        self._last = 0.0

    def done(self, size: int, title: str) -> None:
        super().done(size, title)
        if time.monotonic() - self._last >= self.EVERY or self.tasks_done == self.tasks:
            self._last = time.monotonic()
            self._tell()

    def _tell(self) -> None:
        raise NotImplementedError


class Lines(_Told):
    """JSON lines, at most two a second."""

    def note(self, text: str) -> None:
        self._out.write(msgspec.json.encode({"event": "note", "text": text}).decode() + "\n")
        self._out.flush()

    def end(self) -> None:
        self._out.flush()

    def _tell(self) -> None:
        left = self.seconds_left()
        line = {
            "event": "progress",
            "tasks": self.tasks_done,
            "of_tasks": self.tasks,
            "bytes": self.size_done,
            "of_bytes": self.size,
            "seconds_left": None if left is None else round(left, 1),
        }
        self._out.write(msgspec.json.encode(line).decode() + "\n")


class Bar(_Told):
    """One line on a terminal, drawn over itself."""

    EVERY = 0.2
    WIDTH = 24

    def note(self, text: str) -> None:
        self._out.write(f"\r\x1b[K{text}\n")
        self._out.flush()

    def end(self) -> None:
        self._out.write("\r\x1b[K")
        self._out.flush()

    def _tell(self) -> None:
        share = self.size_done / self.size if self.size else self.tasks_done / max(self.tasks, 1)
        filled = round(share * self.WIDTH)
        left = self.seconds_left()
        ahead = "" if left is None else f", {_duration(left)} left"
        amount = f"{_size(self.size_done)} of {_size(self.size)}" if self.size else ""
        bar = "█" * filled + "░" * (self.WIDTH - filled)
        self._out.write(f"\r\x1b[K{bar} {share:4.0%} {amount}{ahead}")
        self._out.flush()


def watch(*, quiet: bool = False, log: str = "text") -> Watch:
    """Return who is told: nobody, a program, or a person where standard error is a terminal."""
    if quiet:
        return Silent()
    if log == "json":
        return Lines(sys.stderr)
    return Bar(sys.stderr) if sys.stderr.isatty() else Silent()


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
