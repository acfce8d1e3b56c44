"""Writes docs/memory-recall.md: what readers of memory find of what was planted, whole and with pages lost.

`python -m docs.memory_recall LAB` writes the images into the folder LAB and has our own reader and MemProcFS read them.
Volatility is run by hand, as the page says; `--volatility ANSWERS` counts what it wrote (a folder for each image) and
keeps the figures in docs/memory-recall.json, from which they are taken otherwise.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from bench import memory_agreement as agreement
from bench import memory_engines as engines
from bench import memory_images as images

from postvakt.estate.memory import damage
from postvakt.estate.memory.layouts import BUILDS
from postvakt.estate.memory.truth import MemoryTruth
from postvakt.memory import memprocfs

PAGE = Path(__file__).resolve().parent / "memory-recall.md"
FIGURES = PAGE.with_suffix(".json")
BUILD = 17763
SEED = 1
WHOLE = f"attacked-{BUILD}"
OWN, SECOND, THIRD = "own", "MemProcFS", "Volatility"
SCAN, LIST, ALL = "own: scan", "own: list", "own: both"
WORDS = {
    "listed": "listed", "pooled": "pool", "lines": "command lines", "modules": "modules", "regions": "regions",
    "runs": "may run", "connections": "connections", "drivers": "drivers",
}  # fmt: skip

HEAD = """# What readers find in memory, and what of it is left when pages are lost

Written by `python -m docs.memory_recall LAB`, which builds the images again: the same seeds, the same bytes. All of
them are synthetic (see [memory images](memory-images.md)): these figures say that readers agree on what was planted,
not how a real server's image fares.

Readers: our own (`own`), without symbols; MemProcFS {second}, as a triage uses it: in a process of its own, its rows
refused where it disagrees with ours; Volatility {third}, run by hand with the symbols of each build
(`vol --offline -s SYMBOLS -r json -f IMAGE windows.PLUGIN`), its answers counted by `--volatility`.
"""
SECOND_HEAD = """
## Agreement

Rows found of rows planted; `+n`: rows that were not planted. `-`: not asked of it, or it told nothing. Attacked images,
then their clean twins.
"""
THIRD_HEAD = """
## Recall under damage

The attacked image of build {build}: {planted} processes, {lines} of them with a command line. A share of its pages is
lost at random, three times (seeds 1, 2, 3); `kernel`: of the pages that hold the kernel's data, page tables spared;
`all`: of all pages that hold anything, page tables too. Processes found of those planted, for each seed; then command
lines. Our own reader finds by the pool's tags (scan) and by Windows' list, and tells both together.
"""
TAIL = """
What was never planted was told by none of the readers where no `+n` stands. MemProcFS walks Windows' list alone: where
the list or a page table on the way to it is lost, it tells nothing; where it told something, it passed the check
against our own reader. Server 2012 R2 (9600) it does not open without its symbols, which it cannot fetch here. The
`+1` of Volatility's pslist are nodes of the list whose pages are gone: processes of the id 0 without a name.
"""


class Figures(msgspec.Struct, frozen=True):
    """What was counted of Volatility's answers: by image and question, (found, too much); its version."""

    version: str = ""
    agreement: dict[str, dict[str, tuple[int, int]]] = {}


Counted = Mapping[str, tuple[int, int]]


