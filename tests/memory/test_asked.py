"""Rules written for process creation, image loads and connections, asked of memory."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from postvakt.artifacts import TABLES
from postvakt.detect import Matcher, RuleText, compile_plan
from postvakt.memory.tables import MEM_MODULE, MEM_NETCONN, MEM_PROCESS, MEM_REGION
from postvakt.memory.tables import TABLES as MEMORY
from postvakt.tables.rows import schema
from tests.memory.reading import Told
from tests.memory.windows import exchange

EVERY = [*TABLES.values(), *MEMORY]
RULES = Path(__file__).parents[2] / "src" / "postvakt" / "content" / "rules"
BY_NAME = {spec.name: spec for spec in MEMORY}


def sigma(category: str, detection: str) -> str:
    return (
        "title: a rule\nid: 00000000-0000-4000-8000-000000000001\n"
        f"logsource: {{product: windows, {category}}}\ndetection:\n  s:\n    {detection}\n  condition: s\n"
    )


def matched(text: str, rows: dict[str, list[dict[str, Any]]]) -> list[tuple[str, int]]:
    """Return (table, row) of what a rule matches."""
    plan = compile_plan([RuleText(path="rule", text=text, origin="pack")], [], [], EVERY)
    assert plan.rules
    matcher = Matcher(plan, EVERY)
    hits = []
    for table, told in rows.items():
        batch = pa.RecordBatch.from_pylist(told, schema=schema(BY_NAME[table]))
        hits += [(table, hit.row) for hit in matcher.match(table, batch)]
    return hits


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, list[dict[str, Any]]]:
    return Told(exchange().save(tmp_path / "image.raw")).rows


def test_our_own_rule_of_a_web_server_that_started_a_shell(rows: dict[str, list[dict[str, Any]]]) -> None:
    text = (RULES / "web-server-started-shell" / "rule.yml").read_text()
    (hit,) = matched(text, rows)
    assert (hit[0], rows[hit[0]][hit[1]]["ProcessId"]) == ("mem_process", 5120)


@pytest.mark.parametrize(
    ("category", "detection", "table"),
    [
        ("category: process_creation", "ParentImage|endswith: '\\w3wp.exe'", "mem_process"),
        ("category: process_creation", "ParentCommandLine|contains: MSExchangeOWAAppPool", "mem_process"),
        ("category: image_load", "ImageLoaded|contains: '\\App_Web_'", "mem_module"),
        ("service: mem_module", "flags: compiled", "mem_module"),
        ("service: mem_region", "flags: private-executable", "mem_region"),
        ("service: mem_region", "protection: EXECUTE_READWRITE", "mem_region"),
    ],
)
def test_rules_over_memory(
    category: str, detection: str, table: str, rows: dict[str, list[dict[str, Any]]]
) -> None:
    assert [hit[0] for hit in matched(sigma(category, detection), rows)] == [table]


def test_indicators_reach_what_they_are_of() -> None:
    assert MEM_NETCONN.of_kind("ip") == ("SourceIp", "DestinationIp")
    assert "Image" in MEM_PROCESS.of_kind("file_path")
    assert MEM_PROCESS.of_kind("command_line") == ("CommandLine", "ParentCommandLine")
    assert MEM_MODULE.of_kind("file_name") == ("name",)
    assert MEM_REGION.of_kind("hash") == ("sha256",)


def test_a_name_has_one_type_and_kind_across_tables() -> None:
    seen: dict[str, tuple[str, str]] = {}
    for spec in MEMORY:
        for column in spec.columns:
            assert seen.setdefault(column.name, (column.type, column.kind)) == (column.type, column.kind), (
                column.name
            )
