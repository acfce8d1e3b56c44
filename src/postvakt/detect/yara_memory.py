"""YARA rules asked of memory: those whose condition speaks of no whole file, and those that say their form for memory.

A rule of ours says it in its meta, `memory = "<condition>"`: what holds of the same strings wherever they stand.
"""

import io
import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import yara_x

from postvakt.detect.plan import RuleText
from postvakt.errors import ContentError
from postvakt.model.marks import Finder, Mark, Marks, RuleMarks
from postvakt.model.rule import NotAsked

SECONDS = 120
"""How long one stretch of memory may take."""
MOST_MARKS = 20_000
"""Places of one pattern that a pass over one stretch gives."""
ANCHORS = "anchors"

_PIECE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<=[=s(])\s*/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*',
    re.S,
)
_RULE = re.compile(r"((?:\b(?:private|global)\s+)*)\brule\s+(\w+)[^{]*\{")
_CONDITION = re.compile(r"\bcondition\s*:")
_STRINGS = re.compile(r"\bstrings\s*:")
_OF_FILES = re.compile(
    r"\bfilesize\b|\bentrypoint\b|\bu?int(?:8|16|32)(?:be)?\s*\(|\bat\s+0\b|\b(?:pe|elf|macho|dotnet|hash|math)\."
)
_MEMORY = re.compile(r'\bmemory\s*=\s*"((?:[^"\\]|\\.)*)"')


class Form(RuleText, frozen=True):
    """A file of rules as memory is asked of them, and those of its rules that are not asked."""

    left_out: tuple[NotAsked, ...] = ()


def form(text: RuleText) -> Form:
    """Return a file of rules in their form for memory.

    A condition that speaks of a whole file gives way to the rule's own for memory, or to `false`; rules that name such
    a rule are not asked either.
    """
    blank = _blanked(text.text)
    made, at = [], 0
    left_out: dict[str, NotAsked] = {}
    for name, low, high, head in _rules(blank):
        own = _MEMORY.search(text.text, head, low) if text.origin == "own" else None
        condition = blank[low:high]
        strings = _STRINGS.search(blank, head, low)
        if own is not None:
            # YARA-X refuses a rule that has a pattern which its condition does not name.
            made += [text.text[at:low], f" ({own[1]}) or (filesize < 0 and any of them)\n"]
            at = high
            continue
        named = next((other for other in left_out if re.search(rf"\b{other}\b", condition)), None)
        if named is None and not _OF_FILES.search(condition):
            continue
        reason = f"needs {named}, which is not" if named else "its condition is about a whole file"
        left_out[name] = NotAsked(
            rule=f"yara:{name}", title=name, reason=f"{reason}; not asked of memory", path=text.path
        )
        made += [
            text.text[at : strings.start() if strings else low],
            " condition: false\n" if strings else " false\n",
        ]
        at = high
    made.append(text.text[at:])
    return Form(path=text.path, text="".join(made), origin=text.origin, left_out=tuple(left_out.values()))


def _blanked(text: str) -> str:
    """Return the text with comments, strings and regular expressions as blanks of the same length."""
    return _PIECE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _rules(blank: str) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, start and end of the condition, and start of the rule."""
    for found in _RULE.finditer(blank):
        condition = _CONDITION.search(blank, found.end())
        if condition is None:
            return
        end = blank.find("}", condition.end())
        if end >= 0:
            yield found[2], condition.end(), end, found.start()


def compile_memory(
    texts: Iterable[RuleText], asked: Iterable[str], anchors: str
) -> tuple[bytes, tuple[NotAsked, ...]]:
    """Return the rules compiled for memory together with the carvers' anchors, packed; and those that are not asked.

    `asked` are the ids of the rules that are asked at all. Anchors without a rule go too: then nothing is asked.
    """
    compiler = yara_x.Compiler(relaxed_re_syntax=True)
    compiler.enable_includes(False)
    compiler.new_namespace(ANCHORS)
    compiler.add_source(anchors)
    known = set(asked)
    left_out: list[NotAsked] = []
    for number, text in enumerate(texts):
        made = form(text)
        trial = yara_x.Compiler(relaxed_re_syntax=True)
        trial.enable_includes(False)
        try:
            trial.add_source(made.text)
        except (yara_x.CompileError, ValueError) as why:
            reason = f"its form for memory cannot be compiled: {' '.join(str(why).split())[:200]}"
            left_out.append(NotAsked(rule=f"file:{text.path}", title="", reason=reason, path=text.path))
            continue
        compiler.new_namespace(f"{number}:{text.path}")
        compiler.add_source(made.text)
        left_out += [rule for rule in made.left_out if rule.rule in known]
    packed = io.BytesIO()
    compiler.build().serialize_into(packed)
    return zlib.compress(packed.getvalue(), 6), tuple(left_out)


def memory_finder(packed: bytes, asked: Iterable[str]) -> Finder:
    """Return what finds the rules of these ids, and the anchors, in bytes of memory in one pass.

    Raises ContentError for what `compile_memory` did not make.
    """
    try:
        rules = yara_x.Rules.deserialize_from(io.BytesIO(zlib.decompress(packed)))
    except (ValueError, OSError, zlib.error) as why:
        raise ContentError(f"compiled YARA rules: not readable ({why}); compile them again") from why
    scanner = yara_x.Scanner(rules)
    scanner.set_timeout(SECONDS)
    scanner.max_matches_per_pattern(MOST_MARKS)
    known = frozenset(asked)

    def find(data: bytes) -> Marks:
        try:
            matched = scanner.scan(data).matching_rules
        except yara_x.TimeoutError:
            return Marks(fault=f"the search took more than {SECONDS} s; what stands there is not told")
        return _told(matched, known)

    return find


def _told(matched: Iterable[Any], known: frozenset[str]) -> Marks:
    rules = []
    anchors: dict[str, list[Mark]] = {}
    full = set()
    for rule in matched:
        patterns = tuple(
            (pattern.identifier, tuple(Mark(match.offset, match.length) for match in pattern.matches))
            for pattern in rule.patterns
        )
        if rule.namespace == ANCHORS:
            places = {mark for _, marks in patterns for mark in marks}
            anchors[rule.identifier] = sorted(places, key=lambda mark: (mark.offset, mark.length))
            full |= {rule.identifier for _, marks in patterns if len(marks) >= MOST_MARKS}
        elif f"yara:{rule.identifier}" in known:
            rules.append(RuleMarks(f"yara:{rule.identifier}", tuple(p for p in patterns if p[1])))
    return Marks(tuple(sorted(rules, key=lambda found: found.rule)), anchors, frozenset(full))
