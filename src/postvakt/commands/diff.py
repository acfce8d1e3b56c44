"""What differs between two cases, or between a case before and after it was asked again."""

from pathlib import Path

from postvakt.commands import reports
from postvakt.errors import UsageError
from postvakt.reason.differing import differences
from postvakt.report import changes

FORMS = {"text": changes.text, "json": changes.json}


def diff(before: Path, after: Path, form: str) -> bytes:
    """Return what changed from one case to another. Raises UsageError, and EvidenceError for what is no case."""
    if form not in FORMS:
        raise UsageError(f"--format {form}: choose one of {', '.join(FORMS)}")
    return FORMS[form](differences(reports.load(before), reports.load(after)))
