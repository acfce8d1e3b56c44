"""Settings as they are read from parts: the latest where there are too many, and then none counts as read whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from postvakt import artifacts
from postvakt.model.mitigation import Observed
from postvakt.tables import settings
from postvakt.tables.case import Case
from postvakt.tables.measures import Measures, Piece
from postvakt.tables.rows import schema

BEGUN = datetime(2022, 10, 1, tzinfo=UTC)


def observed(folder: Path, table: str, *rows: dict[str, Any]) -> list[Observed]:
    case, path = Case(folder), f"tables/{table}/e/p.parquet"
    target = schema(artifacts.TABLES[table], stamped=True)
    made = [{"evidence": "e", "source": "a", "locator": n, **row} for n, row in enumerate(rows)]
    with case.part(path, target) as out:
        out.write(pa.RecordBatch.from_pylist(made, schema=target))
    with Measures(case) as measures:
        return list(settings.observed(measures, {table: [Piece(path, "e", ("a",), whole=True)]}))


def events(*words: str) -> list[dict[str, Any]]:
    return [
        {
            "time": BEGUN + timedelta(hours=n),
            "EventID": 1005,
            "Provider_Name": "MSExchange Mitigation Service",
            "EventData": [{"name": None, "value": word}],
        }
        for n, word in enumerate(words)
    ]


def test_the_latest_are_kept_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MOST_ROWS", 2)
    found = observed(tmp_path, "event", *events("M1 applied", "M1 failed", "M1 was removed"))
    assert [(one.value, one.whole) for one in found] == [("M1 failed", False), ("M1 was removed", False)]


def test_as_many_as_may_be_are_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MOST_ROWS", 2)
    assert [one.whole for one in observed(tmp_path, "event", *events("M1 applied", "M1 failed"))] == [
        True,
        True,
    ]


def test_where_rows_are_left_no_configuration_was_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "MOST_ROWS", 2)
    rules = [{"kind": "rewrite_inbound", "element": "rule", "name": f"rule {n}"} for n in range(3)]
    assert [one.whole for one in observed(tmp_path, "iis_config", *rules)] == [False, False]
