"""A client artifact of Velociraptor: a table of places, and VQL that finds and uploads them."""

import csv
import io
from collections.abc import Iterator

from postvakt.model.collecting import Batch, Plan, Step
from postvakt.report.collectors import heading, places
from postvakt.report.collectors.places import DEFAULTS

INSTALLED = "%ExchangeInstallPath%"

FILES = r"""
LET Found = SELECT Data.value AS Path
  FROM glob(
    globs='HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\ExchangeServer\\v*\\Setup\\MsiInstallPath',
    accessor='registry')

LET Installed <= regex_replace(
    source=Found.Path[0] || InstallPath, re='\\\\+$', replace='')

LET Places = SELECT Artifact, Accessor,
    regex_replace(
      source=Glob, re='^%ExchangeInstallPath%', replace=Installed) AS Glob
  FROM Wanted

LET Files = SELECT * FROM foreach(row=Places, query={
    SELECT Artifact, Accessor, OSPath, Size, Mtime, Btime
    FROM glob(globs=Glob, accessor=Accessor)
    WHERE NOT IsDir
  })
  GROUP BY OSPath

SELECT Artifact, OSPath, Size, Mtime, Btime,
    upload(file=OSPath, accessor=Accessor, mtime=Mtime) AS Upload
FROM Files
"""


def write(plan: Plan, batch: Batch) -> bytes:
    """Return a Velociraptor artifact as UTF-8 YAML."""
    made = heading.identity(plan, batch)
    name = "".join(part.capitalize() for part in plan.directive.split("-"))
    by_path = [step for step in batch.steps if not step.by]
    rows = [
        *heading.commented(plan, batch, "#"),
        f"name: Custom.Postvakt.{name}.H{made.hex[:8]}",
        "description: |",
        *_indented(f"What Postvakt asks for to answer {heading.safe(plan.title)}.", 2),
        "type: CLIENT",
        "precondition: SELECT OS FROM info() WHERE OS = 'windows'",
        "resources:",
        "  timeout: 43200",
    ]
    if by_path:
        rows += [
            "parameters:",
            "  - name: InstallPath",
            f"    default: '{batch.install_path or DEFAULTS[INSTALLED]}'",
            "    description: Where Exchange lies if the registry does not say.",
            "  - name: Wanted",
            "    type: csv",
            "    default: |",
            *_indented(_table(by_path), 6),
        ]
    rows.append("sources:")
    for step in batch.steps:
        if step.by:
            rows += [f"  - name: {step.id}", f"    query: SELECT * FROM Artifact.{step.by}()"]
    if by_path:
        rows += ["  - name: files", "    query: |", *_indented(FILES.strip(), 6)]
    return ("\n".join(rows) + "\n").encode()


def _table(steps: list[Step]) -> str:
    made = io.StringIO()
    rows = csv.writer(made, lineterminator="\n")
    rows.writerow(("Artifact", "Accessor", "Glob"))
    rows.writerows(_rows(steps))
    return made.getvalue().rstrip()


def _rows(steps: list[Step]) -> Iterator[tuple[str, str, str]]:
    for step in steps:
        for spot in step.spots:
            accessor = "ntfs" if spot.locked else "auto"
            kept = spot.folder.lower().startswith(INSTALLED.lower())
            for glob in places.globs(spot, r"C:\Users\*"):
                yield step.id, accessor, INSTALLED + glob[len(DEFAULTS[INSTALLED]) :] if kept else glob


def _indented(text: str, by: int) -> list[str]:
    return [(" " * by + line).rstrip() for line in text.split("\n")]
