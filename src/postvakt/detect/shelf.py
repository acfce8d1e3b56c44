"""Where rules are gathered while they are compiled: each asked once, each refusal kept."""

import hashlib
import json
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, get_args

import msgspec

from postvakt.detect.necessary import needed
from postvakt.detect.plan import FORMAT, Asked, Node, Plan, Route, Test
from postvakt.detect.sheaf import Leaf, Signatures, Tests, renumbered
from postvakt.model.correlation import Correlation
from postvakt.model.rule import NotAsked, Rule


class Refused(Exception):  # noqa: N818 (a verdict on a rule, not an error of ours)
    """Says why a rule cannot be asked; never leaves this room."""


def one_of(value: Any, allowed: Any, key: str) -> Any:
    """Return a value that is one of a Literal's. Raises Refused, naming the key, for anything else."""
    if value not in get_args(allowed):
        raise Refused(f"{key}: {value} is none of {', '.join(filter(None, get_args(allowed)))}")
    return value


def content_of(document: Any) -> str:
    """Name a document by its content: two with the same have one name, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(_named(document), sort_keys=True, default=str).encode()).hexdigest()


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
        self.tests = Tests()
        self._rules: list[Rule] = []
        self._refused: list[NotAsked] = []
        self._asked: list[Asked] = []
        self._known: dict[str, tuple[str, str]] = {}
        self._names: dict[str, str] = {}
        self._correlations: list[Correlation] = []
        self._filtered: list[NotAsked] = []
        self._sources: dict[str, tuple[str | None, ...]] = {}

    def refuse(self, rule: str, title: str, reason: str, path: str) -> None:
        """Keep a rule that cannot be asked, with the reason."""
        self._refused.append(NotAsked(rule=rule, title=title, reason=reason, path=path))

    def take(self, leaf: Leaf, numbers: Sequence[int]) -> None:
        """Keep a rule that was read apart; `numbers` are those of its sheaf's tests on this shelf."""

        def asked(position: int) -> Asked:
            routes = tuple(
                Route(route.table, route.view, renumbered(route.guard, numbers) if route.guard else None)
                for route in leaf.routes
            )
            return Asked(rule=position, routes=routes, condition=renumbered(leaf.condition, numbers))

        if self.add(leaf.rule, asked, leaf.content):
            self.name(leaf.rule.id, leaf.name, leaf.source)

    def add(self, rule: Rule, asked: Callable[[int], Asked] | None, content: str) -> bool:
        """Keep a rule, with the name of its content; tell whether it is asked. A second rule of the same id is not,
        unless it is the same."""
        known = self._known.get(rule.id)
        if known is not None:
            if known[0] != content:
                reason = f"duplicate of {known[1]}: same id, another content"
                self.refuse(rule.id, rule.title, reason, rule.path)
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

    def sign(self, signatures: Signatures) -> None:
        """Keep YARA rules that were compiled apart. No other rule has an id like theirs."""
        self._refused += signatures.refused
        for rule in signatures.rules:
            self.add(rule, None, rule.id)

    def plan(self) -> Plan:
        """Return everything gathered as a plan."""
        return Plan(
            format=FORMAT,
            rules=tuple(self._rules),
            not_asked=tuple(self._refused),
            tests=tuple(_looked_into(test) for test in self.tests.all()),
            asked=tuple(self._asked),
            correlations=tuple(self._correlations),
            filtered=tuple(self._filtered),
        )
