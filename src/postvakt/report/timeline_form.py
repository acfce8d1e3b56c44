"""The dated rows of a case as JSON lines that Timesketch imports: matched rows, and the steps of each party.

Timesketch refuses a row without a time, so that rows without one are left out; the first row says how many they are.
Where a log begins, ends or has a hole stands in it as well: an empty stretch may be one that nobody could see.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.model.report import FindingRow, HostRow, Report, Sample
from postvakt.report.text import cut, encodable_in

FIELD = "row_"
"""What stands before a field's own name, so that no field of evidence takes the place of one of ours."""

MOST = 4000
"""Characters of one field: more cannot be searched there, and the report has the row."""


def render(report: Report) -> bytes:
    """Return one JSON object a line, by time, host and message.

    Every row has `message`, `datetime` (ISO 8601, UTC) and `timestamp_desc`. Acknowledged findings stand in it, tagged.
    """
    rows = [row for host in report.hosts for row in (*_records(host), *_steps(host), *_coverage(host))]
    rows.append(_window(report))
    rows.sort(key=lambda row: (row["datetime"], row["host"], row["message"], row.get("source_file", "")))
    return b"".join(msgspec.json.encode(encodable_in(row)) + b"\n" for row in rows)


def _records(host: HostRow) -> Iterator[dict[str, Any]]:
    for row in host.findings:
        for sample in row.sample:
            if sample.time is not None:
                yield _record(host, row, sample, sample.time)


def _record(host: HostRow, row: FindingRow, sample: Sample, time: datetime) -> dict[str, Any]:
    ours = {
        "message": f"{row.title}: {sample.source} {sample.locator_kind} {sample.locator}",
        "datetime": _iso(time),
        "timestamp_desc": f"Recorded in {sample.table}",
        "data_type": "postvakt:finding",
        "host": host.host,
        "finding": row.id,
        "rule": row.rule,
        "level": row.level,
        "stage": row.stage,
        "techniques": [technique.upper() for technique in row.techniques],
        "source_file": sample.source,
        "locator": f"{sample.locator_kind} {sample.locator}",
        "evidence": sample.evidence,
        "tag": ["postvakt", row.level, *(["acknowledged"] if row.acknowledged else [])],
    }
    fields = {f"{FIELD}{name}": cut(value, MOST)[0] for name, value in sample.fields.items()}
    return {**ours, **dict(sorted(fields.items()))}


def _steps(host: HostRow) -> Iterator[dict[str, Any]]:
    for actor in host.story.actors:
        whose = ", ".join(actor.addresses) or "nobody that can be named"
        for step in actor.steps:
            if step.first is None:
                continue
            yield {
                "message": f"{step.title} ({whose}), {step.traces} traces. {step.says}".rstrip(),
                "datetime": _iso(step.first),
                "timestamp_desc": "First trace of a step",
                "data_type": "postvakt:step",
                "host": host.host,
                "party": list(actor.addresses),
                "stage": step.stage,
                "findings": list(step.findings),
                "last": _iso(step.last or step.first),
                "tag": ["postvakt", "story"],
            }


def _coverage(host: HostRow) -> Iterator[dict[str, Any]]:
    for row in host.coverage:
        told = [
            (row.first, "First record", f"{row.artifact} begins: nothing of it was read before"),
            (row.last, "Last record", f"{row.artifact} ends: nothing of it was read after"),
            *(
                (h.first, "Begin of a hole", f"{row.artifact} is silent until {_iso(h.last)}")
                for h in row.holes
            ),
        ]
        for time, described, message in told:
            if time is not None:
                yield {
                    "message": message,
                    "datetime": _iso(time),
                    "timestamp_desc": described,
                    "data_type": "postvakt:coverage",
                    "host": host.host,
                    "artifact": row.artifact,
                    "tag": ["postvakt", "coverage"],
                }


def _window(report: Report) -> dict[str, Any]:
    undated = sum(
        sample.time is None for host in report.hosts for row in host.findings for sample in row.sample
    )
    hosts = (
        f"{len(report.hosts)} hosts"
        if report.hosts
        else "no host was recognised, which says nothing of any server"
    )
    return {
        "message": f"The time that is asked about begins: {hosts}; {undated} rows without a time are left out",
        "datetime": _iso(report.window.start),
        "timestamp_desc": "Begin of the window",
        "data_type": "postvakt:window",
        "host": "",
        "tag": ["postvakt", "coverage"],
    }


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
