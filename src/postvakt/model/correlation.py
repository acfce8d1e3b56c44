"""A rule over the matches of other rules, within a span of time."""

from typing import Literal

import msgspec

CorrelationKind = Literal[
    "event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median", "temporal",
    "temporal_ordered",
]  # fmt: skip
Comparison = Literal["lt", "lte", "gt", "gte", "eq", "neq"]


class Correlation(msgspec.Struct, frozen=True, array_like=True):
    """One correlation rule of Sigma. `rules` are the ids of the rules whose matches it looks at, in their order.

    `group_by` are fields in which the matches must agree, and `aliases` (alias, rule, field) what such a field is
    called in a rule's rows. `span` is in microseconds. `over` are the fields whose values are counted or added up.
    `tree` says which rules must be there, of a temporal kind; empty where all must. `generate`: the rules it looks at
    are findings of their own as well.
    """

    rule: str
    kind: CorrelationKind
    rules: tuple[str, ...]
    span: int
    group_by: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str, str], ...] = ()
    op: Comparison = "gte"
    count: float = 1
    over: tuple[str, ...] = ()
    percentile: int = 50
    tree: "Tree | None" = None
    generate: bool = False

    def called(self, field: str, rule: str) -> str:
        """Return what a field is called in the rows of a rule."""
        return next((own for alias, of, own in self.aliases if alias == field and of == rule), field)


class Tree(msgspec.Struct, frozen=True, array_like=True):
    """Which rules must have matched: `rule` where it is one, else `op` over `parts`."""

    op: Literal["and", "or", "not", "rule"]
    rule: str = ""
    parts: tuple["Tree", ...] = ()
