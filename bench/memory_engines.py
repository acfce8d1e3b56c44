"""What our own reader and MemProcFS tell of an image, as answers to the questions of `bench.memory_agreement`."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from bench.memory_agreement import RUNS, Answers
from postvakt.memory import READER, memprocfs
from postvakt.memory.tables import OWN
from postvakt.model.evidence import Member
from postvakt.model.gap import Gap
from postvakt.tables.rows import Read, Rows

Row = Mapping[str, Any]
Tables = dict[str, list[Row]]

PROTECTIONS = {
    "NOACCESS": "none", "READONLY": "r", "EXECUTE": "x", "EXECUTE_READ": "rx", "READWRITE": "rw",
    "WRITECOPY": "rw-copy", "EXECUTE_READWRITE": "rwx", "EXECUTE_WRITECOPY": "rwx-copy",
}  # fmt: skip
LISTED = ("list", "both")


class OnDisk:
    """An image on disk as the Source that a reader is given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.member = Member(evidence="bench", path=path.name, size=path.stat().st_size)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the bytes from the start."""
        with self.path.open("rb") as stream:
            yield stream

    def siblings(self, *suffixes: str) -> Iterator["OnDisk"]:
        """Yield nothing: these images stand alone."""
        yield from ()

    @contextmanager
    def local_path(self) -> Iterator[Path]:
        """Give the image itself."""
        yield self.path


def own(path: Path) -> Tables:
    """Return the rows of our own reader."""
    return gathered(READER.parse(OnDisk(path)))[0]


def other(path: Path, first: Tables) -> tuple[Tables, list[str]]:
    """Return the rows of MemProcFS, held against those of our own reader as in a triage, and what was said."""
    (image,) = first["mem_image"]
    pids = frozenset(row["ProcessId"] for row in first["mem_process"])
    rows, gaps = gathered(memprocfs.read(path, pids=pids, build=image["build"] or 0))
    return rows, [gap.detail for gap in gaps]


def gathered(told: Iterator[Read]) -> tuple[Tables, list[Gap]]:
    """Return rows by table, and gaps."""
    rows: Tables = defaultdict(list)
    gaps = []
    for piece in told:
        if isinstance(piece, Rows):
            rows[piece.spec.name] += piece.batch.to_pylist()
        elif isinstance(piece, Gap):
            gaps.append(piece)
    return rows, gaps


def answers(rows: Tables) -> Answers:
    """Return what rows of either answer. What a reader has no table of rows for is no answer."""
    processes = rows["mem_process"]
    listed = [row for row in processes if row["method"] in LISTED]
    pids = {row["ProcessId"] for row in listed}
    found: dict[str, frozenset[tuple[Any, ...]]] = {
        "listed": _names(listed),
        "lines": frozenset((row["ProcessId"], row["CommandLine"]) for row in listed if row["CommandLine"]),
        "modules": frozenset(
            (row["ProcessId"], row["base"], (row["ImageLoaded"] or "").lower())
            for row in rows["mem_module"]
            if not row["kernel"] and row["method"] in LISTED and row["ProcessId"] in pids
        ),
        "drivers": frozenset(
            ((row["ImageLoaded"] or "").lower(),)
            for row in rows["mem_module"]
            if row["kernel"] and row["name"] != "ntoskrnl.exe"
        ),
    }
    if any(row["tier"] == OWN for row in processes):
        found["pooled"] = _names(row for row in processes if row["method"] in ("scan", "both"))
    if rows["mem_region"]:
        regions = [row for row in rows["mem_region"] if row["ProcessId"] in pids]
        told = {(row["ProcessId"], row["start"]): _protection(row) for row in regions}
        found["regions"] = frozenset(
            (row["ProcessId"], row["start"], row["start"] + row["size"], _protection(row))
            for row in regions
            if not row["image"]
        )
        found["runs"] = frozenset(
            (row["ProcessId"], row["start"])
            for row in regions
            if row["private"] and told[row["ProcessId"], row["start"]] in RUNS
        )
    if rows["mem_netconn"]:
        found["connections"] = frozenset(
            (
                row["ProcessId"],
                row["Protocol"],
                row["SourceIp"],
                row["SourcePort"],
                row["DestinationPort"] or 0,
            )
            for row in rows["mem_netconn"]
        )
    return found


def _names(processes: Any) -> frozenset[tuple[Any, ...]]:
    return frozenset((row["ProcessId"], row["ParentProcessId"], row["name"][:14]) for row in processes)


def _protection(row: Row) -> str:
    words = row["protection"] or ""
    return PROTECTIONS.get(words, words)


def lines(rows: Tables) -> frozenset[tuple[Any, ...]]:
    """Return the command lines of all processes, listed or not."""
    return frozenset(
        (row["ProcessId"], row["CommandLine"]) for row in rows["mem_process"] if row["CommandLine"]
    )


def version(path: Path) -> str:
    """Return MemProcFS's version as it tells it itself, empty where it does not open the image."""
    told = [gap.detail for gap in gathered(memprocfs.read(path))[1]]
    return next((words.split(":")[0].removeprefix("MemProcFS ") for words in told if ": " in words), "")
