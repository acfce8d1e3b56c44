"""Values for placeholders (the modifier `expand`): what a processing pipeline of a pack gives under `vars`.

Of a pipeline only that is read, and only where placeholders are all that it is about: to rename fields or to change
rules is not asked of us, and a pipeline that would is listed as not asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from sigma.rule.base import SigmaYAMLLoader
from sigma.types import Placeholder, SigmaExpansion, SigmaString, SigmaType

from postvakt.detect.plan import RuleText
from postvakt.detect.sheaf import may_fill
from postvakt.detect.shelf import Refused

Values = Mapping[str, tuple[str, ...]]

FILLS = "value_placeholders"


def is_pipeline(document: Mapping[Any, Any]) -> bool:
    """Tell whether a document is a processing pipeline and no rule."""
    return ("vars" in document or "transformations" in document) and "detection" not in document


def values(document: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    """Return the values that a pipeline gives, by the placeholder's name. Raises Refused where it does more."""
    steps = document.get("transformations") or []
    others = [
        str(step.get("type")) if isinstance(step, Mapping) else str(step)
        for step in (steps if isinstance(steps, list) else [steps])
        if not isinstance(step, Mapping) or step.get("type") != FILLS
    ]
    if others:
        raise Refused(f"a processing pipeline: of those only `vars` and {FILLS} are read, not {others[0]}")
    told = document.get("vars") or {}
    if not isinstance(told, Mapping):
        raise Refused("a processing pipeline: its `vars` are no mapping")
    return {str(name): tuple(map(str, v if isinstance(v, list) else [v])) for name, v in told.items()}


def given(texts: Iterable[RuleText]) -> dict[str, tuple[str, ...]]:
    """Return the values of all pipelines among rules; of two that name a placeholder both count.

    What cannot be read is left out here, and refused with its reason where the rules are read.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts:
        if may_fill(text):
            for name, more in _read(text.text):
                found[name] = tuple(dict.fromkeys((*found.get(name, ()), *more)))
    return found


def _read(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    try:
        for document in yaml.load_all(text, Loader=SigmaYAMLLoader):  # a safe loader
            if isinstance(document, Mapping) and is_pipeline(document):
                yield from values(document).items()
    except (yaml.YAMLError, ValueError, RecursionError, Refused):
        return


def filled(value: SigmaType, known: Values) -> list[SigmaType]:
    """Return the values that one with placeholders stands for, itself where not all of them are known."""
    if isinstance(value, SigmaExpansion):
        return [SigmaExpansion([each for one in value.values for each in filled(one, known)])]
    if not isinstance(value, SigmaString) or not value.contains_placeholder():
        return [value]
    if any(isinstance(part, Placeholder) and not known.get(part.name) for part in value.s):
        return [value]
    made: list[SigmaType] = []
    for each in value.replace_placeholders(lambda named: map(SigmaString, known[named.name])):
        # pySigma forgets whether case counts.
        kept = value.__class__()
        kept.s = each.s
        made.append(kept)
    return made
