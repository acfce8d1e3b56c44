"""What PowerShell exported of Exchange servers: HealthChecker's saved CliXML and JSON, and single objects in CliXML
(`Get-ExchangeServer | Export-Clixml`), property by property.

A file may speak of another server than the one on which it lies: its clues are weak, and those of a build count only
for the server that the file names.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from postvakt.artifacts import clixml, exported_json
from postvakt.artifacts.clixml import Property
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.build import CU_ONLY
from postvakt.model.clock import from_micros, iso
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader, batches

EXCHANGE_OBJECT = TableSpec(
    name="exchange_object",
    title="Objects of Exchange servers exported by PowerShell, property by property",
    locator="line",
    logsources=(LogSource(product="exchange", service="exchange_object"),),
    columns=(
        Column("object", "int", about="number of the object within the file, from 1"),
        Column("kind", about="HealthChecker, VulnerabilityReport, ExchangeServer, ...; else its .NET type"),
        Column("server", kind="host", about="the server that the object speaks of; null where it does not say"),
        Column("property", about="its name and those above it, joined by slashes; numbers are places in lists"),
        Column("type", about="as CliXML names it: S, I32, B, DT, URI, Nil, Obj, ...; `json` in JSON"),
        Column("value", about="an object's value is what it prints as"),
    ),
)  # fmt: skip

ARTIFACT = Artifact(
    name="health_checker",
    title="HealthChecker and exported Exchange objects",
    tables=("exchange_object",),
    where="HealthChecker-<server>-<date>.xml, .json; CliXML of Get-ExchangeServer and its like",
    paths=(r"(^|[/_])healthchecker-[^/]*\.(xml|json)$",),
    heads=(
        rb"(?i)\A\s*(?:<\?xml[^>]*>\s*)?<Objs\b[^>]*schemas\.microsoft\.com/powershell",
        rb'(?s)\A\s*[\[{].{0,2000}"(?:HealthCheckerExchangeServer|HealthCheckerVersion|ExchangeInformation|VersionReport)"\s*:',
    ),
    rank=5,
)

MOST_WAITING = 20_000
"""Properties of one object that wait for the name of its server; HealthChecker's objects have about as many."""

MOST_CLUES = 200

BUILD = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{1,5})\.(\d{1,5})")
DISPLAYED = re.compile(r"Version (\d{1,2})\.(\d{1,2}) \(Build (\d{1,5})\.(\d{1,5})\)")
FILE_NAME = re.compile(r"(?i)(?:^|[/_])healthchecker-(?!vulnerabilityreport)(.+?)-\d{6,}[^/]*\.(?:xml|json)$")
JSON_DATE = re.compile(r"/Date\((\d{1,15})\)/")

NAMES = (
    ("HealthCheckerExchangeServer/ExchangeInformation/GetExchangeServer/Fqdn", ""),
    ("ExchangeInformation/GetExchangeServer/Fqdn", ""),
    ("Fqdn", ""),
    ("HealthCheckerExchangeServer/ServerName", ""),
    ("ServerName", ""),
    ("MachineName", ""),
    ("PSComputerName", ""),
    ("Server", ""),
    ("Name", "ExchangeServer"),
    ("Name", "MailboxServer"),
    ("Name", "VulnerabilityReport"),
)
"""Properties that name the server that an object speaks of, and the kind for which they do (empty: any); the first
that is there decides."""

BUILDS = (
    ("BuildInformation/ExchangeSetup/FileVersion", "ExSetup.exe"),
    ("BuildInformation/VersionInformation/BuildVersion", "BuildVersion"),
    ("BuildInformation/BuildNumber", "BuildNumber"),
    ("ExSetupDetails/FileVersion", "ExSetup.exe"),
)
"""Ends of properties that hold HealthChecker's build, and what each is called; the first that is there decides."""


def parse(source: Source) -> Iterator[Read]:
    """Yield the properties, what they tell of the server, and what could not be read."""
    troubles = Troubles("health_checker")
    yield from batches(EXCHANGE_OBJECT, _records(source, troubles))
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(EXCHANGE_OBJECT,), parse=parse)


