"""Values that are made of a path and a query when they are asked for, beside the two as they stand."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.detect import Matcher, lanes, literals
from postvakt.detect.explain import explain
from postvakt.tables.rows import schema

from .asking import is_matched, matching, plan_of, sigma
from .tables import BY_NAME, TABLES

WEB = "{category: webserver}"
LETTERS = "ab?/Kä"
FIELDS = ("c-uri", "cs-uri", "cs-uri-query", "cs-uri-stem", "cs-username")
MODIFIERS = ("", "|contains", "|startswith", "|endswith", "|cased", "|re")


@pytest.fixture(autouse=True)
def _every_batch_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(literals, "MANY_VALUES", 0)
    monkeypatch.setattr(literals, "FEW_VALUES", 0)
    monkeypatch.setattr(lanes, "FEW_VALUES", 0)


def request(stem: str | None, query: str | None, whole: str | None = None) -> dict[str, Any]:
    return {"cs-uri-stem": stem, "cs-uri-query": query, "cs-uri": whole, "cs-username": "lars"}


ROWS = [
    request("/owa/auth.aspx", "cmd=dir"),
    request("/owa/auth.aspx", None),
    request(None, "auth.aspx?cmd=dir"),
    request(None, None),
    request("/other.aspx", "cmd=dir&auth.aspx"),
    request("/owa/auth.aspx", "cmd=dir", "/logged.aspx?x=1"),
]
SPANNING: list[tuple[str, list[int]]] = [
    ("selection:\n  c-uri|contains: auth.aspx?cmd=", [1, 0, 1, 0, 0, 0]),
    ("selection:\n  c-uri: /owa/auth.aspx", [0, 1, 0, 0, 0, 0]),
    ("selection:\n  c-uri|startswith: /other.aspx?cmd", [0, 0, 0, 0, 1, 0]),
    ("selection:\n  c-uri|endswith: =dir", [1, 0, 1, 0, 0, 0]),
    ("selection:\n  c-uri|re: aspx.cmd=dir$", [1, 0, 1, 0, 0, 0]),
    ("selection:\n  c-uri|exists: false", [0, 0, 0, 1, 0, 0]),
    ("selection:\n  c-uri: null", [0, 0, 0, 1, 0, 0]),
    ("selection:\n  cs-uri-query|startswith: /owa/", [1, 1, 0, 0, 0, 0]),
    ("selection:\n  cs-uri-query|startswith: cmd=", [1, 0, 0, 0, 1, 1]),
    ("selection:\n  c-uri|contains: logged.aspx", [0, 0, 0, 0, 0, 1]),
    ("keywords:\n  - 'aspx?cmd'", [1, 0, 1, 0, 1, 0]),
]


@pytest.mark.parametrize(("detection", "said"), SPANNING)
def test_a_rule_is_asked_of_path_and_query_as_one(detection: str, said: list[int]) -> None:
    name = detection.split(":")[0]
    literal = detection.replace("?", "\\?") if "|re" not in detection else detection
    plan = plan_of(sigma(f"{literal}\ncondition: {name}", WEB))
    assert is_matched(plan, "iis", *ROWS) == [bool(one) for one in said]


def test_a_match_is_explained_by_the_whole_value() -> None:
    plan = plan_of(sigma("selection:\n  c-uri|contains: 'auth.aspx\\?cmd='\ncondition: selection", WEB))
    told = explain(plan, plan.rules[0].id, BY_NAME["iis"], ROWS[0])
    assert told.matches
    assert "/owa/auth.aspx?cmd=dir" in told.summary


@pytest.mark.parametrize(("lacking", "found"), [("cs-uri-query", {0, 1, 4}), ("cs-uri-stem", {2, 4})])
def test_a_part_that_lacks_one_of_the_two_is_asked_all_the_same(lacking: str, found: set[int]) -> None:
    whole = pa.RecordBatch.from_pylist(ROWS[:5], schema=schema(BY_NAME["iis"]))
    plan = plan_of(sigma("selection:\n  c-uri|contains: aspx\ncondition: selection", WEB))
    hits = Matcher(plan, TABLES).match("iis", whole.drop_columns([lacking]))
    assert {hit.row for hit in hits} == found


TEXTS = st.text(LETTERS, min_size=1, max_size=7)
VALUES = st.one_of(st.none(), st.text(LETTERS, max_size=9))


@st.composite
def rules(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        field, modifier, text = (draw(st.sampled_from(FIELDS)), draw(st.sampled_from(MODIFIERS)), draw(TEXTS))
        written = text.replace("?", "\\?") if draw(st.booleans()) and modifier != "|re" else text
        lines.append(f"  {field}{modifier}: '{written if modifier != '|re' else written.replace('?', '.')}'")
    unlike = list(dict.fromkeys(line.split(":")[0] for line in lines))
    chosen = [next(line for line in lines if line.split(":")[0] == key) for key in unlike]
    condition = draw(st.sampled_from(("selection", "not selection")))
    return "selection:\n" + "\n".join(chosen) + f"\ncondition: {condition}"


@settings(max_examples=150, deadline=None)
@given(
    st.lists(rules(), min_size=1, max_size=4), st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=30)
)
def test_columns_and_rows_agree(detections: list[str], values: list[tuple[str | None, str | None]]) -> None:
    ids = (f"00000000-0000-4000-8000-{place:012d}" for place in range(len(detections)))
    plan = plan_of(*(sigma(detection, WEB, rule) for detection, rule in zip(detections, ids, strict=True)))
    # Asks both readers of a plan, and that they agree.
    matching(plan, "iis", [request(stem, query) for stem, query in values])
