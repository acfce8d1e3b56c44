"""How long a server was open, from its evidence alone, against the plan that it was written after."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from postvakt.estate import plan, write
from postvakt.estate.stories import KINDS
from postvakt.model.build import ExposureRow
from postvakt.model.report import HostRow
from tests.commands import cases

SEED = 11
SERVERS = plan(2 * len(KINDS), SEED, 12)


def planned(scenario, version=""):
    """A server of a scenario; of a version of Exchange where one is given."""
    fitting = [s for s in SERVERS if s.scenario == scenario and s.machine.release.build[1] in {0, 1, 2, 3}]
    chosen = [s for s in fitting if ".".join(map(str, s.build)).startswith(version)]
    return msgspec.structs.replace((chosen or fitting)[-1], layout="folder")


def triaged(server, folder: Path) -> HostRow:
    write(server, folder / "evidence")
    report = cases.triaged(folder / "case", folder / "evidence" / server.hand_in)
    return next(host for host in report.hosts if host.host == server.name)


def row(host: HostRow, flaw: str) -> ExposureRow:
    return next(row for row in host.exposure if row.flaw == flaw)


@pytest.mark.parametrize("scenario", ["attacked", "clean", "patched"])
def test_patched(scenario: str, tmp_path: Path) -> None:
    server = planned(scenario)
    told = row(triaged(server, tmp_path), "proxylogon")
    assert server.patched is not None
    assert told.state == "fixed"
    assert told.patched_after is not None
    assert told.patched_by is not None
    assert told.patched_after < server.patched <= told.patched_by < server.patched + timedelta(minutes=5)
    assert [s.build for s in told.stretches if s.build] == [
        ".".join(map(str, build)) for build in (server.build, server.machine.release.patched)
    ]
    if scenario == "attacked":
        assert told.success is not None
        assert server.began <= told.success < server.patched
        days = (server.patched - told.success) // timedelta(days=1)
        assert any(
            f"Patched {days} day" in sentence and " after the first" in sentence for sentence in told.told
        )
    else:
        assert told.success is None
    if scenario == "patched":
        assert told.attempt is not None
        assert told.attempt >= server.patched
        assert any("before the first attempt" in sentence for sentence in told.told)


def test_never_patched(tmp_path: Path) -> None:
    server = planned("shell-used")
    host = triaged(server, tmp_path)
    told = row(host, "proxylogon")
    assert server.patched is None
    assert (told.state, told.patched_by) == ("vulnerable", None)
    assert told.vulnerable_until is not None
    assert told.success is not None
    assert told.success <= told.vulnerable_until
    assert any("KB5000871" in step for step in host.update)


def test_exchange_2010_has_the_one_flaw(tmp_path: Path) -> None:
    host = triaged(planned("exchange-2010"), tmp_path)
    assert row(host, "proxylogon").state == "not-affected"
    assert row(host, "unified-messaging").state == "vulnerable"
    assert any("Update Rollup 32" in step for step in host.update)
