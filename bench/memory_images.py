"""`python -m bench.memory_images FOLDER`: an attacked server's memory and its clean twin's, for each Windows build, in
each format, with what is true of them beside it. Other engines may read the same images: see `bench.memory_agreement`.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from postvakt.estate.memory import containers, damage, scenes
from postvakt.estate.memory.image import build
from postvakt.estate.memory.layouts import BUILDS
from postvakt.estate.memory.truth import told
from postvakt.estate.plans import plan

DAYS = 10
SHARES, SEEDS = (5, 20, 40), (1, 2, 3)
"""Per cent of the pages, and by which chances."""


def write(folder: Path, builds: list[int], formats: list[containers.Format], seed: int) -> Iterator[Path]:
    """Write the images into a folder and yield the path of each. Raises OSError where they cannot be written."""
    server = next(one for one in plan(6, seed, DAYS) if one.scenario == "attacked")
    for number in builds:
        for name, machine in (
            ("attacked", scenes.machine(server, build=number, more=True)),
            ("clean", scenes.machine(scenes.clean_twin(server), build=number)),
        ):
            image = build(machine)
            for form in formats:
                yield containers.write(image, folder / f"{name}-{number}.{form}", form)
            truth = msgspec.json.format(msgspec.json.encode(told(image)), indent=1)
            (folder / f"{name}-{number}.truth.json").write_bytes(truth + b"\n")


def write_damaged(folder: Path, number: int, seed: int) -> Iterator[Path]:
    """Write the attacked image of a build with a share of its pages lost, by three seeds each, and yield the paths."""
    server = next(one for one in plan(6, seed, DAYS) if one.scenario == "attacked")
    image = build(scenes.machine(server, build=number, more=True))
    for among in damage.AMONG:
        for share in SHARES:
            for lost in SEEDS:
                damaged = damage.lose(image, share / 100, lost, among=among)
                yield containers.write(damaged, folder / f"attacked-{number}-{among}-{share}-{lost}.raw")


def main() -> int:
    """Write what was asked for and print where it lies."""
    words = argparse.ArgumentParser(prog="python -m bench.memory_images", description=__doc__)
    words.add_argument("folder", type=Path)
    words.add_argument("--build", type=int, action="append", choices=BUILDS)
    words.add_argument("--format", action="append", choices=list(containers.WRITERS))
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--damaged", action="store_true", help="the attacked images with pages lost, too")
    given = words.parse_args()
    for path in write(given.folder, given.build or list(BUILDS), given.format or ["raw"], given.seed):
        print(path)
    for number in (given.build or BUILDS) if given.damaged else ():
        for path in write_damaged(given.folder, number, given.seed):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
