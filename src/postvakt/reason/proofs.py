"""What of a server's evidence shows a requirement done: updates that it runs, scans that came to their end."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from postvakt.model.build import ExposureRow
from postvakt.model.directive import ShownBy
from postvakt.model.mitigation import MitigationRow
from postvakt.model.report import AnswerState

DONE = ("fixed", "not-affected", "needs-setting")
WEEK = 7
EASTERNMOST = timedelta(hours=14)
"""The greatest offset of any zone: a clock without one is at most so far ahead of UTC."""

TOLD = 3
"""Runs that one answer tells, the last ones."""


def proofs(
    shown: ShownBy, exposure: Sequence[ExposureRow], runs: Sequence[MitigationRow], due: datetime | None
) -> Iterator[tuple[AnswerState, str]]:
    """Yield how each thing that a requirement names stands, in words: its flaws first, then its scan."""
    of_flaw = {one.flaw: one for one in exposure}
    for flaw in shown.patched:
        yield _patched(flaw, of_flaw.get(flaw), due)
    if shown.ran:
        yield _ran(shown, runs, due)


def _patched(flaw: str, one: ExposureRow | None, due: datetime | None) -> tuple[AnswerState, str]:
    if one is None:
        told = f"whether the update against {flaw} is in cannot be told: no build of its time was read"
        return "unknown", told
    told = f"{one.title}: {one.told[0] if one.told else one.state}{_in_time(one, due)}"
    return "met" if one.state in DONE else "unmet" if one.state == "vulnerable" else "unknown", told


def _in_time(one: ExposureRow, due: datetime | None) -> str:
    if due is None or one.state not in DONE:
        return ""
    if one.patched_after and one.patched_after > due:
        return " That is after the deadline."
    if one.patched_by is None:
        return ""
    if one.patched_by <= due:
        return " That is before the deadline."
    return " Whether that was before the deadline is not told."


def _ran(shown: ShownBy, runs: Sequence[MitigationRow], due: datetime | None) -> tuple[AnswerState, str]:
    kind = shown.ran.partition("-")[0]
    mine = [one for one in runs if one.id.partition("-")[0] == kind]
    done = [one for one in mine if one.id == shown.ran and one.state == "ran"]
    counted = weekly(done) if shown.times > 1 else done
    if len(counted) >= shown.times:
        told = "; ".join(f"{one.title}: {one.told} ({one.basis})" for one in counted[-TOLD:])
        return "met", told + _age(counted[-1]) + _late(counted, due)
    if mine:
        others = "; ".join(f"{one.title}: {one.told} ({one.basis})" for one in mine[-TOLD:])
        what = "in weeks of their own, each with signatures of its own, " if shown.times > 1 else ""
        return "unmet", f"{len(counted)} of {shown.times} are shown {what}to have come to their end: {others}"
    return "unknown", "nothing that was read tells of such a run"


def weekly(done: Sequence[MitigationRow]) -> list[MitigationRow]:
    """Return the first run and one of each week after it, in order of time.

    A run with the signatures of one that counts was not downloaded anew, and one without a start is in no week.
    """
    dated = sorted((one for one in done if one.started), key=lambda one: (one.started, one.locator or 0))
    counted: dict[int, MitigationRow] = {}
    for one in dated:
        days = (_day(one) - _day(dated[0])).days
        week = -1 if not counted else (days - 1) // WEEK
        stale = one.signatures and one.signatures in {other.signatures for other in counted.values()}
        if (days or not counted) and not stale:
            counted.setdefault(week, one)
    return list(counted.values())


def _day(one: MitigationRow) -> datetime:
    return datetime.fromisoformat(one.started[:10])


def _age(one: MitigationRow) -> str:
    if not one.signatures:
        return ""
    return f"; how old its signatures {one.signatures} were then, its log does not tell"


def _late(counted: Sequence[MitigationRow], due: datetime | None) -> str:
    """Say that the first run began after the deadline, where it did so in any zone that the server may have."""
    started = counted[0].started
    if due is None or not started:
        return ""
    begun = datetime.fromisoformat(started).replace(tzinfo=UTC) - EASTERNMOST
    return "; it began after the deadline" if begun > due else ""
