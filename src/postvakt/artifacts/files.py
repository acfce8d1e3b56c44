"""The `file` table: every path of the evidence. Its rows are made from the members at intake, not parsed."""

from collections.abc import Iterable, Iterator
from typing import Any

from postvakt.model.evidence import Member
from postvakt.model.table import Column, LogSource, TableSpec

FILE = TableSpec(
    name="file",
    title="Every file of the evidence, with size, times and hash",
    locator="path",
    logsources=(LogSource(product="windows", service="file"), LogSource(product="exchange", service="file")),
    fields=(("TargetFilename", "path"), ("Hashes", "sha256"), ("sha256", "sha256")),
    columns=(
        Column(
            "path", kind="file_path", about="the lower-case path on the server; the stored path where unknown"
        ),
        Column("name", kind="file_name"),
        Column("folder", about="of the path; of no kind, so that nobody takes its own folder for the file's"),
        Column("extension"),
        Column("stored_path", kind="file_path", about="where it lies in the evidence"),
        Column("size", "int", unit="bytes"),
        Column("modified", "time", about="as the collector kept it; null where it did not"),
        Column("created", "time"),
        Column("sha256", kind="hash"),
        Column("artifact", about="what it was recognised as"),
    ),
)

WEB = (
    "/inetpub/wwwroot/",
    "/frontend/httpproxy/",
    "/clientaccess/owa/",
    "/clientaccess/ecp/",
)
"""Folders whose files a web server hands out: that they were listed is the coverage name `file:web`."""

SCANNED = (
    *WEB,
    "/temporary asp.net files/",
    "/programdata/",
    "/temp/",
    "c:/root/",
    "/perflogs/",
    "/users/public/",
)
"""Folders whose file contents are scanned with YARA, whatever the extension."""

SCANNED_EXTENSIONS = frozenset(
    (
        "aspx",
        "ashx",
        "asmx",
        "asp",
        "asax",
        "ascx",
        "cshtml",
        "jsp",
        "php",
        "compiled",
        "config",
        "ps1",
        "bat",
        "js",
    )
)
"""Extensions whose contents are scanned wherever they lie, loose files included."""

SCAN_LIMIT = 64 * 1024 * 1024
"""Bytes of a file that is scanned whole; a larger one is a Gap, never silence."""


def rows(members: Iterable[Member]) -> Iterator[dict[str, Any]]:
    """Yield one row of `file` per member; `time` is the modification time, null where unknown."""
    for position, member in enumerate(members):
        path = member.windows_path or member.path
        folder, _, name = path.replace("!/", "/").rpartition("/")
        stem, dot, extension = name.rpartition(".")
        yield {
            "time": member.modified,
            "locator": position,
            "source": member.path,
            "path": path,
            "name": name,
            "folder": folder,
            "extension": extension.lower() if dot and stem else "",
            "stored_path": member.path,
            "size": member.size,
            "modified": member.modified,
            "created": member.created,
            "sha256": member.sha256 or None,
            "artifact": member.artifact or ("(read with its hive)" if member.beside else ""),
        }


def in_web_folder(member: Member) -> bool:
    """Tell whether a web server would hand this file out."""
    path = "/" + member.windows_path.lower()
    return any(folder in path for folder in WEB)


def to_scan(member: Member) -> bool:
    """Tell whether a file's contents are to be scanned with YARA."""
    path = "/" + (member.windows_path or member.path).lower()
    name = path.rpartition("/")[2]
    return member.size > 0 and (
        any(folder in path for folder in SCANNED) or name.rpartition(".")[2] in SCANNED_EXTENSIONS
    )
