"""msert.log of Microsoft's Safety Scanner: each run with its mode, signatures, findings and return code.

The log stamps its runs in the server's local time and names no zone, so that its rows carry no time of ours.
"""

import re
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.log_lines import blocks
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

MSERT = TableSpec(
    name="msert",
    title="Runs of Microsoft Safety Scanner",
    locator="line",
    columns=(
        Column("run", "int", about="number of the run within the file, from 1"),
        Column("phase", about="begun, started, engine, signatures, mode, results, finding, file, ..., finished, code"),
        Column("name", about="what the line names: a version, a mode"),
        Column("threat", about="the name that the scanner gives what it found"),
        Column("file", kind="file_path"),
        Column("result", about="what was done with it, or the return code"),
        Column("count", "int"),
        Column("detail", kind="message", about="the line as it stands"),
    ),
)  # fmt: skip

ARTIFACT = Artifact(
    name="msert",
    title="Microsoft Safety Scanner log",
    tables=("msert",),
    where="%SystemRoot%\\debug\\msert.log, msert.old.log",
    paths=(r"(^|[/_])msert(\.old)?\.log$",),
    heads=(rb"(?m)^Microsoft Safety Scanner v\d", rb"(?m)^Microsoft Windows Malicious Software Removal Tool v\d"),
    rank=10,
)  # fmt: skip

BEGUN = "begun"
TOOL = "(?:Safety Scanner|Windows Malicious Software Removal Tool)"
OUTCOME = "(?:partially )?(?:not )?removed.*"
LINES: tuple[tuple[str, re.Pattern[str]], ...] = (
    (BEGUN, re.compile(rf"Microsoft {TOOL} (?P<name>v\S.*)")),
    ("started", re.compile(r"Started On (?P<name>.+)")),
    ("engine", re.compile(r"(?:Engine(?: version)?|MpGear(?: version)?): (?P<name>.+)")),
    ("signatures", re.compile(r"(?:Signatures|Security intelligence(?: version)?|Signature version): (?P<name>.+)")),
    ("mode", re.compile(r"Run Mode: (?P<name>.+)")),
    ("results", re.compile(r"(?P<name>Quick|Full|Customized?|Extended)?\s*Scan Results(?: for [^:]*)?:.*")),
    ("finding", re.compile(rf"(?:->)?\s*Threat [Dd]etected: (?P<threat>.+?)(?:[,;] (?P<result>{OUTCOME}))?")),
    ("action", re.compile(r"Action: (?P<name>[^,]+), Result: (?P<result>\S+)")),
    ("file", re.compile(r"(?:file|containerfile|regkey|service|folder)://(?P<file>.+?)(?:\s*\(SigSeq.*\))?")),
    ("summary", re.compile(r"(?P<result>No infection found\.?)")),
    ("summary", re.compile(rf"Found (?P<threat>.+?)(?:,| and) (?P<result>{OUTCOME})", re.IGNORECASE)),
    ("submitted", re.compile(r"Successfully Submitted (?P<name>.+)")),
    ("finished", re.compile(rf"Microsoft {TOOL} Finished On (?P<name>.+)")),
    ("code", re.compile(r"Return code: (?P<result>\d+ \(.+\))")),
)  # fmt: skip
"""Shapes of lines and what they say. The first that fits decides; `finished` and `begun` differ by the version."""


def parse(source: Source) -> Iterator[Read]:
    """Yield the lines of all runs, and what could not be read."""
    troubles = Troubles("msert")
    yield from batches(MSERT, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    run = 0
    threat: str | None = None
    for piece in blocks(source, troubles):
        for index, number in enumerate(piece.numbers.tolist()):
            line = piece.line(index).decode().strip()
            if not line or not line.strip("-="):
                continue
            phase, words = _read(line)
            run += phase == BEGUN
            if phase in ("begun", "summary", "finished"):
                threat = None
            threat = words.get("threat") or threat
            if phase in ("file", "action"):
                # The scanner names the threat once and then each file that holds it.
                words = {"threat": threat, **words}
            yield {
                "time": None,
                "locator": number,
                "run": run or None,
                "phase": phase,
                "detail": line,
                **words,
            }


def _read(line: str) -> tuple[str, dict[str, str | None]]:
    for phase, shape in LINES:
        if found := shape.fullmatch(line):
            return phase, {name: value for name, value in found.groupdict().items() if value}
    return "other", {}


READER = Reader(artifact=ARTIFACT, tables=(MSERT,), parse=parse)
