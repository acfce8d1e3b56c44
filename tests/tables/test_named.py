"""Which servers the tables of a case name: counted, with the first place, and never what an attacker typed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from postvakt import artifacts
from postvakt.model.inventory import Naming
from postvakt.tables.case import Case
from postvakt.tables.named import Named
from postvakt.tables.rows import schema

BEGUN = datetime(2021, 3, 3, 4, 0, tzinfo=UTC)
TARGET = "TargetServer of HttpProxy logs of EX01"


def named(folder: Path, table: str, *rows: dict[str, Any]) -> list[Naming]:
    """What the logs say when these rows of a table are the whole case, all of EX01."""
    case, path = Case(folder), f"tables/{table}/e/p.parquet"
    target = schema(artifacts.TABLES[table], stamped=True)
    made = [
        {"time": BEGUN + timedelta(minutes=n), "locator": n + 1, "evidence": "e", "source": "a.log", **row}
        for n, row in enumerate(rows)
    ]
    with case.part(path, target) as out:
        out.write(pa.RecordBatch.from_pylist(made, schema=target))
    with Named(case, {table: [path]}, [("e", "a.log", "EX01")]) as tables:
        return [word for word in tables.logs() if not word.own]


def test_a_target_is_counted_with_its_version_and_first_place(tmp_path: Path) -> None:
    row = {"TargetServer": "ex02.corp.example", "TargetServerVersion": "Version 15.1 (Build 2106.0)"}
    (word,) = named(tmp_path, "http_proxy", row, row)
    assert (word.says, word.names, word.count, word.build) == (TARGET, ("ex02.corp.example",), 2, "15.1.2106")
    assert (word.exchange, word.by, word.places) == ("yes", "EX01", ("a.log, 1",))
    assert (word.first, word.last) == (BEGUN, BEGUN + timedelta(minutes=1))


@pytest.mark.parametrize(
    "row",
    [
        {"TargetServer": "evil.example", "AnchorMailbox": "ServerInfo~a]@evil.example:444/ecp/x?#"},
        {"TargetServer": "evil.example", "AnchorMailbox": "serverinfo~evil.example/owa/"},
        {"TargetServer": "a]@evil.example:444"},
        {"TargetServer": "=cmd|'/c calc'!A1"},
        {"TargetServer": ""},
        {"TargetServer": None},
    ],
)
def test_what_an_attacker_typed_names_nobody(tmp_path: Path, row: dict[str, Any]) -> None:
    assert named(tmp_path, "http_proxy", row) == []


def test_a_target_without_a_version_is_only_likely_exchange(tmp_path: Path) -> None:
    row = {"TargetServer": "ex02.corp.example", "AnchorMailbox": "ServerInfo~ex02.corp.example"}
    assert [word.exchange for word in named(tmp_path, "http_proxy", row)] == ["likely"]


def test_a_back_end_cookie(tmp_path: Path) -> None:
    cookie = "Server~ex03.corp.example~1942063066~2021-03-03T04:05:06Z"
    (word,) = named(tmp_path, "http_proxy", {"BackEndCookie": cookie})
    assert (word.names, word.exchange) == (("ex03.corp.example",), "likely")


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ({"event-id": "DELIVER", "server-hostname": "ex06.corp.example"}, ["ex06.corp.example"]),
        ({"event-id": "RECEIVE", "connector-id": "EX02\\Default EX02"}, ["EX02"]),
        (
            {
                "event-id": "SEND",
                "connector-id": "Intra-Organization SMTP Send Connector",
                "server-hostname": "ex04",
            },
            ["ex04"],
        ),
        ({"event-id": "SEND", "connector-id": "Internet", "server-hostname": "mx.other.example"}, []),
        ({"event-id": "RECEIVE", "client-hostname": "mx.other.example"}, []),
        ({"event-id": "RECEIVE", "message-source": "SMTP", "client-hostname": "ex07.corp.example"}, []),
        ({"event-id": "DELIVER", "message-source": "SMTP", "client-hostname": "ex07.corp.example"}, []),
        (
            {"event-id": "SUBMIT", "message-source": "STOREDRIVER", "client-hostname": "ex07.corp.example"},
            ["ex07.corp.example"],
        ),
        (
            {"event-id": "DELIVER", "message-source": "STOREDRIVER", "client-hostname": "ex07.corp.example"},
            ["ex07.corp.example"],
        ),
        ({"event-id": "SUBMIT", "message-source": "STOREDRIVER", "client-hostname": "a]@x:443/#"}, []),
    ],
)
def test_messages_name_servers_of_the_organisation_alone(
    tmp_path: Path, row: dict[str, Any], names: list[str]
) -> None:
    assert [word.names[0] for word in named(tmp_path, "message_tracking", row)] == names


def test_nodes_of_a_cluster(tmp_path: Path) -> None:
    row = {
        "Provider_Name": "Microsoft-Windows-FailoverClustering",
        "EventData": [{"name": "NodeName", "value": "EX05"}],
    }
    (word,) = named(tmp_path, "event", row)
    assert (word.names, word.exchange) == (("EX05",), "unknown")


def test_a_case_without_such_tables_names_nobody(tmp_path: Path) -> None:
    with Named(Case(tmp_path), {}, []) as tables:
        assert (tables.logs(), tables.askers(), tables.listed()) == ([], {}, [])


def test_more_names_than_are_taken_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postvakt.tables.named.MOST_ASKERS", 1)
    monkeypatch.setattr("postvakt.tables.named.MOST_NAMES", 2)
    case, path = Case(tmp_path), "tables/http_proxy/e/p.parquet"
    target = schema(artifacts.TABLES["http_proxy"], stamped=True)
    place = {"evidence": "e", "source": "a.log"}
    rows = [{**place, "time": BEGUN, "locator": n, "TargetServer": f"ex0{n}"} for n in range(3)]
    with case.part(path, target) as out:
        out.write(pa.RecordBatch.from_pylist(rows, schema=target))
    with Named(case, {"http_proxy": [path]}, [("e", "a.log", "EX01")]) as tables:
        assert [word.names[0] for word in tables.logs()] == ["ex00", "ex01"]
        assert tables.limited == {"http_proxy": 2}
