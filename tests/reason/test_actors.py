"""Who did what: traces given to the parties that left them, each by what it shares with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postvakt.model.story import Trace
from postvakt.reason import actors

BEGUN = datetime(2021, 3, 3, 4, 0, tzinfo=UTC)
ONE, OTHER, BALANCER = "203.0.113.7", "198.51.100.9", "192.0.2.5"
PAGE = "c:/inetpub/wwwroot/aspnet_client/discover.aspx"


def trace(minute: float | None = 0, **told: Any) -> Trace:
    """A trace so many minutes after the beginning; None: without a time."""
    time = None if minute is None else BEGUN + timedelta(minutes=minute)
    made = {"rule": "r", "table": "t", "evidence": "e", "source": "s", "locator": 1, "time": time}
    return Trace(**(made | told))


def given(*traces: Trace, hidden: tuple[str, ...] = ()) -> list[tuple[str, list[tuple[int, str]]]]:
    """The parties: address, and the locators of their traces with what gave them there."""
    return [
        (party.address, [(placed.trace.locator, placed.by) for placed in party.placed])
        for party in actors.parties(traces, hidden)
    ]


def test_an_address_is_a_party() -> None:
    assert given(
        trace(3, locator=1, address=OTHER), trace(1, locator=2, address=ONE), trace(2, locator=3, address=ONE)
    ) == [(ONE, [(2, ""), (3, "")]), (OTHER, [(1, "")])]


@pytest.mark.parametrize(
    ("loose", "by"),
    [
        (trace(90, locator=2, request="q1"), "the same request"),
        (trace(4, locator=2), "the same minutes"),
        (trace(4, locator=2, path=PAGE), "the same page"),
        (trace(6000, locator=2, path=PAGE), "the same page"),
        (trace(None, locator=2, path=PAGE), "the same page"),
    ],
)
def test_what_has_no_address_goes_where_it_shares_something(loose: Trace, by: str) -> None:
    asked = trace(0, locator=1, address=ONE, request="q1", path="/aspnet_client/discover.aspx")
    far = trace(-5000, locator=3, address=OTHER)
    assert given(asked, loose, far) == [(OTHER, [(3, "")]), (ONE, [(1, ""), (2, by)])]


def test_what_shares_nothing_leads_to_nobody() -> None:
    found = given(trace(0, locator=1, address=ONE), trace(6, locator=2), trace(None, locator=3))
    assert found == [(ONE, [(1, "")]), ("", [(2, ""), (3, "")])]


def test_the_page_of_the_same_minutes_is_stronger_than_the_minutes() -> None:
    by_page = trace(0, locator=1, address=ONE, path="/aspnet_client/discover.aspx")
    nearer = trace(2, locator=2, address=OTHER)
    assert given(by_page, nearer, trace(2, locator=3, path=PAGE))[0] == (ONE, [(1, ""), (3, "the same page")])


def test_a_page_that_is_used_by_another_much_later_stays_with_its_writer() -> None:
    wrote = trace(0, locator=1, address=ONE)
    used = trace(9000, locator=2, address=OTHER, path="/aspnet_client/discover.aspx")
    file = trace(1, locator=3, path=PAGE)
    assert given(wrote, used, file) == [(ONE, [(1, ""), (3, "the same minutes")]), (OTHER, [(2, "")])]


def test_a_program_goes_with_the_program_that_started_it() -> None:
    asked = trace(0, locator=1, address=ONE)
    shell = trace(1, locator=2, process="p1", parent="p0")
    dump = trace(700, locator=3, process="p2", parent="p1")
    child = trace(1400, locator=4, process="p3", parent="p2")
    assert given(asked, shell, dump, child) == [
        (ONE, [(1, ""), (2, "the same minutes"), (3, "the same process"), (4, "the same process")])
    ]


def test_behind_a_balancer_is_whom_it_names() -> None:
    named = trace(0, locator=1, address=BALANCER, forwarded=ONE)
    unnamed = trace(600, locator=2, address=BALANCER)
    assert given(named, unnamed, hidden=(BALANCER,)) == [(ONE, [(1, "")]), ("", [(2, "")])]
    assert given(unnamed) == [(BALANCER, [(2, "")])]


def test_half_a_day_of_silence_ends_a_visit() -> None:
    placed = [actors.Placed(trace(minute)) for minute in (0, 700, 1500, None)]
    found = actors.visits([*placed, actors.Placed(trace(9999), "the same page")])
    assert [(first, last, count) for first, last, count in found] == [
        (BEGUN, BEGUN + timedelta(minutes=700), 2),
        (BEGUN + timedelta(minutes=1500), BEGUN + timedelta(minutes=1500), 1),
    ]


def test_the_order_of_the_traces_changes_nothing() -> None:
    traces = [
        trace(0, locator=1, address=ONE, request="q"),
        trace(0, locator=2, request="q"),
        trace(3, locator=3),
        trace(3, locator=4, address=OTHER),
        trace(None, locator=5, path=PAGE),
    ]
    assert given(*traces) == given(*reversed(traces))


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (PAGE, {"/aspnet_client/discover.aspx"}),
        (
            "c:/program files/microsoft/exchange server/v15/frontend/httpproxy/owa/auth/x.aspx",
            {"/owa/auth/x.aspx"},
        ),
        ("/owa/auth/x.aspx", {"/owa/auth/x.aspx"}),
        ("c:/windows/temp/x.aspx", set()),
        ("c:/inetpub/wwwroot/iisstart.png", set()),
    ],
)
def test_the_url_of_a_script_on_disk(path: str, url: set[str]) -> None:
    assert actors.asked_for([trace(0, path=path)]) == url
