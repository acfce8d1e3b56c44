"""Events made of the words of a rule, so that every rule has some that match, nearly match, and are excepted.

Recorded logs answer few of the rules that there are. For each rule, events are made that hold what its selections
ask (a value of each list by chance, wildcards and expressions filled), some with what its filters ask as well, and
some spoiled in one place: a field left out, a letter more, another case.
"""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from sigma.rule import SigmaDetection, SigmaDetectionItem, SigmaRule
from sigma.types import (
    Placeholder,
    SigmaBool,
    SigmaCIDRExpression,
    SigmaCompareExpression,
    SigmaExists,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaNull,
    SigmaNumber,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_parse

Data = list[tuple[str | None, str | None]]

MADE = 12
"""Events for each rule."""

FILLED = ("", "x", "zz y", "_%", "A\\b")
"""What stands where a rule has a star."""


def made(rule: SigmaRule) -> Iterator[Data]:
    """Yield event data for a rule, the same in every run."""
    random = Random(str(rule.id or rule.title))
    names = list(rule.detection.detections)
    wanted = [name for name in names if not re.match(r"_?(filter|exclu)", name)]
    for place in range(MADE):
        chosen = names if place % 4 == 3 else wanted
        if place % 3 == 2 and len(chosen) > 1:
            chosen = random.sample(chosen, random.randint(1, len(chosen)))
        data: Data = []
        for name in chosen:
            _fill(rule.detection.detections[name], data, random)
        yield _spoiled(data, random) if place % 2 else data


def _fill(part: SigmaDetection | SigmaDetectionItem, data: Data, random: Random) -> None:
    if isinstance(part, SigmaDetection):
        every = part.item_linking is not None and "AND" in part.item_linking.__name__
        items = part.detection_items if every else [random.choice(part.detection_items)]
        for item in items:
            _fill(item, data, random)
        return
    every = part.value_linking is not None and "AND" in part.value_linking.__name__
    asked = part.value if every or not part.value else [random.choice(part.value)]
    values = [_text(value, random) for value in asked]
    told = [value for value in values if value is not None]
    if not told:
        return
    held = next((value for name, value in data if name == part.field and part.field is not None), None)
    if held is not None:
        # A field stands once: what several selections ask of it is written into one value.
        data[:] = [pair for pair in data if pair[0] != part.field]
        told = [held, *told] if random.random() < 0.5 else [*told, held]
    data.append((part.field, "".join(told)))


def _text(value: Any, random: Random) -> str | None:
    if isinstance(value, SigmaExpansion):
        return _text(random.choice(value.values), random)
    for kind, makes in _MAKERS:
        if isinstance(value, kind):
            return makes(value, random)
    return str(value)


def _string(value: SigmaString, random: Random) -> str:
    told = ""
    for part in value.s:
        if part is SpecialChars.WILDCARD_MULTI:
            told += random.choice(FILLED)
        elif part is SpecialChars.WILDCARD_SINGLE:
            told += "q"
        elif not isinstance(part, Placeholder):
            told += str(part)
    return told


def _compared(value: SigmaCompareExpression, random: Random) -> str:
    return str(int(value.number.number) + random.choice((-1, 0, 1)))


def _expression(value: SigmaRegularExpression, random: Random) -> str:
    return _filled(sre_parse.parse(str(value.regexp)), random)


def _filled(parsed: Any, random: Random) -> str:
    return "".join(_FILL.get(str(op), _nothing)(told, random) for op, told in parsed)


def _nothing(told: Any, random: Random) -> str:
    return ""


def _repeated(told: Any, random: Random) -> str:
    least, most, part = told
    return "".join(
        _filled(part, random) for _ in range(random.randint(least, max(least, min(int(most), least + 2))))
    )


def _of_class(told: Any, random: Random) -> str:
    letters = [chr(code) for code in range(32, 127)]
    accepted = [letter for letter in letters if _in_class(told, letter)]
    return random.choice(accepted or letters)


def _in_class(told: Any, letter: str) -> bool:
    negated = bool(told) and str(told[0][0]) == "NEGATE"
    held = any(
        (str(op) == "LITERAL" and ord(letter) == what)
        or (str(op) == "RANGE" and what[0] <= ord(letter) <= what[1])
        or (str(op) == "CATEGORY" and re.match(_CATEGORIES[str(what)], letter) is not None)
        for op, what in told
    )
    return held != negated


_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d", "CATEGORY_NOT_DIGIT": r"\D", "CATEGORY_SPACE": r"\s", "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w", "CATEGORY_NOT_WORD": r"\W",
}  # fmt: skip
_FILL: Mapping[str, Callable[[Any, Random], str]] = {
    "LITERAL": lambda told, _: chr(told),
    "NOT_LITERAL": lambda told, _: "x" if chr(told) != "x" else "y",
    "ANY": lambda _, random: random.choice("ab/ "),
    "IN": _of_class,
    "MAX_REPEAT": _repeated,
    "MIN_REPEAT": _repeated,
    "BRANCH": lambda told, random: _filled(random.choice(told[1]), random),
    "SUBPATTERN": lambda told, random: _filled(told[3], random),
}
_MAKERS: Sequence[tuple[type, Callable[[Any, Random], str | None]]] = (
    (SigmaNull, lambda value, random: None),
    (SigmaExists, lambda value, random: "x" if value.exists else None),
    (SigmaString, _string),
    (SigmaNumber, lambda value, random: str(value.number)),
    (SigmaBool, lambda value, random: "true" if value.boolean else "false"),
    (SigmaRegularExpression, _expression),
    (SigmaCIDRExpression, lambda value, random: str(value.network.network_address)),
    (SigmaCompareExpression, _compared),
    (SigmaFieldReference, lambda value, random: "same"),
)


def _spoiled(data: Data, random: Random) -> Data:
    if not data:
        return data
    place = random.randrange(len(data))
    name, value = data[place]
    assert value is not None
    ways = (value.upper(), value.lower(), value + "x", "x" + value, value[1:], value[:-1], "", None)
    way = random.choice(ways)
    return [*data[:place], *([] if way is None else [(name, way)]), *data[place + 1 :]]
