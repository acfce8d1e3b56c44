"""Sigma's correlation rules and filters: what rules say of other rules. They are read once all rules are known."""

from collections.abc import Mapping
from typing import Any

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

from postvakt.detect.shelf import Refused, Shelf
from postvakt.model.correlation import Correlation, Tree

SECOND = 1_000_000


def read(document: Mapping[str, Any]) -> SigmaCorrelationRule:
    """Return a document as pySigma reads it. Raises Refused."""
    try:
        return SigmaCorrelationRule.from_dict(
            {name: part for name, part in document.items() if name != "postvakt"}
        )
    except (SigmaError, TypeError, AttributeError, ValueError, LookupError, ArithmeticError) as why:
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
