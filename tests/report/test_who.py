"""Who it may have been, as each form tells it."""

import re

import pytest

from postvakt import report
from postvakt.model.hypothesis import AttributionRow, HypothesisRow, Weighed
from postvakt.report import console
from tests.report import values

MARK = Weighed(
    mark="m",
    title="Mail is exported by <b>a script</b>",
    kind="behaviour",
    side="for",
    points=8.0,
    how="8 × 1 (confirmed) / 1 that show it = 8",
    source="Microsoft, confirmed",
    findings=("abc",),
)
BLIND = Weighed(
    mark="n", title="PowerCat", kind="tool", side="not-visible", points=0.0, how="0: none of x was read"
)


def row(actor="hafnium", **changed):
    plain = {
        "actor": actor,
        "title": actor.title(),
        "standing": "possible",
        "points": 8.0,
        "weighed": (MARK, BLIND),
        "told": ("Shown by nobody else that is known: mail.",),
    }
    return HypothesisRow(**{**plain, **changed})


WHOLE = AttributionRow(
    standing="possible",
    actors=("hafnium",),
    told=("Resembles Hafnium (8 points); insufficient to say more.",),
    others=21,
)
PARTY = AttributionRow(
    standing="insufficient",
    actors=(),
    told=("No mark of any of 23 actors stands in what was read.",),
    others=23,
    party="p1",
    addresses=("203.0.113.7",),
)
MADE = values.report(values.host(hypotheses=(row(), row("tick", party="p1")), attribution=(WHOLE, PARTY)))


def told(form, made=MADE):
    return report.FORMATS[form].render(made).decode()


def test_html_shows_the_sum_with_its_arithmetic_and_what_was_not_visible():
    page = told("html")
    assert "Who it may have been" in page
    assert "8 × 1 (confirmed) / 1 that show it = 8" in page
    assert "not visible" in page
    assert "<b>a script</b>" not in page
    assert "21 other actors held against it" in page


def test_html_tells_each_party_with_its_own_hypotheses():
    page = told("html")
    whole, party = page.index("Hafnium: possible"), page.index("The party from 203.0.113.7")
    assert whole < party < page.index("Tick: possible")


def test_markdown_is_a_short_paragraph_per_conclusion():
    lines = [
        line for line in told("md").splitlines() if "esembles Hafnium" in line or "No mark of any" in line
    ]
    assert lines[0].startswith("**Who it may have been.** Resembles Hafnium")
    assert lines[1].startswith("The party from `203.0.113.7`: ")
    assert len(lines) == 2


def test_console_says_it_in_one_line():
    lines = console.render(MADE, 100).splitlines()
    assert sum("Resembles Hafnium" in line for line in lines) == 1
    assert not any("No mark of any" in line for line in lines)


def test_json_holds_every_mark_weighed():
    assert report.parse(told("json").encode()) == MADE


@pytest.mark.parametrize("form", ["html", "md"])
def test_a_host_without_an_argument_has_no_heading(form):
    assert not re.search("Who it may have been", told(form, values.report(values.CLEAR)))
