"""What to collect: a collector's own input that closes the gaps of a case, or meets a directive."""

from pathlib import Path

import msgspec

from postvakt import content
from postvakt.commands import reports
from postvakt.errors import UsageError
from postvakt.model.collecting import COLLECTORS, CollectorSpec
from postvakt.model.collecting import Plan as Collection
from postvakt.model.conclusion import HostConclusion
from postvakt.model.directive import Directive
from postvakt.reason import collecting
from postvakt.report.collectors import WRITERS
from postvakt.tables.case import Case


class Written(msgspec.Struct, frozen=True):
    """Files by name (empty where there is one for standard output), and what to tell beside them."""

    files: dict[str, bytes]
    lines: tuple[str, ...]


def plan(collector: str, *, directive: str, case: Path | None, host: str | None, apart: bool) -> Written:
    """Return a collector's input. Raises UsageError for what is not known, and where hosts want different things and
    there is no folder to write `apart` to."""
    own = content.load()
    spec = _collector(own, collector)
    made = _of_case(own, spec, directive, case, host) if case else _of_directive(own, spec, directive)
    write = WRITERS[spec.id]
    told = tuple(f"{name}: nothing is missing" for name in made.complete)
    if not made.batches:
        return Written({}, (*told, "Nothing is left to collect."))
    if len(made.batches) == 1 and not apart:
        return Written({"": write(made, made.batches[0])}, told)
    if not apart:
        raise UsageError(
            f"{len(made.batches)} groups of hosts want different things: name a folder with -o, or one host with --host"
        )
    files = {
        f"postvakt-{made.directive}-{n:02}.{spec.suffix}": write(made, batch)
        for n, batch in enumerate(made.batches, 1)
    }
    named = zip(files, made.batches, strict=True)
    return Written(files, (*told, *(f"{file}: {', '.join(batch.hosts[:8])}" for file, batch in named)))


def _collector(own: content.Content, name: str) -> CollectorSpec:
    found = next((spec for spec in own.collectors if spec.id == name), None)
    if found is None:
        raise UsageError(f"--collector {name}: choose one of {', '.join(COLLECTORS)}")
    return found


def _directive(own: content.Content, name: str) -> Directive:
    found = next((one for one in own.directives if one.id == name), None)
    if found is None:
        raise UsageError(f"--directive {name}: choose one of {', '.join(one.id for one in own.directives)}")
    return found


def _of_directive(own: content.Content, spec: CollectorSpec, directive: str) -> Collection:
    return collecting.plan(_directive(own, directive or "ed-21-02"), spec, own.collecting)


def _of_case(
    own: content.Content, spec: CollectorSpec, directive: str, root: Path, host: str | None
) -> Collection:
    report = reports.load(root)
    if directive and directive != report.directive:
        raise UsageError(
            f"--directive {directive}: the case answers {report.directive}; ask it anew for another"
        )
    if host and host not in {row.host for row in report.hosts}:
        raise UsageError(f"--host {host}: the case has {', '.join(row.host for row in report.hosts[:8])}")
    concluded = Case.open(root).read_json("hosts.json", list[HostConclusion])
    places = {one.name: one for one in concluded}
    servers = [
        collecting.Server(
            row=row,
            folders=places[row.host].folders if row.host in places else (),
            install_path=places[row.host].install_path if row.host in places else "",
        )
        for row in report.hosts
        if host in (None, row.host)
    ]
    return collecting.of_case(_directive(own, report.directive), spec, own.collecting, servers, report.window)
