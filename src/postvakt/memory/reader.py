"""Memory images: what they hold as rows, and what could not be seen of them."""

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from postvakt.memory import crashdump, kernel, programs, rows
from postvakt.memory.builds import Build
from postvakt.memory.machine import Machine
from postvakt.memory.network import Endpoints
from postvakt.memory.opening import ARTIFACT, Opened, opened
from postvakt.memory.physical import RefusedError
from postvakt.memory.regions import Region, regions
from postvakt.memory.rows import Row, Seen
from postvakt.memory.scanning import LISTENER, TCP, TCP_TOO, UDP
from postvakt.memory.tables import (
    MEM_IMAGE,
    MEM_MODULE,
    MEM_NETCONN,
    MEM_PROCESS,
    MEM_REGION,
    OWN,
)
from postvakt.memory.userland import Module, modules
from postvakt.model.clock import iso
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue, Gap
from postvakt.tables.rows import Read, batches

MOST_REGIONS = 1 << 22
MOST_MODULES = 1 << 20
"""In one image; a busy server has some hundred thousand regions and some ten thousand modules."""
HOST = re.compile(r"[A-Za-z0-9_\-]{1,15}")
HOST_WEIGHT = 50
"""Below a hive's own name, above a path: programs may change their environment."""


def parse(source: Source) -> Iterator[Read]:
    """Yield processes first, then what each holds, endpoints, drivers, the image's own row, and what was not seen."""
    try:
        with opened(source) as image:
            yield from image.gaps
            if image.container == "minidump":
                yield from _program(image, source)
            else:
                yield from _machine(image)
    except RefusedError as why:
        yield Gap(artifact=ARTIFACT, why=why.why, detail=why.detail)


def _program(image: Opened, source: Source) -> Iterator[Read]:
    program = programs.Program(image.file, source.member.path)
    for spec, told in program.tables():
        yield from batches(spec, told)
    yield from _host_clue([program.host])
    yield from program.gaps()


def _machine(image: Opened) -> Iterator[Read]:
    try:
        machine = Machine(image.memory, image.header)
    except LookupError as why:
        yield _without_processes(image, str(why))
        yield from batches(MEM_IMAGE, [_bare(image)])
        return
    reading = Reading(machine, image)
    yield from batches(MEM_PROCESS, rows.processes(reading.seen, machine.walked.ring, image.memory.offset))
    yield from batches(MEM_REGION, reading.regions())
    yield from batches(MEM_MODULE, reading.modules())
    yield from batches(MEM_NETCONN, reading.endpoints())
    yield from batches(MEM_IMAGE, [reading.summary()])
    yield from _host_clue(one.host for one in reading.seen)
    yield from _system_clues(machine)
    yield from reading.gaps()


def _without_processes(image: Opened, why: str) -> Gap:
    """Say what an image may be in which no process was found."""
    held = f"{image.memory.present} bytes of memory; {why}"
    other = kernel.another_windows(image.memory)
    if other is None:
        return _gap(
            "unparsed",
            f"{held}: not a 64-bit Windows Server that is read here, damaged beyond it, or no memory at all",
        )
    if "32-bit" in other:
        return _gap(
            "unsupported",
            f"{held}: it is of {other}, not a 64-bit Windows Server: 32-bit memory is not read; Volatility 3 reads it",
        )
    return _gap(
        "unsupported",
        f"{held}: it is of {other}, whose processes are laid out as none that is read here, or damaged beyond it;"
        " Volatility 3 or MemProcFS may read it",
    )


