"""ExchangeSetup.log: each run of Exchange's setup, appended one after another.

Stamps are UTC: setup writes them so and names the server's zone beside (`Local time zone`), which makes that line a
clue and no offset. Their separators follow the server's culture, and the four last digits are milliseconds (`.0704` is
704 ms).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.artifacts.log_lines import blocks
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.clock import iso
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue, ClueKind
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

EXCHANGE_SETUP = TableSpec(
    name="exchange_setup",
    title="Runs of Exchange setup",
    locator="line",
    columns=(
        Column("run", "int", about="number of the run within the file, from 1; null before the first"),
        Column("setup", about="what the run calls itself: Microsoft Exchange Server 2016 Setup"),
        Column("version", about="the build that the run installs"),
        Column("level", "int", about="indentation of the step"),
        Column("severity", about="ERROR, WARNING, REQUIRED, RECOMENDED (so spelled); null for a plain step"),
        Column("message", kind="message"),
    ),
)

ARTIFACT = Artifact(
    name="exchange_setup",
    title="Exchange setup log",
    tables=("exchange_setup",),
    where="%SystemDrive%\\ExchangeSetupLogs\\ExchangeSetup.log",
    paths=(r"(^|[/_])exchangesetup[^/]*\.log$",),
    heads=(rb"(?m)\A\s*\[\d\d[^\d\s]\d\d[^\d\s]\d{4} \d\d\D\d\d\D\d\d\.\d{4}\] \[\d+\] ",),
    rank=10,
)

LINE = re.compile(
    r"\[(\d\d)\D(\d\d)\D(\d{4}) (\d\d)\D(\d\d)\D(\d\d)\.(\d{4})\] \[(\d{1,3})\] ?(.*)", re.DOTALL
)
SEVERITY = re.compile(r"\[(ERROR|WARNING|REQUIRED|RECOMENDED|RECOMMENDED)\] ?(.*)", re.DOTALL)
START = re.compile(r"Starting (Microsoft Exchange Server .*Setup)")
VERSION = re.compile(r"Setup version: (\d+\.\d+\.\d+\.\d+)")
DONE = "The Exchange Server setup operation completed successfully"
LONGEST_MESSAGE = 65_536

CLUES: tuple[tuple[ClueKind, int, re.Pattern[str]], ...] = (
    ("zone", 20, re.compile(r"Local time zone: (.+?)\.?$")),
    ("host", 60, re.compile(r"Exchange Server object for the local machine with name '([^']+)'")),
)
"""What a line tells of the server, and with which weight."""


class _Run(msgspec.Struct):
    """The run of setup that is being read."""

    number: int | None = None
    setup: str | None = None
    version: str | None = None


def parse(source: Source) -> Iterator[Read]:
    """Yield the steps of all runs, what they tell of the server, and what could not be read."""
    troubles = Troubles("exchange_setup")
    yield from batches(EXCHANGE_SETUP, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any] | Clue]:
    run = _Run()
    clues: dict[Clue, int] = {}
    for record in _steps(source, troubles):
        _follow(run, record["message"] or "")
        for clue in _told(run, record):
            clues[clue] = clues.get(clue, 0) + 1
        yield {**record, "run": run.number, "setup": run.setup, "version": run.version}
    for clue, count in clues.items():
        yield msgspec.structs.replace(clue, count=count)
    if run.number:
        yield Clue(kind="role", value="exchange", basis="exchange_setup")


def _follow(run: _Run, message: str) -> None:
    if started := START.match(message):
        run.number, run.setup, run.version = (run.number or 0) + 1, started[1], None
    elif told := VERSION.match(message):
        run.version = told[1]


def _told(run: _Run, record: dict[str, Any]) -> Iterator[Clue]:
    message = record["message"] or ""
    for kind, weight, pattern in CLUES:
        if found := pattern.search(message):
            yield Clue(kind=kind, value=found[1], weight=weight, basis="exchange_setup")
    if run.version and message.startswith(DONE):
        # What a run that failed wanted to install is no build of this server.
        at = iso(record["time"])
        basis = "exchange_setup completed" + (f", {at}/{at}" if at else "")
        yield Clue(kind="build", value=run.version, weight=60, basis=basis)


def _steps(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    """Yield the steps; lines without a stamp go on with the step above them."""
    step: dict[str, Any] | None = None
    for number, line in _lines(source, troubles):
        found = LINE.fullmatch(line)
        if found:
            if step:
                yield step
            step = _step(number, found, troubles)
        elif step and len(step["message"]) + len(line) < LONGEST_MESSAGE:
            step["message"] += "\n" + line
        elif line.strip():
            if step:
                yield step
                detail = f"a step longer than {LONGEST_MESSAGE} characters goes on in a row of its own"
                troubles.note("limited", detail, number)
            else:
                troubles.note("unparsed", "a line without a stamp before the first step", number)
            step = {"time": None, "locator": number, "message": line}
    if step:
        yield step


def _step(number: int, found: re.Match[str], troubles: Troubles) -> dict[str, Any]:
    month, day, year, hour, minute, second, millisecond, level = (int(part) for part in found.groups()[:8])
    message = found[9]
    graded = SEVERITY.match(message)
    record: dict[str, Any] = {
        "time": None,
        "locator": number,
        "level": level,
        "severity": graded[1] if graded else None,
        "message": graded[2] if graded else message,
    }
    try:
        record["time"] = datetime(year, month, day, hour, minute, second, millisecond * 1000, UTC)
    except ValueError:
        record["stamp"] = found[0].partition("]")[0][1:]
        troubles.note("unparsed", "the stamp is no instant; the row is kept without time", number)
    return record


def _lines(source: Source, troubles: Troubles) -> Iterator[tuple[int, str]]:
    for piece in blocks(source, troubles):
        for index, number in enumerate(piece.numbers.tolist()):
            yield number, piece.line(index).decode()


READER = Reader(artifact=ARTIFACT, tables=(EXCHANGE_SETUP,), parse=parse)
