"""Hostile images, and hostile words of other tools: whatever the bytes, rows and gaps come out, soon."""

import random
import struct
import time
from pathlib import Path

import pytest

from tests.memory import dumps, hostile
from tests.memory.reading import Told
from tests.memory.test_containers import CONTAINERS
from tests.memory.test_minidump import full, memory
from tests.memory.windows import L20348, PAGE, exchange

SUBJECTS = {
    **CONTAINERS,
    "raw of 2022": bytes(exchange(L20348).memory),
    "minidump": full().bytes(memory()),
    "snapshot": dumps.snapshot([(0, 0, 7)]),
}
ROUNDS = 12
PATIENCE = 20.0
"""Seconds for one small image: far above what it takes, far below a loop without end."""
ODD = (
    0,
    1,
    3,
    0x67,
    0x8000,
    0x7FFF_FFFF,
    0xFFFF_FFFF,
    1 << 47,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
    0xFFFF_A300_0000_0010,
)


def bent(content: bytes, chance: random.Random) -> bytes:
    """Return content with numbers replaced, pages lost or swapped, or its end cut."""
    made = bytearray(content)
    for _ in range(chance.randint(1, 60)):
        at = chance.randrange(max(1, len(made) // 8)) * 8
        if chance.random() < 0.4:
            at = chance.randrange(0, min(len(made), 0x2100), 4)
        value = chance.choice((*ODD, chance.getrandbits(64), chance.randrange(len(made)) & ~0xFFF | 0x67))
        made[at : at + 8] = struct.pack("<Q", value)[: len(made) - at]
    for _ in range(chance.choice((0, 0, 5))):
        here, there = (chance.randrange(max(1, len(made) // PAGE)) * PAGE for _ in range(2))
        made[here : here + PAGE] = made[there : there + PAGE].ljust(len(made[here : here + PAGE]), b"\0")
    if chance.random() < 0.2:
        del made[chance.randrange(len(made)) :]
    return bytes(made)


@pytest.mark.parametrize("name", SUBJECTS)
def test_only_rows_gaps_and_clues_come_out(name: str, tmp_path: Path) -> None:
    chance = random.Random(name)
    for _ in range(ROUNDS):
        path = tmp_path / "image.vmem"
        path.write_bytes(bent(SUBJECTS[name], chance))
        begun = time.monotonic()
        read = Told(path)
        assert time.monotonic() - begun < PATIENCE
        assert read.rows["mem_image"] or read.gaps


def test_what_volatility_told_bent() -> None:
    chance = random.Random("volatility")
    for _ in range(120):
        content = hostile.volatility(chance)
        begun = time.monotonic()
        hostile.read_volatility(content)
        assert time.monotonic() - begun < PATIENCE


def test_what_the_process_of_memprocfs_told_bent(tmp_path: Path) -> None:
    chance = random.Random("memprocfs")
    path = tmp_path / "image.raw"
    path.write_bytes(b"")
    for _ in range(80):
        content = hostile.memprocfs_told(chance)
        begun = time.monotonic()
        hostile.read_memprocfs(content, path, chance)
        assert time.monotonic() - begun < PATIENCE
