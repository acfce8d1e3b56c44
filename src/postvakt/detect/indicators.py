"""STIX 2.1 indicators, turned into conditions over kinds of columns."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from postvakt.detect.fields import CHANGES, has_kind
from postvakt.detect.globs import ANY, ONE, Part, text_test
from postvakt.detect.patterns import Comparison, Expression, parse
from postvakt.detect.plan import Asked, Node, Route, RuleText, Test
from postvakt.detect.shelf import Refused, Shelf, content_of, one_of
from postvakt.detect.values import address_of, compile_regex, fold
from postvakt.model.rule import LEVELS, Confidence, Level, Rule, Stage
from postvakt.model.table import TableSpec

PROPERTIES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("ipv4-addr", "value", ("@ip",)),
    ("ipv6-addr", "value", ("@ip",)),
    ("domain-name", "value", ("@domain",)),
    ("url", "value", ("@url",)),
    ("email-addr", "value", ("@email",)),
    ("email-message", "from_ref.value", ("@email",)),
    ("email-message", "sender_ref.value", ("@email",)),
    ("file", "name", ("@file_name",)),
    ("file", "path", ("@file_path",)),
    ("file", "parent_directory_ref.path", ("@folder",)),
    ("directory", "path", ("@folder", "@file_path")),
    ("network-traffic", "src_ref.value", ("@ip", "@domain")),
    ("network-traffic", "dst_ref.value", ("@ip", "@domain")),
    ("network-traffic", "extensions.http-request-ext.request_value", ("@url_path", "@url")),
    ("network-traffic", "extensions.http-request-ext.request_header.User-Agent", ("@user_agent",)),
    ("windows-registry-key", "key", ("@registry_key",)),
    ("windows-registry-key", "values.name", ("@registry_value",)),
    ("process", "command_line", ("@command_line",)),
    ("process", "name", ("@file_name",)),
    ("process", "image_ref.name", ("@file_name",)),
    ("process", "image_ref.parent_directory_ref.path", ("@folder",)),
    ("user-account", "account_login", ("@account",)),
    ("user-account", "user_id", ("@account",)),
)
"""Which kinds of columns a STIX property reaches: (object, path, fields)."""

HASH_PATHS = re.compile(r"(?:.*\.)?hashes\.(?P<name>[A-Za-z0-9-]+)")
HASHES = ("md5", "sha1", "sha256", "sha512")
_PROPERTIES = {(kind, path): fields for kind, path, fields in PROPERTIES}
YARA = "yara:"
_KNOWN_LEVELS = {
    "malicious-activity": "high",
    "compromised": "high",
    "anomalous-activity": "medium",
    "benign": "informational",
}
_REWRITTEN = {"@registry_key": "registry", "@ip": "ip"}


def add(text: RuleText, tables: list[TableSpec], shelf: Shelf) -> None:
    """Put every indicator of a STIX bundle on the shelf, or the reason why it cannot be asked."""
    try:
        bundle = msgspec.json.decode(text.text)
    except (msgspec.DecodeError, ValueError, RecursionError) as why:
        shelf.refuse(f"file:{text.path}", "", f"not readable as JSON: {why}", text.path)
        return
    found = list(_indicators(bundle))
    if not found:
        shelf.refuse(f"file:{text.path}", "", "holds no STIX indicator", text.path)
    for document in found:
        _add_indicator(document, text, tables, shelf)


def _indicators(bundle: Any) -> Iterator[Mapping[str, Any]]:
    listed = bundle.get("objects", [bundle]) if isinstance(bundle, dict) else bundle
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, dict) and entry.get("type") == "indicator":
            yield entry


def _add_indicator(
    document: Mapping[str, Any], text: RuleText, tables: list[TableSpec], shelf: Shelf
) -> None:
    named = str(document.get("id") or f"file:{text.path}")
    title = str(document.get("name") or document.get("pattern") or named)
    try:
        if named.startswith(YARA):
            raise Refused("its id is one that YARA rules have here")
        if document.get("revoked") is True:
            raise Refused("revoked by its author")
        kind = document.get("pattern_type", "stix")
        if kind != "stix":
            raise Refused(f"its pattern is written in {kind}, not in STIX")
        if not isinstance(document.get("id"), str) or not isinstance(document.get("pattern"), str):
            raise Refused("has no id or no pattern")
        condition = _node(parse(document["pattern"]), shelf, negated=False)
        if _open_ended(condition):
            raise Refused("asks only for what is absent, which every record would answer")
        rule = _rule(document, title, text)
        fields = _fields(condition, shelf)
        found = tuple(
            Route(table=spec.name) for spec in tables if any(has_kind(spec, field) for field in fields)
        )
        if not found:
            raise Refused(f"no table has a column of its kind ({', '.join(sorted(fields))})")
    except Refused as why:
        shelf.refuse(named, title, str(why), text.path)
        return
    content = content_of(document)
    shelf.add(rule, lambda position: Asked(rule=position, routes=found, condition=condition), content)


def _node(expression: Expression, shelf: Shelf, *, negated: bool) -> Node:
    if not isinstance(expression, Comparison):
        parts = tuple(_node(part, shelf, negated=negated) for part in expression.parts)
        return Node(expression.op, parts=parts)
    tests = [
        Node("test", shelf.tests.number(test))
        for field in _places(expression)
        for value in expression.values
        for test in _tests(field, expression.operator, value)
    ]
    name = f"{expression.object}:{expression.path}"
    absent = expression.negated != (expression.operator == "!=")
    node = tests[0] if len(tests) == 1 else Node("or", parts=tuple(tests))
    return Node("not", parts=(node,), name=name) if absent else Node(node.op, node.test, node.parts, name)


def _places(comparison: Comparison) -> tuple[str, ...]:
    known = _PROPERTIES.get((comparison.object, comparison.path))
    if known is not None:
        return known
    hashed = HASH_PATHS.fullmatch(comparison.path)
    if hashed and comparison.object in ("file", "process", "artifact"):
        if hashed["name"].lower().replace("-", "") not in HASHES:
            raise Refused(f"{comparison.object}:{comparison.path}: no column holds this hash")
        return ("@hash",)
    raise Refused(f"{comparison.object}:{comparison.path}: no column answers this property")


def _tests(field: str, operator: str, value: str) -> Iterator[Test]:
    if operator == "LIKE":
        yield text_test(field, _like(value))
    elif operator == "MATCHES":
        try:
            compile_regex(value)
        except ValueError as why:
            raise Refused(f"{value} cannot be run in bounded time ({why})") from None
        yield Test(field, "regex", value, value)
    elif operator == "ISSUBSET" or (field == "@ip" and "/" in value):
        yield Test(field, "cidr", _network(value))
    else:
        # Written as the columns' values are rewritten, so that both meet in one form.
        change = _REWRITTEN.get(field)
        written = CHANGES[change](value)[-1] if change else value
        if field == "@ip":
            written = str(address_of(written) or written)
        if field == "@folder":
            written = written.rstrip("\\/").replace("/", "\\")
        elif field == "@file_path":
            written = written.replace("/", "\\")
        yield Test(field, "equals", fold(written))


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise Refused(f"{value} is no network") from None


def _like(value: str) -> Iterator[Part]:
    for letter in value:
        yield ANY if letter == "%" else ONE if letter == "_" else letter


def _open_ended(node: Node) -> bool:
    """Tell whether a condition can hold of a record that has none of its values."""
    if node.op == "not":
        return True
    if node.op == "and":
        return all(_open_ended(part) for part in node.parts)
    return any(_open_ended(part) for part in node.parts)


def _fields(node: Node, shelf: Shelf) -> frozenset[str]:
    if node.op == "test":
        return frozenset((shelf.tests.field(node.test),))
    if node.op == "not":
        return frozenset()
    return frozenset().union(*(_fields(part, shelf) for part in node.parts))


def _rule(document: Mapping[str, Any], title: str, text: RuleText) -> Rule:
    own = document.get("x_postvakt") if text.origin == "own" else None
    own = own if isinstance(own, Mapping) else {}
    try:
        valid = msgspec.convert(
            {name: document[name] for name in ("valid_from", "valid_until") if document.get(name)}, _Validity
        )
    except msgspec.ValidationError as why:
        raise Refused(f"its time of validity is no time: {why}") from None
    references = [r for r in document.get("external_references") or () if isinstance(r, Mapping)]
    return Rule(
        id=document["id"],
        kind="indicator",
        title=title,
        level=_level(document),
        confidence=one_of(own.get("confidence", _confidence(document)), Confidence, "x_postvakt.confidence"),
        stage=one_of(own.get("stage", ""), Stage, "x_postvakt.stage"),
        techniques=_ids(references, "mitre-attack", "T"),
        cves=_ids(references, "cve", "CVE-"),
        means=str(own.get("means") or document.get("description") or ""),
        benign=str(own.get("benign") or ""),
        next=str(own.get("next") or ""),
        origin=text.origin,
        path=text.path,
        author=str(document.get("created_by_ref") or ""),
        valid_from=valid.valid_from,
        valid_until=valid.valid_until,
    )


class _Validity(msgspec.Struct):
    valid_from: datetime | None = None
    valid_until: datetime | None = None


def _ids(references: list[Mapping[str, Any]], source: str, prefix: str) -> tuple[str, ...]:
    return tuple(
        str(r["external_id"]).upper()
        for r in references
        if r.get("source_name") == source and str(r.get("external_id", "")).upper().startswith(prefix)
    )


def _level(document: Mapping[str, Any]) -> Level:
    """A level that the author wrote among the labels; else what the indicator's type says; else medium."""
    said = [*(document.get("labels") or ()), *(document.get("indicator_types") or ())]
    words = [str(word).lower() for word in said]
    named = next((level for word in words for level in LEVELS if word in (level, f"level:{level}")), None)
    if named:
        return named
    typed = next((_KNOWN_LEVELS[word] for word in words if word in _KNOWN_LEVELS), "medium")
    return next(level for level in LEVELS if level == typed)


def _confidence(document: Mapping[str, Any]) -> Confidence:
    """The STIX confidence of 0 to 100 on the low-medium-high scale of its appendix A; medium where none is given."""
    given = document.get("confidence")
    if not isinstance(given, int):
        return "medium"
    return "low" if given < 30 else "medium" if given < 70 else "high"
