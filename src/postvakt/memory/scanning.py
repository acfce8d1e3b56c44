"""The tags that Windows puts before what it keeps in its pools, found over all present bytes in one pass."""

from collections.abc import Iterator

import numpy as np

from postvakt.memory.physical import Physical

WINDOW = 4 << 20
"""Bytes looked at together: they stay in the processor's cache."""
ALIGNED = 16
HEADER = 16

PROCESS, MODULE = b"Proc", b"MmLd"
TCP, UDP, LISTENER = b"TcpE", b"UdpA", b"TcpL"
TAGS = (PROCESS, MODULE, TCP, UDP, LISTENER)


def tagged(memory: Physical, tags: tuple[bytes, ...] = TAGS) -> Iterator[tuple[bytes, int]]:
    """Yield (tag, address of the pool's header) of everything that carries one of the tags."""
    words = [int.from_bytes(tag, "little") for tag in tags]
    for address, window in memory.windows(WINDOW, 0):
        skip = -address % ALIGNED
        whole = (len(window) - skip) // 4
        if whole <= 0:
            continue
        # A header is 16 bytes on a 16-byte boundary; the tag is its second word.
        column = np.ascontiguousarray(np.frombuffer(window, "<u4", whole, skip)[1::4])
        for place in np.flatnonzero(_any_of(column, words)).tolist():
            tag = int(column[place]).to_bytes(4, "little")
            yield tag, address + skip + place * ALIGNED


def _any_of(
    column: "np.ndarray[tuple[int], np.dtype[np.uint32]]", words: list[int]
) -> "np.ndarray[tuple[int], np.dtype[np.bool]]":
    found = column == words[0]
    for word in words[1:]:
        found |= column == word
    return found
