"""What a stranger's server is, what was planted on it, and the rows of its logs while they are gathered."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from postvakt.estate.evtx_writer import Event

Build = tuple[int, int, int, int]
IIS_10 = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
"""What IIS 8.5 and 10 log unless they are told otherwise."""

IIS_7 = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) "
    "sc-status sc-substatus sc-win32-status time-taken"
)
"""What IIS 7 and 7.5 log: without the referer."""

IIS_ALL = (
    "date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip "
    "cs-version cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes "
    "cs-bytes time-taken"
)
"""Every standard field ticked."""


def at(text: str) -> datetime:
    """Return a UTC instant of 2021 from `03-03 04:11:22` (month, day, time; seconds may be left out)."""
    text += "" if text.count(":") == 2 else ":00"
    return datetime.strptime(f"2021-{text}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


class Trace(msgspec.Struct, frozen=True):
    """One planted trace: the table in which it is to be found, what it is, when."""

    table: str
    what: str
    when: datetime | None


class Truth(msgspec.Struct, frozen=True):
    """What a responder who knew everything would conclude from this evidence."""

    outcome: str
    grade: str
    traces: tuple[Trace, ...] = ()


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One server. Paths are those of the hand-in: drive letter first, forward slashes."""

    name: str
    netbios: str
    dns: str
    address: str
    begins: datetime
    ends: datetime
    builds: tuple[tuple[datetime, Build], ...]
    seed: int
    install: str = "C/Program Files/Microsoft/Exchange Server/V15"
    inetpub: str = "C/inetpub"
    windows: str = "C/Windows"
    iis: str = "10.0"
    fields: str = IIS_10
    zone: tuple[str, int] = ("W. Europe Standard Time", -60)
    hours_a_file: int = 24

    @property
    def fqdn(self) -> str:
        return f"{self.name.lower()}.{self.dns}"

    @property
    def machine(self) -> str:
        return f"{self.netbios}\\{self.name}$"

    @property
    def domain_sid(self) -> str:
        return f"S-1-5-21-{3000000019 + self.seed}-{1710000101 + self.seed}-{941200077 + self.seed}"

    def build(self, when: datetime) -> Build:
        """Return the build that ran at an instant."""
        return [build for since, build in self.builds if since <= when][-1]

    def hours(self, begins: datetime | None = None) -> Iterator[datetime]:
        """Yield the full hours from the first log to the collection."""
        hour = begins or self.begins
        while hour < self.ends:
            yield hour
            hour += timedelta(hours=1)

    def dice(self, purpose: str) -> random.Random:
        return random.Random(f"{self.seed} {purpose}")


class Gathered:
    """A server's evidence while it is put together: rows by log, events by channel, files by path."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.iis: dict[int, list[tuple[datetime, dict[str, object]]]] = defaultdict(list)
        self.proxy: dict[str, list[tuple[datetime, dict[str, object]]]] = defaultdict(list)
        self.text: dict[str, list[tuple[datetime, Sequence[object]]]] = defaultdict(list)
        self.events: dict[str, list[Event]] = defaultdict(list)
        self.placed: dict[str, tuple[bytes, datetime]] = {}
        self.traces: list[Trace] = []
        self.dice = server.dice("gathered")

    def put(self, path: str, content: bytes, when: datetime) -> None:
        """Place a file with the time of its last change."""
        self.placed[path] = (content, when)

    def plant(self, table: str, what: str, when: datetime | None) -> None:
        """Note a trace of an attack."""
        self.traces.append(Trace(table, what, when))

    def guid(self) -> str:
        text = f"{self.dice.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


class HandIn(msgspec.Struct, frozen=True):
    """What is handed in (path to bytes), when each file was last changed, and the truth."""

    files: dict[str, bytes]
    times: dict[str, datetime]
    truth: Truth
