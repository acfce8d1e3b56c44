"""Indicators as STIX 2.1: what is checked before any of them is looked for.

A published list has carried truncated hashes and addresses with a slip; such a pattern can never match, and
nobody would notice.
"""

import ipaddress
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

HASH_DIGITS = {"MD5": 32, "SHA-1": 40, "SHA-256": 64}
COMPARED = re.compile(r"([a-z][a-z0-9-]*:[^\s=<>!]+?)\s*=\s*'((?:[^'\\]|\\.)*)'")
HASH_PATH = re.compile(r"file:hashes\.'?(MD5|SHA-1|SHA-256)'?")
DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9-]{1,63}\.)+[a-z]{2,63}")
REQUIRED = (
    "type",
    "spec_version",
    "id",
    "created",
    "modified",
    "pattern",
    "pattern_type",
    "valid_from",
    "name",
)


def indicators(text: str) -> list[dict[str, Any]]:
    """Return a bundle's indicators. Raises ValueError for what is no bundle."""
    bundle = json.loads(text)
    if not isinstance(bundle, dict) or bundle.get("type") != "bundle":
        raise ValueError("not a STIX bundle")
    objects = bundle.get("objects")
    if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
        raise ValueError("a bundle without objects")
    return [o for o in objects if o.get("type") == "indicator"]


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a bundle's indicators, each with its id."""
    try:
        found = indicators(text)
    except ValueError as why:
        yield str(why)
        return
    if not found:
        yield "holds no indicator"
    for twice, count in sorted(Counter(str(o.get("id")) for o in found).items()):
        if count > 1:
            yield f"{twice}: stands {count} times"
    for indicator in found:
        for fault in _faults(indicator):
            yield f"{indicator.get('id')}: {fault}"


def _faults(indicator: dict[str, Any]) -> Iterator[str]:
    missing = [name for name in REQUIRED if not indicator.get(name)]
    if missing:
        yield f"lacks {', '.join(missing)}"
        return
    references = indicator.get("external_references") or ()
    if not any(reference.get("source_name") for reference in references):
        yield "names no source"
    compared = COMPARED.findall(indicator["pattern"])
    if not compared:
        yield f"compares nothing: {indicator['pattern']}"
    for path, value in compared:
        fault = value_fault(path, value)
        if fault:
            yield fault


def value_fault(path: str, value: str) -> str:
    """Return what is wrong with the value that an object path is compared with, or an empty text."""
    hashed = HASH_PATH.fullmatch(path)
    if hashed:
        digits = HASH_DIGITS[hashed.group(1)]
        sound = re.fullmatch(rf"[0-9a-f]{{{digits}}}", value)
        return "" if sound else f"{value!r} is no {hashed.group(1)} ({digits} digits 0-9 a-f)"
    if path in ("ipv4-addr:value", "ipv6-addr:value"):
        try:
            ipaddress.ip_network(value)
        except ValueError as why:
            return str(why)
    if path == "domain-name:value" and not DOMAIN.fullmatch(value):
        return f"{value!r} is no domain name"
    return "" if value else f"{path} is compared with nothing"
