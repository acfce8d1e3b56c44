"""Lists of the product's files: read from CSV into the case, held against the files of a host.

A list is `sha256,build,path below the product's folder`, one build a file or several. What stands in a folder named
like a version (`owa/auth/15.1.2106`) is compared under the name `version`, as these lists write it.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from postvakt.errors import UsageError
from postvakt.model.baseline import FileRow
from postvakt.tables.case import Case

PART = "baseline.parquet"
SCHEMA = pa.schema([("build", pa.string()), ("path", pa.string()), ("sha256", pa.string())])
SCRIPTS = frozenset(
    ("aspx", "ashx", "asmx", "asax", "ascx", "asp", "svc", "cshtml", "master", "config", "dll", "exe")
)
RUN = frozenset(("aspx", "ashx", "asmx", "asax", "ascx", "asp", "svc", "cshtml"))
FOLDERS = ("/frontend/", "/clientaccess/", "/autodiscover/")
"""Folders of the product that a web server hands out, and in which nothing is written while it runs."""

_INSTALLED = re.compile(
    r"^.*?(?:/exchange server/v1[45]|(?=/frontend/httpproxy/)|(?=/clientaccess/))/", re.ASCII
)
_VERSION = re.compile(r"/(?:\d+\.){2,3}\d+(?=/)")
_BUILD = re.compile(r"\d+(?:\.\d+){3}")
_HASH = re.compile(r"[0-9a-f]{64}")


def keep(case: Case, folder: str) -> None:
    """Read every CSV of a folder into the case. Raises UsageError where none is a list of files."""
    rows = [row for path in sorted(Path(folder).glob("*.csv")) for row in _rows(path)]
    if not rows:
        raise UsageError(f"--baseline {folder}: no CSV file there lists sha256,build,path")
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    with case.part(PART, SCHEMA) as part:
        part.write(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))


def _rows(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            for row in csv.reader(lines):
                if (
                    len(row) >= 3
                    and _HASH.fullmatch(row[0].strip().lower())
                    and _BUILD.fullmatch(row[1].strip())
                ):
                    yield row[1].strip(), below(row[2]), row[0].strip().lower()
    except (OSError, csv.Error) as why:
        raise UsageError(f"--baseline {path}: {why}") from why


def below(path: str) -> str:
    """Return a path below the product's folder as lists and hosts are compared: lower case, forward slashes."""
    plain = "/" + path.strip().replace("\\", "/").lower().lstrip("/")
    return _VERSION.sub("/version", plain)


class Baselines:
    """The lists of a case by build."""

    def __init__(self, case: Case) -> None:
        self._files: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        if case.path(PART).is_file():
            for row in pq.read_table(case.path(PART)).to_pylist():
                self._files[row["build"]][row["path"]].add(row["sha256"])

    @property
    def builds(self) -> tuple[str, ...]:
        """The builds that there are lists of."""
        return tuple(sorted(self._files))

    def compare(self, build: str, files: Iterable[Mapping[str, Any]]) -> tuple[int, int, list[FileRow]]:
        """Return how many of a host's files were compared, how many are the same, and those that differ."""
        known = self._files[build]
        compared = same = 0
        differ: list[FileRow] = []
        for file in files:
            place = _below(file["path"])
            compared += 1
            expected = known.get(place)
            if expected is not None and file["sha256"] in expected:
                same += 1
                continue
            differ.append(
                FileRow(
                    path=file["path"],
                    state="unknown" if expected is None else "altered",
                    script=file["extension"] in RUN,
                    sha256=file["sha256"] or "",
                    size=file["size"],
                    modified=file["modified"],
                )
            )
        return compared, same, sorted(differ, key=lambda row: (not row.script, row.state, row.path))


def product_files(case: Case, parts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of `file` that are scripts and programs in the product's web folders."""
    columns = ["path", "extension", "size", "modified", "sha256", "evidence", "source"]
    found: list[dict[str, Any]] = []
    for part in parts:
        table = pq.read_table(case.path(part), columns=columns)
        wanted = pc.is_in(table.column("extension"), pa.array(sorted(SCRIPTS)))
        found += (row for row in table.filter(wanted).to_pylist() if _is_product(row["path"] or ""))
    return found


def _is_product(path: str) -> bool:
    return bool(_INSTALLED.match(path)) and any(folder in path for folder in FOLDERS)


def _below(path: str) -> str:
    return below(_INSTALLED.sub("/", path, count=1))
