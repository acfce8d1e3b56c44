"""Sigma rules as their authors write them, turned into conditions over tests. pySigma parses; nothing here matches.

Only compiling imports this module: pySigma takes half a second to load.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.modifiers import SigmaWideModifier, modifier_mapping
from sigma.policy import default_policy
from sigma.rule import SigmaRule
from sigma.rule.base import SigmaYAMLLoader

from postvakt.detect import logsources, placeholders
from postvakt.detect.nodes import WRONG, Builder
from postvakt.detect.plan import Route, RuleText
from postvakt.detect.sheaf import Later, Leaf, Refusal, Share, Sheaf, Tests
from postvakt.detect.shelf import Refused, content_of, one_of
from postvakt.detect.values import compile_regex
from postvakt.model.rule import LEVELS, Confidence, Rule, Stage
from postvakt.model.table import TableSpec


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


def read(share: Share, tables: list[TableSpec]) -> Sheaf:
    """Return what a share of the rules came to."""
    reading = _Reading(tables, placeholders.given(share.filling))
    leaves = tuple(leaf for text in share.texts for leaf in reading.leaves(text))
    return Sheaf(reading.tests.all(), leaves, dict(reading.filled))


def documents(text: RuleText) -> list[Any]:
    """Return the documents of a file. Raises yaml.YAMLError, ValueError or RecursionError where it is not YAML."""
    found = yaml.load_all(text.text, Loader=SigmaYAMLLoader)  # a safe loader
    return [document for document in found if document is not None]


class _Reading:
    """Reads rules for one sheaf."""

    def __init__(self, tables: list[TableSpec], filled: placeholders.Values) -> None:
        self._tables = tables
        self.filled = filled
        self.tests = Tests()

    def leaves(self, text: RuleText) -> Iterator[Leaf | Refusal | Later]:
        """Yield every rule of a file, or the reason why it cannot be asked."""
        file = f"file:{text.path}"
        try:
            found = documents(text)
        except (yaml.YAMLError, ValueError, RecursionError) as why:
            yield Refusal(file, "", f"not readable as YAML: {told(why)}", text.path)
            return
        if not found:
            yield Refusal(file, "", "holds no rule", text.path)
        later = []
        for place, document in enumerate(found):
            if _size(document, {}) > MOST_PARTS:
                yield Refusal(file, "", f"a document of more than {MOST_PARTS} parts", text.path)
            elif not isinstance(document, dict):
                yield Refusal(file, "", "not a Sigma rule: no mapping", text.path)
            elif "correlation" in document or "filter" in document:
                later.append(place)
            elif placeholders.is_pipeline(document):
                yield from _of_pipeline(document, text)
            else:
                yield self._leaf(document, text)
        if later:
            yield Later(text, tuple(later))

    def _leaf(self, document: Mapping[Any, Any], text: RuleText) -> Leaf | Refusal:
        made, title = named(document)
        try:
            if "action" in document:
                raise Refused("uses `action`, which Sigma has retired; write each rule in full")
            parsed = _read(document)
            rule = rule_of(parsed, made, document, text)
            builder = Builder(self.tests, self.filled)
            condition = builder.condition(parsed.detection)
            source = parsed.logsource
            parts = (source.category, source.product, source.service)
            found = tuple(
                Route(table=table, view=view.name, guard=builder.guard(view))
                for table, view in logsources.places(*parts, self._tables)
                if not view.without & builder.fields
            )
            if not found:
                raise Refused(logsources.unserved(*parts))
        except (SigmaError, Refused, RecursionError) as why:
            return Refusal(made, title, told(why), text.path)
        return Leaf(rule, content_of(document), found, condition, parsed.name or "", parts)


def told(why: Exception) -> str:
    """Return what an exception says, on one line."""
    return " ".join(str(why).split()) or type(why).__name__


def named(document: Mapping[Any, Any]) -> tuple[str, str]:
    """Return a document's id and title; one that has no id is named by its content, which the name says."""
    made = document.get("id") or f"without-id-{content_of(document)[:32]}"
    return str(made), str(document.get("title") or "")


def _of_pipeline(document: Mapping[Any, Any], text: RuleText) -> Iterator[Refusal]:
    try:
        placeholders.values(document)
    except Refused as why:
        yield Refusal(f"file:{text.path}", str(document.get("name") or ""), str(why), text.path)


def _size(value: Any, known: dict[int, int]) -> int:
    """Count a document's parts with every YAML reference written out; one that holds itself counts as too large."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = MOST_PARTS + 1
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(value)]


def _read(document: Mapping[str, Any]) -> SigmaRule:
    """Return a document as pySigma reads it. Raises Refused."""
    try:
        parsed = SigmaRule.from_dict({name: part for name, part in document.items() if name != "postvakt"})
    except WRONG as why:
        raise Refused(f"not a Sigma rule: {why}") from None
    if parsed.errors:
        raise Refused(str(parsed.errors[0]))
    return parsed


def rule_of(
    parsed: SigmaRule | SigmaCorrelationRule, made: str, document: Mapping[str, Any], text: RuleText
) -> Rule:
    """Return what a report needs to know of a rule. Raises Refused."""
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
