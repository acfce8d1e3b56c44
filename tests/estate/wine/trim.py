"""`python -m tests.estate.wine.trim IN.dmp OUT.dmp.xz`: a minidump without what is Wine's own, its truth beside it.

Of the memory stay the private regions and our own program; the code of Wine's libraries and its tables of characters,
which are others' work, go. The lists of modules and regions stay whole.
"""

import json
import lzma
import re
import struct
import sys
from pathlib import Path
from typing import Any

DIRECTORY, MODULES, MEMORY, REGIONS = 12, 4, 9, 16
MODULE, PRIVATE, EXECUTE_READ_WRITE, COMMITTED = 108, 0x20000, 0x40, 0x1000
OWN = "worker.exe"
PROCESSOR = re.compile(
    rb"Family [0-9]+ Model [0-9]+ Stepping [0-9]+|"
    + b"".join(
        rb"(?:[0-9]\0)+" if word == "#" else word.encode("utf-16-le")
        for word in ("Family ", "#", " Model ", "#", " Stepping ", "#")
    )
)
"""The processor that it was made on, which is nobody's business."""


def trimmed(dump: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the smaller dump, and what is true of it."""
    _, _, count, at = struct.unpack_from("<4sIII", dump)
    streams = {}
    for number in range(count):
        kind, size, place = struct.unpack_from("<III", dump, at + DIRECTORY * number)
        streams.setdefault(kind, (size, place, at + DIRECTORY * number))
    modules = _modules(dump, streams[MODULES][1])
    regions = _regions(dump, streams[REGIONS][1])
    own = next((base, base + size) for base, size, path in modules if path.endswith(OWN))
    private = [(start, start + size) for start, size, _, kind, _ in regions if kind == PRIVATE]
    kept = []
    place = streams[MEMORY][1]
    ranges, offset = struct.unpack_from("<QQ", dump, place)
    for number in range(ranges):
        start, size = struct.unpack_from("<QQ", dump, place + 16 + 16 * number)
        if any(low <= start < high for low, high in (own, *private)):
            kept.append((start, dump[offset : offset + size]))
        offset += size
    first = place + 16 + 16 * len(kept)
    made = bytearray(dump[:place])
    struct.pack_into("<III", made, streams[MEMORY][2], MEMORY, first - place, place)
    made += struct.pack("<QQ", len(kept), first)
    made += b"".join(struct.pack("<QQ", start, len(data)) for start, data in kept)
    made += b"".join(data for _, data in kept)
    truth = {
        "modules": [{"base": base, "size": size, "path": path} for base, size, path in modules],
        "ranges": len(kept),
        "bytes": sum(len(data) for _, data in kept),
        "executable_private": [
            {"start": start, "size": size}
            for start, size, protection, kind, state in regions
            if (kind, protection, state) == (PRIVATE, EXECUTE_READ_WRITE, COMMITTED)
        ],
        "regions": len(regions),
        "ascii": "POST /ecp/y.js HTTP/1.1",
        "utf16": "cmd.exe /c whoami > C:\\inetpub\\wwwroot\\aspnet_client\\o.txt",
    }
    return PROCESSOR.sub(lambda found: re.sub(rb"[0-9]", b"0", found[0]), bytes(made)), truth


def _modules(dump: bytes, at: int) -> list[tuple[int, int, str]]:
    found = []
    for number in range(struct.unpack_from("<I", dump, at)[0]):
        base, size, _, _, name = struct.unpack_from("<QIIII", dump, at + 4 + MODULE * number)
        (length,) = struct.unpack_from("<I", dump, name)
        found.append((base, size, dump[name + 4 : name + 4 + length].decode("utf-16-le")))
    return found


def _regions(dump: bytes, at: int) -> list[tuple[int, int, int, int, int]]:
    head, size, count = struct.unpack_from("<IIQ", dump, at)
    rows = (struct.unpack_from("<QQIIQIIII", dump, at + head + size * number) for number in range(count))
    return [(row[0], row[4], row[6], row[7], row[5]) for row in rows]


def main() -> int:
    """Write the dump and its truth."""
    made, truth = trimmed(Path(sys.argv[1]).read_bytes())
    out = Path(sys.argv[2])
    out.write_bytes(lzma.compress(made, preset=9))
    out.with_name(out.name.replace(".dmp.xz", ".truth.json")).write_text(json.dumps(truth, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
