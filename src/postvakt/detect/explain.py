"""Why a row matches a rule: the condition read aloud, row by row and value by value.

It evaluates plainly, without any of the matcher's shortcuts; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.detect.fields import feeds, values_of
from postvakt.detect.logsources import VIEWS, View
from postvakt.detect.plan import Asked, Node, Plan, Route, Test
from postvakt.detect.values import fold, same, says
from postvakt.model.rule import Rule
from postvakt.model.table import TableSpec

Values = Callable[[str], list[str | None]]

LONGEST_SHOWN = 200
PARTS_SHOWN = 6
_VERBS = {
    "equals": "is",
    "contains": "contains",
    "starts": "begins with",
    "ends": "ends with",
    "glob": "is like",
    "regex": "matches the expression",
    "cidr": "lies in",
    "present": "has a value",
    "exists": "is there",
    "null": "has no value",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is more than",
    "gte": "is at least",
    "same": "is the same as",
    "minute": "falls in minute",
    "hour": "falls in hour",
    "day": "falls on day",
    "week": "falls in week",
    "month": "falls in month",
    "year": "falls in year",
}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One test as it came out: `held` says whether the row passed, `wanted` whether the match needed that.

    `value` is the value that passed (or the first that did not), None where the field has none.
    """

    selection: str
    field: str
    op: str
    pattern: str
    value: str | None
    held: bool
    wanted: bool


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a row matches, in a line and in parts."""

    matches: bool
    summary: str
    parts: tuple[Part, ...] = ()


def explain(plan: Plan, rule_id: str, spec: TableSpec, row: Mapping[str, Any]) -> Explanation:
    """Say why a row of a table matches a rule, or that it does not.

    `row` maps column names to values as a part holds them. An unknown rule is said to be unknown.
    """
    rule, asked = _find(plan, rule_id)
    if rule is None:
        return Explanation(matches=False, summary=f"{rule_id} is not among the rules asked")
    if rule.kind == "yara":
        return Explanation(
            matches=True, summary=f"the content of the file matches the YARA rule {rule_id[5:]}"
        )
    if any(correlation.rule == rule_id for correlation in plan.correlations):
        return Explanation(matches=True, summary=f"one of the records that {rule.title or rule_id} joins")
    for route in asked.routes if asked else ():
        view = VIEWS[route.view]
        if asked is None or route.table != spec.name or not in_view(view, row):
            continue
        values = field_values(spec, view, row)
        if holds(plan, route, asked.condition, values):
            parts = tuple(_parts(plan, asked.condition, values, selection="", wanted=True))
            return Explanation(
                matches=True, summary=_summary(parts) + _validity(rule, row.get("time")), parts=parts
            )
    return Explanation(matches=False, summary=f"{rule.title or rule_id} does not match this row")


def told(
    plan: Plan, rule_id: str, spec: TableSpec, row: Mapping[str, Any], fields: Iterable[str]
) -> dict[str, str]:
    """Return what fields of a row hold, as a rule that matched it sees them; of several values the first."""
    _, asked = _find(plan, rule_id)
    views = [VIEWS[r.view] for r in asked.routes if r.table == spec.name] if asked else []
    view = next((view for view in views if in_view(view, row)), None)
    if view is None:
        return {}
    values = field_values(spec, view, row)
    held = {field: next((value for value in values(field) if value), "") for field in fields}
    return {field: value for field, value in held.items() if value}


def field_values(spec: TableSpec, view: View, row: Mapping[str, Any]) -> Values:
    """Return the function that gives a field's values in a row."""
    return lambda field: values_of(feeds(spec, view, field), row)


def in_view(view: View, row: Mapping[str, Any]) -> bool:
    """Tell whether a row is among those that a view shows."""
    if not view.channels:
        return True
    channel = fold(str(row.get("Channel") or ""))
    return channel in (fold(c) for c in view.channels) and (not view.ids or row.get("EventID") in view.ids)


