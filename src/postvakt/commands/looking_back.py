"""What a worker does of the second look and of the report: pieces of what `second_look` and `reports` ask for."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from postvakt import detect, report
from postvakt.commands import readers
from postvakt.commands.gathering import plan_of
from postvakt.commands.spreading import Pieces
from postvakt.model.inventory import Listed, Naming
from postvakt.model.mitigation import Observed
from postvakt.model.report import Report, Sample
from postvakt.model.rule import Match
from postvakt.model.story import Asking, Moved, PageRow, Trace
from postvakt.model.table import TableSpec
from postvakt.reason import joining
from postvakt.tables import matches, settings
from postvakt.tables.case import Case
from postvakt.tables.measures import Measures, Piece
from postvakt.tables.named import Named
from postvakt.tables.traces import traces

T = TypeVar("T")


class Rows(msgspec.Struct, frozen=True):
    """Matched rows of one part that are read back: as samples of findings, and for what they can be joined by."""

    part: str
    samples: tuple[Match, ...] = ()
    traces: tuple[Match, ...] = ()


class Back(msgspec.Struct, frozen=True):
    """What the rows of a part told: samples with their rules, traces, each in the order they were asked for in."""

    samples: tuple[tuple[str, Sample], ...]
    traces: tuple[Trace, ...]


class OfHost(msgspec.Struct, frozen=True):
    """What of which parts is a host's, by table, and the pages whose callers are wanted."""

    host: str
    parts: dict[str, tuple[Piece, ...]]
    pages: tuple[str, ...]


class Measured(msgspec.Struct, frozen=True):
    """What was counted over a host's parts."""

    settings: tuple[Observed, ...]
    asking: tuple[Asking, ...]
    own: frozenset[str]
    pages: tuple[PageRow, ...]
    moved: tuple[Moved, ...]


class OfTable(msgspec.Struct, frozen=True):
    """The parts of one table, and whose the sources in them are, as (evidence, source, host)."""

    table: str
    parts: tuple[str, ...]
    owners: tuple[tuple[str, str, str], ...]


class Servers(msgspec.Struct, frozen=True):
    """The servers that a table names. `limited` as `Named` tells it."""

    logs: tuple[Naming, ...]
    listed: tuple[Listed, ...]
    askers: dict[str, tuple[str, ...]]
    limited: dict[str, int]


class Page(msgspec.Struct, frozen=True):
    """A format to write. The report as a value lies in `file` under the case; `stamp` names its content."""

    form: str
    file: str
    stamp: str


def read_back(spec: Pieces) -> list[Back]:
    """Read matched rows back, each part once."""
    return [_back(Case(Path(spec.case)), spec.plan, piece) for piece in _pieces(spec, Rows)]


def _back(case: Case, plan: str, piece: Rows) -> Back:
    numbers = sorted({match.row for match in (*piece.samples, *piece.traces)})
    rows = dict(zip(numbers, matches.read_rows(case, piece.part, numbers), strict=True))
    asked = plan_of(str(case.root), plan)

    def explained(rule: str, spec: TableSpec, row: Mapping[str, Any]) -> str:
        return detect.explain(asked, rule, spec, row).summary

    return Back(
        samples=tuple(
            (match.rule, matches.sample(match, readers.TABLES[match.table], rows[match.row], explained))
            for match in piece.samples
        ),
        traces=tuple(traces(piece.traces, rows, readers.TABLES, joining.trace_of)),
    )


def measure(spec: Pieces) -> list[Measured]:
    """Count over the tables of hosts."""
    measures = _measures(spec.case)
    return [_measured(measures, piece) for piece in _pieces(spec, OfHost)]


def _measured(measures: Measures, host: OfHost) -> Measured:
    web = host.parts.get("iis", ())
    return Measured(
        settings=tuple(settings.observed(measures, host.parts)),
        asking=measures.asked(web),
        own=measures.own(web),
        pages=measures.used(web, host.pages),
        moved=measures.moved(host.parts.get("event", ())),
    )


def name_servers(spec: Pieces) -> list[Servers]:
    """Ask tables which servers they name."""
    return [_servers(Case(Path(spec.case)), piece) for piece in _pieces(spec, OfTable)]


def _servers(case: Case, table: OfTable) -> Servers:
    with Named(case, {table.table: table.parts}, table.owners) as named:
        return Servers(
            logs=tuple(named.logs()),
            listed=tuple(named.listed()),
            askers=named.askers(),
            limited=dict(named.limited),
        )


def write(spec: Pieces) -> list[str]:
    """Write a report in formats; return where each lies in the case."""
    case = Case(Path(spec.case))
    written = []
    for page in _pieces(spec, Page):
        form = report.FORMATS[page.form]
        path = f"report/report.{form.suffix}"
        case.write(path, form.render(_report(case.path(page.file), page.stamp)))
        written.append(path)
    return written


def _pieces(spec: Pieces, kind: type[T]) -> list[T]:
    return [msgspec.convert(piece, kind) for piece in spec.pieces]


@functools.lru_cache(maxsize=1)
def _measures(case: str) -> Measures:
    """Return what counts over a case; it lives as long as the worker."""
    return Measures(Case(Path(case)))


@functools.lru_cache(maxsize=1)
def _report(path: Path, stamp: str) -> Report:
    return msgspec.msgpack.decode(path.read_bytes(), type=Report)
