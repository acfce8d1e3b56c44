"""What was met becomes members: each placed on its server, recognised, and told apart from its like."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import msgspec

from postvakt.evidence import layout, unsupported
from postvakt.evidence.container import promised
from postvakt.evidence.opening import BORDER
from postvakt.evidence.recognise import LOG_NAME, Choice, Recogniser
from postvakt.evidence.seen import ARCHIVE, FILE, Met, Seen
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap, Why

MANY = 1000
"""So many Gaps of one kind in one container are told one by one."""


def settle(met: Met, recogniser: Recogniser, evidence: str) -> tuple[list[Member], list[Gap], list[str]]:
    """Return the members sorted by path, the Gaps, and the paths of transaction logs that lie beside their hive."""
    paths = {seen.plain for seen in met.seen} | met.containers.keys()
    where = layout.places(sorted(paths), _plain_containers(met))
    members: list[Member] = []
    gaps = list(met.gaps)
    beside, lone = _read_beside(met, recogniser)
    with_others = frozenset(beside)
    for seen in met.seen:
        place = where[seen.plain]
        path = layout.to_match(seen.plain, place, met.containers)
        choice = _choice(seen, path, recogniser)
        members.append(
            Member(
                evidence=evidence,
                path=seen.path,
                size=seen.size,
                sha256=seen.sha256,
                modified=seen.modified,
                created=seen.created,
                windows_path=place.windows_path,
                root=place.root,
                rooted=place.rooted,
                artifact=choice.artifact,
            )
        )
        gaps += _gaps_of(seen, path, place, choice, recogniser, with_others)
    gaps += [*lone, *_conflicts(members, where, {seen.path: seen.plain for seen in met.seen})]
    members = [msgspec.structs.replace(m, beside=True) if m.path in with_others else m for m in members]
    members.sort(key=lambda member: member.path)
    gaps = [msgspec.structs.replace(gap, evidence=evidence) for gap in _bounded(gaps)]
    gaps.sort(key=lambda gap: (gap.source, gap.artifact, gap.why, gap.detail))
    return members, gaps, sorted(beside)


def _bounded(gaps: Sequence[Gap]) -> Iterator[Gap]:
    """Yield the Gaps; thousands of one kind in one container (all of it encrypted) become one with their count."""
    alike: dict[tuple[str, str, Why, str], list[Gap]] = defaultdict(list)
    for gap in gaps:
        alike[gap.source.rpartition(BORDER)[0], gap.artifact, gap.why, gap.detail].append(gap)
    for group in alike.values():
        if len(group) <= MANY:
            yield from group
            continue
        first = min(gap.source for gap in group)
        yield msgspec.structs.replace(group[0], source=first, count=sum(gap.count for gap in group))


def _plain_containers(met: Met) -> dict[str, bool]:
    plain = {seen.path: seen.plain for seen in met.seen}
    return met.containers | {plain[path]: wraps for path, wraps in met.containers.items()}


def _choice(seen: Seen, path: str, recogniser: Recogniser) -> Choice:
    if seen.look is None:
        return Choice()
    if seen.opened:
        return Choice()
    choice = recogniser.choose(seen.look, path)
    if not seen.sha256:  # not read to its end, so not read at all
        return Choice(named=choice.artifact or choice.named)
    return choice


def _gaps_of(
    seen: Seen,
    path: str,
    place: layout.Place,
    choice: Choice,
    recogniser: Recogniser,
    beside: AbstractSet[str],
) -> Iterator[Gap]:
    for fault in seen.faults:
        artifact = choice.artifact or choice.named or recogniser.by_name(path)
        artifact = artifact or (ARCHIVE if promised(path) else FILE)
        yield Gap(artifact=artifact, why=fault.why, source=seen.path, detail=fault.detail, count=fault.count)
    if choice.fault:
        yield Gap(artifact=choice.named, why=choice.fault.why, source=seen.path, detail=choice.fault.detail)
    if seen.look is None or choice.artifact or seen.opened:
        return
    kind = seen.look.image or unsupported.by_name(path, seen.size, text=seen.look.text)
    if kind is not None and seen.path not in beside and (kind.everywhere or not place.windows_path):
        yield Gap(
            artifact=kind.artifact,
            why="unsupported",
            source=seen.path,
            detail=f"{kind.title}; {kind.instead}",
        )


def _read_beside(met: Met, recogniser: Recogniser) -> tuple[list[str], list[Gap]]:
    """Tell what is read with what lies beside it, logs with their hive and snapshots with the memory they tell of, from
    logs whose hive is not there."""
    neighbours = {layout.beside(seen.path, met.containers) for seen in met.seen}
    beside: list[str] = []
    lone: list[Gap] = []
    for seen in met.seen:
        if _beside_its_memory(seen, met, neighbours):
            beside.append(seen.path)
            continue
        if seen.look is None or not seen.look.hive_log:
            continue
        name = LOG_NAME.match(layout.beside(seen.path, met.containers))
        if name and name["hive"] in neighbours:
            beside.append(seen.path)
            continue
        detail = "a hive's transaction log; the hive does not lie beside it"
        lone.append(Gap(artifact=recogniser.hive, why="missing", source=seen.path, detail=detail))
    return beside, lone


def _beside_its_memory(seen: Seen, met: Met, neighbours: AbstractSet[str]) -> bool:
    if seen.look is None or seen.look.image != unsupported.SNAPSHOT:
        return False
    stem = layout.beside(seen.path, met.containers).rpartition(".")[0]
    return (stem.endswith(".vmem") and stem in neighbours) or f"{stem}.vmem" in neighbours


def _conflicts(
    members: Sequence[Member], where: dict[str, layout.Place], plain: dict[str, str]
) -> Iterator[Gap]:
    """Yield a Gap for each file of a server that is there twice with different content."""
    versions: dict[tuple[str, str], list[Member]] = defaultdict(list)
    for member in members:
        place = where[plain[member.path]]
        if member.windows_path and member.sha256 and not place.shadow:
            versions[member.root, member.windows_path].append(member)
    for group in versions.values():
        group.sort(key=lambda member: member.path)
        others = [member for member in group[1:] if member.sha256 != group[0].sha256]
        if others:
            detail = f"differs from {group[0].path}, which is of the same place; both are read"
            artifact = others[0].artifact or FILE
            yield Gap(
                artifact=artifact, why="conflict", source=others[0].path, detail=detail, count=len(others)
            )