def holds(plan: Plan, route: Route, condition: Node, values: Values) -> bool:
    """Tell whether a row, by its fields' values, passes a route's guard and a condition."""
    return (route.guard is None or _holds(plan, route.guard, values)) and _holds(plan, condition, values)


def _holds(plan: Plan, node: Node, values: Values) -> bool:
    if node.op == "test":
        return _passing(plan.tests[node.test], values)[0]
    if node.op == "not":
        return not _holds(plan, node.parts[0], values)
    every = (_holds(plan, part, values) for part in node.parts)
    return all(every) if node.op == "and" else any(every)


def _passing(test: Test, values: Values) -> tuple[bool, str | None]:
    """Return whether a field passes a test, with the value that did, or the first that did not."""
    given = values(test.field)
    known = [value for value in given if value is not None]
    first = known[0] if known else None
    if test.op == "exists":
        return bool(given), first
    if test.op == "null":
        return not known, first
    if test.op == "present":
        return bool(known), first
    if test.op == "same":
        return same(test, given, values(test.regex)), first
    asks = says(test)
    # A pair that is there without a value counts as the empty text.
    found = next((text for text in (value or "" for value in given) if asks(text)), None)
    return found is not None, first if found is None else found


def _parts(plan: Plan, node: Node, values: Values, *, selection: str, wanted: bool) -> Iterator[Part]:
    """Yield the tests that decided: those that passed where passing was needed, those that failed under a `not`."""
    selection = node.name or selection
    if node.op == "test":
        test = plan.tests[node.test]
        held, value = _passing(test, values)
        if held == wanted:
            pattern = test.regex if test.op == "same" else test.text
            yield Part(
                selection=selection,
                field=test.field,
                op=test.op,
                pattern=pattern,
                value=value,
                held=held,
                wanted=wanted,
            )
        return
    if node.op == "not":
        yield from _parts(plan, node.parts[0], values, selection=selection, wanted=not wanted)
        return
    for part in node.parts:
        if _holds(plan, part, values) == wanted:
            yield from _parts(plan, part, values, selection=selection, wanted=wanted)


def _summary(parts: tuple[Part, ...]) -> str:
    found = [part for part in parts if part.held and part.wanted]
    absent = [part for part in parts if not part.held]
    said = [_sentence(part) for part in found[:PARTS_SHOWN]]
    if len(found) > PARTS_SHOWN:
        said.append(f"and {len(found) - PARTS_SHOWN} more")
    spared = list(dict.fromkeys(part.selection or part.field for part in absent))
    if spared:
        said.append(f"not excepted by {', '.join(spared)}")
    return "; ".join(said) or "the condition holds of every row"


def _sentence(part: Part) -> str:
    field = {"@text": "a text of the row"}.get(part.field, part.field.removeprefix("@").replace("_", " "))
    pattern = f" `{_cut(part.pattern)}`" if part.pattern else ""
    selection = f"{part.selection}: " if part.selection else ""
    shown = "" if part.value is None or fold(part.value) == part.pattern else f" (`{_cut(part.value)}`)"
    return f"{selection}{field} {_VERBS[part.op]}{pattern}{shown}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _validity(rule: Rule, time: object) -> str:
    """Tell where an indicator's time of validity does not cover the row; it is asked all the same."""
    if not isinstance(time, datetime):
        return ""
    at = time if time.tzinfo else time.replace(tzinfo=UTC)
    if rule.valid_until is not None and at >= rule.valid_until:
        return f"; the indicator was valid until {rule.valid_until.isoformat()}"
    if rule.valid_from is not None and at < rule.valid_from:
        return f"; the indicator is valid from {rule.valid_from.isoformat()}"
    return ""


def _find(plan: Plan, rule_id: str) -> tuple[Rule | None, Asked | None]:
    """Return a rule, and what is asked for it of tables (YARA rules ask nothing of those)."""
    place = next((place for place, rule in enumerate(plan.rules) if rule.id == rule_id), None)
    if place is None:
        return None, None
    return plan.rules[place], next((asked for asked in plan.asked if asked.rule == place), None)
