"""The deadline board over cases: what is owed by when, and what stands in its way."""

from collections.abc import Sequence
from pathlib import Path

from postvakt.commands import conclude, reports
from postvakt.errors import UsageError
from postvakt.reason import deadlines
from postvakt.report import board
from postvakt.tables.case import Case

FORMS = {"text": board.text, "json": board.json, "html": board.html}


def status(cases: Sequence[Path], *, at: str, form: str) -> bytes:
    """Return the board of some cases at a time. Raises UsageError, and EvidenceError for what is no case."""
    if form not in FORMS:
        raise UsageError(f"--format {form}: choose one of {', '.join(FORMS)}")
    when = conclude.instant(at, "--at")
    named = dict.fromkeys(cases)
    made = (
        (str(root), reports.load(root), conclude.instant(Case.open(root).about().created, "created"))
        for root in named
    )
    return FORMS[form](deadlines.board(made, when))
