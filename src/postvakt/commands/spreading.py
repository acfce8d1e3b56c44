"""Work that concluding a case needs, shared out to the workers: questions of parts that were read, pages to write.

A piece is a question whose answer belongs to no other's. Pieces are handed over some at a time; where a task is given
up its pieces are asked one by one, and what still fails comes back as an Outcome, for the caller to tell as a Gap. None
of it is kept in the ledger: it costs little beside what it asks, and follows today's content.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from postvakt import engines
from postvakt.model.task import Outcome, Task
from postvakt.tables.case import Case

T = TypeVar("T")


class Pieces(msgspec.Struct, frozen=True):
    """Specification: answer each of these pieces, asked by a plan where they need one."""

    case: str
    plan: str
    pieces: tuple[Any, ...]


class Wanted(msgspec.Struct, frozen=True):
    """Pieces for one function, by its name and itself; `bytes` is what each reads, `together` how many at most make a
    task."""

    function: str
    run: Callable[[Pieces], list[Any]]
    pieces: Sequence[msgspec.Struct]
    bytes: Sequence[int] = ()
    together: int = 1


Answers = list[Any]
"""What came of each piece, in the pieces' order: a plain value, or the Outcome of a task that was given up."""


def spread(engine: engines.Engine, case: Case, plan: str, wanted: Iterable[Wanted]) -> list[Answers]:
    """Return the answers to all pieces of all functions, worked at side by side."""
    wanted = list(wanted)
    answers: list[Answers] = [[None] * len(one.pieces) for one in wanted]
    waiting = [
        (which, tuple(range(start, min(start + one.together, len(one.pieces)))))
        for which, one in enumerate(wanted)
        for start in range(0, len(one.pieces), one.together)
    ]
    while waiting:
        known = {_name(*each): each for each in waiting}
        waiting = []
        for outcome in engine.run(
            [_task(case, plan, wanted[which], which, at) for which, at in known.values()]
        ):
            which, at = known[outcome.task]
            if outcome.state == "done":
                for place, answer in zip(at, outcome.result, strict=True):
                    answers[which][place] = answer
            elif len(at) > 1:
                waiting += [(which, (place,)) for place in at]
            elif _wants_memory(outcome):
                # Only workers are held to a limit: what one server's tables need may be more.
                alone = wanted[which].run(_spec(case, plan, wanted[which], at))
                answers[which][at[0]] = msgspec.to_builtins(alone[0])
            else:
                answers[which][at[0]] = outcome
    return answers


def answered(answers: Answers, kind: type[T], lost: Callable[[int, Outcome], None]) -> list[T | None]:
    """Return answers as values; None, after `lost` was told, for a piece that was given up."""
    found: list[T | None] = []
    for place, answer in enumerate(answers):
        if isinstance(answer, Outcome):
            lost(place, answer)
            found.append(None)
        else:
            found.append(msgspec.convert(answer, kind))
    return found


def _wants_memory(outcome: Outcome) -> bool:
    return outcome.why == "out-of-memory" or outcome.detail.startswith("OutOfMemoryException")


def _name(which: int, at: tuple[int, ...]) -> str:
    return f"{which}:{at[0]}:{len(at)}"


def _task(case: Case, plan: str, wanted: Wanted, which: int, at: tuple[int, ...]) -> Task:
    return Task(
        id=_name(which, at),
        function=wanted.function,
        spec=msgspec.structs.asdict(_spec(case, plan, wanted, at)),
        bytes=sum(wanted.bytes[place] for place in at) if wanted.bytes else 0,
        kept=False,
    )


def _spec(case: Case, plan: str, wanted: Wanted, at: tuple[int, ...]) -> Pieces:
    return Pieces(str(case.root), plan, tuple(msgspec.to_builtins(wanted.pieces[place]) for place in at))
