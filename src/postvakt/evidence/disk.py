"""A folder that was handed in, as it lies on disk: listed without following a link, found again by the names shown."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from postvakt.evidence import names
from postvakt.evidence.container import EntryKind

DOUBTFUL = ("\\", "~", names.UNNAMED)
"""What a shown name may hold that stands for something else on disk."""


class Found(msgspec.Struct, frozen=True):
    """One file of a folder: its path as shown, the same without the mark of a duplicate, and where it lies."""

    shown: str
    plain: str
    path: Path
    kind: EntryKind
    size: int
    modified_ns: int
    target: str = ""


def walk(root: Path) -> Iterator[Found | tuple[str, OSError]]:
    """Yield every file under `root` in a stable order; a folder that cannot be listed comes with its error."""
    waiting = [("", root)]
    while waiting:
        prefix, folder = waiting.pop()
        try:
            listed = entries(folder)
        except OSError as why:
            yield prefix, why
            continue
        folders = []
        for shown, plain, path in listed:
            try:
                about = path.lstat()
            except OSError as why:
                yield f"{prefix}{shown}", why
                continue
            if stat.S_ISDIR(about.st_mode):
                folders.append((f"{prefix}{shown}/", path))
                continue
            yield _found(f"{prefix}{shown}", f"{prefix}{plain}", path, about)
        waiting += reversed(folders)


def _found(shown: str, plain: str, path: Path, about: os.stat_result) -> Found:
    if stat.S_ISLNK(about.st_mode):
        try:
            target = names.text(os.readlink(path))
        except OSError:
            target = ""
        return Found(shown, plain, path, "link", 0, about.st_mtime_ns, target)
    if not stat.S_ISREG(about.st_mode):
        return Found(shown, plain, path, "special", 0, about.st_mtime_ns)
    return Found(shown, plain, path, "file", about.st_size, about.st_mtime_ns)


def one(root: Path, shown: str) -> Found:
    """Return the file that is shown under this path, as `walk` does. Raises OSError."""
    path = find(root, shown)
    folder, slash, _ = shown.rpartition("/")
    return _found(shown, f"{folder}{slash}{names.text(path.name)}", path, path.lstat())


def entries(folder: Path) -> list[tuple[str, str, Path]]:
    """Return what lies in one folder as (shown name, the same without mark, path), in the order of bytes.

    Raises OSError.
    """
    apart = names.Apart()
    listed = []
    for name in sorted(os.listdir(folder), key=os.fsencode):
        plain = names.text(name)
        listed.append((apart.take(plain), plain, folder / name))
    return listed


def find(root: Path, shown: str) -> Path:
    """Return where the file lies that is shown under this path. Raises FileNotFoundError."""
    path = root
    for part in shown.split("/"):
        if any(mark in part for mark in DOUBTFUL):
            known = {name: place for name, _, place in entries(path)}
            if part not in known:
                raise FileNotFoundError(2, "no such file in the evidence", shown)
            path = known[part]
        else:
            path = path / part
    return path
