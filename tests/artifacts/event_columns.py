"""Event logs read both ways, by columns and record by record, and chunks bent a little: `python -m
tests.artifacts.event_columns --seconds N [--seed N]` bends chunks of every shape until time is up.
"""

import argparse
import random
import struct
import sys
import time
from unittest import mock

import pyarrow as pa

from postvakt.artifacts import evtx, evtx_chunks
from postvakt.artifacts.event import SCHEMA, Events
from postvakt.artifacts.evtx_chunks import CHUNK, FILE_HEADER, Chunk
from postvakt.artifacts.evtx_columns import Columns
from postvakt.artifacts.evtx_json import Waiting
from postvakt.artifacts.troubles import Troubles
from tests.artifacts.event_logs import BEGIN, TYPED, VALUES, Event, log, logoffs, of_every_shape, read

ODD = (*range(0x16), 0x21, 0x27, 0x40, 0x41, 0x7F, 0x80, 0x81, 0xFF)
"""Bytes that mean something where tokens, kinds of values or letters stand."""


def chunks(content: bytes) -> list[Chunk]:
    """Return the chunks of a sound file."""
    found = [content[at : at + CHUNK] for at in range(FILE_HEADER, len(content), CHUNK)]
    return [chunk for place, each in enumerate(found) if (chunk := chunk_of(each, place))]


def chunk_of(content: bytes, place: int = 0) -> Chunk | None:
    """Return a chunk as it stands in its file, None where it is not whole or broken."""
    offset = FILE_HEADER + place * CHUNK
    chunk = evtx_chunks._chunk(offset, content, dirty=False)
    return chunk if chunk.whole and chunk.offsets and not chunk.broken else None


def by_reader(some: list[Chunk]) -> pa.RecordBatch:
    """Return the rows of chunks as the library has them, record by record."""
    events = Events(Troubles(""))
    waiting, lost = Waiting(events), evtx._Lost(Troubles(""))
    for chunk in some:
        evtx._read(chunk, waiting, lost)
    waiting.settle()
    rows = [rows.batch for rows in events.batch()]
    return rows[0] if rows else pa.RecordBatch.from_pylist([], schema=SCHEMA)


def by_columns(some: list[Chunk]) -> tuple[pa.RecordBatch, list[Chunk]]:
    """Return the rows of those chunks that are plain, and these chunks."""
    batch, counts = Columns().read(some)
    batch.validate(full=True)
    return batch, [chunk for chunk, count in zip(some, counts, strict=True) if count >= 0]


def both_ways(content: bytes) -> tuple[object, object]:
    """Return what the parser gives of a file with columns tried from the first chunk on, and with none."""
    with mock.patch.object(evtx, "FEWEST", 1):
        columns = read(content)
    with mock.patch.object(evtx, "FEWEST", 1 << 30):
        return columns, read(content)


def bent(content: bytes, chance: random.Random) -> bytes:
    """Return a chunk with a few bytes of its records replaced."""
    made = bytearray(content)
    offsets = evtx_chunks._chunk(0, content, dirty=False).offsets
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.choice(offsets)
        (size,) = struct.unpack_from("<I", content, at + 4)
        at += 24 + chance.randrange(min(size - 28, chance.choice((60, size))))
        how = chance.random()
        if how < 0.5:
            made[at] = chance.choice(ODD)
        elif how < 0.8:
            made[at] = chance.randrange(256)
        elif how < 0.9:
            made[at : at + 2] = chance.choice((0, 1, 2, 8, 0x20AC, 0xD800, 0xDC00, 0xFFFF)).to_bytes(
                2, "little"
            )
        else:
            other = chance.choice(offsets) + 24
            piece = made[other : other + chance.randrange(1, 40)]
            made[at : at + len(piece)] = piece
    return bytes(made[:CHUNK].ljust(CHUNK, b"\0"))


def subjects() -> list[bytes]:
    """Return chunks that are plain, with events of all shapes that are."""
    typed = [Event(BEGIN, TYPED, VALUES, user="S-1-5-18")] * 30
    mixed = [event for event in of_every_shape() if by_columns(chunks(log([event])))[1]]
    return [chunk.content for events in (logoffs(40), typed, mixed * 8) for chunk in chunks(log(events))]


def one_round(content: bytes, seed: int) -> bool:
    """Bend a chunk by a seed; tell whether it was plain all the same. Raises AssertionError where rows differ."""
    chunk = chunk_of(bent(content, random.Random(seed)))
    if chunk is None:
        return False
    batch, plain = by_columns([chunk])
    if not plain:
        return False
    assert batch.equals(by_reader([chunk])), f"seed {seed}"
    return True


def main() -> int:
    """Bend until the time is up."""
    words = argparse.ArgumentParser(prog="python -m tests.artifacts.event_columns", description=__doc__)
    words.add_argument("--seconds", type=float, default=600)
    words.add_argument("--seed", type=int, default=1)
    given = words.parse_args()
    held = subjects()
    end, seed, plain = time.monotonic() + given.seconds, given.seed, 0
    while time.monotonic() < end:
        plain += one_round(held[seed % len(held)], seed)
        seed += 1
    sys.stdout.write(
        f"{seed - given.seed} chunks bent, {plain} plain all the same: equal rows in all of them\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
