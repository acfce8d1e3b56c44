"""A task and what came of it: plain values that can be stored, sent to another process, and compared."""

from typing import Any, Literal

import msgspec

from postvakt.model.gap import Clue, Gap

State = Literal["open", "done", "quarantined"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work: a function's name out of an allowed list and its JSON specification.

    `id` names the work by what goes in (evidence members, parser versions, options, compiled rules): two tasks
    of one id give the same bytes. `bytes` is how much is read, for progress and for the time limit. A task that is not
    `kept` leaves no row in the ledger: it reads what others left, costs little, and is done anew in each run.
    """

    id: str
    function: str
    spec: dict[str, Any]
    bytes: int = 0
    title: str = ""
    kept: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a task. `result` is the function's own JSON value; for a quarantined task it is None.

    `why` is one of crashed, timed-out, out-of-memory, unreadable where the task was given up.
    """

    task: str
    state: State
    result: Any = None
    why: str = ""
    detail: str = ""
    attempts: int = 1


class PartRef(msgspec.Struct, frozen=True, kw_only=True):
    """One published Parquet part: `path` is relative to the case folder, `sources` are the members whose rows it holds
    (small files share one), none where the rows tell it themselves."""

    table: str
    path: str
    evidence: str
    rows: int
    sources: tuple[str, ...] = ()


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What one source gave of one table, split value by split value: the raw material of coverage.

    `hours` counts dated records by hour since 1970 (hour -> count); `first` and `last` are microseconds since
    1970; `undated` counts rows without a time. `sequences` are runs of the table's sequence column without
    a number missing, as (low, high, first time, last time), times in microseconds. The records of a `facet` are among
    those of another span.
    """

    table: str
    split: str
    source: str
    evidence: str
    records: int
    facet: bool = False
    bytes: int = 0
    undated: int = 0
    first: int | None = None
    last: int | None = None
    hours: dict[str, int] = {}
    sequences: tuple[tuple[int, int, int | None, int | None], ...] = ()


class ParseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What reading or asking a batch of members gave.

    `plan` is the hash of the rules it was asked by; `parse` the id of the earlier task whose parts were asked.
    """

    parts: tuple[PartRef, ...] = ()
    spans: tuple[Span, ...] = ()
    gaps: tuple[Gap, ...] = ()
    clues: tuple[Clue, ...] = ()
    plan: str = ""
    parse: str = ""
    matches: str = ""
    matched: int = 0
