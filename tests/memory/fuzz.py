"""`python -m tests.memory.fuzz --seconds N [--seed N] [--part PART...]`: hostile images until time is up.

Each round bends one image, or what another tool tells of one, by a seed of its own, reads it to its end and says so; a
crash, a round that takes too long or too much memory ends the run with the seed that does it again.
"""

import argparse
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NoReturn

from postvakt.memory.carving import of_windows
from postvakt.memory.sweep import Sweep
from tests.memory import dumps, hostile, whole
from tests.memory.carving import ECP, IIS, PROXY, REQUEST, at, found_by, windows
from tests.memory.reading import Told
from tests.memory.test_containers import MEMORY as IMAGE
from tests.memory.test_containers import PAGES
from tests.memory.test_fuzz import PATIENCE, SUBJECTS, bent

MEMORY = 3 << 29
PARTS = {
    "tables": [name for name in SUBJECTS if name != "minidump"],
    "beside": ["beside"],
    "minidump": ["minidump"],
    "bytes": ["bytes"],
    "spaces": ["spaces"],
    "volatility": ["volatility"],
    "memprocfs": ["memprocfs"],
}
SNAPSHOT = dumps.snapshot([(0, 0, PAGES // 2), (PAGES // 2, PAGES // 2, PAGES - PAGES // 2)])


def pieces(chance: random.Random) -> bytes:
    """Return bytes full of what carvers look for, cut and bent."""
    parts = [line.encode() for line in (PROXY, IIS, ECP, REQUEST)]
    parts += [
        b"cmd.exe /c whoami",
        b"**\0\0",
        b"hbin",
        b"nk",
        b"vk",
        b"FILE0",
        b"MZ",
        b"http://203.0.113.9/a",
    ]
    made = bytearray()
    while len(made) < chance.randint(1 << 12, 1 << 16):
        part = chance.choice(parts)
        wide = part.decode("latin-1").encode("utf-16-le") if chance.random() < 0.3 else part
        made += wide[chance.randint(0, 3) : len(wide) - chance.choice((0, 0, 0, chance.randint(0, 40)))]
        made += chance.choice((b"\r\n", b"\0", b"\0" * chance.randint(0, 5000), chance.randbytes(7)))
    return bent(bytes(made), chance)


def one_round(name: str, seed: int, folder: Path) -> None:
    """Bend one subject by a seed and read it."""
    chance = random.Random(f"{name} {seed}")
    if name == "bytes":
        list(Sweep(found_by()).rows(of_windows(windows(at(pieces(chance))))))
        return
    if name == "volatility":
        hostile.read_volatility(
            hostile.volatility(chance), chance.choice(("answer.json", "windows.psscan.json"))
        )
        return
    if name == "memprocfs":
        path = folder / "image.raw"
        path.write_bytes(b"")
        hostile.read_memprocfs(hostile.memprocfs_told(chance), path, chance)
        return
    path = folder / chance.choice(("image.vmem", "image.raw"))
    if name == "beside":
        path = folder / "beside.vmem"
        path.write_bytes(IMAGE)
        for suffix in (".vmss", ".vmsn"):
            path.with_suffix(suffix).unlink(missing_ok=True)
        path.with_suffix(chance.choice((".vmss", ".vmsn"))).write_bytes(bent(SNAPSHOT, chance))
    elif name == "spaces":
        path.write_bytes(bent(IMAGE, chance))
    else:
        path.write_bytes(bent(SUBJECTS[name], chance))
    read = Told(path)
    if name == "spaces" and read.rows["mem_process"]:
        whole.swept(path, read.rows["mem_process"], found_by())
    if not (read.rows["mem_image"] or read.gaps):
        raise AssertionError("neither rows nor gaps")


def stopped(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def too_long(*_: object) -> NoReturn:
    raise TimeoutError(f"more than {PATIENCE} s of a processor")


def main() -> int:
    """Run until the time is up."""
    words = argparse.ArgumentParser(prog="python -m tests.memory.fuzz", description=__doc__)
    words.add_argument("--seconds", type=float, default=3600)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--part", choices=PARTS, action="append")
    given = words.parse_args()
    names = [name for part in given.part or PARTS for name in PARTS[part]]
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGPROF, too_long)
    # A shell starts what runs in the background deaf to the interrupt.
    for asked in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked, stopped)
    end, seed, rounds = time.monotonic() + given.seconds, given.seed, 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for name in names:
                signal.setitimer(signal.ITIMER_PROF, PATIENCE)
                try:
                    one_round(name, seed, Path(folder))
                except KeyboardInterrupt:
                    sys.stdout.write(f"{rounds} rounds up to seed {seed}: no crash, none too long; stopped\n")
                    return 0
                except BaseException:
                    sys.stdout.write(f"{name} of seed {seed} failed after {rounds} rounds\n")
                    raise
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                rounds += 1
            seed += 1
    sys.stdout.write(
        f"{rounds} rounds in {given.seconds:.0f} s, up to seed {seed - 1}: no crash, none too long\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
