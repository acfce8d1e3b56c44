"""Pages that the file cache holds: pieces of the very files that lie in the server's hand-in, at page boundaries.

What cuts through a line or a record stays cut, as it is in real memory.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from postvakt.estate import intruder, traffic
from postvakt.estate.machines import windows_path
from postvakt.estate.memory import pe
from postvakt.estate.memory.description import PAGE, Loose
from postvakt.estate.mft_writer import RECORD, Name, Node, mft, same
from postvakt.estate.placed import Placed
from postvakt.estate.plans import INSTALLED_AT, ServerPlan

ORDINARY_PAGES = 2
"""How many pages of a file are cached that tell of nobody."""

MOST = 40
"""Pages of one file at most."""

LINE_TIME = re.compile(rb"^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)", re.MULTILINE)
NEW_TABLES = 40
"""The first entry in the master file table that a file of ours may have."""

VISITORS, PROGRAMS_READ = 4, 2
SYSTEM32 = "C:\\Windows\\System32\\"

Wanted = Callable[[bytes], bool]


def pages(server: ServerPlan, placed: Iterable[Placed], taken: datetime) -> Iterator[Loose]:
    """Yield the cached pages of a server's files as they were when memory was taken."""
    signs = _signs(server)
    for one in placed:
        if one.path.endswith(".LOG") or "/W3SVC" in one.path:
            written = _until(one.content, taken)
            yield from _some(one.path, _kind(one.path), written, signs)
        elif one.path.endswith(".evtx"):
            # The tables of templates and strings lie at a chunk's head; what it tells lies behind.
            yield from _some(one.path, "evtx", one.content, signs, only=lambda page: b"**\0\0" in page)
        elif "/System32/config/" in one.path and one.path.endswith(("SYSTEM", "SOFTWARE")):
            yield from _some(
                one.path, "hive", one.content, signs, only=lambda page: page.startswith(b"hbin"), most=1
            )
        elif one.traces and one.path.lower().endswith((".aspx", ".compiled")) and one.modified <= taken:
            yield from _some(one.path, "page", one.content, (one.content[:16],), step=one.traces[0].step)
    yield from _records(server, taken)


def left_behind(lines: Iterable[tuple[str, str]]) -> Iterator[Loose]:
    """Yield what is left of the memory of processes that have ended: their command lines, as text in freed pages."""
    for number, (line, step) in enumerate(lines):
        text = line.encode("utf-16-le") + b"\0\0"
        yield Loose(
            kind="command-line", content=text[: PAGE - 0x400], at=0x100 + 16 * number % 0x300, step=step
        )


def requests(server: ServerPlan, taken: datetime, came: Iterable[tuple[str, str]]) -> Iterator[Loose]:
    """Yield requests in freed buffers of the web server: those that came, each with its step, and visitors' own."""
    visits = traffic.visits(server, taken.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1))
    for number, visit in enumerate(itertools.islice((one for one in visits if one.account), VISITORS)):
        text = (
            f"{visit.method} {visit.path} HTTP/1.1\r\nHost: {visit.host}\r\nUser-Agent: {visit.agent}\r\n"
            f"Cookie: X-BackEndCookie=u56Lnp2ejJqB{number}; UC=9f2c41d07b\r\n\r\n"
        )
        yield Loose(kind="http-request", content=text.encode(), at=0x200)
    for number, (text, step) in enumerate(came):
        yield Loose(kind="http-request", content=text.encode(), at=0x80 * (number % 8), step=step)


def programs_read(build: int) -> Iterator[Loose]:
    """Yield the first pages of programs' files that were read and never run."""
    for number in range(PROGRAMS_READ):
        head = pe.header(size=0x9000, base=0x140000000, stamp=0x57899000 + build + number)
        yield Loose(kind="pe", content=head, source=f"{SYSTEM32}example{number}.exe")


def _kind(path: str) -> str:
    if "/W3SVC" in path:
        return "iis"
    for part, kind in (("/HttpProxy/", "http-proxy"), ("/ECP/Server/", "ecp")):
        if part in path:
            return kind
    return "log"


def _signs(server: ServerPlan) -> tuple[bytes, ...]:
    """What tells that a page speaks of an intruder: an address, or a command in the characters of event logs."""
    addresses = {actor.address.encode() for actor in server.actors}
    lines = {command.line.encode("utf-16-le") for command in intruder.commands(server)}
    return (*sorted(addresses), *sorted(lines))


def _until(content: bytes, taken: datetime) -> bytes:
    """Return a log as it was at an instant."""
    last = f"{taken:%Y-%m-%d %H:%M:%S}".encode()
    for line in LINE_TIME.finditer(content):
        if line[1] + b" " + line[2] > last:
            return content[: line.start()]
    return content


def _some(
    path: str,
    kind: str,
    content: bytes,
    signs: tuple[bytes, ...],
    *,
    only: Wanted = bool,
    most: int = MOST,
    step: str = "",
) -> Iterator[Loose]:
    """Yield the pages that speak of an intruder and a few others, in the order of the file."""
    source = windows_path(path)
    every = (content[at : at + PAGE] for at in range(0, len(content), PAGE))
    told = [(any(sign in page for sign in signs), page) for page in every if only(page)]
    plain = itertools.islice((row for row in told if not row[0]), ORDINARY_PAGES)
    for speaks, page in [*itertools.islice((row for row in told if row[0]), most), *plain]:
        mark = step or ("intruder" if speaks else "")
        yield Loose(kind=kind, content=page, source=source, step=mark)


def _records(server: ServerPlan, taken: datetime) -> Iterator[Loose]:
    """Yield a page of the master file table with the records of what intruders left, and of what they took away
    again."""
    left = [one for one in intruder.left_files(server) if one.time <= taken]
    nodes = [
        Node(
            entry=NEW_TABLES + number,
            names=(
                Name(text=one.path.rpartition("/")[2], parent=5, parent_sequence=5, times=same(one.time)),
            ),
            times=same(one.time),
            length=len(one.content),
            in_use=not one.removed,
        )
        for number, one in enumerate(left)
    ]
    table = mft(nodes, begun=INSTALLED_AT)
    first = NEW_TABLES * RECORD if nodes else 0
    for at in range(first, len(table) if nodes else PAGE, PAGE):
        step = "intruder" if nodes else ""
        yield Loose(kind="mft", content=table[at : at + PAGE], source="C:\\$MFT", step=step)
