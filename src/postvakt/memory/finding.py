"""Processes by their pool tags and by Windows' own list; the build whose row fits them; the kernel's address space."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from postvakt.memory.builds import BUILDS, Build
from postvakt.memory.paging import FRAME, Space, Tables, is_kernel
from postvakt.memory.physical import PAGE, Physical
from postvakt.memory.process import DIRECTORY, KIND, SYSTEM, Method, Process, own_address, process
from postvakt.memory.scanning import HEADER

OBJECT_HEADER = 0x30
BODIES = range(HEADER + OBJECT_HEADER, HEADER + OBJECT_HEADER + 0xA0, 16)
"""Where a process may begin after its pool's header: up to 0x90 bytes of optional headers stand before it."""
MOST_PROCESSES = 16_384
MOST_SPACES = 256
SHARED_DATA = 0xFFFF_F780_0000_0000

Ring = Literal["closed", "broken", "not found"]
"""Whether Windows' list of processes leads back to where it was entered."""


Place = Literal["listed", "pointed-at", "bypassed", "unknown"]
"""Where a process stands to Windows' list: a walk reaches it; its neighbours point at it, but the list breaks before;
they point past it; they are not in memory."""


class Found(msgspec.Struct, frozen=True):
    """A process, how it was found, where it stands to Windows' list."""

    process: Process
    method: Method
    place: Place


class Listed(msgspec.Struct, frozen=True):
    """What a walk of the list gave: processes by physical address, whether it closed, nodes that were none."""

    processes: dict[int, Process]
    ring: Ring
    damaged: int


class Candidates:
    """Places that carry a process's tag, gathered during the scan, judged once all are known.

    `rows` are the builds asked; each place is kept with what each row makes of it. What runs over its page's end is
    kept apart: its second part lies elsewhere in physical memory.
    """

    def __init__(self, memory: Physical, rows: Iterable[Build] = BUILDS) -> None:
        self._memory = memory
        self._rows = tuple(rows)
        self._span = max(row.span for row in self._rows)
        self.by_row: list[dict[int, Process]] = [{} for _ in self._rows]
        self.split: dict[int, int] = {}
        self.tags = 0

    def add(self, header: int) -> None:
        """Judge what follows the pool header at a physical address."""
        self.tags += 1
        if len(self.by_row[0]) >= MOST_PROCESSES:
            return
        raw = self._memory.read(header, BODIES.stop + self._span)
        if raw is None:
            raw = self._memory.read(header, PAGE - header % PAGE) or b""
        for body in BODIES:
            if body + DIRECTORY + 8 > len(raw):
                return
            if raw[body] & 0x7F != KIND or raw[body + DIRECTORY + 7] & 0x7F:
                continue
            self._judge(raw[body:], header + body)

    def _judge(self, raw: bytes, base: int) -> None:
        end = self._memory.size
        for row, found in zip(self._rows, self.by_row, strict=True):
            told = process(raw, base, row, end)
            if told is not None:
                found[base] = told
        directory = int.from_bytes(raw[DIRECTORY : DIRECTORY + 8], "little") & FRAME
        address = own_address(raw, base)
        if base % PAGE + self._span > PAGE and address is not None and 0 < directory < end:
            self.split[base] = address

    def best(self) -> tuple[Build | None, dict[int, Process]]:
        """Return the row under which most places hold a process, with these; None where no row fits any."""
        row = self.better(self._rows)
        found = self.under(row)
        return (row, found) if found else (None, {})

    def better(self, rows: Iterable[Build]) -> Build:
        """Return the row that fits best: the most processes, then the most that have exited, then the first.

        A wrong place for the time of exit holds zero, which fits, or no time, which does not.
        """
        return max(
            rows, key=lambda row: (len(self.under(row)), sum(p.exited > 0 for p in self.under(row).values()))
        )

    def under(self, row: Build) -> dict[int, Process]:
        """Return the processes that one row makes of the places."""
        return self.by_row[self._rows.index(row)]

    def mended(self, row: Build, space: Space) -> Iterator[Process]:
        """Yield the processes that run over a page's end, read again through the kernel's address space."""
        for base, address in self.split.items():
            raw = space.read(address, row.span) if space.translate(address) == base else None
            told = None if raw is None else process(raw, base, row, self._memory.size)
            if told is not None:
                yield told


