"""`make bench`: what a whole read costs beside the bare reader of the same file.

`python -m bench [--megabytes N] [--runs N] [--rules DIR]`; DIR is a folder of Sigma rules to ask of the event log, for
instance SigmaHQ's `rules/windows`. Without it our own rules alone are asked, and the table says so.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bench import inputs
from bench.measure import Cost, cost, in_turns, python

HEAD = ("input", "MB", "bare reader, s", "Postvakt, s", "ratio", "peak MiB")
NAMES = ("iis", "http_proxy", "event")


def main() -> int:
    """Measure and print a table."""
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("--megabytes", type=int, default=100)
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--rules", default="")
    given = words.parse_args()
    folder = inputs.hand_in(given.megabytes)
    rows = list(_rows(folder, given.runs, given.rules))
    sys.stdout.write("".join(_table([HEAD, *rows])))
    asked = f"our own rules and those of {given.rules}" if given.rules else "our own rules"
    start = in_turns({"help": python("postvakt.cli", "--help")}, 5)["help"]
    sys.stdout.write(
        f"\nCPU seconds (user and system) of one process, medians of {given.runs} runs in turns; "
        f"the event log is asked {asked}.\n`postvakt --help`: {start.seconds:.2f} s of CPU.\n"
        f"Python {sys.version.split()[0]}, evtx {version('evtx')}, pyarrow {version('pyarrow')}.\n"
    )
    return 0


def _rows(folder: Path, runs: int, rules: str) -> Iterator[tuple[str, ...]]:
    for name, (place, _, _) in zip(NAMES, inputs.KINDS, strict=True):
        path = folder / place
        case = inputs.OUT / f"case-{name}"
        shutil.rmtree(case, ignore_errors=True)
        asked = [rules] if rules and name == "event" else []
        cost(python("bench.whole", "compile", str(path), str(case), *asked))
        found = in_turns(
            {
                "bare": python("bench.bare", name, str(path)),
                "whole": python("bench.whole", "whole", str(path), str(case), *asked),
            },
            runs,
        )
        yield _row(name, path.stat().st_size, found["bare"], found["whole"])


def _row(name: str, size: int, bare: Cost, whole: Cost) -> tuple[str, ...]:
    ratio = whole.seconds / bare.seconds
    return (
        name,
        f"{size / 1e6:.0f}",
        f"{bare.seconds:.2f}",
        f"{whole.seconds:.2f}",
        f"{ratio:.2f}",
        f"{whole.mebibytes:.0f}",
    )


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |\n"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|\n"


if __name__ == "__main__":
    sys.exit(main())
