"""The matcher, which takes whole columns and every short cut, against `explain`, which takes none."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postvakt.detect import literals, matcher
from postvakt.detect.explain import explain
from postvakt.detect.matcher import Matcher
from postvakt.tables.rows import schema

from .random_rules import MAKERS

WAYS: dict[str, tuple[tuple[Any, str, int], ...]] = {
    "as it is": (),
    "candidates looked for ahead": (
        (literals, "MANY_VALUES", 0),
        (literals, "FEW_VALUES", 0),
        (literals, "WORTH_AN_AUTOMATON", 0),
        (literals._Marks, "STRETCH", 32),
    ),
    "long texts in chunks, nothing remembered": (
        (literals, "WORTH_AN_AUTOMATON", 0),
        (literals, "CHUNK", 1),
        (literals, "LONGEST_REMEMBERED", 0),
        (matcher, "MOST_REMEMBERED", -1),
    ),
}


@pytest.fixture(params=WAYS, scope="module")
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, value in WAYS[request.param]:
            patch.setattr(owner, name, value)
        yield request.param


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("table", MAKERS)
@settings(max_examples=250, deadline=None, derandomize=True, database=None)
@given(random=st.randoms(use_true_random=True))
def test_the_matcher_and_explain_agree_on_every_row(table: str, random: Random) -> None:
    spec, plan, rows = MAKERS[table](random)
    asked = Matcher(plan, [spec])
    whole = pa.RecordBatch.from_pylist(rows, schema=schema(spec))
    # A slice is what a part's batch can be; the third asks what the first has left remembered.
    for batch in (whole, whole.slice(1), whole):
        found = {(hit.row, hit.rule) for hit in asked.match(spec.name, batch)}
        told = {
            (place, rule.id)
            for place, row in enumerate(batch.to_pylist())
            for rule in plan.rules
            if explain(plan, rule.id, spec, row).matches
        }
        assert found == told
