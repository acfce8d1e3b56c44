"""Writes docs/shared-evidence.md: what a triage of each folder of the public sample evidence accounts for.

`python -m docs.counts FOLDER` triages every folder below FOLDER into a temporary case, one at a time.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from postvakt import engines
from postvakt.commands import triage, work
from postvakt.model.evidence import Member
from postvakt.tables.case import Case

PAGE = Path(__file__).resolve().parent / "shared-evidence.md"
STARTED = "2026-01-01T00:00:00Z"
HEAD = """# Counts on public samples

What a triage of each folder of public sample files (event logs, hives, IIS and Exchange logs of several projects;
none of them is part of this repository) accounts for. Every file is *read*, *not relevant* (opened archives stand
there too, beside what lies in them) or named in a *gap*, some both; rows are what the tables hold. Written by
`python -m docs.counts FOLDER`. How the counts of event logs, hives and IIS logs compare with libevtx, libregf and
plain line counts, file by file, is in `tests/artifacts/` (the tests marked `shared`).

| folder | files | read | not relevant | in gaps | rows by table |
|---|--:|--:|--:|--:|---|
"""


def main() -> int:
    """Write the page for the folder that is named."""
    root = Path(sys.argv[1])
    folders = sorted(path for top in root.iterdir() if top.is_dir() for path in _folders(top))
    PAGE.write_text(HEAD + "".join(_line(root, folder) for folder in folders), encoding="utf-8")
    return 0


def _folders(top: Path) -> Iterator[Path]:
    inner = [path for path in top.iterdir() if path.is_dir()]
    yield from inner or [top]


def _line(root: Path, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        request = triage.Request(evidence=(str(folder),), case=f"{scratch}/case", started=STARTED)
        triage.triage(request, engines.watch(quiet=True, log="text"))
        case = Case.open(Path(scratch, "case"))
        members = [
            member
            for intake in case.read_json("intake.json", list[work.Intake])
            for member in case.lines(intake.file, Member)
        ]
        gaps = {row["source"] for row in pq.read_table(case.path("gaps.parquet")).to_pylist()}
        rows = Counter(
            {
                table.name: sum(pq.read_metadata(part).num_rows for part in table.rglob("*.parquet"))
                for table in case.path("tables").iterdir()
                if table.name != "file"
            }
        )
    read = [member for member in members if member.artifact or member.beside]
    named = [member for member in members if member.path in gaps]
    other = [member for member in members if member not in read and member.path not in gaps]
    told = ", ".join(f"{name} {count:,}" for name, count in sorted(rows.items())) or "-"
    where = folder.relative_to(root).as_posix()
    return f"| {where} | {len(members)} | {len(read)} | {len(other)} | {len(named)} | {told} |\n"


if __name__ == "__main__":
    sys.exit(main())
