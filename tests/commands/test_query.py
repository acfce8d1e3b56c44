"""Questions in SQL over a case: the views, the saved ones, and what may not be asked."""

import csv
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from postvakt import content
from postvakt.commands import query
from postvakt.errors import UsageError
from postvakt.estate.memory import snapshots
from postvakt.model.hunt import Hunt
from postvakt.tables.views import VIEWS

from .cases import hand_in, server, triaged

HUNTS = content.load().hunts


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query")
    memory = snapshots.write(server("attacked"), folder)
    assert memory is not None
    files = (hand_in("attacked", folder, "EX01"), hand_in("clean", folder, "EX02"))
    triaged(folder / "case", *files, memory[0])
    return folder / "case"


def rows(written: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written.decode())))


def counted(case: Path, sql: str) -> int:
    return int(rows(query.query(case, f"select count(*) as n from ({sql})", "csv"))[0]["n"])


def test_every_dated_record_of_every_table_is_an_event(case: Path) -> None:
    tables = [row["name"] for row in rows(query.query(case, "select name from tables", "csv"))]
    dated = sum(
        counted(case, f'select 1 from "{name}" where time is not null')
        for name in tables
        if name not in VIEWS and name != "file"
    )
    assert dated == counted(case, "select 1 from events") > 1000


def test_every_row_of_a_view_says_whose_it_is(case: Path) -> None:
    for view in ("events", "web", "files", "registry"):
        found = rows(query.query(case, f"select host, count(*) as n from {view} group by host", "csv"))
        assert "" not in {row["host"] for row in found}, view
        assert len(found) == 2, view


def test_an_event_has_its_address_account_and_command_line(case: Path) -> None:
    for column in ("source.ip", "user.name", "url.path", "process.command_line", "registry.path"):
        assert counted(case, f'select 1 from events where "{column}" is not null'), column


def test_the_whole_address_of_a_request_is_there_though_no_part_holds_it(case: Path) -> None:
    both = '"cs-uri" = "cs-uri-stem" || \'?\' || "cs-uri-query"'
    queried = counted(case, 'select 1 from iis where "cs-uri-query" is not null')
    assert queried == counted(case, f"select 1 from iis where {both}") > 100
    bare = counted(case, 'select 1 from iis where "cs-uri-query" is null')
    assert (
        bare
        == counted(case, 'select 1 from iis where "cs-uri-query" is null and "cs-uri" = "cs-uri-stem"')
        > 10
    )
    parts = [pq.read_table(part, columns=["cs-uri"]) for part in case.glob("tables/iis/*/*.parquet")]
    assert sum(len(part) - part["cs-uri"].null_count for part in parts) == 0


@pytest.mark.parametrize("hunt", HUNTS, ids=[hunt.id for hunt in HUNTS])
def test_a_hunt_is_sound_and_answers(hunt: Hunt, case: Path) -> None:
    assert list(query.faults(hunt)) == []
    assert rows(query.hunt(case, hunt.id, "csv")), "it finds nothing on an attacked server"


def test_the_shell_is_among_the_rarest_pages(case: Path) -> None:
    first = rows(query.hunt(case, "rare-pages", "csv"))[:3]
    assert any("aspnet_client" in row["path"] or "/auth/" in row["path"] for row in first), first


@pytest.mark.parametrize(
    ("sql", "columns", "said"),
    [
        ("select 1 as one from nowhere", ("one",), "cannot be asked"),
        ("select 1 as one", ("two",), "the answer has one"),
    ],
)
def test_a_hunt_that_is_wrong_is_told(sql: str, columns: tuple[str, ...], said: str) -> None:
    hunt = Hunt(id="x", title="x", about="x", columns=columns, sql=sql)
    assert [said in fault for fault in query.faults(hunt)] == [True]


def test_what_is_asked_wrongly_names_what_is_there(case: Path) -> None:
    with pytest.raises(UsageError, match="rare-pages"):
        query.hunt(case, "no-such-hunt", "csv")
    with pytest.raises(UsageError, match="cannot be asked"):
        query.query(case, "select * from read_csv('/etc/passwd')", "csv")
