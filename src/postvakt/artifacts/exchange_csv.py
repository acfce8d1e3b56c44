"""What Exchange's own logs have in common: commas, a header with `#Fields:` or bare names, UTC stamps, and in many of
them the server's build in every row."""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow.compute as pc

from postvakt.artifacts.delimited import segments
from postvakt.artifacts.fitting import Fitted, Fitting, Stamps
from postvakt.artifacts.troubles import Troubles
from postvakt.model.clock import from_micros, iso
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, Kind, TableSpec
from postvakt.tables.rows import Read

STAMPS = ("datetime", "timestamp", "date-time", "mytimestamp", "time")
"""Names of the field that tells when, lower-case. A record that begins with one is a line of field names."""

BUILD = ("MajorVersion", "MinorVersion", "BuildVersion", "RevisionVersion")
NO_BUILD = (-1, -1, -1, -1)
VERSION = re.compile(r"(\d{1,5})\.(\d{1,5})\.(\d{1,5})\.(\d{1,5})")
UNDATED = -(2**63)
MOST_BUILDS = 50
"""Builds told of one log; a server has seen fewer."""

Make = Callable[[Fitted], None]


def read(
    source: Source,
    spec: TableSpec,
    make: Make | None = None,
    also: Mapping[str, str] | None = None,
    lists: Mapping[str, str] | None = None,
) -> Iterator[Read]:
    """Yield one log's rows, what it tells of its server, and what could not be read of it.

    `make` fills columns that are made of others; `also` maps lower-case field names to columns; `lists` tells
    how the values of columns that hold several are set apart. Raises OSError.
    """
    troubles = Troubles(spec.name)
    fitting = Fitting(spec, Stamps(*STAMPS), troubles, also, lists)
    builds = Builds(spec.name)
    told = False
    for segment in segments(source, troubles, fitting.wanted, STAMPS):
        fitted = fitting.fit(segment)
        if make is not None:
            make(fitted)
        builds.add(fitted)
        told = told or bool(segment.header.names)
        yield from fitted.rows()
    if told:
        yield Clue(kind="role", value="exchange", basis=spec.name)
    yield from builds.clues()
    yield from troubles.gaps()


class Builds:
    """The server's builds as rows carry them, each with its first and last instant: a dated history of patches."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._spans: dict[tuple[int, ...], tuple[int, int | None, int | None]] = {}

    def add(self, fitted: Fitted) -> None:
        """Count the builds of rows, where the table has them in numbers or in one text (`BLD`)."""
        if all(name in fitted.columns for name in BUILD):
            parts = np.stack([_filled(fitted.columns[name], -1) for name in BUILD])
        elif "BLD" in fitted.columns:
            coded = fitted.columns["BLD"].dictionary_encode()
            known = [_build(text) for text in coded.dictionary.to_pylist()] + [NO_BUILD]
            parts = np.array(known, np.int64)[_filled(coded.indices, len(known) - 1)].T
        else:
            return
        times = _filled(fitted.time.cast("int64"), UNDATED)
        edges = [0, *(np.flatnonzero(np.any(parts[:, 1:] != parts[:, :-1], axis=0)) + 1).tolist(), len(times)]
        for low, high in pairwise(edges):
            if high > low:
                self._count(tuple(parts[:, low].tolist()), times[low:high])

    def _count(self, build: tuple[int, ...], times: Any) -> None:
        if min(build) < 0 or (build not in self._spans and len(self._spans) >= MOST_BUILDS):
            return
        dated = times[times != UNDATED]
        count, first, last = self._spans.get(build, (0, None, None))
        if len(dated):
            low, high = int(dated.min()), int(dated.max())
            first = low if first is None else min(first, low)
            last = high if last is None else max(last, high)
        self._spans[build] = (count + len(times), first, last)

    def clues(self) -> Iterator[Clue]:
        """Yield each build with the instants between which rows carry it."""
        for build, (count, first, last) in sorted(self._spans.items()):
            basis = f"{self._table} rows"
            if first is not None and last is not None:
                basis += f", {iso(from_micros(first))}/{iso(from_micros(last))}"
            yield Clue(kind="build", value=".".join(map(str, build)), weight=60, basis=basis, count=count)


def _build(text: str) -> tuple[int, ...]:
    found = VERSION.fullmatch(text)
    return tuple(int(part) for part in found.groups()) if found else NO_BUILD


def _filled(column: Any, filler: int) -> Any:
    return pc.fill_null(column, filler).to_numpy(zero_copy_only=False)


def build_columns() -> tuple[Column, ...]:
    """Return the four columns in which a row carries the server's build."""
    return tuple(Column(name, "int", low=0, high=99999) for name in BUILD)


def texts(names: str, kinds: Mapping[str, Kind] | None = None) -> tuple[Column, ...]:
    """Return columns of text by their names, set apart by blanks; `kinds` tells what some of them mean."""
    return tuple(Column(name, kind=(kinds or {}).get(name, "")) for name in names.split())


def amounts(names: str, unit: str = "ms") -> tuple[Column, ...]:
    """Return columns of whole numbers by their names, set apart by blanks."""
    return tuple(Column(name, "int", unit=unit) for name in names.split())
