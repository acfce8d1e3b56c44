"""Under which names the values of a malformed record stand.

Too many values mean that some field's text holds the delimiter. Which one is tried field by field against what the
other fields can hold (a number, an address, a time); only what all possible readings agree on is believed.
"""

import re
from collections.abc import Sequence

import msgspec

Checks = dict[int, re.Pattern[str]]
"""What a field can hold, by its position among the names, in their order."""


class Reading(msgspec.Struct, frozen=True):
    """The values of a record, one for each name (None: no value, or not known). `whole`: nothing is in doubt."""

    values: tuple[str | None, ...]
    whole: bool = False


def align(values: Sequence[str | None], count: int, checks: Checks, delimiter: str, null: str) -> Reading:
    """Return the values of a record under `count` names; `null` is how no value is written."""
    surplus = len(values) - count
    if surplus < 0:
        return _beginning(values, count, checks)
    if null == "" and not any(values[count:]):
        return Reading(tuple(values[:count]), whole=True)
    filled = [value for value in values if value != ""]
    if len(filled) == count and _fits(filled, checks):
        return Reading(tuple(filled), whole=True)
    holders = _holders(values, count, checks)
    if not holders:
        return Reading((None,) * count)
    low, high = holders[0], holders[-1]
    known: list[str | None] = [*values[:low], *[None] * (high - low + 1), *values[high + 1 + surplus :]]
    if low == high:
        parts = values[low : low + surplus + 1]
        known[low] = delimiter.join(null if part is None else part for part in parts)
    return Reading(tuple(known), whole=low == high)


def _beginning(values: Sequence[str | None], count: int, checks: Checks) -> Reading:
    """A logger writes a mark for what it does not know, so a short record is the beginning of one."""
    own = ((at, check) for at, check in checks.items() if at < len(values))
    known = next((at for at, check in own if _refuses(check, values[at])), len(values))
    return Reading((*values[:known], *[None] * (count - known)))


def _holders(values: Sequence[str | None], count: int, checks: Checks) -> list[int]:
    """Return the fields that may hold all surplus values, the others then holding what they can."""
    surplus = len(values) - count
    high = next((at for at, check in checks.items() if _refuses(check, values[at])), count - 1)
    backwards = reversed(checks.items())
    low = next((at for at, check in backwards if _refuses(check, values[at + surplus])), 0)
    return [position for position in range(low, high + 1) if position not in checks]


def _fits(values: Sequence[str | None], checks: Checks) -> bool:
    return not any(_refuses(check, values[at]) for at, check in checks.items())


def _refuses(check: re.Pattern[str], value: str | None) -> bool:
    return value is not None and check.fullmatch(value) is None
