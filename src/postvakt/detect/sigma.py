"""Sigma rules as their authors write them, turned into conditions over tests. pySigma parses; nothing here matches.

Only compiling imports this module: pySigma takes half a second to load.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from sigma.conditions import (
    ConditionAND,
    ConditionIdentifier,
    ConditionNOT,
    ConditionOR,
    ConditionSelector,
    SigmaCondition,
)
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.modifiers import SigmaWideModifier, modifier_mapping
from sigma.policy import default_policy
from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.rule.base import SigmaYAMLLoader
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

from postvakt.detect import correlations, logsources, placeholders
from postvakt.detect.globs import ANY, ONE, Part, text_test
from postvakt.detect.logsources import View
from postvakt.detect.plan import Asked, Node, Op, Route, RuleText, Test
from postvakt.detect.shelf import Refused, Shelf, one_of, written
from postvakt.detect.values import compile_regex, fold
from postvakt.model.rule import LEVELS, Confidence, Rule, Stage
from postvakt.model.table import TableSpec

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


class _Expressions:
    """Our compiler of expressions in the place of pySigma's, which prints what it cannot compile."""

    error = ValueError

    def compile(self, pattern: str, flags: int = 0) -> Any:
        """Return a compiled expression; `flags` are those of `re`. Raises ValueError."""
        letters = (letter for flag, letter in RE_FLAGS if flags & flag)
        try:
            return compile_regex(pattern, "".join(letters))
        except ValueError as why:
            raise ValueError(f"it cannot be run in bounded time ({why})") from None


RE_FLAGS = ((re.IGNORECASE, "i"), (re.MULTILINE, "m"), (re.DOTALL, "s"))
default_policy.regex_engine = _Expressions()
# Sigma's own name of what pySigma knows as `wide` only.
modifier_mapping.setdefault("utf16le", SigmaWideModifier)

MOST_PARTS = 100_000
"""Parts of a rule that are read: a few lines of YAML can refer to each other into billions."""

OWN_KEYS = ("stage", "confidence", "means", "benign", "next", "facts", "yields_to")


class Waiting(NamedTuple):
    """A document that speaks of other rules: a correlation or a filter. It is read once all rules are known."""

    document: Mapping[str, Any]
    text: RuleText
    id: str
    title: str


def add(text: RuleText, tables: list[TableSpec], shelf: Shelf) -> Iterator[Waiting]:
    """Put every rule of a file on the shelf, or the reason why it cannot be asked; yield what has to wait."""
    try:
        documents = list(yaml.load_all(text.text, Loader=SigmaYAMLLoader))  # a safe loader
    except (yaml.YAMLError, ValueError, RecursionError) as why:
        shelf.refuse(
            f"file:{text.path}", "", f"not readable as YAML: {' '.join(str(why).split())}", text.path
        )
        return
    documents = [document for document in documents if document is not None]
    if not documents:
        shelf.refuse(f"file:{text.path}", "", "holds no rule", text.path)
    for document in documents:
        if _size(document, {}) > MOST_PARTS:
            shelf.refuse(f"file:{text.path}", "", f"a document of more than {MOST_PARTS} parts", text.path)
        elif isinstance(document, dict) and ("correlation" in document or "filter" in document):
            made = str(document.get("id") or _made_id(document))
            yield Waiting(document, text, made, str(document.get("title") or ""))
        elif isinstance(document, dict) and placeholders.is_pipeline(document):
            _check_pipeline(document, text, shelf)
        else:
            _add_document(document, text, tables, shelf)


def settle(waiting: Iterable[Waiting], shelf: Shelf) -> None:
    """Read what waited for other rules; a correlation may look at another, in whichever order they were written."""
    left = list(waiting)
    while left:
        again = []
        for one in left:
            try:
                _add_waiting(one, shelf)
            except (SigmaError, Refused, RecursionError) as why:
                again.append((one, " ".join(str(why).split()) or type(why).__name__))
        if len(again) == len(left):
            for one, reason in again:
                shelf.refuse(one.id, one.title, reason, one.text.path)
            return
        left = [one for one, _ in again]


def _add_waiting(one: Waiting, shelf: Shelf) -> None:
    if "filter" in one.document:
        _narrow(one, shelf)
        return
    parsed = correlations.read(one.document)
    made = _rule(parsed, one.id, one.document, one.text)
    correlation = correlations.correlation(parsed, made.id, shelf)
    if shelf.add(made, None, one.document):
        shelf.correlate(correlation)
        shelf.name(made.id, parsed.name)


def _narrow(one: Waiting, shelf: Shelf) -> None:
    """Have rules ask a filter's condition as well. Raises Refused where none of a pack is meant."""
    try:
        parsed = SigmaFilter.from_dict({key: part for key, part in one.document.items() if key != "postvakt"})
    except WRONG as why:
        raise Refused(f"not a filter: {why}") from None
    source = parsed.logsource
    meant = shelf.within((source.category, source.product, source.service))
    if not isinstance(parsed.filter.rules, str):
        named = {shelf.named(reference.reference) for reference in parsed.filter.rules}
        meant = frozenset(rule for rule in meant if rule in named)
    if not shelf.narrow(
        meant, _Builder(shelf).condition(parsed.filter), f"{one.title or one.id} ({one.text.path})"
    ):
        raise Refused(
            "filter: no rule of a pack that is asked is among those it names; our own are not filtered"
        )


