"""ConsoleHost_history.txt: what a person typed into PowerShell, line by line, without times."""

import re
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.log_lines import blocks
from postvakt.artifacts.troubles import Troubles
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, LogSource, TableSpec
from postvakt.tables.rows import Read, Reader, batches

POWERSHELL_HISTORY = TableSpec(
    name="powershell_history",
    title="PowerShell lines that were typed",
    locator="line",
    logsources=(
        LogSource(product="windows", category="ps_script"),
        LogSource(product="windows", service="powershell_history"),
    ),
    fields=(("ScriptBlockText", "command"), ("CommandLine", "command")),
    columns=(
        Column("command", kind="command_line"),
        Column("user", kind="account", about="whose profile the file lies in"),
    ),
)

ARTIFACT = Artifact(
    name="powershell_history",
    title="PowerShell history",
    tables=("powershell_history",),
    where="%AppData%\\Microsoft\\Windows\\PowerShell\\PSReadLine\\*_history.txt",
    paths=(r"/psreadline/[^/]*_history\.txt$", r"(^|[/_])consolehost_history\.txt$"),
)
USER = re.compile(r"(?:^|/)users/([^/]+)/|/systemprofile/", re.IGNORECASE)


def parse(source: Source) -> Iterator[Read]:
    """Yield the lines that say something, and what could not be read."""
    troubles = Troubles("powershell_history")
    yield from batches(POWERSHELL_HISTORY, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    found = USER.search(source.member.windows_path or source.member.path)
    user = (found[1] or "SYSTEM") if found else None
    for piece in blocks(source, troubles):
        for index, number in enumerate(piece.numbers.tolist()):
            line = piece.line(index).decode()
            if line.strip():
                yield {"time": None, "locator": number, "command": line, "user": user}


READER = Reader(artifact=ARTIFACT, tables=(POWERSHELL_HISTORY,), parse=parse)
