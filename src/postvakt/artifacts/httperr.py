"""Errors of http.sys: requests that were refused before any site saw them."""

from collections.abc import Iterator

from postvakt.artifacts.delimited import segments
from postvakt.artifacts.fitting import Fitting
from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.w3c import DayAndTime
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader

HTTPERR = TableSpec(
    name="httperr",
    title="Requests that http.sys refused before any site saw them",
    locator="line",
    fields=(("c-uri", "cs-uri"), ("cs-uri-query", "cs-uri"), ("cs-uri-stem", "cs-uri"), ("src_ip", "c-ip")),
    columns=(
        Column("c-ip", kind="ip"),
        Column("c-port", "int", low=0, high=65535),
        Column("s-ip", kind="ip"),
        Column("s-port", "int", low=0, high=65535),
        Column("cs-version"),
        Column("cs-method"),
        Column("cs-uri", kind="url_path", about="path and query as the client asked for them"),
        Column("streamid"),
        Column("streamid_ex"),
        Column("sc-status", "int", low=0, high=999),
        Column("s-siteid", about="number of the site; null where none was found"),
        Column("s-reason", about="Timer_ConnectionIdle, Connection_Dropped, Forbidden, ..."),
        Column("s-queuename", about="the application pool"),
        Column("transport"),
    ),
)

ARTIFACT = Artifact(
    name="httperr",
    title="http.sys error logs",
    tables=("httperr",),
    where="%SystemRoot%\\System32\\LogFiles\\HTTPERR\\httperr*.log",
    paths=(r"(^|/)httperr/[^/]*\.log$", r"(^|[/_])httperr\d+\.log$"),
    heads=(
        rb"(?im)\A#Software: Microsoft HTTP API",
        rb"(?im)\A#[\s\S]*^#Fields:.*\b(s-reason|s-queuename)\b",
    ),
    rank=25,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the refused requests of one log, and what could not be read of it."""
    troubles = Troubles("httperr")
    fitting = Fitting(HTTPERR, DayAndTime(), troubles, {"cs-uri-stem": "cs-uri"})
    for segment in segments(source, troubles, fitting.wanted):
        yield from fitting.fit(segment).rows()
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(HTTPERR,), parse=parse)
