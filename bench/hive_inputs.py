"""Hives of a size: keys and values as a SOFTWARE hive has them, no two alike."""

import random
from datetime import UTC, datetime, timedelta

from postvakt.estate import regf_writer as writer

BEGUN = datetime(2020, 9, 17, 9, tzinfo=UTC)
GROUPS = 100


def software(values: int, seed: int) -> bytes:
    """Return a hive of so many values."""
    dice = random.Random(seed)
    keys: list[writer.Key] = []
    left = values
    while left:
        count = min(left, dice.choice((1, 2, 3, 5, 8, 12)))
        name = f"{{{dice.getrandbits(64):016X}}}-{len(keys)}"
        written = BEGUN + timedelta(seconds=dice.randrange(10_000_000))
        keys.append(writer.Key(name=name, written=written, values=[_value(dice) for _ in range(count)]))
        left -= count
    groups = [writer.Key(name=f"Group{n:03}", written=BEGUN, keys=keys[n::GROUPS]) for n in range(GROUPS)]
    below = [
        writer.Key(name="Classes", written=BEGUN, keys=groups),
        writer.Key(name="Microsoft", written=BEGUN),
    ]
    root = writer.Key(name="ROOT", written=BEGUN, keys=below)
    return writer.regf(root, file_name="SOFTWARE", root_first=True)


def _value(dice: random.Random) -> writer.Value:
    name = f"Value{dice.randrange(1_000_000):06}"
    kind = dice.randrange(10)
    if kind < 3:
        return writer.dword(name, dice.randrange(1 << 31))
    if kind < 8:
        path = f"C:\\Program Files\\Vendor {dice.randrange(10_000)}\\library{dice.randrange(10_000_000)}.dll"
        return writer.text(name, path, writer.SZ if kind < 6 else writer.EXPAND_SZ)
    return writer.binary(name, dice.randbytes(dice.choice((16, 40, 100))))
