"""The whole-image scan beside YARA-X alone, on the same rules and bytes: CPU seconds of one process, in one run.

`python -m bench.memory_scan IMAGE [ROUNDS] [--json]`; the image is raw memory (a built one, or any large file).
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from postvakt.content import library
from postvakt.detect.plan import RuleText
from postvakt.detect.yara_memory import compile_memory, memory_finder
from postvakt.memory.carving import (
    OVERLAP,
    PAGE,
    WINDOW,
    Owner,
    anchors,
    by_mapping,
    held,
    of_spaces,
    of_windows,
)
from postvakt.memory.physical import Image
from postvakt.memory.sweep import Sweep

NOTHING = "rule nothing { condition: false }"


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds that a piece of work takes."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main(path: str, rounds: int = 3, *, as_json: bool = False) -> None:
    """Print the CPU seconds of each way, and their ratios to YARA-X alone; as one line of JSON for other programs."""
    texts = [RuleText(p, library.text(f, p).text, "own") for p, f in library.yara_files(library.here())]
    ids = [f"yara:{name}" for text in texts for name in library.YARA_NAME.findall(text.text)]
    alone = memory_finder(compile_memory(texts, ids, NOTHING)[0], ids)
    ours = memory_finder(compile_memory(texts, ids, anchors.source())[0], ids)
    size = Path(path).stat().st_size
    with Path(path).open("rb") as file:
        image = Image(file, [(0, size, 0)])
        pages = size // PAGE
        scattered = np.random.default_rng(7).permutation(pages)
        whose = held([(Owner(4, "w3wp.exe"), ((n * PAGE, int(p) * PAGE) for n, p in enumerate(scattered)))])

        def windows() -> object:
            return image.windows(WINDOW, OVERLAP)

        ways: dict[str, Callable[[], object]] = {
            "YARA-X alone, all windows": lambda: [alone(data) for _, data in windows()],
            "YARA-X alone, zero pages left out": lambda: [alone(s.data) for s in of_windows(windows())],
            "rules and carvers, neighbours": lambda: list(Sweep(ours).rows(of_windows(windows()))),
            "rules and carvers, scattered pages of a process": lambda: list(
                Sweep(ours, whose).rows(
                    of_spaces(whose, by_mapping(file.fileno(), [(0, size, 0)], image.read))
                )
            ),
        }
        taken = {name: min(seconds(work) for _ in range(rounds)) for name, work in ways.items()}
    first = taken["YARA-X alone, all windows"]
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if as_json:
        print(
            json.dumps(
                {"ways": {name: (spent, spent / first) for name, spent in taken.items()}, "MiB": resident}
            )
        )
        return
    for name, spent in taken.items():
        print(
            f"{name:50} {spent:7.2f} s  {size / spent / 1e6:7.0f} MB/s  {first / spent:5.2f} of YARA-X alone"
        )
    print(f"resident at most: {resident} MiB")


if __name__ == "__main__":
    given = [word for word in sys.argv[2:] if word != "--json"]
    main(sys.argv[1], *map(int, given), as_json="--json" in sys.argv)
