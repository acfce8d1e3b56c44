"""What is counted over whole tables after they were read: who asked how much, what one page was asked for, and when
the clock was set. SQL over the parts, in one thread and in a fixed order, so that the same case counts the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import duckdb

from postvakt.model.clock import from_micros
from postvakt.model.story import Asking, Moved, PageRow
from postvakt.tables.case import Case

MEMORY = "1GB"
MOST_ADDRESSES = 5000
MOST_PAGES = 500
MOVED = timedelta(minutes=1)
"""Clock corrections below this are a time service at work."""


IIS_CLIENT = """coalesce("X-Forwarded-For"[1], "c-ip", '')"""

ASKED = """
    SELECT address, count(*), count(DISTINCT agent), count(DISTINCT who) FILTER (who NOT IN ('', '-')),
           count(*) FILTER (probe), count(*) FILTER (forwarded), epoch_us(min(time)), epoch_us(max(time))
    FROM (
        SELECT time, coalesce("c-ip", '') AS address, coalesce("cs(User-Agent)", '') AS agent,
               coalesce("cs-username", '') AS who,
               contains(lower(coalesce("cs-username", '')), 'healthmailbox')
                   OR contains(coalesce("cs(User-Agent)", ''), 'AMProbe')
                   OR contains(coalesce("cs(User-Agent)", ''), 'ActiveMonitoring') AS probe,
               coalesce("X-Forwarded-For"[1] != "c-ip", false) AS forwarded
        FROM read_parquet($parts) WHERE {mine}
    )
    WHERE address != '' GROUP BY address ORDER BY count(*) DESC, address LIMIT $most
"""

OWN = """SELECT DISTINCT "s-ip" FROM read_parquet($parts) WHERE {mine} AND "s-ip" IS NOT NULL ORDER BY 1 LIMIT 64"""

USED = f"""
    SELECT page, address, list(DISTINCT who ORDER BY who) FILTER (who NOT IN ('', '-')),
           list(DISTINCT agent ORDER BY agent) FILTER (agent NOT IN ('', '-')),
           count(*), count(*) FILTER (status[1] = '2'),
           histogram(method), histogram(status), sum(size), epoch_us(min(time)), epoch_us(max(time))
    FROM (
        SELECT time, lower("cs-uri-stem") AS page, {IIS_CLIENT} AS address, coalesce("cs-username", '') AS who,
               coalesce("cs(User-Agent)", '') AS agent, coalesce("cs-method", '?') AS method,
               coalesce("sc-status"::VARCHAR, '-') AS status, "sc-bytes" AS size
        FROM read_parquet($parts) WHERE {{mine}} AND lower("cs-uri-stem") IN (SELECT unnest($pages))
    )
    GROUP BY page, address ORDER BY min(time), page, address LIMIT $most
"""

CLOCK = """
    SELECT epoch_us(time), list_filter("EventData", lambda p: p.name IN ('NewTime', 'OldTime', 'PreviousTime'))
    FROM (
        SELECT time, "EventRecordID", "EventData" FROM read_parquet($parts)
        WHERE "EventID" = 4616 AND "Provider_Name" = 'Microsoft-Windows-Security-Auditing' AND {mine}
        UNION ALL
        SELECT time, "EventRecordID", "EventData" FROM read_parquet($parts)
        WHERE "EventID" = 1 AND "Provider_Name" = 'Microsoft-Windows-Kernel-General' AND {mine}
    )
    ORDER BY time, "EventRecordID" LIMIT 100000
"""
"""In two halves, for an `OR` is asked of rows only once they are unpacked: every process that Sysmon saw is event 1."""


MINE = "evidence || source IN (SELECT unnest($mine))"
"""Rows of the host that is asked about, in parts that several hosts share."""


class Piece(NamedTuple):
    """What of one part is a host's: the rows of these sources, `whole` where there are no others in it."""

    path: str
    evidence: str
    sources: tuple[str, ...]
    whole: bool


class Measures:
    """Counts over the parts of one case. Use as a context manager."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._sql = duckdb.connect(":memory:", config={"threads": 1, "memory_limit": MEMORY})
        self._sql.execute("SET enable_progress_bar = false; SET TimeZone = 'UTC'")

    def __enter__(self) -> "Measures":
        return self

    def __exit__(self, *raised: object) -> None:
        self._sql.close()

    def asked(self, parts: Sequence[Piece]) -> tuple[Asking, ...]:
        """Return who asked how much in these parts of `iis`, the busiest first."""
        rows = self.rows(ASKED, parts, most=MOST_ADDRESSES)
        names = ("address", "requests", "agents", "users", "probes", "forwarded")
        return tuple(
            Asking(**dict(zip(names, counts, strict=True)), first=_instant(first), last=_instant(last))
            for *counts, first, last in rows
        )

    def own(self, parts: Sequence[Piece]) -> frozenset[str]:
        """Return the addresses under which the server answered in these parts of `iis`."""
        return frozenset(row[0] for row in self.rows(OWN, parts))

    def used(self, parts: Sequence[Piece], pages: Iterable[str]) -> tuple[PageRow, ...]:
        """Return what was asked of these pages (paths of URLs in lower case) in these parts of `iis`."""
        wanted = sorted(set(pages))
        if not wanted:
            return ()
        return tuple(_used(row) for row in self.rows(USED, parts, pages=wanted, most=MOST_PAGES))

    def moved(self, parts: Sequence[Piece]) -> tuple[Moved, ...]:
        """Return when the clock was set by more than a minute, as these parts of `event` tell."""
        found = (_moved(time, pairs) for time, pairs in self.rows(CLOCK, parts))
        return tuple(one for one in found if one is not None and abs(one.after - one.before) >= MOVED)

    def rows(self, sql: str, parts: Sequence[Piece], **more: Any) -> list[tuple[Any, ...]]:
        """Ask a host's pieces of parts; `{mine}` in the SQL stands for what holds of its own rows."""
        if not parts:
            return []
        paths = [str(self._case.path(part.path)) for part in sorted(parts)]
        mixed = not all(part.whole for part in parts)
        mine = sorted({part.evidence + source for part in parts for source in part.sources}) if mixed else []
        given = {"parts": paths, **({"mine": mine} if mixed else {}), **more}
        return self._sql.execute(sql.format(mine=MINE if mixed else "true"), given).fetchall()


def _used(row: tuple[Any, ...]) -> PageRow:
    page, address, accounts, agents, requests, answered, methods, statuses, size, first, last = row
    return PageRow(
        page=page,
        address=address,
        accounts=tuple((accounts or [])[:20]),
        agents=tuple((agents or [])[:20]),
        requests=requests,
        answered=answered,
        methods=dict(sorted(methods.items())),
        statuses=dict(sorted(statuses.items())),
        bytes_out=None if size is None else int(size),
        first=_instant(first),
        last=_instant(last),
    )


def _moved(time: int | None, pairs: Iterable[dict[str, str]]) -> Moved | None:
    told = {pair["name"]: _written(pair["value"]) for pair in pairs or ()}
    at, after, before = _instant(time), told.get("NewTime"), told.get("OldTime") or told.get("PreviousTime")
    if at is None or after is None or before is None:
        return None
    return Moved(at=at, before=before, after=after)


def _instant(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def _written(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else None
