"""Who is behind an address."""

from typing import Any

import pytest

from postvakt.model.story import Asking
from postvakt.reason.addresses import addresses

CLIENT = "203.0.113.7"


def asking(address: str = CLIENT, requests: int = 10, **told: Any) -> Asking:
    made = {"agents": 1, "users": 1, "probes": 0, "forwarded": 0, "first": None, "last": None}
    return Asking(address=address, requests=requests, **(made | told))


@pytest.mark.parametrize(
    ("row", "role"),
    [
        (asking(), "client"),
        (asking("127.0.0.1"), "self"),
        (asking("::1"), "self"),
        (asking("192.0.2.10"), "self"),
        (asking(forwarded=6), "balancer"),
        (asking(forwarded=5), "client"),
        (asking(requests=900, agents=40), "balancer"),
        (asking(requests=900, agents=2), "client"),
        (asking(requests=300, agents=40), "client"),
        (asking(probes=10), "probe"),
        (asking(requests=20, probes=19), "client"),
    ],
)
def test_who_is_behind_an_address(row: Asking, role: str) -> None:
    others = asking("198.51.100.1", 100)
    [found] = [r for r in addresses([row, others], frozenset(["192.0.2.10"]), {}) if r.address == row.address]
    assert found.role == role
    assert found.basis


def test_few_requests_say_nothing_of_a_balancer() -> None:
    [found] = addresses([asking(requests=20, agents=20)], frozenset(), {})
    assert found.role == "client"


def test_those_with_findings_stand_first() -> None:
    rows = addresses([asking("198.51.100.1", 500), asking(CLIENT, 3)], frozenset(), {CLIENT: 1})
    assert [row.address for row in rows] == [CLIENT, "198.51.100.1"]
