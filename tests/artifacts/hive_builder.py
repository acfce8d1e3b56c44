"""Small registry hives and transaction logs, built by hand for the tests: `python -m tests.artifacts.hive_exhibits`
writes those under `tests/evidence/registry`. It knows the format on its own, apart from the reader and the estate."""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from postvakt.artifacts.registry.replay import marvin32

NONE = 0xFFFFFFFF
SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ, QWORD = 1, 2, 3, 4, 7, 11
SEGMENT = 16344
WRITTEN = datetime(2021, 3, 3, 4, 5, 6, tzinfo=UTC)

Values = Mapping[str, tuple[int, bytes]]


def filetime(instant: datetime) -> int:
    return (instant - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10


def sz(text: str) -> tuple[int, bytes]:
    return SZ, (text + "\0").encode("utf-16-le")


def expand(text: str) -> tuple[int, bytes]:
    return EXPAND_SZ, (text + "\0").encode("utf-16-le")


def multi(*texts: str) -> tuple[int, bytes]:
    return MULTI_SZ, "".join(text + "\0" for text in (*texts, "")).encode("utf-16-le")


def dword(number: int) -> tuple[int, bytes]:
    return DWORD, struct.pack("<I", number)


def qword(number: int) -> tuple[int, bytes]:
    return QWORD, struct.pack("<Q", number)


def binary(content: bytes) -> tuple[int, bytes]:
    return BINARY, content


class K:
    """A key to be built: its values, subkeys, time and class."""

    def __init__(
        self,
        name: str,
        *subkeys: "K",
        values: Values | None = None,
        written: datetime = WRITTEN,
        class_name: str = "",
        listed: str = "lf",
    ) -> None:
        self.name = name
        self.subkeys = list(subkeys)
        self.values = dict(values or {})
        self.written = written
        self.class_name = class_name
        self.listed = listed


def at(path: str, *subkeys: K, values: Values | None = None, written: datetime = WRITTEN) -> K:
    """Return the first key of a path, the last one holding what is given."""
    *above, name = path.split("\\")
    key = K(name, *subkeys, values=values, written=written)
    for name in reversed(above):
        key = K(name, key, written=written)
    return key


def merged(*keys: K) -> list[K]:
    """Return keys of which those of one name are made one, all the way down."""
    found: dict[str, K] = {}
    for key in keys:
        known = found.get(key.name)
        if known is None:
            found[key.name] = key
        else:
            known.values |= key.values
            known.subkeys += key.subkeys
    for key in found.values():
        key.subkeys = merged(*key.subkeys)
    return list(found.values())


class Builder:
    """Cells of a hive that grows; offsets are those of the hive bins data."""

    def __init__(self, minor: int = 5) -> None:
        self.minor = minor
        self.bins = bytearray(b"hbin" + bytes(28))

    def cell(self, content: bytes) -> int:
        offset = len(self.bins)
        size = -(-(len(content) + 4) // 8) * 8
        self.bins += struct.pack("<i", -size) + content + bytes(size - 4 - len(content))
        return offset

    def free(self, offset: int) -> None:
        """Mark a cell free: what it held stays."""
        size = struct.unpack_from("<i", self.bins, offset)[0]
        struct.pack_into("<i", self.bins, offset, abs(size))

    def value(self, name: str, kind: int, content: bytes) -> int:
        size, data = len(content), 0
        if size <= 4:
            data = int.from_bytes(content, "little")
            size |= 0x80000000
        elif size > SEGMENT and self.minor > 3:
            parts = [self.cell(content[i : i + SEGMENT]) for i in range(0, size, SEGMENT)]
            table = self.cell(struct.pack(f"<{len(parts)}I", *parts))
            data = self.cell(b"db" + struct.pack("<HI", len(parts), table))
        else:
            data = self.cell(content)
        latin = all(ord(c) < 256 for c in name)
        raw = name.encode("latin-1" if latin else "utf-16-le")
        return self.cell(b"vk" + struct.pack("<HIIIHH", len(raw), size, data, kind, int(latin), 0) + raw)

    def key(self, key: K, parent: int, *, root: bool = False) -> int:
        latin = all(ord(c) < 256 for c in key.name)
        raw = key.name.encode("latin-1" if latin else "utf-16-le")
        offset = self.cell(bytes(76) + raw)
        values = [self.value(name, *value) for name, value in key.values.items()]
        value_list = self.cell(struct.pack(f"<{len(values)}I", *values)) if values else NONE
        children = [self.key(child, offset) for child in key.subkeys]
        subkey_list = self.subkey_list(key, children) if children else NONE
        class_raw = key.class_name.encode("utf-16-le")
        class_offset = self.cell(class_raw) if class_raw else NONE
        flags = (0x20 if latin else 0) | (0x0C if root else 0)
        node = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH", b"nk", flags, filetime(key.written), 0, parent, len(children), 0,
            subkey_list, NONE, len(values), value_list, NONE, class_offset, 0, 0, 0, 0, 0, len(raw), len(class_raw),
        )  # fmt: skip
        self.bins[offset + 4 : offset + 4 + len(node)] = node
        return offset

    def subkey_list(self, key: K, children: list[int]) -> int:
        if key.listed == "ri":
            half = len(children) // 2
            leaves = [self.leaf("lh", key, part) for part in (children[:half], children[half:])]
            return self.cell(b"ri" + struct.pack("<H2I", 2, *leaves))
        return self.leaf(key.listed, key, children)

    def leaf(self, kind: str, key: K, children: list[int]) -> int:
        if kind == "li":
            return self.cell(b"li" + struct.pack(f"<H{len(children)}I", len(children), *children))
        pairs = [number for child in children for number in (child, 0)]
        return self.cell(kind.encode() + struct.pack(f"<H{len(pairs)}I", len(children), *pairs))

    def finish(
        self, root: int, *, name: str = "", sequences: tuple[int, int] = (1, 1), pages: int = 0
    ) -> bytes:
        """Return the hive: the rest of its last page (of `pages` at least) becomes one free cell."""
        rest = -len(self.bins) % 4096
        rest += max(0, pages * 4096 - len(self.bins) - rest)
        if rest:
            self.bins += struct.pack("<i", rest) + bytes(rest - 4)
        struct.pack_into("<II", self.bins, 4, 0, len(self.bins))
        struct.pack_into("<Q", self.bins, 20, filetime(WRITTEN))
        return header(len(self.bins), root, name, sequences, self.minor) + bytes(self.bins)


def header(
    bins: int, root: int, name: str, sequences: tuple[int, int], minor: int = 5, *, kind: int = 0,
    written: int | None = None,
) -> bytes:  # fmt: skip
    """Return a header of 4096 bytes, its checksum right."""
    block = bytearray(4096)
    struct.pack_into(
        "<4sIIQIIIIIII", block, 0, b"regf", *sequences, filetime(WRITTEN) if written is None else written, 1, minor,
        kind, 1, root, bins, 1,
    )  # fmt: skip
    raw = name[-31:].encode("utf-16-le")
    block[48 : 48 + len(raw)] = raw
    return bytes(summed(block))


def summed(block: bytearray) -> bytearray:
    """Put the right checksum into a header."""
    found = 0
    for word in struct.unpack_from("<127I", block):
        found ^= word
    struct.pack_into("<I", block, 508, found)
    return block


def hive(
    *subkeys: K, name: str = "", minor: int = 5, sequences: tuple[int, int] = (1, 1), pages: int = 0
) -> bytes:
    """Return a whole hive whose root has these subkeys."""
    builder = Builder(minor)
    root = builder.key(K("ROOT", *merged(*subkeys)), NONE, root=True)
    return builder.finish(root, name=name, sequences=sequences, pages=pages)


def pages_between(before: bytes, after: bytes, size: int = 4096) -> dict[int, bytes]:
    """Return the pages of the hive bins data in which two hives differ, by offset."""
    old, new = before[4096:], after[4096:]
    return {
        start: new[start : start + size]
        for start in range(0, len(new), size)
        if new[start : start + size] != old[start : start + size]
    }


def log_entry(sequence: int, bins: int, pages: Mapping[int, bytes]) -> bytes:
    """Return one entry of the new log format."""
    references = b"".join(struct.pack("<II", offset, len(page)) for offset, page in pages.items())
    body = references + b"".join(pages.values())
    size = -(-(40 + len(body)) // 512) * 512
    body += bytes(size - 40 - len(body))
    head = b"HvLE" + struct.pack("<IIIIIQ", size, 0, sequence, bins, len(pages), marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def new_log(
    primary: bytes, entries: Sequence[tuple[int, Mapping[int, bytes]]], bins: int, tail: bytes = b""
) -> bytes:
    """Return a log of the new format that begins with these (sequence, pages) entries."""
    first = entries[0][0]
    block = bytearray(primary[:512])
    struct.pack_into("<II", block, 4, first, first)
    struct.pack_into("<I", block, 28, 6)
    struct.pack_into("<I", block, 40, bins)
    return bytes(summed(block)) + b"".join(log_entry(s, bins, pages) for s, pages in entries) + tail


def old_log(primary: bytes, pages: Mapping[int, bytes], bins: int) -> bytes:
    """Return a log of the old format with these pages of 512 bytes."""
    block = bytearray(primary[:512])
    struct.pack_into("<II", block, 4, 2, 2)
    struct.pack_into("<I", block, 28, 1)
    struct.pack_into("<I", block, 40, bins)
    bitmap = bytearray(bins // 512 // 8)
    for offset in pages:
        bitmap[offset // 512 // 8] |= 1 << offset // 512 % 8
    vector = b"DIRT" + bytes(bitmap)
    vector += bytes(-len(vector) % 512)
    return bytes(summed(block)) + vector + b"".join(pages[offset] for offset in sorted(pages))
