"""Whose evidence is it: host names concluded from what the evidence itself says, with every disagreement kept."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from postvakt.model.collecting import Folder
from postvakt.model.conclusion import HostConclusion
from postvakt.model.gap import Clue
from postvakt.model.report import BuildRow, NameClaim

UNASSIGNED = "(unassigned)"
"""The host of loose files that no clue gives to a server, where several servers were handed in."""

DECIDING_WEIGHT = 60
"""Clues of this weight and above speak for the machine they lie on; an event's Computer (40) may be another."""

EXPORTED = "health_checker "
"""How the basis of a clue begins that an exported object gave: its file may lie on another machine."""


class Place(msgspec.Struct, frozen=True):
    """Where a member lies: what is needed to say whose it is."""

    evidence: str
    root: str
    rooted: bool
    path: str


class _Group(msgspec.Struct):
    """Members that belong to one machine, before it has a name."""

    clues: list[Clue]
    roots: set[tuple[str, str]]
    sources: set[tuple[str, str]]
    fallback: str


def conclude(
    places: Iterable[Place],
    clues: Iterable[Clue],
    *,
    evidence_names: Mapping[str, str],
    forced: str | None = None,
) -> tuple[HostConclusion, ...]:
    """Return the hosts of a hand-in, sorted by name.

    `evidence_names` gives each evidence id a readable name for hosts that nothing names. `forced` is the name
    that a user typed for everything; what the evidence says otherwise is then shown as a conflict.
    """
    by_source: dict[tuple[str, str], list[Clue]] = defaultdict(list)
    for clue in clues:
        by_source[clue.evidence, clue.source].append(clue)
    groups: dict[str, _Group] = {}
    for key, group in _groups(places, by_source, evidence_names):
        name = forced or _name_of(group.clues) or key
        known = groups.setdefault(name, _Group(clues=[], roots=set(), sources=set(), fallback=key))
        known.clues += group.clues
        known.roots |= group.roots
        known.sources |= group.sources
    return tuple(_host(name, group) for name, group in sorted(_adopted(groups).items()))


def short_name(name: str) -> str:
    """Return a host's NetBIOS form: the part before the first dot, upper-case (an address stays whole)."""
    if not name or (name[0].isdigit() and name.replace(".", "").isdigit()):
        return name
    return name.split(".", 1)[0].strip().upper()


def _groups(
    places: Iterable[Place],
    by_source: Mapping[tuple[str, str], list[Clue]],
    evidence_names: Mapping[str, str],
) -> Iterable[tuple[str, _Group]]:
    rooted: dict[tuple[str, str], _Group] = {}
    loose: dict[str, list[str]] = defaultdict(list)
    for place in places:
        if not place.rooted:
            loose[place.evidence].append(place.path)
            continue
        key = (place.evidence, place.root)
        group = rooted.get(key)
        if group is None:
            label = place.root.rstrip("/").removesuffix("!").rsplit("/", 1)[-1]
            fallback = label or evidence_names.get(place.evidence, place.evidence)
            group = rooted[key] = _Group(clues=[], roots={key}, sources=set(), fallback=fallback)
        group.clues += by_source.get((place.evidence, place.path), ())
    for group in rooted.values():
        yield group.fallback, group
    for evidence, paths in loose.items():
        yield from _loose_groups(evidence, paths, by_source, evidence_names)


def _loose_groups(
    evidence: str,
    paths: list[str],
    by_source: Mapping[tuple[str, str], list[Clue]],
    evidence_names: Mapping[str, str],
) -> Iterable[tuple[str, _Group]]:
    """Loose files: each goes to the host it names itself, else to the one host that the nearest folder knows."""
    own = {path: _name_of(by_source.get((evidence, path), ())) for path in paths}
    folders: dict[str, set[str]] = defaultdict(set)
    for path, name in own.items():
        if name:
            for folder in _ancestors(path):
                folders[folder].add(name)
    groups: dict[str, _Group] = {}
    for path in paths:
        name = own[path] or _adopting(path, folders)
        if name is None:
            name = UNASSIGNED if folders else evidence_names.get(evidence, evidence)
        group = groups.setdefault(name, _Group(clues=[], roots=set(), sources=set(), fallback=name))
        group.sources.add((evidence, path))
        group.clues += by_source.get((evidence, path), ())
    yield from groups.items()


def _ancestors(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:n]) for n in range(len(parts), -1, -1)]


def _adopting(path: str, folders: Mapping[str, set[str]]) -> str | None:
    for folder in _ancestors(path):
        names = folders.get(folder)
        if names:
            return next(iter(names)) if len(names) == 1 else None
    return None


