"""What is still to be collected: what a directive names and the evidence of a host does not hold, in the order in
which a server loses it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from postvakt.model.collecting import (
    Batch,
    Collectable,
    CollectorSpec,
    Folder,
    NotTaken,
    Plan,
    Spot,
    Step,
)
from postvakt.model.directive import Alternative, Directive, Question
from postvakt.model.report import HostRow, Window
from postvakt.reason import coverage
from postvakt.reason.hosts import UNASSIGNED

INSTALLED = "%ExchangeInstallPath%"
DEFAULT_INSTALL = r"C:\Program Files\Microsoft\Exchange Server\V15"
BROKEN = frozenset(("truncated", "unreadable", "encrypted"))
"""Gaps of a file that a fresh copy may mend."""

PLAIN = re.compile(r"(?:%\w+%|[A-Za-z]:|\\\\[\w.-]+)(?:\\[\w .()$#+,=@~{}-]+)*")
"""A folder that can be written into a script: a name from evidence is hostile text and may hold anything."""

Reasons = dict[str, set[str]]
"""Why each coverage name is wanted: ids of questions and requirements, or the file that is broken."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """One host of a case, and where its evidence says that things lie."""

    row: HostRow
    folders: tuple[Folder, ...] = ()
    install_path: str = ""


def plan(directive: Directive, collector: CollectorSpec, known: Sequence[Collectable]) -> Plan:
    """Return what any server must be asked for to meet a directive, on whatever branch it ends, and what else rules
    ask: persistence shows in tasks and configurations that no directive names."""
    wanted: Reasons = defaultdict(set)
    for question in directive.questions:
        for name in _names(question):
            wanted[name].add(question.id)
    for requirement in directive.requirements:
        for name in requirement.needs:
            wanted[name].add(requirement.id)
    named = {found.id for name in wanted if (found := covering(name, known))}
    for one in known:
        if one.id not in named and not one.optional and "*" not in one.covers[0]:
            wanted[one.covers[0]].add("rules")
    batch = _batch(wanted, collector, known, (), "")
    return Plan(
        directive=directive.id, title=directive.title, collector=collector, batches=(batch,) if wanted else ()
    )


def of_case(
    directive: Directive,
    collector: CollectorSpec,
    known: Sequence[Collectable],
    servers: Iterable[Server],
    window: Window,
) -> Plan:
    """Return what closes the gaps of each host; hosts that want the same from the same folders share a batch."""
    batches: dict[Batch, list[Server]] = defaultdict(list)
    complete = []
    for server in servers:
        if server.row.host == UNASSIGNED:
            continue
        wanted = wants(directive, server.row, window)
        if not wanted:
            complete.append(server.row.host)
            continue
        batches[_batch(wanted, collector, known, server.folders, server.install_path)].append(server)
    return Plan(
        directive=directive.id,
        title=directive.title,
        collector=collector,
        batches=tuple(
            msgspec.structs.replace(
                batch,
                hosts=tuple(server.row.host for server in of),
                gone=tuple(told for server in of for told in _gone(server.row)),
            )
            for batch, of in batches.items()
        ),
        complete=tuple(complete),
    )


def wants(directive: Directive, row: HostRow, window: Window) -> Reasons:
    """Return what a host still lacks: sources that were not read and are asked for, or that do not reach far enough for
    a question that nothing else answers; and files that were broken."""
    read = {one.artifact for one in row.coverage if one.files}
    wanted: Reasons = defaultdict(set)
    answers = {question.id: question.answer for question in row.questions}
    until = Window(window.start, window.end or coverage.acquired(row.coverage))
    for question in directive.questions:
        if question.id not in answers:
            continue
        for alternative in question.answered_by:
            for name in alternative.all_of:
                short = answers[question.id] == "unanswerable" and not _reaches(name, alternative, row, until)
                if name not in read or short:
                    wanted[name].add(question.id)
    states = {answer.requirement: answer.state for answer in row.answers}
    for requirement in directive.requirements:
        if states.get(requirement.id) in ("unmet", "unknown"):
            for name in requirement.needs:
                if name not in read:
                    wanted[name].add(requirement.id)
    for gap in row.gaps:
        if gap.why in BROKEN and gap.source:
            wanted[_broken(gap.artifact, gap.source)].add(f"{gap.source} is {gap.why}")
    return wanted


def _reaches(name: str, alternative: Alternative, row: HostRow, window: Window) -> bool:
    alone = msgspec.structs.replace(alternative, all_of=(name,))
    return coverage.reach(alone, row.coverage, window).since is not None


def _names(question: Question) -> Iterable[str]:
    return (name for way in question.answered_by for name in way.all_of)


def _broken(artifact: str, source: str) -> str:
    """A broken event log is wanted by its channel, everything else as its artifact."""
    name = re.split(r"[/\\]", source)[-1]
    if artifact == "evtx" and name.lower().endswith(".evtx"):
        return "event:" + re.sub(r"%(25)?4", "/", name[:-5])
    return artifact


def _gone(row: HostRow) -> Iterable[str]:
    for gap in row.gaps:
        if gap.why == "hole" and gap.detail.startswith(coverage.LATE):
            yield f"{row.host}: {gap.artifact}, {gap.detail}"


def covering(name: str, known: Sequence[Collectable]) -> Collectable | None:
    """Return what gives a coverage name: by the name itself, as one channel of event logs, or by its table."""
    table = name.split(":", 1)[0]
    for wanted in dict.fromkeys((name, f"{table}:*" if ":" in name else name, table)):
        found = next((one for one in known if wanted in one.covers), None)
        if found is not None:
            return found
    return None


def _batch(
    wanted: Reasons,
    collector: CollectorSpec,
    known: Sequence[Collectable],
    folders: Sequence[Folder],
    install_path: str,
) -> Batch:
    lacking: list[NotTaken] = []
    chosen: dict[str, list[str]] = defaultdict(list)
    by_id = {one.id: one for one in known}
    for name in sorted(wanted):
        found = covering(name, known)
        if found is None:
            lacking.append(NotTaken(name=name, why="nothing is known of where it lies"))
        elif refused := cannot(collector, found):
            lacking.append(NotTaken(name=name, why=refused))
        else:
            chosen[found.id].append(name)
    for found_id in [*chosen]:
        for part in by_id[found_id].includes:
            chosen[found_id] += chosen.pop(part, [])
    place = install_path.rstrip("\\")
    if place and not PLAIN.fullmatch(place):
        lacking.append(NotTaken(name="install path", why=f"no plain folder, look for it yourself: {place!a}"))
        place = ""
    steps: list[Step] = []
    taken: set[Spot] = set()
    for one in sorted((by_id[i] for i in chosen), key=lambda c: (c.turn, c.id)):
        spots, odd = _spots(one, chosen[one.id], folders, place)
        lacking += odd
        left = tuple(spot for spot in spots if spot not in taken)
        taken.update(spots)
        if steps and not left and spots:
            # An earlier step takes the same files already.
            steps[-1] = msgspec.structs.replace(steps[-1], closes=(*steps[-1].closes, *chosen[one.id]))
            continue
        steps.append(_step(one, chosen[one.id], left, collector))
    return Batch(
        hosts=(),
        steps=tuple(steps),
        not_taken=tuple(lacking),
        closes=tuple(f"{name}: {', '.join(sorted(wanted[name]))}" for name in sorted(wanted)),
        gone=(),
        install_path=place,
    )


def _step(one: Collectable, closes: Sequence[str], spots: tuple[Spot, ...], collector: CollectorSpec) -> Step:
    return Step(
        id=one.id,
        title=one.title,
        closes=tuple(closes),
        kept=one.kept,
        size=one.size,
        spots=spots,
        by=one.by.get(collector.id, ""),
    )


def cannot(collector: CollectorSpec, one: Collectable) -> str:
    """Return why a collector cannot take something and what can, or nothing where it can."""
    told = collector.cannot.get(one.id, "")
    if one.spots or collector.id in one.by:
        return told
    return "; ".join(part for part in (told, one.instead) if part) or "it is no file of a server"


def _spots(
    one: Collectable, names: Sequence[str], folders: Sequence[Folder], install_path: str
) -> tuple[list[Spot], list[NotTaken]]:
    """Return the places of one thing on a server, moved folders after the usual ones, and what is no plain folder."""
    spots = [*one.spots]
    odd = []
    usual = {_bare(spot.folder) for spot in one.spots}
    for folder in folders if one.moved_by else ():
        path = folder.path.rstrip("\\")
        if not folder.basis.startswith(one.moved_by) or _bare(path) in usual:
            continue
        if not PLAIN.fullmatch(path):
            odd.append(NotTaken(name=one.id, why=f"no plain folder, look for it yourself: {path!a}"))
            continue
        spots += [msgspec.structs.replace(spot, folder=path) for spot in one.moved]
    made = []
    for spot in spots:
        folder_path = spot.folder.replace(INSTALLED, install_path) if install_path else spot.folder
        masks = dict.fromkeys(spot.mask.replace("{name}", _channel(name)) for name in names)
        made += [msgspec.structs.replace(spot, folder=folder_path, mask=mask) for mask in masks]
    return list(dict.fromkeys(made)), odd


def _channel(name: str) -> str:
    return name.split(":", 1)[-1].replace("/", "%4")


def _bare(folder: str) -> str:
    lowered = folder.rstrip("\\").lower()
    return lowered.replace("%systemdrive%", "c:").replace("%systemroot%", "c:\\windows")
