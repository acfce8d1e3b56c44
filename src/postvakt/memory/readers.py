"""The artifacts of memory: images with a header and without, and what Volatility told of one.

What walks their structures is loaded when one is read.
"""

from collections.abc import Iterator

from postvakt.memory.opening import ARTIFACT, MINIDUMP
from postvakt.memory.tables import (
    MEM_HANDLE,
    MEM_MODULE,
    MEM_NETCONN,
    MEM_PROCESS,
    MEM_REGION,
    MEM_SERVICE,
    TABLES,
)
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.tables.rows import Read, Reader

MEMORY_IMAGE = Artifact(
    name=ARTIFACT,
    title="Memory images: crash dumps, LiME, ELF cores, dumps of one program",
    tables=tuple(spec.name for spec in TABLES),
    where="as acquired, or MEMORY.DMP and w3wp*.dmp on the server",
    starts=(b"PAGEDU64", b"EMiL", MINIDUMP + b"\x93\xa7"),
    heads=(rb"\A\x7fELF\x02\x01[\x00-\xff]{10}\x04\x00\x3e\x00",),
    rank=5,
)
MEMORY_RAW = Artifact(
    name="memory_raw",
    title="Memory images without a header: raw",
    tables=MEMORY_IMAGE.tables,
    where="as acquired: *.raw, *.mem, *.vmem, *.dmp",
    paths=(
        r"\.(?:raw|mem|vmem|dmp|lime|core)$",
        r"(?:^|/)[^/]*(?:memdump|physmem|winpmem|memory)[^/]*\.(?:bin|img|dd)$",
    ),
    binary=True,
)
"""Apart from the other, because what has no header is told by its name alone."""

OF_VOLATILITY = (MEM_PROCESS, MEM_MODULE, MEM_NETCONN, MEM_REGION, MEM_HANDLE, MEM_SERVICE)
VOLATILITY_JSON = Artifact(
    name="volatility_json",
    title="What Volatility 3 found in memory, as JSON",
    tables=tuple(spec.name for spec in OF_VOLATILITY),
    where="vol -r json windows.pslist (pstree, psscan, cmdline, dlllist, netscan, malfind, modules...) > file.json",
    heads=(
        rb'(?s)\A(?:Volatility 3 Framework [^\[{]*)?\s*(?:\[\s*)?\{\s*"(?=.*?"__children"\s*:\s*\[)',
        rb"\AVolatility 3 Framework \d",
    ),
    rank=2,
)


def parse(source: Source) -> Iterator[Read]:
    """Yield the rows of an image and what was not seen of it."""
    from postvakt.memory import reader

    return reader.parse(source)


READER = Reader(artifact=MEMORY_IMAGE, tables=TABLES, parse=parse)
RAW_READER = Reader(artifact=MEMORY_RAW, tables=TABLES, parse=parse)
READERS = (READER, RAW_READER)


def parse_volatility(source: Source) -> Iterator[Read]:
    """Yield the rows of a file, then what of it could not be read. Raises OSError."""
    from postvakt.memory import volatility

    return volatility.parse(source)


VOLATILITY_READER = Reader(artifact=VOLATILITY_JSON, tables=OF_VOLATILITY, parse=parse_volatility)
