"""Is the evidence still what was taken in? Everything is hashed again and compared with the custody list."""

from pathlib import Path

import msgspec

from postvakt import evidence
from postvakt.commands import readers, work
from postvakt.errors import EvidenceError
from postvakt.model.evidence import Member
from postvakt.tables.case import Case


class Verified(msgspec.Struct, frozen=True):
    """What was compared, told line by line; `same` where nothing differs."""

    lines: tuple[str, ...]
    same: bool


def verify(root: Path) -> Verified:
    """Hash every member of every hand-in again. Raises EvidenceError where the case is damaged."""
    case = Case.open(root)
    lines: list[str] = []
    same = True
    for intake in case.read_json("intake.json", list[work.Intake]):
        differences = _compare(case, intake)
        same = same and not differences
        lines += differences
        lines.append(
            f"{intake.evidence.path}: {intake.members} members, "
            + ("as taken in" if not differences else f"{len(differences)} differ")
        )
    return Verified(lines=tuple(lines), same=same)


def _compare(case: Case, intake: work.Intake) -> list[str]:
    before = {member.path: member for member in case.lines(intake.file, Member)}
    try:
        taken = evidence.take_in(
            intake.evidence.path, [reader.artifact for reader in readers.READERS], scratch=case.scratch
        )
    except EvidenceError as why:
        return [str(why)]
    finally:
        case.clean()
    now = {member.path: member for member in taken.members}
    found = [f"{path}: is gone" for path in sorted(before.keys() - now.keys())]
    found += [f"{path}: is new" for path in sorted(now.keys() - before.keys())]
    found += [
        f"{path}: was {member.sha256 or 'unread'}, is {now[path].sha256 or 'unread'}"
        for path, member in sorted(before.items())
        if path in now and now[path].sha256 != member.sha256
    ]
    return found
