"""Headers of portable executables: enough for whoever looks at the head of an image in memory."""

import struct
import uuid
from collections.abc import Sequence

X64, X86 = 0x8664, 0x14C
PE_AT, OPTIONAL_AT = 0x80, 0x98
EXECUTABLE, LARGE_ADDRESSES, DLL = 0x02, 0x20, 0x2000
TEXT, DATA_R, DATA_RW = 0x60000020, 0x40000040, 0xC0000040
EXPORT, DEBUG = 0, 6
"""Numbers of data directories."""

Section = tuple[str, int, int, int]
"""Name, place, size in bytes, characteristics."""

USUAL: tuple[Section, ...] = ((".text", 0x1000, 0x1000, TEXT), (".rdata", 0x2000, 0x1000, DATA_R))


def header(
    *,
    size: int,
    base: int,
    stamp: int,
    dll: bool = False,
    sections: Sequence[Section] = USUAL,
    directories: dict[int, tuple[int, int]] | None = None,
    machine: int = X64,
) -> bytes:
    """Return the first 4096 bytes of a 64-bit image of a size in memory, as it is loaded at a base."""
    page = bytearray(0x1000)
    page[:2] = b"MZ"
    struct.pack_into("<I", page, 0x3C, PE_AT)
    page[0x4E:0x75] = b"This program cannot be run in DOS mode."
    page[PE_AT : PE_AT + 4] = b"PE\0\0"
    kind = EXECUTABLE | LARGE_ADDRESSES | (DLL if dll else 0)
    struct.pack_into("<HHIIIHH", page, PE_AT + 4, machine, len(sections), stamp, 0, 0, 0xF0, kind)
    _optional(page, size, base)
    for number, listed in (directories or {}).items():
        struct.pack_into("<II", page, OPTIONAL_AT + 112 + 8 * number, *listed)
    at = OPTIONAL_AT + 0xF0
    for name, place, length, flags in sections:
        page[at : at + 8] = name.encode().ljust(8, b"\0")
        struct.pack_into("<IIII", page, at + 8, length, place, length, place)
        struct.pack_into("<I", page, at + 36, flags)
        at += 40
    return bytes(page)


def _optional(page: bytearray, size: int, base: int) -> None:
    struct.pack_into("<HBBIIIII", page, OPTIONAL_AT, 0x20B, 14, 0, 0x1000, 0x1000, 0, 0x1000, 0x1000)
    struct.pack_into("<QII", page, OPTIONAL_AT + 24, base, 0x1000, 0x200)
    struct.pack_into("<HHHHHH", page, OPTIONAL_AT + 40, 10, 0, 10, 0, 10, 0)
    struct.pack_into("<III", page, OPTIONAL_AT + 52, 0, size, 0x1000)
    struct.pack_into("<HH", page, OPTIONAL_AT + 68, 3, 0x160)
    struct.pack_into("<I", page, OPTIONAL_AT + 108, 16)


def codeview(pdb: str, guid: str, age: int) -> bytes:
    """Return the record by which an image names its symbols. `guid` is 32 hexadecimal digits."""
    return b"RSDS" + uuid.UUID(hex=guid).bytes_le + struct.pack("<I", age) + pdb.encode() + b"\0"


def debug_directory(at: int, record: bytes, stamp: int) -> bytes:
    """Return the directory entry of a record that lies at a place in the image."""
    return struct.pack("<IIHHIIII", 0, stamp, 0, 0, 2, len(record), at, at)


def exports(at: int, name: str, functions: dict[str, int]) -> bytes:
    """Return a directory of exports that is to lie at a place in the image, with all that it points to."""
    names = sorted(functions)
    count = len(names)
    places = at + 40
    texts_at = places + 10 * count
    texts = name.encode() + b"\0"
    pointers = []
    for function in names:
        pointers.append(texts_at + len(texts))
        texts += function.encode() + b"\0"
    head = struct.pack(
        "<IIHHIIIIIII", 0, 0, 0, 0, texts_at, 1, count, count, places, places + 4 * count, places + 8 * count
    )
    return (
        head
        + struct.pack(f"<{count}I", *(functions[one] for one in names))
        + struct.pack(f"<{count}I", *pointers)
        + struct.pack(f"<{count}H", *range(count))
        + texts
    )


def version_resource(name: str, version: str) -> bytes:
    """Return the resource by which a file of Microsoft's tells its version (four numbers) and its name."""
    major, minor, build, revision = (int(part) for part in version.split("."))
    numbers = (major << 16 | minor, build << 16 | revision)
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, *numbers, *numbers, 0x3F, 0, 0x40004, 3, 7, 0, 0)
    texts = (
        ("CompanyName", "Microsoft Corporation"),
        ("FileVersion", version),
        ("OriginalFilename", name),
    )
    strings = b"".join(_block(key, (text + "\0").encode("utf-16-le"), text=True) for key, text in texts)
    table = _block("040904B0", b"", children=strings, text=True)
    return _block("VS_VERSION_INFO", fixed, children=_block("StringFileInfo", b"", children=table, text=True))


def _block(key: str, value: bytes, *, children: bytes = b"", text: bool = False) -> bytes:
    """A block of a version resource: each part begins at a multiple of four."""
    head = 6 + len(key) * 2 + 2
    body = bytes(-head % 4) + value
    if children:
        body += bytes(-(head + len(body)) % 4) + children
    length = head + len(body)
    count = len(value) // 2 if text else len(value)
    made = struct.pack("<HHH", length, count, int(text)) + (key + "\0").encode("utf-16-le") + body
    return made + bytes(-len(made) % 4)
