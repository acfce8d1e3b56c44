"""What all text logs of a synthetic server share: a file a day, headers, time stamps, the hours that were kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, ServerPlan

EXCHANGE = "C/Program Files/Microsoft/Exchange Server/V15"
Line = tuple[datetime, str]


def kept_from(server: ServerPlan) -> datetime:
    """Return from when on text logs are there: whoever wiped the server deleted the older ones."""
    return server.wiped or server.begins


def hours(server: ServerPlan) -> Iterator[datetime]:
    """Yield every full hour from the first log that was kept up to the acquisition."""
    hour = kept_from(server)
    while hour < ACQUIRED:
        yield hour
        hour += timedelta(hours=1)


def daily(
    server: ServerPlan,
    lines: Iterable[Line],
    *,
    path: Callable[[datetime], str],
    header: Callable[[datetime], str],
) -> Iterator[Placed]:
    """Yield one file a day: the header of its first line's time, then the lines in order of time."""
    kept = sorted(line for line in lines if kept_from(server) <= line[0] < ACQUIRED)
    for _, group in groupby(kept, key=lambda line: line[0].date()):
        day = list(group)
        text = header(day[0][0]) + "".join([f"{line}\r\n" for _, line in day])
        yield Placed(path(day[0][0]), text.encode(), day[-1][0])


def exchange_header(
    kind: str, first: datetime, fields: Sequence[str], build: tuple[int, int, int, int]
) -> str:
    """Return the header of one of Exchange's own logs."""
    version = f"{build[0]:02}.{build[1]:02}.{build[2]:04}.{build[3]:03}"
    return (
        f"#Software: Microsoft Exchange Server\r\n#Version: {version}\r\n#Log-type: {kind}\r\n"
        f"#Date: {stamp(first)}\r\n#Fields: {','.join(fields)}\r\n"
    )


def stamp(instant: datetime) -> str:
    """Return a time as Exchange's logs write it."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
