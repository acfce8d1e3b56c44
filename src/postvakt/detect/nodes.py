"""What a Sigma rule's author asks, as pySigma reads it, turned into conditions over tests."""

from typing import Any

from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.exceptions import SigmaError
from sigma.rule import SigmaDetection, SigmaDetectionItem
from sigma.rule.detection import SigmaDetections
from sigma.types import (
    CompareOperators,
    Placeholder,
    SigmaBool,
    SigmaCasedString,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaRegularExpressionFlag,
    SigmaString,
    SigmaTimestampPart,
    SigmaType,
    SpecialChars,
)

from postvakt.detect import placeholders
from postvakt.detect.globs import ANY, ONE, Part, text_test
from postvakt.detect.logsources import View
from postvakt.detect.plan import Node, Op, Test
from postvakt.detect.sheaf import Tests
from postvakt.detect.shelf import Refused
from postvakt.detect.values import compile_regex, fold

COMPARISONS: dict[CompareOperators, Op] = {
    CompareOperators.LT: "lt",
    CompareOperators.LTE: "lte",
    CompareOperators.GT: "gt",
    CompareOperators.GTE: "gte",
}
FLAGS = (
    (SigmaRegularExpressionFlag.IGNORECASE, "i"),
    (SigmaRegularExpressionFlag.MULTILINE, "m"),
    (SigmaRegularExpressionFlag.DOTALL, "s"),
)


WRONG = (SigmaError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError)
"""What pySigma raises for what is no rule: it takes for granted that each key holds what it should."""


class Builder:
    """Makes nodes of one rule's detections; tests are kept once for all rules."""

    def __init__(self, tests: Tests, filled: placeholders.Values) -> None:
        self._tests = tests
        self._filled = filled
        self.fields: set[str] = set()

    def condition(self, detections: SigmaDetections) -> Node:
        """Return the rule's condition; several conditions mean any of them."""
        conditions = [self._parsed(_tree(text, detections), detections) for text in detections.condition]
        return conditions[0] if len(conditions) == 1 else _joined("or", conditions)

    def guard(self, view: View) -> Node | None:
        """Return what a view asks besides channel and id, or None."""
        if view.guard is None:
            return None
        field, values = view.guard
        return _joined("or", [self._leaf(Test(field, "equals", fold(value))) for value in values])

    def _parsed(self, item: Any, detections: SigmaDetections) -> Node:
        if isinstance(item, ConditionIdentifier):
            return self._selection(item.identifier, detections)
        if isinstance(item, ConditionSelector):
            chosen = item.resolve_referenced_detections(detections)
            if not chosen:
                raise Refused(f"condition: `{item.args[0]} of {item.pattern}` names no selection")
            nodes = [self._selection(entry.identifier, detections) for entry in chosen]
            return _joined("or" if item.cond_class is ConditionOR else "and", nodes)
        if isinstance(item, ConditionNOT):
            return Node("not", parts=(self._parsed(item.args[0], detections),))
        if isinstance(item, ConditionAND | ConditionOR):
            nodes = [self._parsed(part, detections) for part in item.args]
            return _joined("or" if isinstance(item, ConditionOR) else "and", nodes)
        raise Refused(f"condition: {type(item).__name__} is not known here")

    def _selection(self, name: str, detections: SigmaDetections) -> Node:
        found = detections.detections.get(name)
        if found is None:
            raise Refused(f"condition: there is no selection {name}")
        node = self._detection(found)
        return Node(node.op, node.test, node.parts, name)

    def _detection(self, part: SigmaDetection | SigmaDetectionItem) -> Node:
        if isinstance(part, SigmaDetection):
            nodes = [self._detection(entry) for entry in part.detection_items]
            return _joined("or" if part.item_linking is ConditionOR else "and", nodes)
        known = self._filled
        values = [each for value in part.value or [SigmaNull()] for each in placeholders.filled(value, known)]
        nodes = [self._value(part.field, value) for value in values]
        node = _joined("or" if part.value_linking is ConditionOR else "and", nodes)
        return Node("not", parts=(node,)) if part.negated else node

    def _leaf(self, test: Test) -> Node:
        self.fields.add(test.field)
        return Node("test", self._tests.number(test))

    def _value(self, field: str | None, value: SigmaType) -> Node:
        if isinstance(value, SigmaExpansion):
            return _joined("or", [self._value(field, entry) for entry in value.values])
        if isinstance(value, SigmaExists):
            node = self._leaf(Test(str(field), "exists", ""))
            return node if value.exists else Node("not", parts=(node,))
        return self._leaf(_test(field, value))


