"""The report as one table for a spreadsheet: a row for each verdict, gap, question, finding's sample, and more.

`row` tells what a row is: verdict, gap, question, finding, then of the whole case evidence and not-asked. A finding
of which eight records are kept is eight rows with the same id; `count` is the finding's. A host on which nothing was
found still has its verdict row: no row would look like nothing to say.

The file begins with a byte order mark and has CRLF line ends, because the spreadsheets of Windows read
UTF-8 rightly only so; programs should read the JSON. Every cell is quoted. A cell that a spreadsheet would
take for a formula begins with an apostrophe.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping

from postvakt.model.report import EvidenceRow, FindingRow, GapRow, HostRow, QuestionRow, Report, Sample
from postvakt.model.rule import NotAsked
from postvakt.report.text import cut, spelled
from postvakt.report.times import machine
from postvakt.report.words import QUESTION_ANSWERS, WHYS, gravest_first, headline

COLUMNS = (
    "host", "row", "outcome", "grade", "id", "title", "level", "confidence", "stage", "count", "first", "last",
    "table", "time", "source", "locator", "record", "why", "techniques", "cves", "rule", "origin",
)  # fmt: skip

CELL = 30_000
"""Characters of a cell; a spreadsheet holds 32,767."""

_SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫−"
# Some spreadsheets drop what cannot be seen and quotes before they look for the sign.
_STARTS_FORMULA = re.compile(f"[\\s\\x00\\ufeff\\u200b\"'“”‘’`´]*[{_SIGNS}]|[\t\r\n]")
# Where the list separator is a semicolon, a spreadsheet breaks our cell there and a formula may begin.
_FORMULA_INSIDE = re.compile(f"(;[\"'\\s]*)(?=[{_SIGNS}])")

Row = Mapping[str, str]


def render(report: Report) -> bytes:
    """Return the table as UTF-8 with a byte order mark."""
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, COLUMNS, restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    for host in gravest_first(report.hosts):
        writer.writerows(_rows(host))
    writer.writerows(_cells(_evidence(item)) for item in report.evidence)
    writer.writerows(_cells(_not_asked(rule)) for rule in report.rules.not_asked)
    return b"\xef\xbb\xbf" + written.getvalue().encode("utf-8")


def cell(value: str) -> str:
    """Return text that a spreadsheet shows and never runs."""
    if value.isascii() and value.isalnum() and len(value) <= CELL:
        return value
    kept, more = cut(value, CELL)
    told = _FORMULA_INSIDE.sub(r"\1'", spelled(kept)) + (f" … {more:,} more characters" if more else "")
    return f"'{told}" if _STARTS_FORMULA.match(value) else told


def _cells(row: Row) -> Row:
    return {name: cell(value) for name, value in row.items()}


def _rows(host: HostRow) -> Iterator[Row]:
    of_host = _cells({"host": host.host, "outcome": host.verdict.outcome})
    yield {**of_host, **_cells(_verdict(host))}
    for gap in host.gaps:
        yield {**of_host, **_cells(_gap(gap))}
    for question in host.questions:
        yield {**of_host, **_cells(_question(question))}
    for finding in host.findings:
        of_finding = {**of_host, **_cells(_finding(finding))}
        for sample in finding.sample:
            yield {**of_finding, **_cells(_sample(sample))}
        if not finding.sample:
            yield of_finding


def _verdict(host: HostRow) -> Row:
    return {
        "row": "verdict",
        "grade": host.verdict.grade,
        "title": headline(host),
        "count": str(len(host.findings)),
        "first": machine(host.verdict.since) if host.verdict.since else "",
        "why": "; ".join(host.verdict.because),
    }


def _gap(gap: GapRow) -> Row:
    return {
        "row": "gap",
        "id": gap.id,
        "title": f"{gap.artifact}: {WHYS[gap.why]}",
        "count": str(gap.count),
        "table": gap.artifact,
        "source": gap.source,
        "locator": "" if gap.locator is None else str(gap.locator),
        "why": gap.detail,
    }


def _question(question: QuestionRow) -> Row:
    return {
        "row": "question",
        "grade": "mandatory" if question.mandatory else "",
        "id": question.id,
        "title": f"{question.asks} {QUESTION_ANSWERS[question.answer]}",
        "first": machine(question.since) if question.since else "",
        "why": question.basis,
    }


def _finding(finding: FindingRow) -> Row:
    return {
        "row": "finding",
        "id": finding.id,
        "title": finding.title,
        "level": finding.level,
        "confidence": finding.confidence,
        "stage": finding.stage,
        "count": str(finding.count),
        "first": machine(finding.first) if finding.first else "",
        "last": machine(finding.last) if finding.last else "",
        "why": finding.explain,
        "techniques": " ".join(finding.techniques),
        "cves": " ".join(finding.cves),
        "rule": finding.rule,
        "origin": finding.origin,
    }


def _sample(sample: Sample) -> Row:
    fields = " | ".join(f"{name}={value}" for name, value in sample.fields.items())
    return {
        "table": sample.table,
        "time": machine(sample.time) if sample.time else "",
        "source": sample.source,
        "locator": f"{sample.locator_kind} {sample.locator}",
        "record": fields,
    } | ({"why": sample.detail} if sample.detail else {})


def _evidence(item: EvidenceRow) -> Row:
    return {
        "host": item.host,
        "row": "evidence",
        "id": item.id,
        "title": item.recognised_as or item.kind,
        "count": str(item.gaps),
        "source": item.path,
        "record": f"sha256 {item.sha256}, {item.bytes} bytes, {item.members} files, {item.relevant} relevant",
    }


def _not_asked(rule: NotAsked) -> Row:
    return {
        "row": "not-asked",
        "rule": rule.rule,
        "title": rule.title,
        "source": rule.path,
        "why": rule.reason,
    }
