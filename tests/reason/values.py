"""Small values to reason over, so that each test says only what it is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from postvakt.model.clock import HOUR_MICROS, micros
from postvakt.model.report import CoverageRow, FindingRow, Hole, Window
from postvakt.model.table import TableSpec
from postvakt.model.task import Span

START = datetime(2021, 1, 1, tzinfo=UTC)
END = datetime(2021, 3, 12, tzinfo=UTC)
WINDOW = Window(START, END)
HOURLY = TableSpec(name="http_proxy", title="t", columns=(), locator="line", quiet_hours=1)
NUMBERED = TableSpec(name="event", title="t", columns=(), locator="offset", sequence="EventRecordID")
SPECS = {spec.name: spec for spec in (HOURLY, NUMBERED)}


def span(table: str, hours: list[datetime], **given: Any) -> Span:
    """One source that has a record in each of these hours."""
    counted = {str(micros(hour) // HOUR_MICROS): 1 for hour in hours}
    plain: dict[str, Any] = {
        "split": "",
        "source": f"{table}.log",
        "evidence": "e",
        "records": len(hours),
        "bytes": 10,
        "first": micros(min(hours)) if hours else None,
        "last": micros(max(hours)) if hours else None,
        "hours": counted,
    }
    return Span(table=table, **{**plain, **given})


def hourly(start: datetime, end: datetime) -> list[datetime]:
    """Every full hour from `start` to `end`."""
    return [start + timedelta(hours=n) for n in range(int((end - start) / timedelta(hours=1)) + 1)]


def covered(
    artifact: str, first: datetime | None = START, last: datetime | None = END, **given: Any
) -> CoverageRow:
    """A row of coverage without holes."""
    plain: dict[str, Any] = {
        "files": 1,
        "bytes": 1,
        "records": 100,
        "undated": 0,
        "first": first,
        "last": last,
        "holes": (),
    }
    return CoverageRow(artifact=artifact, **{**plain, **given})


def finding(stage: str, **given: Any) -> FindingRow:
    """A finding of one stage."""
    plain: dict[str, Any] = {
        "id": f"id-{stage}",
        "rule": f"rule-{stage}",
        "kind": "sigma",
        "title": f"Title {stage}",
        "level": "high",
        "confidence": "high",
        "techniques": (),
        "cves": (),
        "count": 1,
        "undated": 0,
        "first": datetime(2021, 3, 1, tzinfo=UTC),
        "last": datetime(2021, 3, 1, tzinfo=UTC),
        "sample": (),
        "explain": "",
        "means": "",
        "benign": "",
        "next": "",
        "origin": "own",
    }
    return FindingRow(stage=stage, **{**plain, **given})


def hole(first_day: int, last_day: int) -> Hole:
    """A hole between two days of February 2021."""
    return Hole(datetime(2021, 2, first_day, tzinfo=UTC), datetime(2021, 2, last_day, tzinfo=UTC))
