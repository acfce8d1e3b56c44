"""The tags that Windows puts before what it keeps in its pools, found over all present bytes in one pass."""

from collections.abc import Iterator

import numpy as np

from postvakt.memory.physical import Physical

WINDOW = 1 << 20
"""Bytes looked at together: they stay in the processor's cache."""
ALIGNED = 16
HEADER = 16

PROCESS, MODULE = b"Proc", b"MmLd"
TCP, TCP_TOO, UDP, LISTENER = b"TcpE", b"TTcb", b"UdpA", b"TcpL"
"""Windows Server 2022 tags its connections in two ways."""
TAGS = (PROCESS, MODULE, TCP, TCP_TOO, UDP, LISTENER)


def tagged(memory: Physical, tags: tuple[bytes, ...] = TAGS) -> Iterator[tuple[bytes, int]]:
    """Yield (tag, address of the pool's header) of everything that carries one of the tags."""
    words = [np.uint32(int.from_bytes(tag, "little")) for tag in tags]
    column = np.empty(WINDOW // ALIGNED, np.uint32)
    found, one = np.empty(WINDOW // ALIGNED, np.bool), np.empty(WINDOW // ALIGNED, np.bool)
    for address, window in memory.windows(WINDOW, 0):
        skip = -address % ALIGNED
        count = (len(window) - skip + ALIGNED - 8) // ALIGNED
        if count <= 0:
            continue
        # A header is 16 bytes on a 16-byte boundary; the tag is its second word.
        seconds = np.frombuffer(window, "<u4", (len(window) - skip) // 4, skip)[1::4]
        part, any_of, is_one = column[:count], found[:count], one[:count]
        np.copyto(part, seconds)
        np.equal(part, words[0], out=any_of)
        for word in words[1:]:
            np.equal(part, word, out=is_one)
            np.logical_or(any_of, is_one, out=any_of)
        if any_of.any():
            for place in np.flatnonzero(any_of).tolist():
                yield int(part[place]).to_bytes(4, "little"), address + skip + place * ALIGNED