def kernel_space(tables: Tables, told: int, processes: dict[int, Process]) -> Space | None:
    """Return the kernel's address space: of the directory under which most of the processes' neighbours are found.

    `told` is the directory that the image's header names, 0 for none. None where no directory leads anywhere.
    """
    probes = [SHARED_DATA, *(p.following for p in itertools.islice(processes.values(), 64))]
    directories = [told] if told else []
    directories += [p.directory for p in processes.values() if p.process_id == SYSTEM]
    directories += [p.directory for p in processes.values()]
    best, most = None, 0
    for directory in list(dict.fromkeys(directories))[:MOST_SPACES]:
        space = Space(tables, directory)
        reached = sum(space.word(probe) is not None for probe in probes)
        if reached > most:
            best, most = Space(tables, directory), reached
        if most == len(probes):
            break
    return best


def listed(memory: Physical, space: Space, row: Build, scanned: dict[int, Process], head: int = 0) -> Listed:
    """Walk the list of processes both ways, from its head where known, else from System or any process."""
    starts = sorted(scanned.values(), key=lambda p: (p.process_id != SYSTEM, p.exited != 0, p.created))
    best = Listed({}, "not found", 0)
    alive = sum(not p.exited for p in scanned.values())
    for following, preceding in [
        *([(head, head)] if head else []),
        *((p.following, p.preceding) for p in starts[:16]),
    ]:
        walked = _walked(memory, space, row, following, preceding)
        # Whoever was taken out of the list may lead to itself alone: such a ring is not Windows' list.
        if walked.ring == "closed" and 2 * len(walked.processes) >= alive:
            return walked
        if len(walked.processes) > len(best.processes):
            best = walked
    return best


def _walked(memory: Physical, space: Space, row: Build, following: int, preceding: int) -> Listed:
    processes: dict[int, Process] = {}
    seen: set[int] = set()
    ring: Ring = "broken"
    damaged = 0
    for start, forward in ((following, True), (preceding, False)):
        node, before, closed = start, 0, False
        while len(seen) < MOST_PROCESSES:
            if node in seen:
                # Whole is a ring whose entry points back at where the walk comes from; Windows' own holds a head
                # that is no process.
                closed = forward and node == start and space.word(start + 8) == before and damaged > 0
                break
            link = space.read(node, 16)
            if link is None:
                break
            seen.add(node)
            told = _at(memory, space, row, node - row.links)
            if told is not None:
                processes[told.base] = told
            else:
                damaged += 1
            before, node = node, int.from_bytes(link[:8] if forward else link[8:], "little")
        if closed:
            ring = "closed"
            break
    # The list's own head is no process; it is met once where the ring is whole.
    return Listed(processes, ring, max(0, damaged - 1))


def _at(memory: Physical, space: Space, row: Build, address: int) -> Process | None:
    base = space.translate(address)
    raw = None if base is None else space.read(address, row.span)
    if raw is None or base is None:
        return None
    told = process(raw, base, row, memory.size)
    return None if told is None else msgspec.structs.replace(told, address=address)


def joined(space: Space | None, row: Build, scanned: dict[int, Process], walked: Listed) -> list[Found]:
    """Return the processes of scan and list by their id, each with how it was found."""
    found = []
    for base in {*scanned, *walked.processes}:
        told = walked.processes.get(base)
        if told is not None:
            found.append(Found(told, "both" if base in scanned else "list", "listed"))
        else:
            told, place = _beside(space, row, scanned[base])
            found.append(Found(told, "scan", place))
    return sorted(found, key=lambda f: (f.process.process_id, f.process.created, f.process.base))


def _beside(space: Space | None, row: Build, told: Process) -> tuple[Process, Place]:
    """Return a process that no walk reached, with its virtual address where it can be had, and its place.

    Whoever was taken out of the list keeps pointers to its neighbours; they no longer point back.
    """
    node = told.base + row.links
    answered = False
    for neighbour, back in ((told.following, 8), (told.preceding, 0)):
        pointer = space.word(neighbour + back) if space else None
        # A neighbour that was lost, and reads as zeros, says nothing.
        if pointer is None or space is None or not is_kernel(pointer) or space.translate(pointer) is None:
            continue
        answered = True
        if space.translate(pointer) == node and space.translate(neighbour) != node:
            return msgspec.structs.replace(told, address=pointer - row.links), "pointed-at"
    if told.address is not None and (space is None or space.translate(told.address) != told.base):
        told = msgspec.structs.replace(told, address=None)
    return told, "bypassed" if answered else "unknown"
