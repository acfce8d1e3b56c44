"""YARA rules: compiled by YARA-X into the plan, and asked of whole files."""

import io
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yara_x

from postvakt.detect.plan import Plan, RuleText
from postvakt.detect.sheaf import Signatures
from postvakt.detect.shelf import Refused, Shelf, content_of, one_of
from postvakt.detect.yara_memory import compile_memory
from postvakt.errors import ContentError
from postvakt.model.rule import LEVELS, Confidence, Rule, Stage

SECONDS = 60
"""How long one file's scan may take; the rest of the rules is then told as not finished."""

MATCHES_OF_A_PATTERN = 16
SHOWN = 3


class ScanHit(msgspec.Struct, frozen=True):
    """One YARA rule that matched a content; `detail` tells which strings were found where."""

    rule: str
    detail: str


class Scanner:
    """Asks a plan's YARA rules of contents."""

    def __init__(self, plan: Plan) -> None:
        rules = [rule for rule in plan.rules if rule.kind == "yara"]
        self._asked = dict(zip(plan.yara_names, rules, strict=True))
        self._scanner: Any = None
        if plan.yara:
            try:
                packed = yara_x.Rules.deserialize_from(io.BytesIO(zlib.decompress(plan.yara)))
            except (ValueError, OSError, zlib.error) as why:
                raise ContentError(f"compiled YARA rules: not readable ({why}); compile them again") from why
            self._scanner = yara_x.Scanner(packed)
            self._scanner.set_timeout(SECONDS)
            self._scanner.max_matches_per_pattern(MATCHES_OF_A_PATTERN)

    def scan(self, data: bytes, path: str | None = None) -> list[ScanHit]:
        """Return the rules that match a file's whole content, by rule id.

        `path` (lower case, forward slashes) leaves out those that mean other folders.

        Raises TimeoutError where the scan takes longer than SECONDS.
        """
        if self._scanner is None:
            return []
        try:
            matched = self._scanner.scan(data).matching_rules
        except yara_x.TimeoutError as why:
            raise TimeoutError(f"YARA scan took more than {SECONDS} s") from why
        hits = [
            ScanHit(asked.id, _found(rule, data))
            for rule in matched
            if (asked := self._asked.get((rule.namespace, rule.identifier))) and _lies(path, asked.folders)
        ]
        return sorted(hits, key=lambda hit: hit.rule)


def _lies(path: str | None, folders: tuple[str, ...]) -> bool:
    return path is None or not folders or any(folder in path for folder in folders)


def _found(rule: Any, data: bytes) -> str:
    """Say which patterns matched, at which offsets, with the bytes of the first of each."""
    said = []
    for pattern in rule.patterns:
        places = [(match.offset, match.length) for match in pattern.matches]
        if places:
            offset, length = places[0]
            at = ", ".join(f"{place:#x}" for place, _ in places[:SHOWN])
            more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
            said.append(f"{pattern.identifier} at {at}{more}: {_shown(data[offset : offset + length])}")
    return "; ".join(said) if said else "condition without strings"


def _shown(found: bytes) -> str:
    text = found[:80].decode("ascii", "backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def compile_texts(texts: Sequence[RuleText], anchors: str = "") -> Signatures:
    """Return YARA rules compiled and packed. Without `anchors`, which are rules that lead the carvers of memory, memory
    is not asked.

    A file that does not compile is refused with YARA-X's first complaint; the others are still asked.
    """
    shelf = Shelf()
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.enable_includes(False)
    origins: dict[str, RuleText] = {}
    for number, text in enumerate(texts):
        refusal = _trial(text)
        if refusal:
            shelf.refuse(f"file:{text.path}", "", refusal, text.path)
            continue
        namespace = f"{number}:{text.path}"
        compiler.new_namespace(namespace)
        compiler.add_source(text.text)
        origins[namespace] = text
    built = compiler.build()
    names = tuple(
        (rule.namespace, rule.identifier) for rule in built if _add(rule, origins[rule.namespace], shelf)
    )
    packed = io.BytesIO()
    built.serialize_into(packed)
    kept = shelf.plan()
    memory, left_out = compile_memory(texts, yara_ids(kept), anchors) if anchors else (b"", ())
    return Signatures(
        rules=kept.rules,
        refused=kept.not_asked,
        packed=zlib.compress(packed.getvalue(), 6) if origins else b"",
        names=names,
        memory=memory,
        not_of_memory=left_out,
    )


def yara_ids(plan: Plan) -> tuple[str, ...]:
    """Return the ids of the YARA rules that are asked."""
    return tuple(rule.id for rule in plan.rules if rule.kind == "yara")


def _trial(text: RuleText) -> str:
    """Compile a file alone, so that its fault stays its own; return the fault."""
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.enable_includes(False)
    try:
        compiler.add_source(text.text)
    except yara_x.CompileError as why:
        return f"YARA-X cannot compile it: {' '.join(str(why).split())[:400]}"
    except ValueError as why:
        return f"not YARA: {why}"
    if not any(True for _ in compiler.build()):
        return "holds no YARA rule"
    return ""


def _add(rule: Any, text: RuleText, shelf: Shelf) -> bool:
    meta: dict[str, Any] = {}
    for name, value in rule.metadata:
        meta.setdefault(name, value)
    try:
        made = _rule(rule.identifier, meta, text)
    except Refused as why:
        shelf.refuse(f"yara:{rule.identifier}", "", str(why), text.path)
        return False
    return shelf.add(made, None, content_of(text.text))


def _rule(name: str, meta: Mapping[str, Any], text: RuleText) -> Rule:
    own = meta if text.origin == "own" else {}
    level = str(meta.get("level", "high")).lower()
    cves = str(meta.get("cve", meta.get("cves", ""))).replace(",", " ").split()
    techniques = str(meta.get("technique", meta.get("techniques", ""))).replace(",", " ").split()
    return Rule(
        id=f"yara:{name}",
        kind="yara",
        title=str(meta.get("title") or meta.get("description") or name),
        level=next((known for known in LEVELS if known == level), "high"),
        confidence=one_of(own.get("confidence", "medium"), Confidence, "meta confidence"),
        stage=one_of(own.get("stage", ""), Stage, "meta stage"),
        techniques=tuple(technique.upper() for technique in techniques),
        cves=tuple(cve.upper() for cve in cves),
        means=str(own.get("means") or meta.get("description") or ""),
        benign=str(own.get("benign") or ""),
        next=str(own.get("next") or ""),
        origin=text.origin,
        path=text.path,
        author=str(meta.get("author") or ""),
        folders=tuple(str(own.get("folders") or "").split()),
    )