def _adopted(groups: dict[str, _Group]) -> dict[str, _Group]:
    """Give a group that nothing names to the only named host of the same evidence, where there is just one."""
    named = {name for name, group in groups.items() if _name_of(group.clues)}
    owners: dict[str, set[str]] = defaultdict(set)
    for name in named:
        for evidence, _ in groups[name].roots | groups[name].sources:
            owners[evidence].add(name)
    kept: dict[str, _Group] = {name: group for name, group in groups.items() if name in named}
    for name, group in groups.items():
        if name in named:
            continue
        candidates = {
            owner for evidence, _ in group.roots | group.sources for owner in owners.get(evidence, ())
        }
        if len(candidates) == 1:
            owner = kept[candidates.pop()]
            owner.clues += group.clues
            owner.roots |= group.roots
            owner.sources |= group.sources
        else:
            kept[name] = group
    return kept


def _name_of(clues: Iterable[Clue]) -> str | None:
    claims: Counter[tuple[int, str]] = Counter()
    for clue in clues:
        if clue.kind == "host" and clue.value:
            claims[clue.weight, short_name(clue.value)] += clue.count
    if not claims:
        return None
    top = max(weight for weight, _ in claims)
    candidates = sorted((-count, name) for (weight, name), count in claims.items() if weight == top)
    return candidates[0][1]


def _host(name: str, group: _Group) -> HostConclusion:
    claimed: Counter[tuple[int, str, str]] = Counter()
    for clue in group.clues:
        if clue.kind == "host" and clue.value:
            claimed[-clue.weight, short_name(clue.value), clue.basis] += clue.count
    names = tuple(
        NameClaim(name=claim, basis=basis, count=count)
        for (_, claim, basis), count in sorted(claimed.items())
    )
    strong = {claim for (weight, claim, _) in claimed if -weight >= DECIDING_WEIGHT}
    others = sorted(strong - {short_name(name)})
    return HostConclusion(
        name=name,
        named=bool(claimed),
        roots=tuple(sorted(group.roots)),
        sources=tuple(sorted(group.sources)),
        names=names,
        roles=tuple(sorted({clue.value for clue in group.clues if clue.kind == "role"})),
        zone=_strongest(group.clues, "zone"),
        builds=_builds(_of_this(name, group.clues)),
        conflict=f"also named {', '.join(others)}" if others else "",
        folders=_folders(group.clues),
        install_path=_strongest(group.clues, "install_path"),
    )


def _folders(clues: Iterable[Clue]) -> tuple[Folder, ...]:
    named = {(clue.value, clue.basis) for clue in clues if clue.kind == "log_directory" and clue.value}
    return tuple(Folder(path=path, basis=basis) for path, basis in sorted(named))


def _of_this(name: str, clues: Iterable[Clue]) -> Iterator[Clue]:
    """Leave out what an exported object says of another server: HealthChecker's files lie where somebody ran it."""
    told = list(clues)
    of_others = {
        (clue.evidence, clue.source)
        for clue in told
        if clue.kind == "host"
        and clue.basis.startswith(EXPORTED)
        and short_name(clue.value) != short_name(name)
    }
    return (c for c in told if not c.basis.startswith(EXPORTED) or (c.evidence, c.source) not in of_others)


def _strongest(clues: Iterable[Clue], kind: str) -> str:
    ranked = sorted((-clue.weight, clue.value) for clue in clues if clue.kind == kind and clue.value)
    return ranked[0][1] if ranked else ""


def _builds(clues: Iterable[Clue]) -> tuple[BuildRow, ...]:
    """Dated builds first, in time; a clue's basis says `source, first/last` where it knows."""
    spans: dict[tuple[str, str], list[tuple[datetime | None, datetime | None]]] = defaultdict(list)
    for clue in clues:
        if clue.kind == "build":
            source, first, last = _dated(clue.basis)
            spans[clue.value, source].append((first, last))
    rows = [
        BuildRow(
            build=build,
            first=min((first for first, _ in times if first), default=None),
            until=max((last for _, last in times if last), default=None),
            source=source,
        )
        for (build, source), times in spans.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.first is None, str(row.first), row.build, row.source)))


def _dated(basis: str) -> tuple[str, datetime | None, datetime | None]:
    source, _, interval = basis.rpartition(", ")
    first, slash, last = interval.partition("/")
    if not slash:
        return basis, None, None
    try:
        return source, datetime.fromisoformat(first), datetime.fromisoformat(last)
    except ValueError:
        return basis, None, None
