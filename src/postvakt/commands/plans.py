"""What is asked: our content and the packs that a user adds, compiled once per content and kept in the case."""

import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from postvakt import __version__, content, detect
from postvakt.commands import readers
from postvakt.commands.gathering import plan_file
from postvakt.errors import ContentError
from postvakt.memory.carving import anchors
from postvakt.tables.case import Case

Texts = list[detect.RuleText]
Kept = tuple[detect.RuleText, ...]


class Packs(msgspec.Struct, frozen=True):
    """Folders of Sigma rules, folders of YARA rules and STIX files that a user adds to our own."""

    rules: tuple[str, ...] = ()
    yara: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()


class Prepared(msgspec.Struct, frozen=True):
    """A compiled plan. `hash` names everything that is asked, `yara_hash` what file contents are scanned with."""

    hash: str
    yara_hash: str
    plan: detect.Plan
    content: content.Content


def packs(rules: Iterable[str], yara: Iterable[str], indicators: Iterable[str]) -> Packs:
    """Return packs by their absolute paths, so that a later command finds them from anywhere."""
    return Packs(*(tuple(str(Path(p).absolute()) for p in given) for given in (rules, yara, indicators)))


def of_case(case: Case) -> Packs:
    """Return the packs that a case is asked with."""
    return msgspec.convert(case.about().options.get("packs", {}), Packs)


def add_packs(case: Case, more: Packs) -> None:
    """Remember more packs for a case, each once, in the order they came."""
    about, before = case.about(), of_case(case)
    added = packs(more.rules, more.yara, more.indicators)
    joined = Packs(
        tuple(dict.fromkeys((*before.rules, *added.rules))),
        tuple(dict.fromkeys((*before.yara, *added.yara))),
        tuple(dict.fromkeys((*before.indicators, *added.indicators))),
    )
    options = {**about.options, "packs": msgspec.to_builtins(joined)}
    case.write_json("case.json", msgspec.structs.replace(about, options=options))


class Asked(msgspec.Struct, frozen=True):
    """What a case is to be asked, not compiled yet. `hash` and `yara_hash` are those of the plan."""

    hash: str
    yara_hash: str
    content: content.Content
    texts: tuple[Kept, Kept, Kept]

    def is_compiled(self, case: Case) -> bool:
        """Tell whether the plan lies in the case, or was met by this process in another."""
        return case.path(plan_file(self.hash)).is_file() or self.hash in _MET

    def prepared(self, case: Case) -> Prepared:
        """Return the plan for a case, compiled now or found compiled."""
        path = plan_file(self.hash)
        if case.path(path).is_file():
            plan = detect.Plan.from_bytes(case.path(path).read_bytes())
        else:
            plan = _MET.get(self.hash) or _compiled(*self.texts)
            case.write(path, plan.to_bytes())
        _meet(self.hash, plan)
        return Prepared(hash=self.hash, yara_hash=self.yara_hash, plan=plan, content=self.content)


def asked(chosen: Packs) -> Asked:
    """Return what our content and packs ask. Raises ContentError for what is not there."""
    own = content.load()
    sigma, yara, indicators = (tuple(texts) for texts in _gather(own, chosen))
    hashed = _hash([*sigma, *yara, *indicators])
    return Asked(hashed, _hash(yara), own, (sigma, yara, indicators))


def compile_all(own: content.Content, chosen: Packs) -> detect.Plan:
    """Return a plan without a case, for checking and listing."""
    return _compiled(*map(tuple, _gather(own, chosen)))


_MET: dict[str, detect.Plan] = {}
"""The last plans of this process by their hash: one that makes several cases compiles once."""


def _meet(hashed: str, plan: detect.Plan) -> None:
    _MET.pop(hashed, None)
    _MET[hashed] = plan
    while len(_MET) > 2:
        _MET.pop(next(iter(_MET)))


@functools.lru_cache(maxsize=2)
def _compiled(sigma: Kept, yara: Kept, indicators: Kept) -> detect.Plan:
    """Return the plan of these texts; a process that makes several cases compiles it once."""
    tables = list(readers.TABLES.values())
    return detect.compile_plan(list(sigma), list(yara), list(indicators), tables, anchors.source())


def _gather(own: content.Content, chosen: Packs) -> tuple[Texts, Texts, Texts]:
    return (
        [*_own(own.rules), *_texts(chosen.rules, (".yml", ".yaml"))],
        [*_own(own.yara), *_texts(chosen.yara, (".yar", ".yara"))],
        [*_own(own.indicators), *_texts(chosen.indicators, (".json",))],
    )


def _own(texts: Iterable[content.Text]) -> Iterator[detect.RuleText]:
    for text in texts:
        yield detect.RuleText(path=text.path, text=text.text, origin="own")


def _texts(places: Iterable[str], endings: tuple[str, ...]) -> Iterator[detect.RuleText]:
    for place in places:
        root = Path(place)
        if not root.exists():
            raise ContentError(f"{place}: no such file or folder")
        found = (
            [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix.lower() in endings)
        )
        if not found:
            raise ContentError(f"{place}: holds no file that ends in {' or '.join(endings)}")
        for path in found:
            text = path.read_bytes().decode("utf-8", "backslashreplace")
            name = path.name if root.is_file() else path.relative_to(root).as_posix()
            yield detect.RuleText(path=name, text=text, origin=root.name)


def _hash(texts: Iterable[detect.RuleText]) -> str:
    """Name texts by content; the tables that they ask, the plan's shape and the version of the code belong to it."""
    made = hashlib.sha256(f"{__version__} {detect.FORMAT}".encode())
    for spec in readers.TABLES.values():
        made.update(msgspec.json.encode(spec))
    for text in texts:
        made.update(msgspec.json.encode((text.path, text.text, text.origin)))
    return made.hexdigest()