def _tree(text: Any, detections: SigmaDetections) -> Any:
    """Return a condition as pySigma reads it. Raises Refused."""
    try:
        return SigmaCondition(text, detections).parse(postprocess=False)
    except WRONG as why:
        raise Refused(f"condition: {why}") from None


def _joined(op: Any, nodes: list[Node]) -> Node:
    """Join nodes, or return the only one, or the empty conjunction (true) and disjunction (false) as they are."""
    if len(nodes) == 1:
        return nodes[0]
    return Node(op, parts=tuple(nodes))


def _test(field: str | None, value: SigmaType) -> Test:
    where = field if field is not None else "@text"
    if isinstance(value, SigmaString):
        return _text_test(where, value, keyword=field is None)
    if isinstance(value, SigmaTimestampPart):
        return Test(where, value.timestamp_part.name.lower(), str(value.number))
    if isinstance(value, SigmaNumber | SigmaBool):
        return Test(where, "contains" if field is None else "equals", fold(_plain(value)))
    if isinstance(value, SigmaRegularExpression):
        return _regex_test(where, value)
    if field is None:
        raise Refused(f"a keyword cannot be a {type(value).__name__.removeprefix('Sigma')}")
    if isinstance(value, SigmaNull):
        return Test(where, "null", "")
    if isinstance(value, SigmaCIDRExpression):
        return Test(where, "cidr", str(value.network))
    if isinstance(value, SigmaCompareExpression):
        return Test(where, COMPARISONS[value.op], _plain(value.number))
    if isinstance(value, SigmaFieldReference):
        flags = ("<" if value.starts_with else "") + (">" if value.ends_with else "")
        return Test(where, "same", "", value.field, flags)
    raise Refused(f"{where}: values of type {type(value).__name__} are not asked")


def _plain(value: SigmaNumber | SigmaBool) -> str:
    if isinstance(value, SigmaBool):
        return "true" if value.boolean else "false"
    number = value.number
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


def _regex_test(field: str, value: SigmaRegularExpression) -> Test:
    # pySigma leaves a number that stands for an expression as it is.
    pattern = str(value.regexp)
    if isinstance(value.regexp, SigmaString) and value.regexp.contains_placeholder():
        raise Refused(f"{field}: {pattern} needs values for its placeholder; none are given")
    flags = "".join(letter for flag, letter in FLAGS if flag in value.flags)
    try:
        compile_regex(pattern, flags)
    except ValueError as why:
        raise Refused(f"{field}: {pattern} cannot be run in bounded time ({why})") from None
    return Test(field, "regex", pattern, pattern, flags)


def _text_test(field: str, value: SigmaString, *, keyword: bool) -> Test:
    parts: list[Part] = []
    for part in value.s:
        if isinstance(part, Placeholder):
            raise Refused(f"{field}: needs values for the placeholder %{part.name}%; none are given")
        parts.append(_WILDCARDS[part] if isinstance(part, SpecialChars) else str(part))
    if keyword:
        # A keyword is looked for anywhere in a text, whether or not its author wrote the stars.
        parts = [ANY, *parts, ANY]
    return text_test(field, parts, cased=isinstance(value, SigmaCasedString))


_WILDCARDS = {SpecialChars.WILDCARD_MULTI: ANY, SpecialChars.WILDCARD_SINGLE: ONE}
