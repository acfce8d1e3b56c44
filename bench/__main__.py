"""`make bench`: what a whole read costs beside the bare reader of the same file.

`python -m bench [--megabytes N] [--runs N] [--rules DIR] [--logs DIR]`. `--rules` is a folder of Sigma rules to ask of
event logs, for instance SigmaHQ's `rules/windows`; without it our own rules alone are asked, and the table says so.
`--logs` is a folder of event logs of your own, hundreds of small ones say, which are measured together.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from bench import inputs
from bench.bare import logs
from bench.measure import Cost, cost, in_turns, python

HEAD = ("input", "MB", "bare reader, s", "Postvakt, s", "ratio", "peak MiB")
NAMES = ("iis", "http_proxy", "event")
SMALL = "event logs"


def main() -> int:
    """Measure and print a table."""
    words = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words.add_argument("--megabytes", type=int, default=100)
    words.add_argument("--runs", type=int, default=3)
    words.add_argument("--rules", default="")
    words.add_argument("--logs", default="")
    given = words.parse_args()
    folder = inputs.hand_in(given.megabytes)
    chosen = [(name, folder / place) for name, (place, _, _) in zip(NAMES, inputs.KINDS, strict=True)]
    chosen += [(SMALL, Path(given.logs))] if given.logs else []
    rows = list(_rows(chosen, given.runs, given.rules))
    sys.stdout.write("".join(_table([HEAD, *rows])))
    asked = f"our own rules and those of {given.rules}" if given.rules else "our own rules"
    start = in_turns({"help": python("postvakt.cli", "--help")}, 5)["help"]
    sys.stdout.write(
        f"\nCPU seconds (user and system) of one process, medians of {given.runs} runs in turns; "
        f"the event log is asked {asked}.\n`postvakt --help`: {start.seconds:.2f} s of CPU.\n"
        f"Python {sys.version.split()[0]}, evtx {version('evtx')}, pyarrow {version('pyarrow')}.\n"
    )
    return 0


def _rows(chosen: list[tuple[str, Path]], runs: int, rules: str) -> Iterator[tuple[str, ...]]:
    for name, path in chosen:
        case = inputs.OUT / f"case-{name}"
        shutil.rmtree(case, ignore_errors=True)
        asked = [rules] if rules and name in ("event", SMALL) else []
        cost(python("bench.whole", "compile", str(path), str(case), *asked))
        found = in_turns(
            {
                "bare": python("bench.bare", name, str(path)),
                "whole": python("bench.whole", "whole", str(path), str(case), *asked),
            },
            runs,
        )
        yield _row(name, sum(log.stat().st_size for log in logs(path)), found["bare"], found["whole"])


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
