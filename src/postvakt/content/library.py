"""Our own content, read from the package: one folder per kind, one file or folder per piece."""

import csv
import importlib.resources
import io
import re
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import msgspec
import yaml

from postvakt.content import marking
from postvakt.content.encoded import ENDING, decode
from postvakt.errors import ContentError
from postvakt.model.actor import ActorSpec, Knowledge, MarkBook
from postvakt.model.build import Build, Flaw
from postvakt.model.collecting import Collectable, CollectorSpec, Family
from postvakt.model.directive import ChainSpec, Directive
from postvakt.model.eviction import Eviction
from postvakt.model.form import Workbook
from postvakt.model.hunt import Hunt
from postvakt.model.mitigation import Mitigation

T = TypeVar("T")
YARA_NAME = re.compile(r"^\s*(?:private\s+|global\s+)*rule\s+(\w+)", re.MULTILINE)
RULE_ID = re.compile(r"^id: *(\S+) *$", re.MULTILINE)
YARA_META = re.compile(r'^\s*(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)
HUNT_LINES = ("title", "about", "columns")
HUNT_LINE = re.compile(r"^-- (title|about|columns): *(.*)\n", re.MULTILINE)
BUILD_FIELDS = ["build", "name", "kb", "date"]


class Text(msgspec.Struct, frozen=True):
    """One piece of content as text. `path` is its place in the content folder."""

    path: str
    text: str


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that comes with Postvakt, each kind in the order of its paths."""

    rules: tuple[Text, ...]
    yara: tuple[Text, ...]
    indicators: tuple[Text, ...]
    directives: tuple[Directive, ...]
    chains: tuple[ChainSpec, ...]
    builds: tuple[Build, ...]
    flaws: tuple[Flaw, ...]
    mitigations: tuple[Mitigation, ...]
    hunts: tuple[Hunt, ...]
    knowledge: Knowledge
    collecting: tuple[Collectable, ...]
    collectors: tuple[CollectorSpec, ...]
    eviction: Eviction


class StrictLoader(yaml.SafeLoader):
    """YAML in which a key stands once: a second one would silently take the first one's place."""


def _mapping(loader: StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in made:
            raise yaml.constructor.ConstructorError(
                "in a mapping", node.start_mark, f"the key {key!r} stands twice", key_node.start_mark
            )
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_QuickLoader: Any = type("_QuickLoader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
"""The same, compiled where it was built: every run reads all of our content, and this takes a fifth of the time."""

for _loader in (StrictLoader, _QuickLoader):
    _loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load(root: Traversable | None = None) -> Content:
    """Return our content. Raises ContentError, naming file and place, for the first thing that is wrong."""
    place = root or here()
    rules = tuple(text(file, path) for path, file in rule_files(place))
    indicators = tuple(text(file, path) for path, file in files(place, "indicators", ".json"))
    return Content(
        rules=rules,
        yara=tuple(text(file, path) for path, file in yara_files(place)),
        indicators=indicators,
        directives=tuple(
            converted(file, path, Directive) for path, file in files(place, "directives", ".yaml")
        ),
        chains=tuple(converted(file, path, ChainSpec) for path, file in files(place, "chains", ".yaml")),
        builds=tuple(
            build for path, file in files(place, "builds", ".csv") for build in builds(text(file, path))
        ),
        flaws=tuple(converted(file, path, Flaw) for path, file in files(place, "flaws", ".yaml")),
        mitigations=tuple(
            converted(file, path, Mitigation) for path, file in files(place, "mitigations", ".yaml")
        ),
        hunts=tuple(hunt(text(file, path)) for path, file in files(place, "hunts", ".sql")),
        knowledge=knowledge(place, rules, indicators),
        collecting=tuple(
            one
            for path, file in files(place, "collecting", ".yaml")
            for one in converted(file, path, Family).collect
        ),
        collectors=tuple(
            converted(file, path, CollectorSpec) for path, file in files(place, "collectors", ".yaml")
        ),
        eviction=_joined(converted(file, path, Eviction) for path, file in files(place, "eviction", ".yaml")),
    )


def _joined(parts: Iterable[Eviction]) -> Eviction:
    held = list(parts)
    return Eviction(
        measures=tuple(one for part in held for one in part.measures),
        remnants=tuple(one for part in held for one in part.remnants),
    )


def hunt(written: Text) -> Hunt:
    """Return the hunt of a file: lines `-- title:`, `-- about:`, `-- columns:`, then the SQL. Raises ContentError."""
    told = dict(HUNT_LINE.findall(written.text))
    for name in HUNT_LINES:
        if not told.get(name):
            raise ContentError(f"{written.path}: has no line `-- {name}:`")
    return Hunt(
        id=written.path.rsplit("/", 1)[-1].removesuffix(".sql"),
        title=told["title"],
        about=told["about"],
        columns=tuple(name.strip() for name in told["columns"].split(",")),
        sql=HUNT_LINE.sub("", written.text).strip(),
    )


def workbooks(root: Traversable | None = None) -> tuple[Workbook, ...]:
    """Return the maps of reporting workbooks. Raises ContentError, naming file and place."""
    listing = files(root or here(), "workbooks", ".yaml")
    return tuple(converted(file, path, Workbook) for path, file in listing)


def knowledge(root: Traversable, rules: Iterable[Text], bundles: Iterable[Text]) -> Knowledge:
    """Return what is known of actors, each mark's rules and published values as the ids of what is asked for them.

    Raises ContentError for a name that nothing bears.
    """
    books = [(path, converted(file, path, MarkBook)) for path, file in files(root, "marks", ".yaml")]
    actors = [converted(file, path, ActorSpec) for path, file in files(root, "actors", ".yaml")]
    try:
        known = marking.Known.of(_rule_ids(rules), (bundle.text for bundle in bundles))
        marks = tuple(known.resolved(mark) for _, book in books for mark in book.marks)
    except ValueError as why:
        raise ContentError(f"marks: {why}") from why
    sources = {key: source for _, book in books for key, source in book.sources.items()}
    return Knowledge(marks=marks, sources=sources, actors=tuple(actors))


def _rule_ids(rules: Iterable[Text]) -> dict[str, str]:
    """Return each rule's id by its folder. Read by its line: to parse every rule would take a second of each start."""
    found = ((rule.path.split("/")[1], RULE_ID.search(rule.text)) for rule in rules)
    return {folder: line.group(1) for folder, line in found if line}


def here() -> Traversable:
    """Return the folder that our content lies in."""
    return importlib.resources.files("postvakt.content")


def rule_files(root: Traversable) -> Iterator[tuple[str, Traversable]]:
    """Yield each rule folder's `rule.yml`, also where it is not there: reading it then says so."""
    yield from _one_each(root, "rules", "rule.yml")


def yara_files(root: Traversable) -> Iterator[tuple[str, Traversable]]:
    """Yield each YARA folder's `rule.yar`, also where it is not there."""
    yield from _one_each(root, "yara", "rule.yar")


def files(root: Traversable, folder: str, ending: str) -> Iterator[tuple[str, Traversable]]:
    """Yield path and file of a folder's files that end so, kept form included, in the order of their names."""
    for file in children(root / folder):
        if file.name.removesuffix(ENDING).endswith(ending):
            yield f"{folder}/{file.name}", file


def children(folder: Traversable) -> list[Traversable]:
    """Return what lies in a folder by name; nothing where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted((child for child in folder.iterdir() if child.name != "__pycache__"), key=lambda c: c.name)


def beside(folder: Traversable, name: str) -> Traversable | None:
    """Return a folder's file of this name, plain or in its kept form, or None."""
    return next((f for f in (folder / name, folder / (name + ENDING)) if f.is_file()), None)


def data(file: Traversable, path: str) -> bytes:
    """Return a file's bytes, opened where it is in its kept form. Raises ContentError."""
    try:
        kept = file.read_bytes()
        return decode(kept) if file.name.endswith(ENDING) else kept
    except OSError as why:
        raise ContentError(f"{path}: {why.strerror}") from why
    except ValueError as why:
        raise ContentError(f"{path}: {why}") from why


def text(file: Traversable, path: str) -> Text:
    """Return a file's text. Raises ContentError for what is not UTF-8."""
    try:
        return Text(path, data(file, path).decode())
    except UnicodeDecodeError as why:
        raise ContentError(f"{path}: byte {why.start}: not UTF-8") from why


def parsed(content: Text) -> Any:
    """Return YAML as plain values. Raises ContentError with line and column."""
    try:
        return yaml.load(content.text, _QuickLoader)
    except yaml.YAMLError:
        # What is wrong is said in one parser's words, whichever is there.
        return _parsed_slowly(content)


def _parsed_slowly(content: Text) -> Any:
    try:
        return yaml.load(content.text, StrictLoader)
    except yaml.MarkedYAMLError as why:
        mark = why.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ContentError(f"{content.path}: {at}{why.problem}") from why
    except yaml.YAMLError as why:
        raise ContentError(f"{content.path}: {why}") from why


def shown(own: Content) -> dict[str, tuple[str, ...]]:
    """Return the published signs that each of our rules shows, by the rule's id (`yara:<name>`)."""
    made = {}
    for content in own.rules:
        rule = parsed(content)
        made[str(rule["id"])] = tuple(str(name) for name in rule["postvakt"]["facts"])
    for content in own.yara:
        for name, rule in yara_rules(content.text):
            made[f"yara:{name}"] = tuple(yara_meta(rule).get("facts", "").split())
    return made


def yara_rules(source: str) -> Iterator[tuple[str, str]]:
    """Yield name and text of each rule of a YARA file."""
    _, *rules = YARA_NAME.split(source)
    yield from zip(rules[::2], rules[1::2], strict=True)


def yara_meta(rule: str) -> dict[str, str]:
    """Return the texts among a YARA rule's meta."""
    return dict(YARA_META.findall(rule))


def converted(file: Traversable, path: str, kind: type[T]) -> T:
    """Return a YAML file as a value of this kind. Raises ContentError that names the field."""
    try:
        return msgspec.convert(parsed(text(file, path)), kind)
    except msgspec.ValidationError as why:
        raise ContentError(f"{path}: {why}") from why


def builds(content: Text) -> Iterator[Build]:
    """Yield the rows of a build table in its order. Raises ContentError that names the line."""
    lines = csv.reader(io.StringIO(content.text, newline=""), strict=True)
    try:
        for row in lines:
            if lines.line_num == 1:
                _expect(row == BUILD_FIELDS, f"the first line is not {','.join(BUILD_FIELDS)}")
                continue
            _expect(len(row) == len(BUILD_FIELDS), f"{len(row)} fields, not {len(BUILD_FIELDS)}")
            yield _build(*row)
    except (ValueError, csv.Error) as why:
        raise ContentError(f"{content.path}: line {lines.line_num}: {why}") from why


def _build(number: str, name: str, kb: str, date: str) -> Build:
    _expect(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", number), f"{number!r} is no build")
    _expect(re.fullmatch(r"(KB\d{6,7})?", kb), f"{kb!r} is no KB")
    _expect(re.fullmatch(r"(\d{4}-\d{2}(-\d{2})?)?", date), f"{date!r} is no date")
    _expect(name, "a build without a name")
    major, minor, build, revision = (int(part) for part in number.split("."))
    return Build(build=(major, minor, build, revision), name=name, kb=kb, date=date)


def _expect(fact: object, otherwise: str) -> None:
    if not fact:
        raise ValueError(otherwise)


def _one_each(root: Traversable, kind: str, name: str) -> Iterator[tuple[str, Traversable]]:
    for folder in children(root / kind):
        file = beside(folder, name) or folder / name
        yield f"{kind}/{folder.name}/{file.name}", file
