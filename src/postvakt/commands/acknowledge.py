"""A person's word on a finding: kept with name, time and reason; the finding stays visible."""

from datetime import datetime
from pathlib import Path

import msgspec

from postvakt.commands import conclude, reports
from postvakt.errors import UsageError
from postvakt.model.report import Acknowledgement
from postvakt.tables.case import Case


def acknowledge(root: Path, finding: str, *, by: str, reason: str, at: str) -> str:
    """Keep an acknowledgement in the case and return what to do next. Raises UsageError for an unknown finding."""
    if not by.strip() or not reason.strip():
        raise UsageError("--by and --reason: an acknowledgement needs a name and a reason")
    case = Case.open(root)
    host, row = reports.find(reports.load(root), finding)
    known = dict(conclude.acknowledgements(case))
    known[row.id] = Acknowledgement(by.strip(), datetime.fromisoformat(at), reason.strip())
    case.write("acknowledged.yaml", msgspec.yaml.encode(known, order="sorted"))
    return (
        f"{row.title} [{row.id}] on {host.host}: acknowledged by {by.strip()}. "
        f"Run `postvakt reask {root}` to judge again."
    )