def _size(value: Any, known: dict[int, int]) -> int:
    """Count a document's parts with every YAML reference written out; one that holds itself counts as too large."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_PARTS + 1
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]


def _check_pipeline(document: Mapping[Any, Any], text: RuleText, shelf: Shelf) -> None:
    try:
        placeholders.values(document)
    except Refused as why:
        shelf.refuse(f"file:{text.path}", str(document.get("name") or ""), str(why), text.path)


def _add_document(document: Any, text: RuleText, tables: list[TableSpec], shelf: Shelf) -> None:
    if not isinstance(document, dict):
        shelf.refuse(f"file:{text.path}", "", "not a Sigma rule: no mapping", text.path)
        return
    made = str(document.get("id") or _made_id(document))
    title = str(document.get("title") or "")
    try:
        if "action" in document:
            raise Refused("uses `action`, which Sigma has retired; write each rule in full")
        parsed = _read(document)
        rule = _rule(parsed, made, document, text)
        builder = _Builder(shelf)
        condition = builder.condition(parsed.detection)
        source = parsed.logsource
        parts = (source.category, source.product, source.service)
        found = tuple(
            Route(table=table, view=view.name, guard=builder.guard(view))
            for table, view in logsources.places(*parts, tables)
            if not view.without & builder.fields
        )
        if not found:
            raise Refused(logsources.unserved(*parts))
    except (SigmaError, Refused, RecursionError) as why:
        shelf.refuse(made, title, " ".join(str(why).split()) or type(why).__name__, text.path)
        return
    if shelf.add(rule, lambda position: Asked(rule=position, routes=found, condition=condition), document):
        shelf.name(rule.id, parsed.name, parts)


WRONG = (SigmaError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError)
"""What pySigma raises for what is no rule: it takes for granted that each key holds what it should."""


def _read(document: Mapping[str, Any]) -> SigmaRule:
    """Return a document as pySigma reads it. Raises Refused."""
    try:
        parsed = SigmaRule.from_dict({name: part for name, part in document.items() if name != "postvakt"})
    except WRONG as why:
        raise Refused(f"not a Sigma rule: {why}") from None
    if parsed.errors:
        raise Refused(str(parsed.errors[0]))
    return parsed


def _made_id(document: Mapping[Any, Any]) -> str:
    """Name a rule that has no id by its content, and say so in the name."""
    return f"without-id-{hashlib.sha256(written(document).encode()).hexdigest()[:32]}"


def _rule(
    parsed: SigmaRule | SigmaCorrelationRule, made: str, document: Mapping[str, Any], text: RuleText
) -> Rule:
    own = document.get("postvakt") if text.origin == "own" else None
    own = own if isinstance(own, Mapping) else {}
    unknown = sorted(str(key) for key in own if key not in OWN_KEYS)
    if unknown:
        raise Refused(f"postvakt.{unknown[0]}: no such key; there are {', '.join(OWN_KEYS)}")
    level = parsed.level.name.lower() if parsed.level else "medium"
    return Rule(
        id=str(parsed.id or made),
        kind="sigma",
        title=parsed.title or made,
        level=level if level in LEVELS else "medium",
        confidence=one_of(own.get("confidence", "medium"), Confidence, "postvakt.confidence"),
        stage=one_of(own.get("stage", ""), Stage, "postvakt.stage"),
        techniques=tuple(
            t.name.upper() for t in parsed.tags if t.namespace == "attack" and _numbered(t.name)
        ),
        cves=tuple(f"CVE-{t.name}".upper() for t in parsed.tags if t.namespace == "cve"),
        means=str(own.get("means") or " ".join((parsed.description or "").split())),
        benign=str(own.get("benign") or "; ".join(str(entry) for entry in parsed.falsepositives)),
        next=str(own.get("next") or ""),
        origin=text.origin,
        path=text.path,
        author=parsed.author or "",
        yields_to=str(own.get("yields_to") or ""),
    )


def _numbered(name: str) -> bool:
    return name[:1].lower() == "t" and name[1:2].isdigit()


class _Builder:
    """Makes nodes of one rule's detections; tests are kept once for all rules."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
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
        known = self._shelf.placeholders
        values = [each for value in part.value or [SigmaNull()] for each in placeholders.filled(value, known)]
        nodes = [self._value(part.field, value) for value in values]
        node = _joined("or" if part.value_linking is ConditionOR else "and", nodes)
        return Node("not", parts=(node,)) if part.negated else node

    def _leaf(self, test: Test) -> Node:
        self.fields.add(test.field)
        return Node("test", self._shelf.test(test))

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
