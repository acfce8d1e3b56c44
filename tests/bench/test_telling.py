"""How figures are told: rows, ratios, versions, the page with its renewed tables, the chart."""

import xml.etree.ElementTree as ElementTree

import pytest
from bench.__main__ import numbers
from bench.chart import straightness, svg
from bench.measure import Cost, Failed
from bench.table import HEAD, cost_row, ratio, renewed, table

SVG = "{http://www.w3.org/2000/svg}"
BASE = Cost(2.0, 4.0, 50.4, 60.0, {"seconds": 1.0, "records": 1234})


def test_a_table() -> None:
    assert table([("name", "s"), ("evtx", "0.25"), ("a longer one", "1")]) == (
        "| name         | s    |\n"
        "|--------------|------|\n"
        "| evtx         | 0.25 |\n"
        "| a longer one | 1    |\n"
    )  # fmt: skip


@pytest.mark.parametrize(("one", "other", "told"), [(3.0, 2.0, "1.50"), (0.0, 2.0, "0.00"), (3.0, 0.0, "-")])
def test_ratios(one: float, other: float, told: str) -> None:
    assert ratio(one, other) == told


def test_rows_of_whole_processes_and_of_the_work_alone() -> None:
    found = Cost(6.0, 4.0, 100.0, 250.4, {"seconds": 4.5, "rows": 1_000_000})
    assert cost_row("x", found, BASE) == ("x", "6.00", "3.00", "4.00", "1.5", "100", "250", "rows 1,000,000")
    assert cost_row("x", found, BASE, work=True)[1:3] == ("4.50", "4.50")
    assert cost_row("x", found, None)[2] == "-"
    assert cost_row("x", found, Failed("base is gone"))[2] == "-"
    assert len(cost_row("x", found, BASE)) == len(HEAD)


def test_what_failed_is_a_row_that_says_why() -> None:
    row = cost_row("peer", Failed("ERROR: no wheel | for this"), BASE)
    assert row == ("peer", "-", "-", "-", "-", "-", "-", "ERROR: no wheel / for this")


def test_tables_are_renewed_and_all_else_is_kept() -> None:
    page = (
        "# Page\n\n<!-- bench: a -->\nold\n<!-- bench: end -->\n\nwords\n\n"
        "<!-- bench: b -->\n<!-- bench: end -->\nend\n"
    )
    made = renewed(page, {"a": "new \\1\n", "b": "first"})
    assert made == (
        "# Page\n\n<!-- bench: a -->\nnew \\1\n<!-- bench: end -->\n\nwords\n\n"
        "<!-- bench: b -->\nfirst\n<!-- bench: end -->\nend\n"
    )
    assert renewed(made, {"a": "new \\1", "b": "first"}) == made
    assert renewed("# Page\n", {"c": "third"}) == "# Page\n\n<!-- bench: c -->\nthird\n<!-- bench: end -->\n"


def test_a_chart_has_every_point_within_its_axes() -> None:
    drawn = svg("Cost & size", "MB", "s", {"one": [(1000, 72.0), (10, 2.0), (100, 9.0)], "none": []})
    root = ElementTree.fromstring(drawn)
    points = [(float(c.get("cx", "")), float(c.get("cy", ""))) for c in root.iter(f"{SVG}circle")]
    assert len(points) == 3
    assert points == sorted(points, key=lambda place: (place[0], -place[1])), (
        "more costs more: to the right and up"
    )
    assert all(70 <= x <= 490 and 40 <= y <= 270 for x, y in points)
    assert "Cost & size" in [text.text for text in root.iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([(1, 3), (10, 12), (100, 102)], 1.0),
        ([(100, 300), (1, 3), (10, 12)], 3.2),
        ([(1, 3), (10, 12)], 1.0),
    ],
)
def test_straightness(points: list[tuple[float, float]], expected: float) -> None:
    assert straightness(points) == pytest.approx(expected)


def test_numbers_of_a_list() -> None:
    assert numbers("10, 100,10240") == (10, 100, 10240)
