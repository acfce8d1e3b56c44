"""`python -m bench.memory_matrix [--write]`: what Postvakt reads of the estate's images, and what is in them.

Every Windows in every container, the attacked server and its clean twin; and images with a share of their pages lost.
With `--write` the tables replace those of docs/memory-images.md.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bench.memory_agreement import PAGE_WORDS, QUESTIONS, Answers, planted
from postvakt import evidence, memory
from postvakt.estate.memory import containers, damage, scenes
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.truth import MemoryTruth, told
from postvakt.estate.plans import plan
from postvakt.model.evidence import Member
from postvakt.tables.rows import Rows

PAGE = Path(__file__).resolve().parent.parent / "docs" / "memory-images.md"
BEGIN, END = "<!-- matrix -->\n", "<!-- /matrix -->\n"
FORMS = ("raw", "dump-full", "dump-bitmap", "dump-active", "lime", "elf", "vmem")
SHARES, SEEDS = (5, 20, 40), (1, 2, 3)
VARIANTS = ((9600, ""), (14393, ""), (14393, "early"), (17763, ""), (20348, ""), (26100, ""))
U64 = (1 << 64) - 1

Read = Mapping[str, list[dict[str, Any]]]


@cache
def image(number: int, variant: str, clean: bool) -> Image:
    """Return the attacked server's memory under a Windows, or its clean twin's."""
    server = next(one for one in plan(6, 1, 1) if one.scenario == "attacked")
    planned = scenes.clean_twin(server) if clean else server
    return build(scenes.machine(planned, build=number, variant=variant, more=not clean))


def read(path: Path) -> tuple[Read, int]:
    """Return the rows of an image by table, and how many gaps it has."""
    with tempfile.TemporaryDirectory() as scratch:
        member = Member(evidence="lab", path=path.name, size=path.stat().st_size)
        source = evidence.source(str(path.parent), member, scratch=Path(scratch))
        rows: dict[str, list[dict[str, Any]]] = {}
        gaps = 0
        for piece in memory.READER.parse(source):
            if isinstance(piece, Rows):
                rows.setdefault(piece.spec.name, []).extend(piece.batch.to_pylist())
            else:
                gaps += hasattr(piece, "why")
    return rows, gaps


def answers(rows: Read, *, of_all: bool = False) -> Answers:
    """Return what was read as answers to the questions that other engines are asked: what belongs to the processes of
    Windows' list, or to all processes."""
    processes = rows.get("mem_process", [])
    listed = [row for row in processes if row["method"] != "scan"]
    asked = processes if of_all else listed
    pids = {row["ProcessId"] for row in asked}
    modules = [row for row in rows.get("mem_module", []) if "unlisted" not in row["flags"]]
    regions = [row for row in rows.get("mem_region", []) if row["ProcessId"] in pids]
    return {
        "listed": frozenset(map(_process, listed)),
        "pooled": frozenset(map(_process, processes)),
        "lines": frozenset((row["ProcessId"], row["CommandLine"]) for row in asked if row["CommandLine"]),
        "modules": frozenset(
            (row["ProcessId"], row["base"] & U64, row["ImageLoaded"].lower())
            for row in modules
            if not row["kernel"] and row["ProcessId"] in pids and row["ImageLoaded"]
        ),
        "regions": frozenset(
            (row["ProcessId"], row["start"], row["start"] + row["size"], _protection(row))
            for row in regions
            if not row["image"]
        ),
        "runs": frozenset(
            (row["ProcessId"], row["start"]) for row in regions if "private-executable" in row["flags"]
        ),
        "connections": frozenset(
            (
                row["ProcessId"], row["Protocol"], row["SourceIp"], row["SourcePort"], row["DestinationPort"] or 0,
            )
            for row in rows.get("mem_netconn", [])
        ),
        "drivers": frozenset(
            (row["ImageLoaded"].lower(),)
            for row in modules
            if row["kernel"] and row["ImageLoaded"] and row["name"] != "ntoskrnl.exe"
        ),
    }  # fmt: skip


