"""Where rules are gathered while they are compiled: each asked once, each refusal kept."""

import json
from collections.abc import Callable, Container, Mapping
from typing import Any, get_args

import msgspec

from postvakt.detect.necessary import needed
from postvakt.detect.plan import FORMAT, Asked, Node, Plan, Test
from postvakt.model.correlation import Correlation
from postvakt.model.rule import NotAsked, Rule


class Refused(Exception):  # noqa: N818 (a verdict on a rule, not an error of ours)
    """Says why a rule cannot be asked; never leaves this room."""


def one_of(value: Any, allowed: Any, key: str) -> Any:
    """Return a value that is one of a Literal's. Raises Refused, naming the key, for anything else."""
    if value not in get_args(allowed):
        raise Refused(f"{key}: {value} is none of {', '.join(filter(None, get_args(allowed)))}")
    return value


def written(document: Any) -> str:
    """Return a document as text: two with the same content give the same, whatever the order of their keys."""
    return json.dumps(_named(document), sort_keys=True, default=str)


def _named(value: Any) -> Any:
    """Return a value with texts for keys: YAML allows any key, and keys of several types have no order."""
    if isinstance(value, dict):
        return {str(key): _named(part) for key, part in value.items()}
    return [_named(part) for part in value] if isinstance(value, list) else value


def _looked_into(test: Test) -> Test:
    """Return a test with the texts that it needs, so that no worker has to read its expression for them."""
    return msgspec.structs.replace(test, held=needed(test)) if test.op in ("glob", "regex") else test


class Shelf:
    """Rules, tests and refusals so far; `placeholders` are values that rules may leave to their readers, by name."""

    def __init__(self, placeholders: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.placeholders = placeholders or {}
        self._rules: list[Rule] = []
        self._refused: list[NotAsked] = []
        self._asked: list[Asked] = []
        self._tests: dict[Test, int] = {}
        self._fields: list[str] = []
        self._known: dict[str, tuple[str, str]] = {}
        self._names: dict[str, str] = {}
        self._correlations: list[Correlation] = []
        self._filtered: list[NotAsked] = []
        self._sources: dict[str, tuple[str | None, ...]] = {}

    def test(self, test: Test) -> int:
        """Return the number of a test; equal tests have one."""
        if test not in self._tests:
            self._tests[test] = len(self._tests)
            self._fields.append(test.field)
        return self._tests[test]

    def field(self, number: int) -> str:
        """Return the field that a test asks."""
        return self._fields[number]

    def refuse(self, rule: str, title: str, reason: str, path: str) -> None:
        """Keep a rule that cannot be asked, with the reason."""
        self._refused.append(NotAsked(rule=rule, title=title, reason=reason, path=path))

    def add(self, rule: Rule, asked: Callable[[int], Asked] | None, document: Any) -> bool:
        """Keep a rule; tell whether it is asked. A second rule of the same id is not, unless it is the same."""
        content = written(document)
        known = self._known.get(rule.id)
        if known is not None:
            if known[0] != content:
                self.refuse(
                    rule.id, rule.title, f"duplicate of {known[1]}: same id, another content", rule.path
                )
            return False
        self._known[rule.id] = (content, rule.path or rule.title)
        if asked is not None:
            self._asked.append(asked(len(self._rules)))
        self._rules.append(rule)
        return True

    def name(self, rule: str, name: str | None, source: tuple[str | None, ...] = ()) -> None:
        """Keep how other rules may refer to a rule that is asked: by its id, its name, and its log source."""
        for each in filter(None, (rule, name)):
            self._names.setdefault(each, rule)
        self._sources[rule] = source

    def within(self, source: tuple[str | None, ...]) -> frozenset[str]:
        """Return the ids of the rules whose log source (category, product, service) is that one, or a part of it."""
        return frozenset(
            rule
            for rule, own in self._sources.items()
            if own and all(wide is None or wide == narrow for wide, narrow in zip(source, own, strict=True))
        )

    def named(self, name: str) -> str | None:
        """Return the id of the rule that another one refers to by id or name, None where it is not asked."""
        return self._names.get(name)

    def correlate(self, correlation: Correlation) -> None:
        """Keep a correlation; its rule was added before."""
        self._correlations.append(correlation)

    def narrow(self, rules: Container[str], also: Node, by: str) -> int:
        """Have rules of packs ask a condition more, and return how many do. Our own are never filtered away.

        `by` names the filter: it stands with each rule, for what it takes away nobody sees.
        """
        narrowed = 0
        for place, asked in enumerate(self._asked):
            rule = self._rules[asked.rule]
            if rule.id in rules and rule.origin != "own":
                condition = Node("and", parts=(asked.condition, also))
                self._asked[place] = Asked(rule=asked.rule, routes=asked.routes, condition=condition)
                narrowed += 1
                reason = f"filtered by {by}"
                self._filtered.append(NotAsked(rule=rule.id, title=rule.title, reason=reason, path=rule.path))
        return narrowed

    def plan(self, yara: bytes, yara_names: tuple[tuple[str, str], ...]) -> Plan:
        """Return everything gathered as a plan."""
        return Plan(
            format=FORMAT,
            rules=tuple(self._rules),
            not_asked=tuple(self._refused),
            tests=tuple(_looked_into(test) for test in self._tests),
            asked=tuple(self._asked),
            correlations=tuple(self._correlations),
            filtered=tuple(self._filtered),
            yara=yara,
            yara_names=yara_names,
        )
