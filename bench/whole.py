"""What is measured, as a process of its own: `python -m bench.whole WHAT PATH CASE [RULES]`."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from postvakt import artifacts, evidence
from postvakt.commands import plans, work
from postvakt.tables.case import FORMAT, Case, CaseFile


def whole(path: str, case_root: str, rules: str = "") -> None:
    """Hash, parse, match and write one file of a hand-in, as a worker does."""
    case = Case(Path(case_root))
    about = CaseFile(
        format=FORMAT, postvakt="bench", directive="ed-21-02", created="", evidence=(path,), options={}
    )
    case.write_json("case.json", about)
    chosen = plans.packs([rules] if rules else [], [], [])
    plan = plans.prepare(case, chosen)
    taken = evidence.take_in(path, [r.artifact for r in artifacts.READERS], scratch=case.scratch)
    members = tuple(member for member in taken.members if member.artifact)
    spec = work.Read(case=case_root, path=path, members=members, plan=plan.hash)
    work.perform("read", msgspec.to_builtins(spec))


def compile_rules(path: str, case_root: str, rules: str = "") -> None:
    """Leave the compiled rules in a case, so that what is measured loads them as a worker does."""
    case = Case(Path(case_root))
    plans.prepare(case, plans.packs([rules] if rules else [], [], []))


KINDS: dict[str, Callable[..., None]] = {
    "whole": whole,
    "compile": compile_rules,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](*sys.argv[2:])
