"""The product's files as Microsoft shipped them, and how those of a host compare."""

from datetime import datetime
from typing import Literal

import msgspec

FileState = Literal["altered", "unknown"]
BaselineState = Literal[
    "compared", "by name", "no baseline for this build", "build not known", "no files read", "not asked"
]


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file in the product's folders that the baseline does not have so: another content, or no such name.

    `script` tells that the web server runs it.
    """

    path: str
    state: FileState
    script: bool
    sha256: str
    size: int | None
    modified: datetime | None


class BaselineRow(msgspec.Struct, frozen=True, kw_only=True):
    """How a host's product files compare with those of a build. `by name`: the baseline is of the nearest build, so
    contents differ rightly and only names say something. `files` are those that differ, scripts first; `differ` counts
    all of them."""

    state: BaselineState = "not asked"
    build: str = ""
    of_host: str = ""
    compared: int = 0
    same: int = 0
    differ: int = 0
    files: tuple[FileRow, ...] = ()
