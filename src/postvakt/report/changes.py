"""What changed between two reports, as text and as JSON."""

from collections.abc import Iterator

import msgspec

from postvakt.model.change import Change, ChangeKind, Diff
from postvakt.report.text import encodable, spelled

HEADS: dict[ChangeKind, str] = {
    "verdict": "Verdicts",
    "finding": "Findings",
    "question": "Questions the verdicts rest on",
    "answer": "Answers to the directive",
    "mitigation": "Mitigations and scans",
    "host": "Hosts",
    "server": "Inventory",
    "gap": "Gaps",
    "coverage": "What was read",
    "case": "The cases themselves",
}
MOST = 40
"""Changes of one kind that the text shows; JSON has all."""


def json(diff: Diff) -> bytes:
    """Return the changes as JSON, `postvakt.diff/1`."""
    return msgspec.json.format(encodable(msgspec.json.encode(diff).decode()).encode(), indent=2) + b"\n"


def text(diff: Diff) -> bytes:
    """Return the changes in words, those of a kind together."""
    return "".join(f"{line}\n" for line in lines(diff)).encode("utf-8", "backslashreplace")


def lines(diff: Diff) -> Iterator[str]:
    """Yield the changes line by line."""
    if not diff.changes:
        yield "Nothing changed."
        return
    for kind, head in HEADS.items():
        mine = [change for change in diff.changes if change.kind == kind]
        if not mine:
            continue
        yield f"{head} ({len(mine)})"
        for change in mine[:MOST]:
            yield from _told(change)
        if len(mine) > MOST:
            yield f"  and {len(mine) - MOST} more; --format json has them"


def _told(change: Change) -> Iterator[str]:
    where = f"{spelled(change.host)}: " if change.host else ""
    if not change.before:
        moved = f"new: {spelled(change.after)}"
    elif not change.after:
        moved = f"gone; it was: {spelled(change.before)}"
    else:
        moved = f"{spelled(change.before)} -> {spelled(change.after)}"
    yield f"  {where}{spelled(change.what)}: {moved}"
    if change.why:
        yield f"      because {spelled(change.why)}"
