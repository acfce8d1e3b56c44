"""Sigma's correlation rules and filters: what rules say of other rules. They are read once all rules are known."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionItem,
    CorrelationConditionNOT,
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaExtendedCorrelationCondition,
    SigmaRuleReference,
)
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter

from postvakt.detect import sigma
from postvakt.detect.nodes import WRONG, Builder
from postvakt.detect.plan import RuleText
from postvakt.detect.sheaf import Later
from postvakt.detect.shelf import Refused, Shelf, content_of
from postvakt.model.correlation import Correlation, Tree

SECOND = 1_000_000


def read(document: Mapping[str, Any]) -> SigmaCorrelationRule:
    """Return a document as pySigma reads it. Raises Refused."""
    try:
        return SigmaCorrelationRule.from_dict(
            {name: part for name, part in document.items() if name != "postvakt"}
        )
    except WRONG as why:
        raise Refused(f"not a correlation rule: {why}") from None


def correlation(parsed: SigmaCorrelationRule, rule: str, shelf: Shelf) -> Correlation:
    """Return a correlation over rules that are asked. Raises Refused where one of them is not."""
    condition = parsed.condition
    simple = condition if isinstance(condition, SigmaCorrelationCondition) else None
    tree = (
        _tree(condition.parsed, shelf) if isinstance(condition, SigmaExtendedCorrelationCondition) else None
    )
    named = [reference.reference for reference in parsed.rules or ()]
    if not named and isinstance(condition, SigmaExtendedCorrelationCondition):
        named = sorted(condition.get_referenced_rules())
    if not named:
        raise Refused("correlation: names no rule")
    over = simple.fieldref if simple else None
    return Correlation(
        rule=rule,
        kind=parsed.type.name.lower(),
        rules=tuple(_asked(name, shelf) for name in named),
        span=parsed.timespan.seconds * SECOND,
        group_by=tuple(parsed.group_by or ()),
        aliases=tuple(
            (alias.alias, _asked(reference.reference, shelf), field)
            for alias in parsed.aliases
            for reference, field in alias.mapping.items()
        ),
        op=simple.op.name.lower() if simple else "gte",
        count=simple.count if simple else 1,
        over=(over,) if isinstance(over, str) else tuple(over or ()),
        percentile=(simple.percentile if simple else None) or 50,
        tree=tree,
        generate=parsed.generate,
    )


def _asked(name: str, shelf: Shelf) -> str:
    known = shelf.named(name)
    if known is None:
        raise Refused(f"correlation: the rule {name} is not among those that are asked")
    return known


def _tree(item: CorrelationConditionItem | SigmaRuleReference, shelf: Shelf) -> Tree:
    if isinstance(item, SigmaRuleReference):
        return Tree("rule", _asked(item.reference, shelf))
    parts = tuple(_tree(part, shelf) for part in item.args)
    if isinstance(item, CorrelationConditionNOT):
        return Tree("not", parts=parts)
    return Tree("and" if isinstance(item, CorrelationConditionAND) else "or", parts=parts)


class Waiting(NamedTuple):
    """A document that waited for others, and what it is called."""

    document: Mapping[str, Any]
    text: RuleText
    id: str
    title: str


def settle(later: Iterable[Later], shelf: Shelf) -> None:
    """Read what waited for other rules; a correlation may look at another, in whichever order they were written."""
    left = [each for one in later for each in _waiting(one)]
    while left:
        again = []
        for one in left:
            try:
                _add(one, shelf)
            except (SigmaError, Refused, RecursionError) as why:
                again.append((one, sigma.told(why)))
        if len(again) == len(left):
            for one, reason in again:
                shelf.refuse(one.id, one.title, reason, one.text.path)
            return
        left = [one for one, _ in again]


def _waiting(later: Later) -> Iterator[Waiting]:
    documents = sigma.documents(later.text)
    for document in (documents[place] for place in later.places):
        yield Waiting(document, later.text, *sigma.named(document))


def _add(one: Waiting, shelf: Shelf) -> None:
    if "filter" in one.document:
        _narrow(one, shelf)
        return
    parsed = read(one.document)
    made = sigma.rule_of(parsed, one.id, one.document, one.text)
    told = correlation(parsed, made.id, shelf)
    if shelf.add(made, None, content_of(one.document)):
        shelf.correlate(told)
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
        meant,
        Builder(shelf.tests, shelf.placeholders).condition(parsed.filter),
        f"{one.title or one.id} ({one.text.path})",
    ):
        raise Refused(
            "filter: no rule of a pack that is asked is among those it names; our own are not filtered"
        )
