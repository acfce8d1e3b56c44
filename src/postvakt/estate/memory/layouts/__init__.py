"""Where the fields of Windows' structures lie, one file a build: what the builder lays its images out by.

The files are written by `python -m postvakt.estate.memory.extract`; whoever reads images has offsets of their own.
"""

import functools
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent
BUILDS = (9600, 14393, 17763, 20348, 26100)
"""Windows Server 2012 R2, 2016, 2019, 2022 and 2025."""

EARLY_EXIT_TIME = 0x688
"""Where kernels of the first 14393 keep the time of exit; the later ones keep it eight bytes on."""


class Structure(msgspec.Struct, frozen=True):
    """One structure: its size and the places of fields, in bytes."""

    size: int
    fields: dict[str, int]


class Bits(msgspec.Struct, frozen=True):
    """A field of bits: the first one, counted from the structure's lowest, and how many."""

    first: int
    length: int

    def set(self, word: int, value: int) -> int:
        """Return a word with this field set to a value."""
        mask = (1 << self.length) - 1
        return word & ~(mask << self.first) | (value & mask) << self.first


class Kernel(msgspec.Struct, frozen=True):
    """The kernel that a layout is of."""

    version: str
    pdb: str
    guid: str
    age: int


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """All that an image of one Windows build is laid out by. `symbols` are distances from the kernel's base."""

    build: int
    source: str
    kernel: Kernel
    structures: dict[str, Structure]
    bits: dict[str, Bits]
    symbols: dict[str, int]
    assumed: tuple[str, ...] = ()
    """What stands here without a source of its own."""

    def size(self, structure: str) -> int:
        return self.structures[structure].size

    def has(self, structure: str, field: str) -> bool:
        return structure in self.structures and field in self.structures[structure].fields

    def place(self, structure: str, field: str) -> int:
        """Return how many bytes into a structure a field lies. Raises KeyError where the build has none."""
        return self.structures[structure].fields[field]

    @property
    def has_region_bits(self) -> bool:
        return "_MMVAD_FLAGS.Protection" in self.bits


@functools.cache
def layout(build: int, variant: str = "") -> Layout:
    """Return the layout of a build; `early` is the variant of 14393. Raises ValueError where there is none."""
    if build not in BUILDS or variant not in ("", "early") or (variant and build != 14393):
        raise ValueError(
            f"{build} {variant}".strip() + ": no layout; there are " + ", ".join(map(str, BUILDS))
        )
    read = msgspec.json.decode((FOLDER / f"{build}.json").read_bytes(), type=Layout)
    if not variant:
        return read
    process = read.structures["_EPROCESS"]
    moved = msgspec.structs.replace(process, fields={**process.fields, "ExitTime": EARLY_EXIT_TIME})
    return msgspec.structs.replace(read, structures={**read.structures, "_EPROCESS": moved})
