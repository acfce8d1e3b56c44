"""Inputs of a size: a synthetic server's own logs, repeated. Written once under `bench/out`."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from postvakt.estate import plan
from postvakt.estate.servers import files as files_of

OUT = Path(__file__).resolve().parent / "out"
CHUNK = 64 * 1024
FILE_HEADER = 4096
MIB = 1024 * 1024


def hand_in(megabytes: int) -> Path:
    """Write a hand-in with one big log of each kind and return its folder."""
    folder = OUT / f"evidence-{megabytes}"
    done = folder / ".done"
    if done.is_file() and done.read_text() == _mark():
        return folder
    server = next(one for one in plan(6, 1, 10) if one.scenario == "attacked")
    files = {one.path: one.content for one in files_of(server)}
    for place, pick, grow in KINDS:
        contents = [content for path, content in sorted(files.items()) if pick in path]
        target = folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            for piece in grow(contents, megabytes * MIB):
                out.write(piece)
    done.write_text(_mark())
    return folder


def _mark() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def text(contents: list[bytes], size: int) -> Iterator[bytes]:
    """Yield a log's first file with its header, then rows alone, until there are `size` bytes."""
    rows = [
        b"".join(line for line in c.splitlines(keepends=True) if not line.startswith(b"#")) for c in contents
    ]
    yield contents[0]
    written = len(contents[0])
    while written < size:
        for piece in rows:
            yield piece
            written += len(piece)


def events(contents: list[bytes], size: int) -> Iterator[bytes]:
    """Yield an event log of the fullest chunks of several, the file header counting them."""
    chunks = [c[at : at + CHUNK] for c in contents for at in range(FILE_HEADER, len(c) - CHUNK + 1, CHUNK)]
    chunks.sort(key=lambda chunk: -int.from_bytes(chunk[48:52], "little"))
    fullest = chunks[: max(1, len(chunks) // 2)]
    header = bytearray(contents[0][:FILE_HEADER])
    count = max(1, size // CHUNK)
    header[42:44] = min(count, 0xFFFF).to_bytes(2, "little")
    header[124:128] = _crc(bytes(header[:120])).to_bytes(4, "little")
    yield bytes(header)
    for number in range(count):
        yield fullest[number % len(fullest)]


def _crc(content: bytes) -> int:
    return zlib.crc32(content)


Grow = Callable[[list[bytes], int], Iterator[bytes]]
KINDS: tuple[tuple[str, str, Grow], ...] = (
    ("C/inetpub/logs/LogFiles/W3SVC1/u_ex210302.log", "/W3SVC1/", text),
    (
        "C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/HttpProxy_2021030200-1.LOG",
        "/HttpProxy/Ecp/",
        text,
    ),
    ("C/Windows/System32/winevt/Logs/Security.evtx", ".evtx", events),
)
"""Where each log lies in the hand-in, which of the server's files it is made of, and how it grows."""
