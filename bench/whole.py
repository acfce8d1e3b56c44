"""What is measured, as a process of its own: `python -m bench.whole WHAT PATH CASE [RULES]`.

`whole` hashes, parses, matches and writes as a worker does; `rows` parses into batches of rows and drops them; `scan`
asks files our YARA rules; `compile` leaves the compiled rules in the case, where a worker finds them. The last line
says how much was read, and the CPU seconds that the work took without the start.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow.parquet as pq

from postvakt import artifacts, detect, evidence
from postvakt.commands import work
from postvakt.commands.gathering import plan_of
from postvakt.model.evidence import Member
from postvakt.model.task import ParseResult
from postvakt.tables.case import FORMAT, Case, CaseFile
from postvakt.tables.rows import Rows

PLAN = "bench.plan"
BY_NAME = {reader.artifact.name: reader for reader in artifacts.READERS}


def whole(path: str, case_root: str, _: str = "") -> Counter[str]:
    """Hash, parse, match and write what lies there, as a worker does."""
    case = _case(path, case_root)
    spec = work.Read(case=case_root, path=path, members=tuple(_members(case, path)), plan=_plan(case))
    result = msgspec.convert(work.perform("read", msgspec.to_builtins(spec)), ParseResult)
    return Counter(rows=sum(part.rows for part in result.parts), matches=result.matched)


def rows(path: str, case_root: str, _: str = "") -> Counter[str]:
    """Parse what lies there into batches of rows, and drop them."""
    case = _case(path, case_root)
    found: Counter[str] = Counter()
    for member in _members(case, path):
        for piece in BY_NAME[member.artifact].parse(evidence.source(path, member, scratch=case.scratch)):
            if isinstance(piece, Rows):
                found["rows"] += piece.batch.num_rows
    return found


def scan(path: str, case_root: str, _: str = "") -> Counter[str]:
    """Ask files our YARA rules."""
    case = _case(path, case_root)
    scanner = detect.Scanner(plan_of(case_root, _plan(case)))
    found: Counter[str] = Counter()
    for file in sorted(one for one in Path(path).rglob("*") if one.is_file()):
        found["matches"] += len(scanner.scan(file.read_bytes(), str(file).lower()))
        found["files"] += 1
    return found


def compile_rules(path: str, case_root: str, rules: str = "") -> Counter[str]:
    """Leave the compiled rules in a case, with their name, which a worker is told."""
    from postvakt.commands import plans  # No worker loads what compiles.

    case = _case(path, case_root)
    plan = plans.asked(plans.packs([rules] if rules else [], [], [])).prepared(case)
    case.path(PLAN).write_text(plan.hash)
    return Counter(rules=len(plan.plan.rules))


def matches(case_root: str) -> Counter[str]:
    """Return how many rows each rule matched in a case that was read by `whole`."""
    found: Counter[str] = Counter()
    for part in Path(case_root, "matches").rglob("*.parquet"):
        found.update(pq.read_table(part, columns=["rule"]).column("rule").to_pylist())
    return found


def _plan(case: Case) -> str:
    return case.path(PLAN).read_text()


def _case(path: str, case_root: str) -> Case:
    case = Case(Path(case_root))
    about = CaseFile(
        format=FORMAT, postvakt="bench", directive="ed-21-02", created="", evidence=(path,), options={}
    )
    case.write_json("case.json", about)
    return case


def _members(case: Case, path: str) -> Iterator[Member]:
    taken = evidence.take_in(path, [r.artifact for r in artifacts.READERS], scratch=case.scratch)
    return (member for member in taken.members if member.artifact)


KINDS: dict[str, Callable[..., Counter[str]]] = {
    "whole": whole,
    "rows": rows,
    "scan": scan,
    "compile": compile_rules,
}

if __name__ == "__main__":
    name, *given = sys.argv[1:]
    begun = time.process_time()
    counted = KINDS[name](*given)
    print(json.dumps({**counted, "seconds": round(time.process_time() - begun, 4)}))
