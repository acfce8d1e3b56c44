"""What memory tells as soon as its tables are read, long before every byte was gone through."""

import ntpath
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec
import pyarrow.parquet as pq

from postvakt.commands import readers, work
from postvakt.commands.plans import Prepared
from postvakt.model.evidence import Member
from postvakt.model.rule import LEVELS
from postvakt.model.task import Outcome, ParseResult, Task
from postvakt.report.text import spelled
from postvakt.tables import matches
from postvakt.tables.case import Case

MOST = 5
"""Processes that are named; the report names all."""
GRAVE = LEVELS.index("high")


def of_memory(case: Case, done: Iterable[tuple[Task, Outcome]], plan: Prepared) -> Iterator[str]:
    """Yield a line for each memory image: how many processes it shows, and which of them grave rules matched."""
    for task, outcome in done:
        if outcome.result is None or task.function != "read":
            continue
        spec = msgspec.convert(task.spec, work.Read)
        result = msgspec.convert(outcome.result, ParseResult)
        for member in spec.members:
            if member.artifact in readers.OF_MEMORY:
                yield _line(case, member, result, plan)


def _line(case: Case, member: Member, result: ParseResult, plan: Prepared) -> str:
    counted = sum(s.records for s in result.spans if s.table == "mem_process" and s.source == member.path)
    told = f"{spelled(member.path)}: {counted:,} process{'es' * (counted != 1)}"
    odd = list(_odd(case, member, result, plan))
    more = f", and {len(odd) - MOST:,} more" if len(odd) > MOST else ""
    return f"{told}; {'; '.join(odd[:MOST])}{more}" if odd else told


def _odd(case: Case, member: Member, result: ParseResult, plan: Prepared) -> Iterator[str]:
    if not result.matches:
        return
    titles = {r.id: r.title for r in plan.plan.rules if LEVELS.index(r.level) >= GRAVE}
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for match in pq.read_table(case.path(result.matches)).to_pylist():
        if match["table"] == "mem_process" and match["source"] == member.path and match["rule"] in titles:
            found[match["part"], match["row"]].append(titles[match["rule"]])
    for (part, number), rules in sorted(found.items()):
        (row,) = matches.read_rows(case, part, [number])
        name = ntpath.basename(row["Image"] or "") or row["name"] or "a process"
        yield f"{spelled(name)} ({row['ProcessId']}): {', '.join(sorted(rules))}"
