"""What all text logs of a synthetic server share: a file a day, headers, time stamps, the hours that were kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from postvakt.estate.machines import Build
from postvakt.estate.placed import Made, Placed
from postvakt.estate.plans import ACQUIRED, ServerPlan
from postvakt.estate.traces import Absent, Trace


class Line(NamedTuple):
    """One line of a log with its time, and the trace that it is."""

    time: datetime
    text: str
    trace: Trace | None = None


def hours(server: ServerPlan) -> Iterator[datetime]:
    """Yield every full hour from the first log that was kept up to the acquisition."""
    hour = server.kept
    while hour < ACQUIRED:
        yield hour
        hour += timedelta(hours=1)


def daily(
    server: ServerPlan,
    lines: Iterable[Line],
    *,
    path: Callable[[datetime], str],
    header: Callable[[datetime], str],
) -> Iterator[Made]:
    """Yield one file a day: the header of its first line's time, then the lines in order of time. A trace on a line
    that was not kept is absent."""
    kept: list[Line] = []
    for line in lines:
        if server.kept <= line.time < ACQUIRED:
            kept.append(line)
        elif line.trace is not None:
            yield Absent(line.trace, server.lost_by)
    kept.sort(key=lambda line: (line.time, line.text))
    for _, group in groupby(kept, key=lambda line: line.time.date()):
        day = list(group)
        text = header(day[0].time) + "".join([f"{line.text}\r\n" for line in day])
        traces = tuple(line.trace for line in day if line.trace is not None)
        yield Placed(path(day[0].time), text.encode(), day[-1].time, traces)


def exchange_header(kind: str, first: datetime, fields: Sequence[str], build: Build) -> str:
    """Return the header of one of Exchange's own logs."""
    version = f"{build[0]:02}.{build[1]:02}.{build[2]:04}.{build[3]:03}"
    return (
        f"#Software: Microsoft Exchange Server\r\n#Version: {version}\r\n#Log-type: {kind}\r\n"
        f"#Date: {stamp(first)}\r\n#Fields: {','.join(fields)}\r\n"
    )


def stamp(instant: datetime) -> str:
    """Return a time as Exchange's logs write it."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
