"""Since when a server that was open to a flaw was mitigated, told beside how long it was open.

A mitigation closes nothing: the state of the flaw stays that of the build. It is said from when to when one stood,
how far that is known, and whether the first success came before it or in spite of it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from postvakt.model.build import ExposureRow
from postvakt.model.mitigation import MitigationRow
from postvakt.reason.exposed import length, minute

IN_FORCE = ("on", "partly")


def told_beside(exposure: Sequence[ExposureRow], done: Sequence[MitigationRow]) -> tuple[ExposureRow, ...]:
    """Return the exposure of a host, each flaw with sentences on the mitigations against it."""
    return tuple(
        msgspec.structs.replace(
            row, told=(*row.told, *(s for one in done if row.flaw in one.flaws for s in _told(row, one)))
        )
        for row in exposure
    )


def _told(row: ExposureRow, one: MitigationRow) -> Iterator[str]:
    """Yield what to say of a mitigation; nothing of scans, and of those that were never in force."""
    if not any(stretch.state == "vulnerable" for stretch in row.stretches) and row.state != "vulnerable":
        return
    in_force, taken_back = one.state in IN_FORCE, one.state == "off" and one.first is not None
    if not (in_force or taken_back):
        return
    how = "mitigated in part" if one.state == "partly" else "mitigated"
    if one.first is None:
        yield f"{how.capitalize()}, since when is not told: {one.title}."
        return
    if row.patched_by and one.first >= row.patched_by:
        # A file that was written after the update may have held the same before it.
        before = "; whether it stood before the update is not told" if one.dated == "at the latest" else ""
        yield f"Mitigated after the update only, as far as is told: {one.title}{before}."
        return
    yield f"Vulnerable, {how} from {_since(one)}{_until(row, one)}: {one.title}."
    yield from _beside_success(row, one, one.first)


def _since(one: MitigationRow) -> str:
    return f"{minute(one.first)}{' at the latest' if one.dated == 'at the latest' else ''}"


def _until(row: ExposureRow, one: MitigationRow) -> str:
    if one.state == "off":
        return f" to {minute(one.last)}, when it was taken back"
    if row.patched_by is None:
        return ""
    return f", until it was patched by {minute(row.patched_by)}"


def _beside_success(row: ExposureRow, one: MitigationRow, first: datetime) -> Iterator[str]:
    if row.success is None:
        return
    if row.success < first:
        late = "at most " if one.dated == "at the latest" else ""
        yield (
            f"It came {late}{length(first - row.success)} after the first success ({minute(row.success)}): it puts "
            "nobody out who was in."
        )
    elif one.state != "off" or one.last is None or row.success <= one.last:
        yield (
            f"The first success came {length(row.success - first)} after it all the same ({minute(row.success)}): "
            "do not count on it."
        )
