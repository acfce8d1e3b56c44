"""Event logs of one's own: those of a folder and of the 7z archives in it, laid into one folder and nothing else.

They are taken by their names, and archives are opened by the library: what is measured does not choose what it reads.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

from py7zr import SevenZipFile
from py7zr.exceptions import AbsolutePathError, ArchiveError, PasswordRequired

from bench.measure import Failed

KIND, ARCHIVE = ".evtx", ".7z"
MIB = 1024 * 1024


def gathered(folder: Path, into: Path) -> Path:
    """Lay the event logs of `folder` into `into`, anew, and return that: the same files for all that read them. Raises
    Failed where there are none, or an archive cannot be opened."""
    unpacked = into.with_name(f"{into.name}-unpacked")
    for old in (into, unpacked):
        shutil.rmtree(old, ignore_errors=True)
    into.mkdir(parents=True)
    for number, path in enumerate(_logs(folder, unpacked)):
        # Two servers' logs have the same names.
        shutil.copyfile(path, into / f"{number}-{path.name}")
    shutil.rmtree(unpacked, ignore_errors=True)
    if not any(into.iterdir()):
        raise Failed(f"{folder}: no event logs, not in its 7z archives either")
    return into


def told(logs: Path) -> str:
    """Return how many logs there are and how large they are together."""
    sizes = [path.stat().st_size for path in logs.iterdir()]
    return f"{len(sizes)} logs of {max(round(sum(sizes) / MIB), 1)} MB"


def _logs(folder: Path, unpacked: Path) -> Iterator[Path]:
    yield from _named(folder, KIND)
    for number, archive in enumerate(_named(folder, ARCHIVE)):
        try:
            with SevenZipFile(archive) as opened:
                opened.extractall(unpacked / str(number))
        except (AbsolutePathError, ArchiveError, PasswordRequired) as why:
            raise Failed(f"{archive}: {why!r}") from why
        yield from _named(unpacked / str(number), KIND)


def _named(folder: Path, ending: str) -> list[Path]:
    return sorted(path for path in folder.rglob(f"*{ending}") if path.is_file())
