"""A whole triage in one call, for tests of what it concludes."""

from pathlib import Path
from typing import Any

import msgspec

from postvakt import engines
from postvakt.commands import triage
from postvakt.estate import ServerPlan, plan, write
from postvakt.model.report import Report

STARTED = "2021-03-12T08:00:00Z"


def server(scenario: str, days: int = 5, seed: int = 1) -> ServerPlan:
    """The server of a scenario, handed in as a folder."""
    planned = next(one for one in plan(6, seed, days) if one.scenario == scenario)
    return msgspec.structs.replace(planned, layout="folder")


def hand_in(scenario: str, folder: Path, name: str, days: int = 5) -> Path:
    """Write the server of a scenario under a name of the test's own."""
    path = write(server(scenario, days), folder)
    return path.rename(folder / name)


def triaged(case: Path, *evidence: Path, **options: Any) -> Report:
    """Triage hand-ins as one case, as the command line does."""
    request = triage.Request(
        evidence=tuple(map(str, evidence)), case=str(case), started=STARTED, jobs=2, **options
    )
    return triage.triage(request, engines.watch(quiet=True, log="text"))


def verdicts(report: Report) -> dict[str, tuple[str, str]]:
    """Outcome and grade by the name of the hand-in."""
    hosts = {host.host: (host.verdict.outcome, host.verdict.grade) for host in report.hosts}
    return {Path(item.path).name: hosts[item.host] for item in report.evidence}
