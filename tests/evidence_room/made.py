"""Small hand-ins of every kind, made in memory; artifacts to recognise them by; and what intake says of them."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import py7zr
from backports import zstd

from postvakt import evidence
from postvakt.model.artifact import Artifact

IIS_LOG = (
    b"#Software: Microsoft Internet Information Services 10.0\r\n"
    b"#Fields: date time cs-method cs-uri-stem sc-status\r\n"
    b"2021-03-03 06:00:00 POST /ecp/y.js 241\r\n"
)
BARE_LOG = b"2021-03-03 06:00:00 POST /ecp/y.js 241\r\n"
PROXY_LOG = b"DateTime,RequestId,AnchorMailbox\r\n#Software: Microsoft Exchange Server\r\n"
EVTX = b"ElfFile\x00" + bytes(range(120)) + bytes(4000)
HIVE = b"regf" + b"\x01" * 24 + bytes(100)
HIVE_LOG = b"regf" + b"\x01" * 24 + b"\x06\x00\x00\x00" + bytes(96)

ARTIFACTS = (
    Artifact(
        name="evtx",
        title="",
        tables=(),
        where="",
        paths=(r"\.evtx$",),
        starts=(b"ElfFile\x00", b"ElfChnk\x00"),
    ),
    Artifact(
        name="registry",
        title="",
        tables=(),
        where="",
        paths=(r"/config/(system|software)$",),
        starts=(b"regf",),
    ),
    Artifact(
        name="iis",
        title="",
        tables=(),
        where="",
        paths=(r"(^|/)w3svc\d+/[^/]*\.log$",),
        heads=(rb"(?m)^#Fields:.*cs-method",),
        rank=20,
    ),
    Artifact(name="exchange_log", title="", tables=(), where="", heads=(rb"#Software: Microsoft Exchange",)),
    Artifact(
        name="http_proxy",
        title="",
        tables=(),
        where="",
        paths=(r"/httpproxy/",),
        heads=(rb"AnchorMailbox",),
        rank=10,
    ),
    Artifact(name="history", title="", tables=(), where="", paths=(r"/consolehost_history\.txt$",)),
    Artifact(
        name="task",
        title="",
        tables=(),
        where="",
        paths=(r"/system32/tasks/",),
        heads=(rb"<Task ",),
        needs_content=True,
    ),
)

SERVER: Mapping[str, bytes] = {
    "C/Windows/System32/winevt/Logs/Security.evtx": EVTX,
    "C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log": IIS_LOG,
    "C/root/notes.txt": b"",
}


def take(path: Path, scratch: Path) -> evidence.Taken:
    """Take a hand-in in."""
    return evidence.take_in(str(path), ARTIFACTS, scratch=scratch)


def handed(folder: Path, name: str, content: bytes) -> Path:
    """Put one file down, its folders made."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def folder(path: Path, files: Mapping[str, bytes] = SERVER) -> Path:
    """Put files down in a folder."""
    for name, content in files.items():
        handed(path, name, content)
    return path


def zipped(files: Mapping[str, bytes] = SERVER, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip; names as they are given."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(_info(name), content, method)
    return out.getvalue()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x", (2021, 3, 12, 6, 0, 0))
    info.filename = name
    return info


def zipped_raw(members: Iterable[tuple[bytes, bytes]], **given: int) -> bytes:
    """A zip of stored members with names as bytes and headers as given, whatever a writer would refuse.

    `given`: flags, method, size (declared), crc, mode (Unix), extra-long names and the like by name.
    """
    body = b""
    directory = b""
    count = 0
    for name, content in members:
        crc = given.get("crc", zlib.crc32(content))
        size = given.get("size", len(content))
        shared = b"".join(
            value.to_bytes(width, "little")
            for value, width in (
                (20, 2), (given.get("flags", 0), 2), (given.get("method", 0), 2), (0, 4), (crc, 4),
                (len(content), 4), (size, 4), (len(name), 2), (0, 2),
            )
        )  # fmt: skip
        offset = len(body)
        body += b"PK\x03\x04" + shared + name + content
        attributes = (given.get("mode", 0) << 16).to_bytes(4, "little")
        directory += (
            b"PK\x01\x02\x14\x03" + shared + bytes(6) + attributes + offset.to_bytes(4, "little") + name
        )
        count += 1
    end = b"PK\x05\x06" + bytes(4) + count.to_bytes(2, "little") * 2
    return (
        body
        + directory
        + end
        + len(directory).to_bytes(4, "little")
        + len(body).to_bytes(4, "little")
        + b"\0\0"
    )


def streamed_zip(files: Mapping[str, bytes] = SERVER) -> bytes:
    """A zip written to a pipe: sizes stand behind each member."""
    out = _Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            with archive.open(_info(name), "w") as member:
                member.write(content)
    return bytes(out.written)


class _Pipe(io.RawIOBase):
    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, block: object) -> int:
        self.written += block  # type: ignore[operator]
        return len(block)  # type: ignore[arg-type]


def tarred(files: Mapping[str, bytes] = SERVER, kind: int = tarfile.GNU_FORMAT, **odd: bytes) -> bytes:
    """A tar; `odd` members (name -> type) carry no bytes and point to /etc/passwd."""
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=kind, encoding="utf-8", errors="surrogateescape"
    ) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1615528800
            archive.addfile(info, io.BytesIO(content))
        for name, kind_of in odd.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind_of, "/etc/passwd"
            archive.addfile(info)
    return out.getvalue()


def seven(files: Mapping[str, bytes] = SERVER, **given: object) -> bytes:
    """A 7z."""
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", **given) as archive:  # type: ignore[arg-type]
        for name, content in files.items():
            archive.writestr(content, name)
    return out.getvalue()


def commented(archive: bytes, comment: bytes) -> bytes:
    """A zip with a comment."""
    out = io.BytesIO(archive)
    with zipfile.ZipFile(out, "a") as opened:
        opened.comment = comment
    return out.getvalue()


def zip64(files: Mapping[str, bytes] = SERVER) -> bytes:
    """A zip whose members carry their sizes in 64 bits."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            with archive.open(_info(name), "w", force_zip64=True) as member:
                member.write(content)
    return out.getvalue()


CONTAINERS: Mapping[str, bytes] = {
    "ex01.zip": zipped(),
    "stored.zip": zipped(method=zipfile.ZIP_STORED),
    "bzip2.zip": zipped(method=zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(method=zipfile.ZIP_LZMA),
    "streamed.zip": streamed_zip(),
    "selfmade.zip": b"not part of it" * 9 + zipped(),
    "comment.zip": commented(zipped(), b"PK\x05\x06 a comment that looks like an end" * 9),
    "trailing.zip": zipped() + b"and more" * 9,
    "long.zip": zip64(),
    "both.zip": b"before" * 50 + zip64(),
    "ex01.tar": tarred(),
    "pax.tar": tarred(kind=tarfile.PAX_FORMAT),
    "ex01.tar.gz": gzip.compress(tarred(), mtime=0),
    "ex01.tgz": gzip.compress(tarred(), mtime=0),
    "ex01.tar.bz2": bz2.compress(tarred()),
    "ex01.tar.xz": lzma.compress(tarred()),
    "ex01.tar.zst": zstd.compress(tarred()),
    "ex01.7z": seven(),
}