class _Object:
    """One object that is being read: its properties wait until its server is known or too many wait."""

    def __init__(self, number: int, named_by_file: str) -> None:
        self.number = number
        self.kind = ""
        self._named_by_file = named_by_file
        self._names: dict[tuple[str, str], str] = {}
        self._builds: dict[str, str] = {}
        self._about: dict[str, str] = {}
        self._waiting: list[Property] = []

    def add(self, told: Property) -> Iterator[dict[str, Any]]:
        """Take a property in; yield rows once no more can wait."""
        self.kind = told.kind or self.kind
        if told.value:
            self._note(told.path, told.value)
        self._waiting.append(told)
        if len(self._waiting) >= MOST_WAITING:
            yield from self.rows()

    def _note(self, path: str, value: str) -> None:
        for name in NAMES:
            if path == name[0]:
                self._names[name] = value
        for end, _ in BUILDS:
            if path.endswith(end) and end not in self._builds:
                self._builds[end] = value
        if path in ("FileVersion", "AdminDisplayVersion", "OriginalFilename", "InternalName"):
            self._about[path] = value
        if path.endswith(("FailedGetExSetup", "GenerationTime", "GetExchangeServer/AdminDisplayVersion")):
            self._about[path.rpartition("/")[2]] = value

    @property
    def server(self) -> str | None:
        """The server that the object names, else the file; None where neither does."""
        for name in NAMES:
            if name in self._names and name[1] in ("", self.kind):
                return self._names[name]
        return self._named_by_file or None

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield what waits."""
        server = self.server
        for told in self._waiting:
            yield {
                "locator": told.line,
                "object": self.number,
                "kind": self.kind,
                "server": server,
                "property": told.path,
                "type": told.type,
                "value": told.value,
            }
        self._waiting = []

    def clues(self) -> Iterator[Clue]:
        """Yield what the object tells of its server."""
        if self.kind == "VulnerabilityReport":
            return  # speaks of every server of the organisation
        if self.server and self.kind not in ("", "PSCustomObject"):
            yield Clue(kind="host", value=self.server, weight=30, basis=f"health_checker {self.kind}")
        build, basis = self._build()
        if build:
            at = iso(_instant(self._about.get("GenerationTime", "")))
            dated = f", {at}/{at}" if at else ""
            yield Clue(kind="build", value=build, weight=60, basis=f"health_checker {basis}{dated}")

    def _build(self) -> tuple[str, str]:
        if self.kind == "FileVersionInfo":
            names = {
                self._about.get("OriginalFilename", "").lower(),
                self._about.get("InternalName", "").lower(),
            }
            found = build_of(self._about.get("FileVersion", "")) if "exsetup.exe" in names else ""
            return found, "ExSetup.exe"
        for end, name in BUILDS:
            found = build_of(self._builds.get(end, ""))
            if found:
                failed = self._about.get("FailedGetExSetup", "").lower() == "true"
                return found, f"{name} ({CU_ONLY})" if failed else name
        return build_of(self._about.get("AdminDisplayVersion", "")), f"AdminDisplayVersion ({CU_ONLY})"


def build_of(text: str) -> str:
    """Return the build that a text tells without leading zeros (`15.02.0986.005` is 15.2.986.5), empty for none."""
    found = BUILD.fullmatch(text.strip()) or DISPLAYED.match(text.strip())
    return ".".join(str(int(part)) for part in found.groups()) if found else ""


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any] | Clue]:
    named = FILE_NAME.search(source.member.path)
    current: _Object | None = None
    clues: dict[Clue, int] = {}
    for told in _properties(source, troubles):
        if current is None or told.object != current.number:
            if current is not None:
                yield from _ended(current, clues)
            current = _Object(told.object, named[1] if named else "")
        yield from current.add(told)
    if current is not None:
        yield from _ended(current, clues)
    for clue, count in clues.items():
        yield msgspec.structs.replace(clue, count=count)


def _ended(current: _Object, clues: dict[Clue, int]) -> Iterator[dict[str, Any]]:
    yield from current.rows()
    for clue in current.clues():
        if clue in clues or len(clues) < MOST_CLUES:
            clues[clue] = clues.get(clue, 0) + 1


def _properties(source: Source, troubles: Troubles) -> Iterator[Property]:
    with source.open() as stream:
        head = stream.read(256).replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    if head.startswith((b"{", b"[")):
        return exported_json.properties(source, troubles)
    return clixml.properties(source, troubles)


def _instant(text: str) -> datetime | None:
    """Return a time that names its zone; None for a local time, which could be any."""
    written = JSON_DATE.fullmatch(text)
    try:
        if written:
            return from_micros(int(written[1]) * 1000)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo else None
