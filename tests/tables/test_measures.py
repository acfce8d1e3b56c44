"""Counts over whole tables: who asked how much, what a page was asked for, when the clock was set."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from postvakt import artifacts
from postvakt.tables.case import Case
from postvakt.tables.measures import Measures, Piece
from postvakt.tables.rows import schema

BEGUN = datetime(2021, 3, 3, 4, 0, tzinfo=UTC)
ONE, OTHER = "203.0.113.7", "192.0.2.5"
PAGE = "/aspnet_client/discover.aspx"


def request(minute: int = 0, **told: Any) -> dict[str, Any]:
    made = {"c-ip": ONE, "s-ip": "192.0.2.10", "cs-method": "POST", "cs-uri-stem": PAGE, "sc-status": 200}
    return {"time": BEGUN + timedelta(minutes=minute), "locator": minute, **made, **told}


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.fixture
def measures(case: Case) -> Iterator[Measures]:
    with Measures(case) as made:
        yield made


def part(case: Case, table: str, *rows: dict[str, Any]) -> list[Piece]:
    """Write rows as a part and return where it lies."""
    target = schema(artifacts.TABLES[table], stamped=True)
    stamped = [{"evidence": "e", "source": "a.log", **row} for row in rows]
    with case.part(f"tables/{table}/e/p.parquet", target) as out:
        out.write(pa.RecordBatch.from_pylist(stamped, schema=target))
    return [Piece(f"tables/{table}/e/p.parquet", "e", ("a.log",), whole=True)]


def test_who_asked_how_much(case: Case, measures: Measures) -> None:
    rows = [
        request(0, **{"cs(User-Agent)": "curl", "cs-username": "CORP\\ana"}),
        request(5, **{"cs(User-Agent)": "probe AMProbe", "cs-username": "-"}),
        request(9, **{"c-ip": OTHER, "X-Forwarded-For": [ONE, OTHER]}),
    ]
    told = measures.asked(part(case, "iis", *rows))
    assert [(t.address, t.requests, t.agents, t.users, t.probes, t.forwarded) for t in told] == [
        (ONE, 2, 2, 1, 1, 0),
        (OTHER, 1, 1, 0, 0, 1),
    ]
    assert (told[0].first, told[0].last) == (BEGUN, BEGUN + timedelta(minutes=5))


def test_rows_of_another_host_in_the_same_part_are_not_counted(case: Case, measures: Measures) -> None:
    [shared] = part(case, "iis", request(0), request(1, source="b.log"), request(2, source="b.log"))
    assert [told.requests for told in measures.asked([shared])] == [3]
    for source, counted in (("a.log", 1), ("b.log", 2)):
        mine = [shared._replace(sources=(source,), whole=False)]
        assert [told.requests for told in measures.asked(mine)] == [counted]
        assert [row.requests for row in measures.used(mine, [PAGE])] == [counted]


def test_under_which_address_the_server_answered(case: Case, measures: Measures) -> None:
    assert measures.own(part(case, "iis", request(), request(**{"s-ip": None}))) == {"192.0.2.10"}


def test_what_a_page_was_asked_for(case: Case, measures: Measures) -> None:
    rows = [
        request(0, **{"sc-bytes": 100, "cs-username": "CORP\\ana", "cs(User-Agent)": "curl"}),
        request(2, **{"cs-method": "GET", "sc-status": 404, "sc-bytes": 7, "cs-uri-stem": PAGE.upper()}),
        request(3, **{"c-ip": OTHER, "X-Forwarded-For": [ONE], "sc-bytes": None}),
        request(4, **{"c-ip": OTHER, "sc-status": 302}),
        request(5, **{"cs-uri-stem": "/owa/"}),
    ]
    told = measures.used(part(case, "iis", *rows), [PAGE])
    assert [
        (t.page, t.address, t.requests, t.answered, t.methods, t.statuses, t.bytes_out) for t in told
    ] == [
        (PAGE, ONE, 3, 2, {"GET": 1, "POST": 2}, {"200": 2, "404": 1}, 107),
        (PAGE, OTHER, 1, 0, {"POST": 1}, {"302": 1}, None),
    ]
    assert (told[0].accounts, told[0].agents) == (("CORP\\ana",), ("curl",))


def test_nothing_is_counted_where_nothing_was_read(measures: Measures) -> None:
    assert (measures.asked([]), measures.used([], [PAGE]), measures.moved([])) == ((), (), ())


def clock(event: int, provider: str, before: str, after: str, names: tuple[str, str]) -> dict[str, Any]:
    pairs = [{"name": name, "value": value} for name, value in zip(names, (before, after), strict=True)]
    return {"time": BEGUN, "locator": 1, "EventID": event, "Provider_Name": provider, "EventData": pairs}


@pytest.mark.parametrize(
    ("event", "provider", "names", "after", "found"),
    [
        (4616, "Microsoft-Windows-Security-Auditing", ("PreviousTime", "NewTime"), "2021-03-03T05:00:00Z", 1),
        (1, "Microsoft-Windows-Kernel-General", ("OldTime", "NewTime"), "2021-03-03T03:00:00.123456Z", 1),
        (1, "Microsoft-Windows-Kernel-General", ("OldTime", "NewTime"), "2021-03-03T04:00:59Z", 0),
        (1, "Another", ("OldTime", "NewTime"), "2021-03-03T05:00:00Z", 0),
        (1, "Microsoft-Windows-Kernel-General", ("OldTime", "NewTime"), "not a time", 0),
    ],
)
def test_when_the_clock_was_set(
    case: Case, measures: Measures, event: int, provider: str, names: tuple[str, str], after: str, found: int
) -> None:
    row = clock(event, provider, "2021-03-03T04:00:00Z", after, names)
    told = measures.moved(part(case, "event", row))
    assert len(told) == found
    assert all(one.before == BEGUN for one in told)
