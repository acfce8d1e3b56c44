"""A triage of a memory image beside YARA-X alone on the same rules and bytes: seconds of the clock, two workers each.

`python -m bench.memory_whole [--gigabytes N] [--runs N] [--sparse GB]`. The image holds a synthetic server's memory and
is filled up with what memory is made of: parts of libraries, lines of logs, zeros. `--sparse` triages one with so many
gigabytes of holes as well, for what it costs in memory.
"""

import argparse
import random
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

from bench import inputs
from postvakt.commands import triage
from postvakt.content import library
from postvakt.detect.plan import RuleText
from postvakt.detect.yara_memory import compile_memory, memory_finder
from postvakt.estate.memory import containers, scenes
from postvakt.estate.memory.image import build
from postvakt.estate.plans import plan
from postvakt.memory.carving import OVERLAP, WINDOW
from postvakt.memory.physical import Image

MIB, GIB = 1 << 20, 1 << 30
PAGE = 4096
NOTHING = "rule nothing { condition: false }"
ZEROS, TEXT = 0.25, 0.01
"""Shares of the filling that are zeros and lines of logs; the rest is of libraries."""


def image(gigabytes: int) -> Path:
    """Return the image, written once."""
    path = inputs.OUT / f"memory-{gigabytes}.raw"
    if path.is_file():
        return path
    server = next(one for one in plan(6, 1, 2) if one.scenario == "attacked")
    containers.write(build(scenes.machine(server, size=64 * MIB)), path)
    chance = random.Random(5)
    with path.open("r+b") as file:
        file.seek(64 * MIB)
        while file.tell() < gigabytes * GIB:
            file.write(b"".join(_filling(chance)))
        file.truncate(gigabytes * GIB)
    return path


def _filling(chance: random.Random) -> Iterator[bytes]:
    """Yield 16 MiB of pages in no order."""
    held = _libraries()
    line = b"2021-03-08 03:37:00 192.0.2.12 GET /owa/auth/logon.aspx - 443 - 198.51.100.7 Mozilla/5.0 - 200 0 0 15\r\n"
    text = (line * (PAGE // len(line) + 1))[:PAGE]
    for _ in range(16 * MIB // PAGE):
        kind = chance.random()
        if kind < ZEROS:
            yield bytes(PAGE)
        elif kind < ZEROS + TEXT:
            yield text
        else:
            at = chance.randrange(len(held) // PAGE) * PAGE
            yield held[at : at + PAGE]


def _libraries(found: list[bytes] = []) -> bytes:  # noqa: B006
    if not found:
        places = [Path(sysconfig.get_paths()[name]) for name in ("platlib", "stdlib")]
        paths = sorted(p for place in places for p in place.rglob("*.so*") if p.is_file())
        found.append(b"".join(path.read_bytes() for path in paths)[: 256 * MIB])
    return found[0]


def alone(path: str, part: int, of: int) -> None:
    """Scan a share of an image with YARA-X and our rules for memory, and do nothing with what is found."""
    texts = [RuleText(p, library.text(f, p).text, "own") for p, f in library.yara_files(library.here())]
    ids = [f"yara:{name}" for text in texts for name in library.YARA_NAME.findall(text.text)]
    find = memory_finder(compile_memory(texts, ids, NOTHING)[0], ids)
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        held = Image(file, [(0, size, 0)])
        for _, data in held.windows(WINDOW, OVERLAP, held.shares(of)[part]):
            find(data)


class Phases:
    """Notes when each phase of a triage began and ended, and when the first words came."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.ended: list[float] = []
        self.first = 0.0

    def begin(self, tasks: int, size: int) -> None:
        self.began.append(time.monotonic())

    def done(self, size: int, title: str) -> None: ...

    def note(self, text: str) -> None:
        self.first = self.first or time.monotonic()

    def end(self) -> None:
        self.ended.append(time.monotonic())


def whole(path: Path) -> tuple[float, float]:
    """Triage an image; return the seconds of reading its tables and of going through its bytes."""
    case = inputs.OUT / "case-memory"
    shutil.rmtree(case, ignore_errors=True)
    phases = Phases()
    request = triage.Request(evidence=(str(path),), case=str(case), started="2021-03-12T08:00:00Z", jobs=2)
    triage.triage(request, phases)
    # The first words are told between the phase that reads tables and the one that goes through every byte.
    after = next(place for place, begun in enumerate(phases.began) if begun > phases.first)
    spent = [end - begun for begun, end in zip(phases.began, phases.ended, strict=True)]
    return spent[after - 1], spent[after]


def by_itself(path: Path) -> float:
    """Return the seconds that YARA-X takes in two processes."""
    begun = time.monotonic()
    words = [sys.executable, "-m", "bench.memory_whole", "--alone", str(path)]
    running = [subprocess.Popen([*words, str(part)]) for part in range(2)]
    for one in running:
        if one.wait():
            raise SystemExit("YARA-X alone failed")
    return time.monotonic() - begun


def main() -> int:
    """Measure and print."""
    words = argparse.ArgumentParser(prog="python -m bench.memory_whole", description=__doc__)
    words.add_argument("--gigabytes", type=int, default=4)
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--sparse", type=int, default=0)
    words.add_argument("--alone", nargs=2)
    given = words.parse_args()
    if given.alone:
        alone(given.alone[0], int(given.alone[1]), 2)
        return 0
    path = image(given.gigabytes)
    turns = [(by_itself(path), *whole(path)) for _ in range(given.runs)]
    scan, tables, bytes_ = (statistics.median(column) for column in zip(*turns, strict=True))
    sys.stdout.write(
        f"{given.gigabytes} GiB, medians of {given.runs} runs in turns, two workers on the clock:\n"
        f"YARA-X alone {scan:.1f} s; every byte by rules and carvers {bytes_:.1f} s: {scan / bytes_:.2f} of its speed; "
        f"tables of processes and the rest {tables:.1f} s: {tables / bytes_:.3f} of that.\n"
    )
    if given.sparse:
        hollow = inputs.OUT / "memory-sparse.raw"
        shutil.copyfile(image(1), hollow)
        with hollow.open("r+b") as file:
            file.truncate(given.sparse * GIB)
        tables, bytes_ = whole(hollow)
        sys.stdout.write(f"{given.sparse} GiB sparse: tables {tables:.1f} s, every byte {bytes_:.1f} s.\n")
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sys.stdout.write(
        f"The largest process was resident with {most:.0f} MiB (mapped pages of the image count).\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