class Lab:
    """The images of a folder, with what is true of each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def truth(self, name: str) -> MemoryTruth:
        """Return what is true of an image, whole or damaged."""
        whole = "-".join(name.split("-")[:2])
        return msgspec.json.decode((self.folder / f"{whole}.truth.json").read_bytes(), type=MemoryTruth)

    def planted(self, name: str) -> dict[str, agreement.Rows]:
        """Return the right answers of an image."""
        return agreement.planted(self.truth(name))

    def lines(self, name: str) -> agreement.Rows:
        """Return the command lines of all processes, listed or not."""
        return frozenset((one.pid, one.line) for one in self.truth(name).processes if one.line)

    def counted(self, name: str, given: agreement.Answers) -> Counted:
        """Return for each question how many planted rows were found, and how many others."""
        right = self.planted(name)
        return {
            question: (len(right[question] & given[question]), len(given[question] - right[question]))
            for question in agreement.QUESTIONS
            if question in right and question in given
        }


def agreed(lab: Lab, by_hand: Figures) -> Iterator[str]:
    """Yield the table of agreement."""
    yield "| build | reader | " + " | ".join(WORDS.values()) + " |"
    yield "|---|---|" + "---|" * len(WORDS)
    for build in BUILDS:
        for kind in ("attacked", "clean"):
            name = f"{kind}-{build}"
            right = lab.planted(name)
            own = engines.own(lab.folder / f"{name}.raw")
            theirs, _ = engines.other(lab.folder / f"{name}.raw", own)
            for reader, counted in (
                (OWN, lab.counted(name, engines.answers(own))),
                (SECOND, lab.counted(name, engines.answers(theirs)) if theirs else {}),
                (THIRD, by_hand.agreement.get(name, {})),
            ):
                cells = (_cell(counted.get(question), right.get(question)) for question in WORDS)
                yield f"| {name} | {reader} | " + " | ".join(cells) + " |"


def recalled(lab: Lab, by_hand: Figures) -> Iterator[str]:
    """Yield the table of recall."""
    yield f"| lost | of | {SCAN} | {LIST} | {ALL} | MemProcFS | psscan | pslist | lines: own | MemProcFS | cmdline |"
    yield "|---|---|" + "---|" * 9
    for share in (0, *images.SHARES):
        for among in damage.AMONG if share else ("",):
            names = (
                [f"attacked-{BUILD}-{among}-{share}-{seed}" for seed in images.SEEDS] if share else [WHOLE]
            )
            yield f"| {share} % | {among or '-'} | " + " | ".join(row(lab, names, by_hand)) + " |"


def row(lab: Lab, names: Sequence[str], by_hand: Figures) -> Iterator[str]:
    """Yield the cells of one damage: figures for each of its images."""
    measured = [tuple(_measured(lab, name, by_hand)) for name in names]
    for cells in zip(*measured, strict=True):
        yield " ".join(cells)


def _measured(lab: Lab, name: str, by_hand: Figures) -> Iterator[str]:
    right = lab.planted(name)
    rows = engines.own(lab.folder / f"{name}.raw")
    theirs = engines.other(lab.folder / f"{name}.raw", rows)[0] if memprocfs.available() else {}
    mine = engines.answers(rows)
    yield _found(right["pooled"], mine["pooled"])
    yield _found(right["pooled"], mine["listed"])
    yield _found(right["pooled"], mine["pooled"] | mine["listed"])
    yield _found(right["pooled"], engines.answers(theirs)["listed"]) if theirs else "0"
    hand = by_hand.agreement.get(name, {})
    yield _figure(hand.get("pooled"))
    yield _figure(hand.get("listed"))
    yield _found(lab.lines(name), engines.lines(rows))
    yield _found(lab.lines(name), engines.lines(theirs)) if theirs else "0"
    yield _figure(hand.get("lines"))


def _found(right: agreement.Rows, given: agreement.Rows) -> str:
    return _figure((len(right & given), len(given - right)))


def _figure(counted: tuple[int, int] | None) -> str:
    return "-" if counted is None else f"{counted[0]}" + (f"+{counted[1]}" if counted[1] else "")


def _cell(counted: tuple[int, int] | None, right: agreement.Rows | None) -> str:
    if counted is None or right is None:
        return "-"
    return f"{counted[0]}/{len(right)}" + (f" +{counted[1]}" if counted[1] else "")


def by_hand(lab: Lab, answers: Path, version: str) -> Figures:
    """Return what Volatility's answers, made by hand, come to; a file without one is a plugin that found nothing."""
    counted: dict[str, dict[str, tuple[int, int]]] = {}
    for folder in sorted(answers.iterdir()):
        asked = {
            question: (0, 0)
            for question, (name, _) in agreement.NAMES.items()
            if any(folder.glob(f"{name}.json*"))
        }
        counted[folder.name] = {**asked, **lab.counted(folder.name, agreement.answers(folder))}
    return Figures(version, counted)


def page(lab: Lab, hand: Figures, version: str) -> str:
    """Return the whole page."""
    head = HEAD.format(second=version, third=hand.version or "(not run)")
    damaged = THIRD_HEAD.format(
        build=BUILD, planted=len(lab.planted(WHOLE)["pooled"]), lines=len(lab.lines(WHOLE))
    )
    tables = ["\n".join(agreed(lab, hand)), "\n".join(recalled(lab, hand))]
    return f"{head}{SECOND_HEAD}\n{tables[0]}\n{damaged}\n{tables[1]}\n{TAIL}"


def main() -> int:
    """Write the page; 2 where MemProcFS is not installed, for the page tells of it."""
    words = argparse.ArgumentParser(prog="python -m docs.memory_recall", description=__doc__)
    words.add_argument("lab", type=Path)
    words.add_argument("--volatility", type=Path, metavar="ANSWERS")
    words.add_argument("--version", default="", help="of the Volatility that wrote ANSWERS")
    given = words.parse_args()
    if not memprocfs.available():
        sys.stderr.write(f"{memprocfs.missing()}\n")
        return 2
    for path in (
        *images.write(given.lab, list(BUILDS), ["raw"], SEED),
        *images.write_damaged(given.lab, BUILD, SEED),
    ):
        sys.stdout.write(f"{path}\n")
    lab = Lab(given.lab)
    if given.volatility:
        hand = by_hand(lab, given.volatility, given.version)
        FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(hand, order="sorted"), indent=1) + b"\n")
    else:
        hand = msgspec.json.decode(FIGURES.read_bytes(), type=Figures) if FIGURES.exists() else Figures()
    PAGE.write_text(page(lab, hand, engines.version(lab.folder / f"{WHOLE}.raw")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
