"""Which list of product files a host is held against, and how sure that makes what differs."""

from collections.abc import Callable, Sequence

from postvakt.model.baseline import BaselineRow, FileRow
from postvakt.model.report import BuildRow

MOST = 200
"""Differing files that a report tells; all are counted."""

Compare = Callable[[str], tuple[int, int, list[FileRow]]]


def baseline(builds: Sequence[BuildRow], known: Sequence[str], compare: Compare | None) -> BaselineRow:
    """Return how a host's files compare with the list of its own build, else of the nearest of its version.

    `compare` does so for a build; None where no product file of the host was read.
    """
    if not known:
        return BaselineRow()
    of_host = _latest(builds)
    nearest = _nearest(of_host, known)
    if not of_host:
        return BaselineRow(state="build not known")
    if nearest is None:
        return BaselineRow(state="no baseline for this build", of_host=of_host)
    if compare is None:
        return BaselineRow(state="no files read", build=nearest, of_host=of_host)
    compared, same, differ = compare(nearest)
    exact = nearest == of_host
    told = differ if exact else [row for row in differ if row.state == "unknown"]
    return BaselineRow(
        state="compared" if exact else "by name",
        build=nearest,
        of_host=of_host,
        compared=compared,
        same=same,
        differ=len(told),
        files=tuple(told[:MOST]),
    )


def doubts(row: BaselineRow) -> tuple[str, ...]:
    """Return what stands between a host and a clear verdict: scripts that the product did not ship so."""
    scripts = [file for file in row.files if file.script]
    if row.state != "compared" or not scripts:
        return ()
    names = ", ".join(file.path.rpartition("/")[2] for file in scripts[:3])
    more = f" and {len(scripts) - 3} more" if len(scripts) > 3 else ""
    return (
        f"{len(scripts)} scripts are not as build {row.build} has them ({names}{more}): a person must judge them",
    )


def _latest(builds: Sequence[BuildRow]) -> str:
    """Return the build that was seen last; one that no time is told of only where there is no other."""
    seen = sorted(builds, key=lambda row: (row.until is not None, str(row.until)))
    return seen[-1].build if seen else ""


def _nearest(build: str, known: Sequence[str]) -> str | None:
    """Return the build itself, else the one of the same version that is closest by number."""
    wanted = _numbers(build)
    same = [
        (abs(numbers[2] - wanted[2]), abs(numbers[3] - wanted[3]), name)
        for name in known
        if (numbers := _numbers(name))[:2] == wanted[:2]
    ]
    return min(same)[2] if same and wanted[0] else None


def _numbers(build: str) -> tuple[int, int, int, int]:
    parts = [int(part) if part.isdigit() else 0 for part in build.split(".")[:4]]
    first, second, third, fourth = (*parts, 0, 0, 0, 0)[:4]
    return first, second, third, fourth