class Reading:
    """One pass over a machine's processes: their regions and modules are read together."""

    def __init__(self, machine: Machine, image: Opened) -> None:
        self.machine = machine
        self.image = image
        self.seen = list(machine.seen())
        self._offset = image.memory.offset
        self._modules: list[Row] = []

    @property
    def _row(self) -> Build:
        return self.machine.windows.row

    def regions(self) -> Iterator[Row]:
        """Yield the programs' regions. Their modules, which are checked against these, are kept for `modules`."""
        machine, left = self.machine, MOST_REGIONS
        for one in self.seen:
            loaded = self._loaded(one)
            known = frozenset(module.base for module in loaded)
            images: set[int] = set()
            for told in itertools.islice(self._regions_of(one), left):
                assert machine.kernel is not None
                left -= 1
                if told.image:
                    images.add(told.start)
                if known and told.of_a_program and told.start not in known:
                    self._modules.append(rows.unlisted(one, told, machine.kernel.translate, self._offset))
                yield rows.region(one, told, known, machine.kernel.translate, self._offset)
            space = machine.space(one.process)
            based = images if images and self._row.region_kind else None
            self._modules += rows.modules(one, loaded, based, space.translate, self._offset)
            space.forget()
        if left <= 0:
            machine.troubles[f"more than {MOST_REGIONS} regions in all"] += 1

    def _loaded(self, one: Seen) -> list[Module]:
        if one.parameters is None or not one.parameters.loader or len(self._modules) > MOST_MODULES:
            return []
        return list(modules(self.machine.space(one.process), one.parameters.loader, self.machine.troubles))

    def _regions_of(self, one: Seen) -> Iterator[Region]:
        kernel = self.machine.kernel
        if kernel is None or not one.process.regions or one.process.exited:
            return
        space, root = self.machine.space(one.process), one.process.regions
        yield from regions(kernel, space, root, self._row, self.machine.troubles)

    def modules(self) -> Iterator[Row]:
        """Yield the programs' modules, then the kernel's."""
        if len(self._modules) > MOST_MODULES:
            self.machine.troubles[f"more than {MOST_MODULES} modules in all"] += 1
        yield from self._modules
        yield from rows.drivers(self.machine.drivers, self._offset)

    def endpoints(self) -> Iterator[Row]:
        """Yield the network endpoints, where the build's layout is known."""
        machine, network = self.machine, self._row.network
        if network is None or machine.kernel is None:
            return
        by_base = {one.process.base: one for one in self.seen}
        hits = [(tag, header) for tag in (TCP, TCP_TOO, UDP, LISTENER) for header in machine.hits[tag]]
        for told in Endpoints(machine.memory, machine.kernel, network, machine.owners()).of(hits):
            owner = by_base.get(told.owner.base) if told.owner else None
            yield rows.endpoint(told, owner, self._offset)

    def summary(self) -> Row:
        """Return the image's own row."""
        machine, windows = self.machine, self.machine.windows
        slip = machine.slip()
        row = windows.row
        return {
            **_bare(self.image),
            "holds": "kernel" if self._kernel_only() else "system",
            "time": rows.instant(windows.shared.clock) if windows.shared else self._header_time(),
            "scanned": machine.scanned_bytes,
            "build": windows.build,
            "build_from": windows.build_from,
            "build_text": windows.build_text or None,
            "offsets": f"{row.title}{', ' + row.variant if row.variant else ''} ({row.source})",
            "product": windows.shared.product if windows.shared else None,
            "directory": machine.kernel.directory if machine.kernel else None,
            "host": _host([one.host for one in self.seen]),
            "processes": len(machine.found),
            "listed": len(machine.walked.processes),
            "scanned_processes": len(machine.scanned),
            "list_state": machine.walked.ring,
            "list_damage": machine.walked.damaged,
            "hidden": [{"name": n, "value": str(c)} for n, c in sorted(machine.hidden_pages().items())],
            "restored": machine.restored_pages(),
            "symbols": f"{slip.database} {slip.guid} {slip.age}" if slip else None,
        }

    def _header_time(self) -> Any:
        return rows.instant(self.image.header.taken) if self.image.header else None

    def gaps(self) -> Iterator[Gap]:
        """Yield what could not be seen."""
        machine, windows = self.machine, self.machine.windows
        if machine.kernel is None:
            yield _gap(
                "lost",
                "the kernel's page tables were not found: processes are told by scan alone, without paths",
            )
        elif machine.walked.ring != "closed":
            yield _gap(
                "lost", f"Windows' list of processes is {machine.walked.ring}: what it leaves out is not told"
            )
        if windows.build != windows.row.build:
            yield _gap(
                "unsupported",
                f"build {windows.build} has no row of offsets; it was read as {windows.row.title}",
            )
        if windows.row.protection is None:
            yield _gap(
                "unsupported",
                f"{windows.row.title}: what regions may do is told by their pages alone, that they are of no file by"
                " the pool of their descriptors",
            )
        yield from self._network_gaps()
        yield from self._memory_gaps()
        for detail, count in sorted(machine.troubles.items()):
            yield _gap("lost", detail, count)
        if machine.memory.unreadable:
            yield _gap(
                "unreadable", f"{machine.memory.unreadable} bytes of the image could not be read from disk"
            )

    def _network_gaps(self) -> Iterator[Gap]:
        network, title = self._row.network, self._row.title
        if network is None:
            yield _gap(
                "unsupported", f"{title}: where network endpoints keep their data is not known; none is told"
            )

    def _alive(self) -> tuple[list[Seen], list[Seen]]:
        """Return the programs that run, and those of them whose own memory is not there."""
        alive = [one for one in self.seen if one.process.peb and not one.process.exited]
        return alive, [one for one in alive if one.parameters is None]

    def _kernel_only(self) -> bool:
        alive, without = self._alive()
        return len(without) == len(alive)

    def _memory_gaps(self) -> Iterator[Gap]:
        alive, without = self._alive()
        if alive and self._kernel_only():
            kind = self.image.header.kind if self.image.header else 0
            dump = "a kernel-only dump: " if kind in crashdump.KERNEL_ONLY else ""
            yield _gap("lost", f"{dump}no w3wp memory in this file, nor that of any other program")
        elif without:
            yield _gap("lost", "programs whose own memory is paged out or not in the image", len(without))
        for reason, count in sorted(self.machine.hidden_pages().items()):
            if reason in ("paged out", "not in the image", "in a file"):
                yield _gap("lost", f"pages that were asked for and are {reason}", count)
        short = sum(bool(one.process.wow64) for one in self.seen)
        if short:
            yield _gap("limited", "32-bit programs: only their 64-bit modules are listed", short)


