"""Rules written for logs, asked of lines that were carved out of memory."""

import pyarrow as pa
import pytest

from postvakt import detect
from postvakt.commands import readers
from postvakt.content import library
from postvakt.memory.carving import of_windows
from postvakt.memory.found import MEM_CARVED, MEM_YARA
from postvakt.memory.sweep import Row, Sweep
from postvakt.model.marks import Mark, Marks, RuleMarks
from postvakt.model.table import TableSpec
from postvakt.tables.rows import Rows, batches, schema
from tests.content.proofs import ROOT, plan
from tests.memory.carving import ECP, IIS, PROXY, REQUEST, at, found_by, windows


def batch(spec: TableSpec, rows: list[Row]) -> pa.RecordBatch:
    (told,) = batches(spec, [row.values for row in rows if row.table == spec.name])
    assert isinstance(told, Rows)
    assert told.batch.schema == schema(spec)
    return told.batch


def rule(slug):
    return library.parsed(library.text(library.beside(ROOT / "rules" / slug, "rule.yml"), slug))["id"]


@pytest.mark.parametrize(
    ("line", "slug"),
    [
        (PROXY, "ssrf-answered"),
        (PROXY, "ssrf-crafted-target"),
        (IIS, "iis-static-post-answered"),
        (ECP.replace("f/x", "f/<script language=JScript runat=server>eval(Request"), "ecp-vdir-script"),
        (REQUEST, "memory-forged-cookie"),
    ],
)
def test_a_rule_of_a_log_reaches_the_carved_line(line, slug):
    rows = list(Sweep(found_by()).rows(of_windows(windows(at(line.encode() + b"\r\n")))))
    matcher = detect.Matcher(plan(), list(readers.TABLES.values()))
    assert rule(slug) in {hit.rule for hit in matcher.match("mem_carved", batch(MEM_CARVED, rows))}


def test_nothing_is_left_over_that_has_no_column():
    everything = "\r\n".join((PROXY, IIS, ECP, REQUEST, "cmd.exe /c x", "http://203.0.113.9/a")).encode()
    rows = list(Sweep(found_by()).rows(of_windows(windows(at(everything)))))
    assert batch(MEM_CARVED, rows)["unmapped"].null_count == len(rows)


def test_a_match_of_content_is_told_by_its_rarest_pattern():
    data = at(b"needle" + b"hay" * 20)

    def finder(found):
        marks = tuple(Mark(703 + 3 * n, 3) for n in range(20))
        return Marks(rules=(RuleMarks("yara:finds", (("$hay", marks), ("$needle", (Mark(700, 6),)))),))

    sweep = Sweep(finder)
    rows = list(sweep.rows(of_windows(windows(data))))
    (row,) = batch(MEM_YARA, rows).to_pylist()
    assert (row["rule"], row["pattern"], row["text"], row["also"]) == (
        "yara:finds",
        "$needle",
        "needle",
        "$hay",
    )
    assert (row["physical"], row["process"], row["pid"]) == (0x10000 + 700, "unattributed", None)
    assert list(sweep.gaps()) == []


def test_a_stretch_that_was_not_finished_is_a_gap():
    sweep = Sweep(lambda data: Marks(fault="took too long"))
    assert list(sweep.rows(of_windows(windows(at(b"x"))))) == []
    (gap,) = sweep.gaps()
    assert (gap.why, gap.detail, gap.locator) == ("timed-out", "took too long", 0x10000)
