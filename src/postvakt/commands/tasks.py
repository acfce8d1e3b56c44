"""Which work a case needs, as tasks. The same case and content give the same tasks: resume is what the ledger lacks."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from postvakt import __version__, evidence
from postvakt.artifacts import files
from postvakt.commands import readers, second_reading, sweeping, work
from postvakt.commands.plans import Asked, Prepared
from postvakt.detect import shares
from postvakt.model.evidence import Member
from postvakt.model.task import Outcome, ParseResult, PartRef, Task
from postvakt.tables.case import Case, key
from postvakt.tables.rows import Bounds

GROUP_BYTES = 4 * 1024 * 1024
GROUP_MEMBERS = 64
"""Small files are read in groups of about half a second, so that handing out work costs nothing beside it."""

LOOK_BYTES = 16 * 1024 * 1024
"""Files of a folder are hashed and looked into in groups of so many bytes; what an archive holds is not known yet."""

SCAN_GROUP_BYTES = 32 * 1024 * 1024

PIECE_BYTES = 32 * 1024 * 1024
"""A large log is read in pieces of about this size, so that one log keeps all workers busy."""

SHARE_BYTES = 512 * 1024 * 1024
MOST_SHARES = 256
"""A memory image is gone through in shares of some seconds each, so that every worker has some and progress is seen."""


def take_in(case: Case, paths: Iterable[str]) -> tuple[list[Task], list[Task]]:
    """Return the tasks that look into parts of folders, and those that take in each hand-in once these are done; their
    ids change when the evidence on disk does."""
    looks: list[Task] = []
    found: list[Task] = []
    for given in paths:
        path = str(Path(given).absolute())
        stamp, size = _stamp(Path(path))
        mine = list(_looks(case, path, stamp))
        looks += mine
        spec = work.TakeIn(case=str(case.root), path=path, looked=tuple(look.spec["file"] for look in mine))
        name = key("take_in", __version__, path, stamp)
        found.append(Task(id=name, function="take_in", spec=_spec(spec), bytes=size))
    return looks, found


def _looks(case: Case, path: str, stamp: str) -> Iterator[Task]:
    """Yield the tasks that look into the files of a folder, some at a time; one alone is as well taken in at once."""
    for number, group in enumerate(_shared_out(evidence.on_disk(path))):
        name = key("look", __version__, path, stamp, str(number))
        shown = tuple(name for name, _ in group)
        spec = work.Look(case=str(case.root), path=path, shown=shown, file=f"scratch/looked/{name}.msgpack")
        size = sum(size for _, size in group)
        yield Task(id=name, function="look", spec=_spec(spec), bytes=size, title=shown[0])


def _shared_out(files: Iterable[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    groups: list[list[tuple[str, int]]] = []
    size = 0
    for name, bytes_ in files:
        if not groups or size + bytes_ > LOOK_BYTES or len(groups[-1]) == GROUP_MEMBERS:
            groups.append([])
            size = 0
        groups[-1].append((name, bytes_))
        size += bytes_
    return groups if len(groups) > 1 else []


def to_compile(case: Case, asked: Asked) -> tuple[list[Task], list[Task]]:
    """Return the tasks that read the rules of a case in shares, and the one that makes a plan of what these leave; none
    where the plan is there."""
    if asked.is_compiled(case):
        return [], []
    sigma, yara, indicators = asked.texts
    root, name = str(case.root), f"scratch/plan/{asked.hash[:32]}"
    rules = {f"{name}-{number}.msgpack": share for number, share in enumerate(shares(sigma))}
    signatures = f"{name}-signatures.msgpack"
    reading = [
        _unkept("read_signatures", signatures, work.ReadSignatures(root, yara, signatures)),
        *(_unkept("read_rules", file, work.ReadRules(root, share, file)) for file, share in rules.items()),
    ]
    together = work.PutTogether(root, asked.hash, tuple(rules), signatures, indicators)
    return reading, [_unkept("put_together", asked.hash, together)]


def _unkept(function: str, name: str, spec: msgspec.Struct) -> Task:
    return Task(id=key(function, name), function=function, spec=_spec(spec), kept=False)


def of_case(case: Case, intakes: Sequence[work.Intake], plan: Prepared) -> list[Task]:
    """Return every task that lists, reads and scans what was taken in."""
    found: list[Task] = []
    for intake in intakes:
        members = list(case.lines(intake.file, Member))
        found.append(_listing(case, intake, members, plan.hash))
        found += _readings(case, intake, members, plan.hash)
        found += _scans(case, intake, members, plan)
    return found


def of_memory(case: Case, done: Iterable[tuple[Task, Outcome]], plan: Prepared) -> list[Task]:
    """Return the tasks that go through every byte of the memory images whose tables were read."""
    found: list[Task] = []
    for task, outcome in done:
        if outcome.result is None or task.function != "read":
            continue
        spec = msgspec.convert(task.spec, work.Read)
        images = [member for member in spec.members if member.artifact in readers.OF_MEMORY]
        parts = msgspec.convert(outcome.result, ParseResult).parts if images else ()
        for member in images:
            found += _shares(case, spec.path, member, parts, plan)
    return found


def _shares(
    case: Case, path: str, member: Member, parts: Sequence[PartRef], plan: Prepared
) -> Iterator[Task]:
    """Yield a task for each share of an image that was opened: it has a row of its own; and one for another engine."""
    image = sweeping.image_of(case, member, parts)
    if image is None:
        return
    mine = tuple(part for part in parts if member.path in part.sources)
    if image.machine and second_reading.engine():
        yield _again(case, path, member, mine, image.build, plan)
    held = tuple(part for part in mine if part.table in ("mem_process", "mem_region"))
    count = 1 if image.program else max(1, min(MOST_SHARES, -(-image.size // SHARE_BYTES)))
    for share in range(count):
        spec = sweeping.GoThrough(
            case=str(case.root),
            path=path,
            member=member,
            share=share,
            of=count,
            parts=held,
            plan=plan.hash,
            program=image.program,
        )
        made_of = (member.evidence, member.path, member.sha256, *(part.path for part in held))
        yield Task(
            id=key("sweep", __version__, plan.yara_hash, *made_of, str(share), str(count)),
            function="sweep",
            spec=_spec(spec),
            bytes=image.size // count,
            title=member.path,
        )


def _again(
    case: Case, path: str, member: Member, parts: tuple[PartRef, ...], build: int, plan: Prepared
) -> Task:
    held = tuple(part for part in parts if part.table in second_reading.TOLD)
    spec = second_reading.ReadAgain(
        case=str(case.root), path=path, member=member, parts=held, plan=plan.hash, build=build
    )
    made_of = (member.evidence, member.path, member.sha256, *(part.path for part in held))
    return Task(
        id=key("again", __version__, second_reading.engine(), *made_of),
        function="read_again",
        spec=_spec(spec),
        bytes=member.size,
        title=member.path,
    )


def split(task: Task) -> list[Task]:
    """Return a task of several members as tasks of one member each; nothing for a task of one."""
    if task.function not in ("read", "scan"):
        return []
    members = task.spec["members"]
    if len(members) < 2:
        return []
    return [
        Task(
            id=key("one", task.id, str(position)),
            function=task.function,
            spec={**task.spec, "members": [member]},
            bytes=_size(member),
            title=task.title,
        )
        for position, member in enumerate(members)
    ]


def to_ask_again(case: Case, done: Iterable[tuple[Task, Outcome]], plan: Prepared) -> list[Task]:
    """Return a task for each earlier parse that was asked by another plan: parts are asked, evidence is not read."""
    found = []
    for _, outcome in done:
        if outcome.result is None:
            continue
        result = msgspec.convert(outcome.result, ParseResult)
        if result.plan == plan.hash or not result.parts:
            continue
        found.append(_asking(case, outcome.task, result.parts, plan.hash))
    return found


def _asking(case: Case, parse: str, parts: tuple[PartRef, ...], plan: str) -> Task:
    spec = _spec(work.Ask(case=str(case.root), parts=parts, plan=plan, parse=parse))
    size = sum(case.path(part.path).stat().st_size for part in parts)
    return Task(id=key("ask", parse, plan), function="ask", spec=spec, bytes=size)


def _listing(case: Case, intake: work.Intake, members: Sequence[Member], plan: str) -> Task:
    spec = _spec(work.List(case=str(case.root), intake=intake.file, evidence=intake.evidence.id, plan=plan))
    made_of = [f"{m.path}{m.sha256}{m.artifact}" for m in members]
    return Task(id=key("list", __version__, intake.evidence.id, *made_of), function="list", spec=spec)


def _readings(case: Case, intake: work.Intake, members: Iterable[Member], plan: str) -> Iterator[Task]:
    whole = []
    for member in members:
        if not member.artifact:
            continue
        pieces = _pieces(case, intake, member)
        if not pieces:
            whole.append(member)
        for bounds in pieces:
            yield _reading(case, intake, [member], plan, bounds)
    for group in _groups(whole, GROUP_BYTES):
        yield _reading(case, intake, group, plan)


def _reading(
    case: Case, intake: work.Intake, group: Sequence[Member], plan: str, between: Bounds | None = None
) -> Task:
    made_of = [f"{m.path}{m.sha256}{m.artifact}{readers.BY_NAME[m.artifact].artifact.version}" for m in group]
    spec = work.Read(
        case=str(case.root), path=intake.evidence.path, members=tuple(group), plan=plan, between=between
    )
    return Task(
        id=key("read", __version__, intake.evidence.id, *made_of, *map(str, between or ())),
        function="read",
        spec=_spec(spec),
        bytes=between[1] - between[0] if between else sum(member.size for member in group),
        title=group[0].path,
    )


def _pieces(case: Case, intake: work.Intake, member: Member) -> list[Bounds]:
    """Return the bounds of pieces in which a large file is read, nothing where it is read as a whole."""
    reader = readers.BY_NAME[member.artifact]
    if reader.cuts is None or member.size < 2 * PIECE_BYTES:
        return []
    size = max(PIECE_BYTES, -(-member.size // MOST_SHARES))
    try:
        with evidence.source(intake.evidence.path, member, scratch=case.scratch).open() as stream:
            # What is packed would have to be unpacked up to where each piece begins.
            found: list[Bounds] = reader.cuts(stream, member.size, size) if evidence.at_random(stream) else []
    except OSError:
        return []
    return found


def _scans(case: Case, intake: work.Intake, members: Sequence[Member], plan: Prepared) -> Iterator[Task]:
    rows = {member.path: row for row, member in enumerate(members)}
    wanted = [member for member in members if files.to_scan(member)]
    for group in _groups(wanted, SCAN_GROUP_BYTES):
        yield Task(
            id=key(
                "scan",
                __version__,
                plan.yara_hash,
                intake.evidence.id,
                *(f"{m.path}{m.sha256}" for m in group),
            ),
            function="scan",
            spec=_spec(
                work.Scan(
                    case=str(case.root),
                    path=intake.evidence.path,
                    members=tuple((rows[member.path], member) for member in group),
                    part=work.file_part(intake.evidence.id),
                    plan=plan.hash,
                )
            ),
            bytes=sum(member.size for member in group),
            title=group[0].path,
        )


def _groups(members: Sequence[Member], limit: int) -> Iterator[list[Member]]:
    group: list[Member] = []
    size = 0
    for member in members:
        if group and (size + member.size > limit or len(group) == GROUP_MEMBERS):
            yield group
            group, size = [], 0
        group.append(member)
        size += member.size
    if group:
        yield group


def _spec(value: msgspec.Struct) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(value)
    return built


def _size(member: Any) -> int:
    size: int = (member[1] if isinstance(member, list | tuple) else member)["size"]
    return size


def _stamp(path: Path) -> tuple[str, int]:
    """Return a mark of what lies at a path (names, sizes, times) and its bytes, without reading contents."""
    found = [_mark(path)]
    size = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        found += [_mark(Path(folder, name)) for name in sorted(names)]
    for mark in found:
        size += int(mark.rsplit("\x00", 2)[1])
    return key(*found), size


def _mark(path: Path) -> str:
    try:
        about = path.lstat()
    except OSError:
        return f"{path}\x000\x00gone"
    return f"{path}\x00{about.st_size}\x00{about.st_mtime_ns}"
