"""What makes our content sound as a whole: everything that is wrong is collected and told at once."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from itertools import pairwise
from typing import Any, TypeVar, get_args

import msgspec

from postvakt.content import demanding, forms, known, library, marking, responding, stix
from postvakt.content.encoded import ENDING
from postvakt.content.facts import FACTS
from postvakt.errors import ContentError
from postvakt.model.actor import ActorSpec, MarkBook
from postvakt.model.build import Build, Flaw
from postvakt.model.directive import ChainSpec, Directive
from postvakt.model.form import Workbook
from postvakt.model.mitigation import Mitigation
from postvakt.model.rule import LEVELS, Confidence, Stage

T = TypeVar("T")
YIELDS = "yields_to"
NOTES = ("stage", "confidence", "means", "benign", "next", "facts")
TAG = re.compile(r"attack\.(t\d{4}(\.\d{3})?|[a-z-]+)|cve\.\d{4}-\d{4,7}")
CVE = re.compile(r"CVE-\d{4}-\d{4,7}")


class Problem(msgspec.Struct, frozen=True, order=True):
    """One thing that is wrong: the file, then the place in it and the fault."""

    path: str
    what: str


def check(root: Traversable | None = None) -> list[Problem]:
    """Return everything that is wrong with our content in the order of paths; an empty list when it is sound."""
    place = root or library.here()
    rules, told = _opened(library.rule_files(place), _document)
    yara, yara_told = _opened(library.yara_files(place), library.text)
    bundles, bundles_told = _opened(library.files(place, "indicators", ".json"), library.text)
    directives, directives_told = _opened(
        library.files(place, "directives", ".yaml"), lambda f, p: library.converted(f, p, Directive)
    )
    chains, chains_told = _opened(
        library.files(place, "chains", ".yaml"), lambda f, p: library.converted(f, p, ChainSpec)
    )
    builds, builds_told = _opened(
        library.files(place, "builds", ".csv"), lambda f, p: list(library.builds(library.text(f, p)))
    )
    flaws, flaws_told = _opened(
        library.files(place, "flaws", ".yaml"), lambda f, p: library.converted(f, p, Flaw)
    )
    workbooks, workbooks_told = _opened(
        library.files(place, "workbooks", ".yaml"), lambda f, p: library.converted(f, p, Workbook)
    )
    mitigations, mitigations_told = _opened(
        library.files(place, "mitigations", ".yaml"), lambda f, p: library.converted(f, p, Mitigation)
    )
    books, books_told = _opened(
        library.files(place, "marks", ".yaml"), lambda f, p: library.converted(f, p, MarkBook)
    )
    actors, actors_told = _opened(
        library.files(place, "actors", ".yaml"), lambda f, p: library.converted(f, p, ActorSpec)
    )
    numbers = {build.number for _, rows in builds for build in rows}
    names = {
        *(str(rule.get("id")) for _, rule in rules),
        *(f"yara:{name}" for _, text in yara for name, _ in library.yara_rules(text.text)),
        *(name for _, text in bundles for name in _indicator_names(text)),
    }
    problems = [*told, *yara_told, *bundles_told, *directives_told, *chains_told, *builds_told, *flaws_told]
    problems += workbooks_told
    problems += mitigations_told
    problems += [*books_told, *actors_told]
    problems += _each(rules, lambda path, rule: _rule(rule, _folder(place, path)))
    problems += _each(yara, lambda path, text: _yara(text, _folder(place, path)))
    problems += _each(bundles, lambda _, text: stix.faults(text.text))
    problems += _each(
        directives, lambda _, directive: demanding.faults(directive, {flaw.id for _, flaw in flaws})
    )
    problems += _each(chains, lambda _, chain: _chain(chain, names))
    problems += _each(builds, lambda _, rows: _builds(rows))
    problems += _each(flaws, lambda _, flaw: _flaw(flaw, numbers))
    problems += _each(
        workbooks, lambda _, book: forms.faults(book, {directive.id for _, directive in directives})
    )
    flaw_ids = {flaw.id for _, flaw in flaws}
    problems += _each(mitigations, lambda _, one: _mitigation(one, flaw_ids))
    problems += _marks(
        books, actors, rules, [name for name in names if name.startswith(marking.YARA)], bundles
    )
    problems += _shared_ids(rules)
    problems += [Problem(path, what) for path, what in responding.faults(place)]
    return sorted(problems)


def _opened(
    listing: Iterable[tuple[str, Traversable]], opened: Callable[[Traversable, str], T]
) -> tuple[list[tuple[str, T]], list[Problem]]:
    """Open every file of a listing; what cannot be opened is a Problem, and the others go on."""
    made: list[tuple[str, T]] = []
    problems: list[Problem] = []
    for path, file in listing:
        try:
            made.append((path, opened(file, path)))
        except ContentError as why:
            problems.append(Problem(path, str(why).removeprefix(f"{path}: ")))
    return made, problems


def _each(pieces: Iterable[tuple[str, T]], faults: Callable[[str, T], Iterable[str]]) -> list[Problem]:
    return [Problem(path, what) for path, piece in pieces for what in faults(path, piece)]


def _document(file: Traversable, path: str) -> dict[str, Any]:
    document = library.parsed(library.text(file, path))
    if not isinstance(document, dict):
        raise ContentError(f"{path}: not a mapping")
    return document


def _folder(root: Traversable, path: str) -> Traversable:
    kind, slug, _ = path.split("/")
    return root / kind / slug


def _indicator_names(text: library.Text) -> list[str]:
    try:
        return [str(indicator.get("id")) for indicator in stix.indicators(text.text)]
    except ValueError:
        return []  # stix.faults tells it


def _shared_ids(rules: Iterable[tuple[str, dict[str, Any]]]) -> list[Problem]:
    counted = Counter(str(rule.get("id")) for _, rule in rules)
    return [
        Problem(path, f"id: {rule['id']} is also another rule's")
        for path, rule in rules
        if counted[str(rule.get("id"))] > 1
    ]


def _marks(
    books: Sequence[tuple[str, MarkBook]],
    actors: Sequence[tuple[str, ActorSpec]],
    rules: Iterable[tuple[str, dict[str, Any]]],
    yara: Iterable[str],
    bundles: Iterable[tuple[str, library.Text]],
) -> list[Problem]:
    ids = {path.split("/")[1]: str(rule.get("id")) for path, rule in rules}
    sound = [text.text for _, text in bundles if not list(stix.faults(text.text))]
    offered = marking.Known.of(ids, sound)
    problems = _each(books, lambda _, book: marking.book_faults(book, offered, frozenset(yara)))
    return problems + [Problem(*told) for told in marking.faults([book for _, book in books], actors)]


def _rule(rule: dict[str, Any], folder: Traversable) -> Iterator[str]:
    try:
        uuid.UUID(str(rule.get("id")))
    except ValueError:
        yield f"id: {rule.get('id')!r} is no UUID"
    for name in ("title", "description"):
        if not rule.get(name):
            yield f"{name}: is missing"
    if rule.get("level") not in LEVELS:
        yield f"level: {rule.get('level')!r} is none of {', '.join(LEVELS)}"
    yield from (f"tags: {tag!r} is no technique, tactic or CVE" for tag in _bad_tags(rule))
    source = rule.get("logsource")
    if not isinstance(source, dict) or not known.is_log_source(source):
        yield f"logsource: no table of ours serves {source}"
    if not isinstance(rule.get("detection"), dict) or "condition" not in rule["detection"]:
        yield "detection: has no condition"
    yield from _notes(rule.get("postvakt"))
    yield from _proof(folder, "hit.jsonl")
    yield from _proof(folder, "miss.jsonl")


def _bad_tags(rule: dict[str, Any]) -> list[str]:
    return [str(tag) for tag in rule.get("tags") or () if not TAG.fullmatch(str(tag))]


def _notes(notes: object) -> Iterator[str]:
    if not isinstance(notes, dict) or set(notes) - {YIELDS} != set(NOTES):
        yield f"postvakt: is not a mapping of {', '.join(NOTES)}"
        return
    yield from _note_faults("postvakt.", notes)
    if not known.is_coverage(str(notes.get(YIELDS, "file"))):
        yield f"postvakt.{YIELDS}: {notes[YIELDS]!r} is no coverage name"
    named = notes["facts"]
    yield from _fact_faults("postvakt.", named if isinstance(named, list) else [])


def _note_faults(prefix: str, notes: Mapping[str, object]) -> Iterator[str]:
    if notes.get("stage") not in get_args(Stage):
        yield f"{prefix}stage: {notes.get('stage')!r} is no stage"
    if notes.get("confidence") not in get_args(Confidence):
        yield f"{prefix}confidence: {notes.get('confidence')!r} is none of {', '.join(get_args(Confidence))}"
    for name in ("means", "benign", "next"):
        said = notes.get(name)
        if not isinstance(said, str) or not said.strip():
            yield f"{prefix}{name}: says nothing"


def _fact_faults(prefix: str, named: Sequence[object]) -> Iterator[str]:
    """A rule of ours says which published signs it shows, so that the ones without a rule are seen."""
    if not named:
        yield f"{prefix}facts: names no published sign"
    for name in named:
        fact = FACTS.get(str(name))
        if fact is None:
            yield f"{prefix}facts: {name} is no published sign of content/facts.py"
        elif fact.unseen:
            yield f"{prefix}facts: {name} is said to have no rule"


def _proof(folder: Traversable, name: str) -> Iterator[str]:
    """A rule stands with rows that it must match and rows that it must leave; a hit names what decides it."""
    file = library.beside(folder, name)
    if file is None:
        yield f"{name}: is missing"
        return
    try:
        rows = [json.loads(line) for line in library.data(file, name).decode().splitlines() if line.strip()]
    except (ContentError, ValueError) as why:
        yield f"{name}: {why}"
        return
    if not rows:
        yield f"{name}: holds no row"
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or row.get("table") not in known.TABLES:
            yield f"{name}: line {number}: names no table of ours"
        elif name.startswith("hit") and not row.get("deciding"):
            yield f"{name}: line {number}: does not say which fields decide it"


def _yara(text: library.Text, folder: Traversable) -> Iterator[str]:
    rules = list(library.yara_rules(text.text))
    if not rules:
        yield "holds no rule"
    for name, rule in rules:
        yield from (f"{name}: meta {fault}" for fault in _meta(rule))
    yield from (f"{name}/: holds no file" for name in ("hit", "miss") if not library.children(folder / name))
    yield from _deciding(folder)


def _meta(rule: str) -> Iterator[str]:
    meta = library.yara_meta(rule)
    if meta.get("level") not in LEVELS:
        yield f"level: {meta.get('level')!r} is none of {', '.join(LEVELS)}"
    yield from _note_faults("", meta)
    yield from _fact_faults("", meta.get("facts", "").split())


def _deciding(folder: Traversable) -> Iterator[str]:
    """Each hit names the texts that decide it; a test takes them away and expects the rule to fall silent."""
    samples = {file.name.removesuffix(ENDING) for file in library.children(folder / "hit")}
    try:
        named = json.loads(library.data(folder / "deciding.json", "deciding.json"))
    except (ContentError, ValueError) as why:
        yield f"deciding.json: {str(why).removeprefix('deciding.json: ')}"
        return
    if not isinstance(named, dict):
        yield "deciding.json: not a mapping"
        return
    yield from (f"deciding.json: {name} is no sample in hit/" for name in sorted(set(named) - samples))
    yield from (
        f"deciding.json: does not say what decides {name}" for name in sorted(samples) if not named.get(name)
    )


def _chain(chain: ChainSpec, rules: set[str]) -> Iterator[str]:
    twice = [name for name, count in Counter(step.id for step in chain.steps).items() if count > 1]
    yield from (f"steps: {name} stands twice" for name in twice)
    if not chain.steps:
        yield "steps: there is none"
    for step in chain.steps:
        if not step.rules:
            yield f"steps: {step.id}: no rule shows it"
        yield from (
            f"steps: {step.id}: {rule} is no rule of ours" for rule in step.rules if rule not in rules
        )
        yield from (f"steps: {step.id}: {name} is no coverage" for name in demanding.no_coverage(step.needs))


def _builds(rows: list[Build]) -> Iterator[str]:
    """The table is in the order of builds: what is out of order was put in the wrong place, or mistyped."""
    for before, after in pairwise(rows):
        if after.build <= before.build:
            yield f"{after.number} does not follow {before.number}"
    if not rows:
        yield "holds no build"


def _mitigation(one: Mitigation, flaws: set[str]) -> Iterator[str]:
    if not one.shown_by:
        yield "shown_by: nothing shows it"
    for pattern in one.shown_by:
        try:
            re.compile(pattern)
        except re.error as why:
            yield f"shown_by: {pattern}: {why}"
    yield from (f"flaws: {name} is no flaw of ours" for name in one.flaws if name not in flaws)


def _flaw(flaw: Flaw, numbers: set[str]) -> Iterator[str]:
    if not flaw.fixed_from:
        yield "fixed_from: no build is without it"
    yield from (
        f"fixed_from: {number} is not in the table of builds"
        for number in flaw.fixed_from
        if number not in numbers
    )
    updates = Counter(number.rpartition(".")[0] for number in flaw.fixed_from)
    yield from (f"fixed_from: {name} stands twice" for name, count in updates.items() if count > 1)
    yield from (f"cves: {cve} is no CVE" for cve in flaw.cves if not CVE.fullmatch(cve))