def _bare(image: Opened) -> Row:
    return {
        "time": None,
        "locator": 0,
        "container": image.container,
        "holds": "unknown",
        "bytes": image.memory.present,
        "scanned": image.memory.present,
        "highest": min(image.memory.size, (1 << 63) - 1),
        "runs": sum(1 for _ in image.memory.runs),
        "tier": OWN,
    }


def _host(names: "Iterator[str | None] | list[str | None]") -> str | None:
    counted = Counter(name for name in names if name and HOST.fullmatch(name))
    return counted.most_common(1)[0][0] if counted else None


def _host_clue(names: "Iterator[str | None] | list[str | None]") -> Iterator[Clue]:
    host = _host(names)
    if host:
        yield Clue(kind="host", value=host, weight=HOST_WEIGHT, basis="COMPUTERNAME of programs in memory")


def _system_clues(machine: Machine) -> Iterator[Clue]:
    windows = machine.windows
    if windows.build_from != "rows" or windows.build_text:
        told = (
            f"{windows.row.title} ({windows.build})"
            if windows.build == windows.row.build
            else str(windows.build)
        )
        yield Clue(kind="os", value=told, weight=60, basis=f"memory, by {windows.build_from}")
    taken = rows.instant(windows.shared.clock) if windows.shared else None
    if taken is not None:
        yield Clue(kind="acquired", value=iso(taken) or "", weight=60, basis="the kernel's clock in memory")


def _gap(why: Any, detail: str, count: int = 1) -> Gap:
    return Gap(artifact=ARTIFACT, why=why, detail=detail, count=count)
