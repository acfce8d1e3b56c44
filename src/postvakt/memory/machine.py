"""A machine's memory, read: which Windows, its processes, what each holds; built up once, asked by the reader."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from postvakt.memory import builds, finding, kernel, scanning
from postvakt.memory.builds import Build
from postvakt.memory.crashdump import Header
from postvakt.memory.paging import Space, Tables
from postvakt.memory.physical import Image
from postvakt.memory.process import SYSTEM, Process
from postvakt.memory.rows import Seen
from postvakt.memory.scanning import PROCESS, TAGS, tagged
from postvakt.memory.userland import Parameters, parameters, text

MOST_HITS = 1 << 20
"""Tags of each kind that are kept: a machine has some ten thousand at most."""
AUDIT_NAME = 16


class Windows(msgspec.Struct, frozen=True, kw_only=True):
    """Which Windows this is, by what: `row` the offsets used, `build` the number where told (0: not)."""

    row: Build
    build: int
    build_from: str
    build_text: str
    shared: kernel.SharedData | None


class Machine:
    """One machine's memory. Raises LookupError where no process is found in it under any row."""

    def __init__(self, memory: Image, header: Header | None) -> None:
        self.memory = memory
        self.header = header
        self.tables = Tables(memory)
        self.troubles: Counter[str] = Counter()
        self.hits: dict[bytes, list[int]] = {tag: [] for tag in TAGS if tag != PROCESS}
        self.scanned_bytes = 0
        candidates = self._scan()
        row, processes = candidates.best()
        if row is None and not candidates.split:
            raise LookupError("no process was found in it")
        told = header.directory if header else 0
        self.kernel = finding.kernel_space(self.tables, told, processes) if processes else None
        self.windows, self.scanned = self._decide(candidates, row, processes)
        self.walked = self._walk()
        self.found = finding.joined(self.kernel, self.windows.row, self.scanned, self.walked)
        self.drivers = self._drivers()
        self._spaces: dict[int, Space] = {}

    def _scan(self) -> finding.Candidates:
        candidates = finding.Candidates(self.memory)
        for tag, header in tagged(self.memory):
            if tag == PROCESS:
                candidates.add(header)
            elif len(self.hits[tag]) < MOST_HITS:
                self.hits[tag].append(header)
            else:
                self.troubles[f"more than {MOST_HITS} tags of one kind"] += 1
        self.scanned_bytes = self.memory.present - self.memory.unreadable
        return candidates

    def _decide(
        self, candidates: finding.Candidates, row: Build | None, processes: dict[int, Process]
    ) -> tuple[Windows, dict[int, Process]]:
        """Return the Windows and its processes: what the shared page tells is believed where a row of it fits."""
        shared = kernel.shared_data(self.kernel) if self.kernel else None
        told = [(shared.build, "shared-data")] if shared and shared.build else []
        if self.header and self.header.build:
            told.append((self.header.build, "header"))
        row = row or builds.BUILDS[0]
        build, source = told[0] if told else (row.build, "rows")
        for number, by in told:
            named = builds.of(number)
            if named is not None and len(candidates.under(named)) >= max(1, len(processes) // 2):
                build, source = number, by
                row, processes = self._variant(candidates, named)
                break
        processes = dict(processes)
        if self.kernel is not None:
            for mended in candidates.mended(row, self.kernel):
                processes.setdefault(mended.base, mended)
        windows = Windows(row=row, build=build, build_from=source, build_text="", shared=shared)
        return windows, processes

    def _variant(self, candidates: finding.Candidates, named: Build) -> tuple[Build, dict[int, Process]]:
        """Return the variant of a build that fits best."""
        best = candidates.better(row for row in builds.BUILDS if row.build == named.build)
        return best, candidates.under(best)

    def _walk(self) -> finding.Listed:
        if self.kernel is None:
            return finding.Listed({}, "not found", 0)
        head = self.header.active_processes if self.header else 0
        return finding.listed(self.memory, self.kernel, self.windows.row, self.scanned, head)

    def _drivers(self) -> list[kernel.Driver]:
        if self.kernel is None:
            return []
        head = self.header.loaded_modules if self.header else 0
        found = kernel.drivers(self.memory, self.kernel, head, self.hits[scanning.MODULE], self.troubles)
        own = kernel.kernel_of(found)
        if own is not None and (told := kernel.lab(self.kernel, own)) is not None:
            number, words = told
            from_lab = {"build": number, "build_from": "lab"} if self.windows.build_from == "rows" else {}
            self.windows = msgspec.structs.replace(self.windows, build_text=words, **from_lab)
        return found

    def slip(self) -> kernel.Slip | None:
        """Return which symbols belong to this kernel."""
        own = kernel.kernel_of(self.drivers)
        return kernel.slip(self.kernel, own) if own is not None and self.kernel is not None else None

    def space(self, told: Process) -> Space:
        """Return a process's address space."""
        held = self._spaces.get(told.directory)
        if held is None:
            held = self._spaces[told.directory] = Space(self.tables, told.directory, self.kernel)
        return held

    def seen(self) -> Iterator[Seen]:
        """Yield each process with what its own memory tells."""
        for found in self.found:
            told = found.process
            own: Parameters | None = None
            if told.process_id != SYSTEM and told.peb:
                own = parameters(self.space(told), told.peb)
            yield Seen(found=found, parameters=own, kernel_path=self._audited(told))

    def _audited(self, told: Process) -> str | None:
        """Return the path that the kernel noted as the process was made."""
        raw = self.kernel.read(told.audit, AUDIT_NAME) if self.kernel and told.audit else None
        return (text(self.kernel, raw, 0) or None) if raw and self.kernel else None

    def owners(self) -> dict[int, Process]:
        """Return the processes by their virtual address, as far as that is known."""
        return {f.process.address: f.process for f in self.found if f.process.address is not None}

    def hidden_pages(self) -> Counter[str]:
        """Return how many pages could not be read, by reason, over all spaces."""
        total: Counter[str] = Counter()
        for space in (*self._spaces.values(), *([self.kernel] if self.kernel else [])):
            total.update({str(reason): count for reason, count in space.hidden.items()})
        return total

    def restored_pages(self) -> int:
        """Return how many pages were read through entries that are not valid."""
        spaces = (*self._spaces.values(), *([self.kernel] if self.kernel else []))
        return sum(sum(space.restored.values()) for space in spaces)
