"""`python -m bench.memory_agreement TRUTH ANSWERS...`: what others read from an image, beside what was planted in it.

TRUTH is the `.truth.json` that `bench.memory_images` writes. An ANSWERS is a folder with what an analyst had
Volatility 3 write, as JSON lines or as JSON (`windows.pslist.jsonl`, `windows.psscan.json`, ...: any of NAMES); a JSON
file of rows by question, as QUESTIONS names them; or an image, which our own reader answers, and MemProcFS where it is
installed. Of Volatility nothing is run here: its answers are made by hand, elsewhere.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from postvakt.estate.memory.truth import MemoryTruth
from postvakt.memory import memprocfs

QUESTIONS = ("listed", "pooled", "lines", "modules", "regions", "runs", "connections", "drivers")
"""Processes in the kernel's list and in the pool; command lines; modules by process; regions with what may be done in
them; private regions that may run; connections and ports; modules of the kernel."""

Rows = frozenset[tuple[Any, ...]]
Answers = Mapping[str, Rows]

PAGE_WORDS = {
    "PAGE_NOACCESS": "none", "PAGE_READONLY": "r", "PAGE_EXECUTE": "x", "PAGE_EXECUTE_READ": "rx",
    "PAGE_READWRITE": "rw", "PAGE_WRITECOPY": "rw-copy", "PAGE_EXECUTE_READWRITE": "rwx",
    "PAGE_EXECUTE_WRITECOPY": "rwx-copy",
}  # fmt: skip
RUNS = ("rx", "rwx", "rwx-copy", "x")


def planted(truth: MemoryTruth) -> dict[str, Rows]:
    """Return what the questions' right answers are. A build whose regions do not say what may be done in them has no
    answer to that, one whose connections are not known none to those."""
    answers = {
        "listed": frozenset((one.pid, one.parent, one.name[:14]) for one in truth.processes if one.listed),
        "pooled": frozenset((one.pid, one.parent, one.name[:14]) for one in truth.processes),
        "lines": frozenset((one.pid, one.line) for one in truth.processes if one.line and one.listed),
        "modules": frozenset(
            (one.pid, one.base, one.path.lower())
            for one in truth.modules
            if one.linked and one.pid in {row.pid for row in truth.processes if row.listed}
        ),
        "drivers": frozenset((path.lower(),) for path in truth.drivers),
    }
    listed = {one.pid for one in truth.processes if one.listed}
    if truth.region_bits:
        regions = [one for one in truth.regions if one.pid in listed]
        answers["regions"] = frozenset((one.pid, one.start, one.end, one.protection) for one in regions)
        answers["runs"] = frozenset(
            (one.pid, one.start) for one in regions if one.private and one.protection in RUNS
        )
    if truth.endpoints:
        answers["connections"] = frozenset(
            (one.pid, one.transport[:3], one.local, one.port, one.remote_port) for one in truth.endpoints
        )
    return answers


def _processes(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    return ((row["PID"], row["PPID"], row["ImageFileName"]) for row in rows)


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    return ((row["PID"], row["Args"]) for row in rows if row["Args"] and row["Args"] != "-")


def _modules(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    return ((row["PID"], row["Base"], str(row["Path"]).lower()) for row in rows)


def _regions(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        # Regions with an image behind them are the modules' concern.
        if row["PrivateMemory"] or row["Protection"] != "PAGE_EXECUTE_WRITECOPY":
            yield (
                row["PID"],
                row["Start VPN"],
                row["End VPN"] + 1,
                PAGE_WORDS.get(row["Protection"], row["Protection"]),
            )


def _runs(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        if row["PrivateMemory"] and PAGE_WORDS.get(row["Protection"]) in RUNS:
            yield row["PID"], row["Start VPN"]


def _connections(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield row["PID"], row["Proto"][:3].lower(), row["LocalAddr"], row["LocalPort"], row["ForeignPort"]


def _drivers(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    return ((row["Path"].lower(),) for row in rows if row["Name"] != "ntoskrnl.exe")


Reader = Callable[[Iterable[Mapping[str, Any]]], Iterator[tuple[Any, ...]]]
NAMES: Mapping[str, tuple[str, Reader]] = {
    "listed": ("windows.pslist", _processes),
    "pooled": ("windows.psscan", _processes),
    "lines": ("windows.cmdline", _lines),
    "modules": ("windows.dlllist", _modules),
    "regions": ("windows.vadinfo", _regions),
    "runs": ("windows.vadinfo", _runs),
    "connections": ("windows.netscan", _connections),
    "drivers": ("windows.modules", _drivers),
}


def answers(path: Path) -> dict[str, Rows]:
    """Return the answers in a folder of JSON lines or in a JSON file; what an engine left that is no JSON is no answer.

    Raises OSError, KeyError, or ValueError for a JSON file that is none.
    """
    if path.is_dir():
        found: dict[str, Rows] = {}
        for question, (name, read) in NAMES.items():
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                found[question] = frozenset(read(_objects(path, name)))
        return found
    told = json.loads(path.read_bytes())
    return {name: frozenset(tuple(row) for row in rows) for name, rows in told.items() if name in QUESTIONS}


def _objects(folder: Path, name: str) -> Iterator[Mapping[str, Any]]:
    lined = folder / f"{name}.jsonl"
    if lined.exists():
        with lined.open(encoding="utf-8") as lines:
            yield from (json.loads(line) for line in lines if line.strip())
        return
    waiting = json.loads((folder / f"{name}.json").read_bytes())
    while waiting:
        one = waiting.pop()
        yield one
        waiting += one.get("__children", ())


def compared(right: Answers, given: Answers) -> Iterator[tuple[str, str]]:
    """Yield each question with how many of the planted rows were found, and how many others were."""
    for question in QUESTIONS:
        if question not in right:
            yield question, "nothing planted"
        elif question not in given:
            yield question, "no answer"
        else:
            found, more = len(right[question] & given[question]), len(given[question] - right[question])
            yield question, f"{found}/{len(right[question])}" + (f" +{more}" if more else "")


def main(words: Sequence[str]) -> int:
    """Print a row for each of ANSWERS; 1 where one differs from the truth, 2 for wrong use."""
    if len(words) < 2:
        sys.stderr.write("usage: python -m bench.memory_agreement TRUTH ANSWERS...\n")
        return 2
    right = planted(msgspec.json.decode(Path(words[0]).read_bytes(), type=MemoryTruth))
    differs = False
    for word in words[1:]:
        for by, given in _given(Path(word)):
            row = list(compared(right, given))
            differs |= any(given.get(name, rows) != rows for name, rows in right.items())
            print(f"{by}  " + "  ".join(f"{name} {told}" for name, told in row))
    return int(differs)


def _given(path: Path) -> Iterator[tuple[str, Answers]]:
    """Yield answers and whose they are."""
    if path.is_dir() or path.suffix == ".json":
        yield str(path), answers(path)
        return
    from bench import memory_engines as engines

    rows = engines.own(path)
    yield f"{path}  own", engines.answers(rows)
    if memprocfs.available():
        theirs, said = engines.other(path, rows)
        yield f"{path}  memprocfs", engines.answers(theirs) if theirs else {}
        for words in said:
            print(f"  {words}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
