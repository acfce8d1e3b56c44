"""Who is behind an address: a client, a balancer that stands for all of them, the server itself, a health probe."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

from postvakt.model.story import AddressRole, AddressRow, Asking

BALANCED_SHARE = 0.8
"""From this part of all requests on, one address that many programs ask through stands for others."""

BALANCED_AGENTS = 5
PROBED_SHARE = 0.95
LEAST = 50
"""Requests that a log needs before the share of an address says anything."""

MOST = 200
"""Addresses that a host's story tells: those with traces, then the busiest."""


def addresses(
    asked: Sequence[Asking], own: frozenset[str], traced: Mapping[str, int]
) -> tuple[AddressRow, ...]:
    """Return every address with its part: those of `traced` (matched rows by address) first, then the busiest."""
    total = sum(row.requests for row in asked) or 1
    rows = [_row(row, total, own) for row in asked]
    rows.sort(key=lambda row: (-(traced.get(row.address, 0) > 0), -row.requests, row.address))
    return tuple(rows[:MOST])


def _row(asking: Asking, total: int, own: frozenset[str]) -> AddressRow:
    role, basis = _role(asking, total, own)
    return AddressRow(
        address=asking.address,
        role=role,
        requests=asking.requests,
        share=round(asking.requests / total, 4),
        first=asking.first,
        last=asking.last,
        agents=asking.agents,
        users=asking.users,
        forwarded=asking.forwarded,
        basis=basis,
    )


def _role(asking: Asking, total: int, own: frozenset[str]) -> tuple[AddressRole, str]:
    share = asking.requests / total
    if _is_loopback(asking.address):
        return "self", "the server asks itself over its loopback address"
    if asking.address in own:
        return "self", "the address under which the server answers"
    if asking.forwarded > asking.requests / 2:
        return "balancer", f"{asking.forwarded} of its {asking.requests} requests name another client"
    if total >= LEAST and share >= BALANCED_SHARE and asking.agents >= BALANCED_AGENTS:
        return (
            "balancer",
            f"{share:.0%} of all requests, from {asking.agents} different programs, and nobody behind it is logged",
        )
    if asking.probes > PROBED_SHARE * asking.requests:
        return "probe", f"{asking.probes} of its {asking.requests} requests are monitoring's"
    told = ((asking.requests, "request"), (asking.users, "user"), (asking.agents, "program"))
    return "client", ", ".join(f"{number} {one}{'' if number == 1 else 's'}" for number, one in told)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