def _process(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["ProcessId"], row["ParentProcessId"], row["name"][:14]


def _protection(row: Mapping[str, Any]) -> str:
    return PAGE_WORDS.get(f"PAGE_{row['protection']}", str(row["protection"]))


def compared(right: Answers, given: Answers) -> dict[str, str]:
    """Return by question how many of the planted rows were found, and how many others were."""
    made = {}
    for question in QUESTIONS:
        if question not in right:
            made[question] = "-"
            continue
        found, more = len(right[question] & given[question]), len(given[question] - right[question])
        made[question] = f"{found}/{len(right[question])}" + (f" +{more}" if more else "")
    return made


def odd(rows: Read, truth: MemoryTruth) -> str:
    """Return how many programs in private memory that may run were found, of how many."""
    right = {
        (one.pid, one.start)
        for one in truth.regions
        if one.private and "x" in one.protection and one.head.startswith("4d5a")
    }
    given = {
        (row["ProcessId"], row["start"])
        for row in rows.get("mem_region", [])
        if {"private-executable", "mz"} <= set(row["flags"])
    }
    more = len(given - right)
    return f"{len(right & given)}/{len(right)}" + (f" +{more}" if more else "")


def written(held: Image, form: str, folder: Path) -> Path:
    """Write an image into a folder in a format and return its path."""
    if form == "vmem":
        return containers.write_vmware(held, folder / "vm.vmem")[0]
    return containers.write(held, folder / f"image.{form}", form)  # type: ignore[arg-type]


def matrix() -> Iterator[str]:
    """Yield the lines of the table of Windows and containers; containers that give the same stand in one row."""
    yield (
        "| build | image | containers | " + " | ".join((*QUESTIONS, "programs without a file", "s")) + " |\n"
    )
    yield "|---|---|---|" + "---|" * (len(QUESTIONS) + 2) + "\n"
    for number, variant in VARIANTS:
        for clean in (False, True):
            held = image(number, variant, clean)
            truth = told(held)
            same: dict[tuple[str, ...], list[str]] = {}
            most = 0.0
            for form in FORMS:
                with tempfile.TemporaryDirectory() as folder:
                    path = written(held, form, Path(folder))
                    begun = time.process_time()
                    rows, _ = read(path)
                    most = max(most, time.process_time() - begun)
                row = (*compared(planted(truth), answers(rows)).values(), odd(rows, truth))
                same.setdefault(row, []).append(form)
            for row, forms in same.items():
                name = f"{number}{' ' + variant if variant else ''}"
                which = "all seven" if len(forms) == len(FORMS) else ", ".join(forms)
                what = "clean" if clean else "attacked"
                yield f"| {name} | {what} | {which} | " + " | ".join(row) + f" | {most:.1f} |\n"


def losses(number: int) -> Iterator[str]:
    """Yield the lines of the table of lost pages of one build: by three seeds, what was found; what was not planted."""
    held = image(number, "", clean=False)
    truth = told(held)
    right = planted(truth)
    yield "| lost | of | processes | command lines | modules | not planted |\n|---|---|---|---|---|---|\n"
    for among in damage.AMONG:
        for share in SHARES:
            found: dict[str, list[str]] = {"pooled": [], "lines": [], "modules": []}
            wrong = 0
            for seed in SEEDS:
                with tempfile.TemporaryDirectory() as folder:
                    damaged = damage.lose(held, share / 100, seed, among=among)
                    rows, _ = read(containers.write(damaged, Path(folder) / "lost.raw"))
                given = answers(rows, of_all=True)
                for question, counts in found.items():
                    counts.append(str(len(right[question] & given[question])))
                wrong += len(given["pooled"] - right["pooled"])
            counts = " | ".join(
                f"{' '.join(some)} of {len(right[question])}" for question, some in found.items()
            )
            yield f"| {share} % | {among} | {counts} | {wrong} |\n"


def page() -> str:
    """Return the tables as the page has them."""
    lines = [
        "## What Postvakt reads of them\n\n",
        "Rows found of rows planted (`+`: rows too many), by `python -m bench.memory_matrix --write`; the columns are"
        " those of the agreement above, `pooled` are all processes. All seven containers: raw, crash dumps of type 1,"
        " 5 and 6, LiME, ELF core, `.vmem` with its `.vmss`. `s`: processor seconds of the slowest container. Of 26100"
        " regions are told by their pools and pages alone, and no connections are.\n\n",
        *matrix(),
        "\nWith pages lost, the 17763 image, seeds 1, 2, 3. Not planted: processes that were told and never were.\n\n",
        *losses(17763),
    ]
    return "".join(lines)


def main() -> int:
    """Print the tables, or write them into the page."""
    words = argparse.ArgumentParser(prog="python -m bench.memory_matrix", description=__doc__)
    words.add_argument("--write", action="store_true", help="into docs/memory-images.md")
    given = words.parse_args()
    made = page()
    if not given.write:
        sys.stdout.write(made)
        return 0
    before = PAGE.read_text(encoding="utf-8")
    head, _, rest = before.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{head.rstrip()}\n\n{BEGIN}{made}{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
