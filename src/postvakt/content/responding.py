"""What makes sound what is said of collecting and of eviction: names that meet, patterns that are some."""

import re
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable

from postvakt.content import library
from postvakt.errors import ContentError
from postvakt.model.collecting import CollectorSpec, Family
from postvakt.model.eviction import Eviction, Measure, Remnant

Fault = tuple[str, str]
"""A file, and what is wrong in it."""

TECHNIQUE = re.compile(r"T\d{4}(\.\d{3})?")


def faults(root: Traversable) -> Iterator[Fault]:
    """Yield everything that is wrong in `collecting`, `collectors` and `eviction`, and go on after each."""
    known: dict[str, str] = {}
    for path, file in library.files(root, "collecting", ".yaml"):
        try:
            family = library.converted(file, path, Family)
            yield from _family(path, family, known)
            yield from _parts(path, family, known)
        except ContentError as why:
            yield path, str(why).removeprefix(f"{path}: ")
    for path, file in library.files(root, "collectors", ".yaml"):
        try:
            yield from _collector(path, library.converted(file, path, CollectorSpec), known)
        except ContentError as why:
            yield path, str(why).removeprefix(f"{path}: ")
    seen: set[str] = set()
    for path, file in library.files(root, "eviction", ".yaml"):
        try:
            yield from _eviction(path, library.converted(file, path, Eviction), seen)
        except ContentError as why:
            yield path, str(why).removeprefix(f"{path}: ")


def _family(path: str, family: Family, known: dict[str, str]) -> Iterator[Fault]:
    for one in family.collect:
        for name in (f"id {one.id}", *(f"covers {covered}" for covered in one.covers)):
            if name in known:
                yield path, f"{name}: {known[name]} has it already"
            known[name] = f"{path} {one.id}"
        if not (one.spots or one.by or one.instead):
            yield path, f"{one.id}: neither where it lies nor what collects it"
        if bool(one.moved_by) != bool(one.moved):
            yield path, f"{one.id}: moved_by and moved belong together"


def _parts(path: str, family: Family, known: dict[str, str]) -> Iterator[Fault]:
    for one in family.collect:
        for name in one.includes:
            if f"id {name}" not in known:
                yield path, f"{one.id} includes {name}: nothing of that id is collected"


def _collector(path: str, collector: CollectorSpec, known: dict[str, str]) -> Iterator[Fault]:
    if path != f"collectors/{collector.id}.yaml":
        yield path, f"id {collector.id} is not the file's name"
    for name in collector.cannot:
        if f"id {name}" not in known:
            yield path, f"cannot {name}: nothing of that id is collected"


def _eviction(path: str, part: Eviction, seen: set[str]) -> Iterator[Fault]:
    parts: list[Measure | Remnant] = [*part.measures, *part.remnants]
    for one in parts:
        if one.id in seen:
            yield path, f"{one.id}: stands twice"
        seen.add(one.id)
        for technique in one.techniques:
            if not TECHNIQUE.fullmatch(technique):
                yield path, f"{one.id}: {technique} is no technique"
    for measure in part.measures:
        if not (measure.reach or measure.techniques):
            yield path, f"{measure.id}: neither reach nor techniques, so it never holds"
    for remnant in part.remnants:
        yield from _patterns(path, remnant)


def _patterns(path: str, remnant: Remnant) -> Iterable[Fault]:
    for pattern in (remnant.pattern, remnant.not_pattern):
        try:
            re.compile(pattern)
        except re.error as why:
            yield path, f"{remnant.id}: {pattern!r} is no pattern: {why}"
