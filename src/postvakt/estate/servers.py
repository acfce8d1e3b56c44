"""A synthetic server as a hand-in: all its files, laid out as a collector leaves them. The same plan gives the same
bytes (for one version of zlib)."""

import csv
import hashlib
import io
import os
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from postvakt.estate.control_panel_log import control_panel_logs
from postvakt.estate.events import event_logs
from postvakt.estate.filetime import filetime
from postvakt.estate.hives import hives
from postvakt.estate.iis_log import iis_logs
from postvakt.estate.machines import windows_path
from postvakt.estate.pages import pages
from postvakt.estate.placed import Made, Placed
from postvakt.estate.plans import ACQUIRED, Layout, ServerPlan
from postvakt.estate.proxy_log import proxy_logs
from postvakt.estate.service_logs import service_logs
from postvakt.estate.traces import Absent
from postvakt.estate.truths import Truth, traced, truth

SOURCES: tuple[Callable[[ServerPlan], Iterator[Made]], ...] = (
    control_panel_logs,
    event_logs,
    hives,
    iis_logs,
    pages,
    proxy_logs,
    service_logs,
)
"""What a server's files come from. A new kind of file is a line here."""

NTFS_TIMES, UNIX_TIMES = 0x000A, 0x5455
COPY_LOG = (
    "CopiedTimestamp,SourceFile,DestinationFile,FileSize,SourceFileSha1,DeferredCopy,CreatedOnUtc,ModifiedOnUtc,"
    "LastAccessedOnUtc,CopyDuration"
)
ESCAPED = str.maketrans({"%": "%25", ":": "%3A"})


OF_ANY_SERVER = ("Sysmon%4Operational.evtx", "/Security.evtx", "/System.evtx")
"""What a server that is no Exchange server has as well, and that does not name Exchange as its own."""

LEFT_OUT = {
    "": (),
    "exchange-logs": ("/Logging/", "/TransportRoles/Logs/"),
    "web-logs": ("/Logging/", "/TransportRoles/Logs/", "/W3SVC"),
}
"""Parts of the paths that a collector passed over."""


def made(server: ServerPlan) -> list[Made]:
    """Return every file of a server in the order of its path, and the traces that no file holds, in the order of
    their writers."""
    every = [one for source in SOURCES for one in source(server)]
    if not server.story.exchange:
        every = [one for one in every if isinstance(one, Absent) or one.path.endswith(OF_ANY_SERVER)]
    passed_over = LEFT_OUT[server.story.left_out]
    kept: list[Placed] = []
    absent: list[Made] = []
    for one in every:
        if isinstance(one, Absent):
            absent.append(one)
        elif any(part in one.path for part in passed_over):
            absent += [Absent(trace, "the collector did not take the log") for trace in one.traces]
        else:
            kept.append(one)
    return [*sorted(kept, key=lambda one: one.path), *absent]


def files(server: ServerPlan) -> list[Placed]:
    """Return every file of a server in the order of its path."""
    return [one for one in made(server) if isinstance(one, Placed)]


def write(server: ServerPlan, evidence: Path) -> Path:
    """Write a server's hand-in into a folder and return its path. Raises OSError where that cannot be."""
    return write_traced(server, evidence)[0]


def write_traced(server: ServerPlan, evidence: Path) -> tuple[Path, Truth]:
    """Write a server's hand-in into a folder; return its path, and what is true of it with every trace in it and
    every trace that is missing. Raises OSError where that cannot be."""
    path = evidence / server.hand_in
    contents = made(server)
    placed = [one for one in contents if isinstance(one, Placed)]
    LAYOUTS[server.layout](path, placed)
    stored = {one.path: STORED[server.layout](one.path) for one in placed}
    return path, traced(truth(server), contents, stored)


def _folder(path: Path, placed: Iterable[Placed]) -> None:
    for one in placed:
        target = path / one.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(one.content)
        os.utime(target, (one.modified.timestamp(), one.modified.timestamp()))


def _kape(path: Path, placed: list[Placed]) -> None:
    """The drive's letter as a folder, and the list of what was copied beside it."""
    log = Placed(f"{ACQUIRED:%Y-%m-%dT%H_%M_%S}_CopyLog.csv", _copy_log(placed), ACQUIRED)
    _zip(path, [log, *placed], _ntfs_times)


def _copy_log(placed: Iterable[Placed]) -> bytes:
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerow(COPY_LOG.split(","))
    for one in placed:
        source = windows_path(one.path)
        modified = f"{one.modified:%Y-%m-%d %H:%M:%S}.{one.modified:%f}0"
        digest = hashlib.sha1(one.content, usedforsecurity=False).hexdigest()
        target = "E:\\out\\" + one.path.replace("/", "\\")
        size = len(one.content)
        rows.writerow(
            (
                f"{ACQUIRED:%Y-%m-%d %H:%M:%S}",
                source,
                target,
                size,
                digest,
                False,
                modified,
                modified,
                modified,
                0,
            )
        )
    return text.getvalue().encode()


def _velociraptor(path: Path, placed: Iterable[Placed]) -> None:
    """Every part of a path escaped, under the way in which the collector reached it, and the list of uploads."""
    uploads = [Placed(_uploaded(one.path), one.content, one.modified) for one in placed]
    listed = b"".join(
        msgspec.json.encode(
            {"vfs_path": one.path, "file_size": len(one.content), "uploaded_size": len(one.content)}
        )
        + b"\n"
        for one in uploads
    )
    _zip(path, [*uploads, Placed("uploads.json", listed, ACQUIRED)], _unix_times)


def _uploaded(path: str) -> str:
    drive, _, rest = path.partition("/")
    return f"uploads/auto/{f'{drive}:/{rest}'.translate(ESCAPED)}"


def _ntfs_times(one: Placed) -> bytes:
    ticks = filetime(one.modified)
    return struct.pack("<HHIHHQQQ", NTFS_TIMES, 32, 0, 1, 24, ticks, ticks, ticks)


def _unix_times(one: Placed) -> bytes:
    return struct.pack("<HHBi", UNIX_TIMES, 5, 1, int(one.modified.timestamp()))


def _zip(path: Path, placed: Iterable[Placed], times: Callable[[Placed], bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in placed:
            entry = zipfile.ZipInfo(one.path, one.modified.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 0
            entry.extra = times(one)
            archive.writestr(entry, one.content)


LAYOUTS: Mapping[Layout, Callable[[Path, list[Placed]], None]] = {
    "folder": _folder,
    "kape": _kape,
    "velociraptor": _velociraptor,
}
STORED: Mapping[Layout, Callable[[str], str]] = {"folder": str, "kape": str, "velociraptor": _uploaded}
"""Where a file lies in a hand-in of each layout."""
