"""Images as they come from the field: with holes, cut off, with pages that were lost. Nothing here changes what
was built."""

import random
from typing import Literal

import msgspec

from postvakt.estate.memory.description import PAGE
from postvakt.estate.memory.image import Image, Run

Among = Literal["kernel", "all"]
AMONG: tuple[Among, ...] = ("kernel", "all")


def lose(image: Image, share: float, seed: int, *, among: Among = "kernel") -> Image:
    """Return the image with a share (0 to 1) of its pages empty: those with the kernel's data, or any that hold
    something, page tables too."""
    numbers = [number for number in image.pages if among == "all" or image.use[number] == "kernel"]
    dice = random.Random(f"{seed} lost {among}")
    lost = set(dice.sample(numbers, round(share * len(numbers))))
    kept = {number: page for number, page in image.pages.items() if number not in lost}
    return msgspec.structs.replace(image, pages=kept)


def with_holes(image: Image, holes: tuple[Run, ...]) -> Image:
    """Return the image of a machine that has no memory at some places (first page, how many)."""
    gone = {number for first, count in holes for number in range(first, first + count)}
    kept = {number: page for number, page in image.pages.items() if number not in gone}
    return msgspec.structs.replace(image, pages=kept, runs=_without(image.runs, holes))


def spare_holes(image: Image, dice: random.Random, count: int) -> tuple[Run, ...]:
    """Return places at which the image holds nothing, in order: holes there take nothing away."""
    last = image.size // PAGE
    empty = [number for number in range(0x200, last) if image.used(number) is None]
    starts = sorted(dice.sample(empty, min(count, len(empty))))
    return tuple((start, 1) for start in starts)


def truncated(image: Image, size: int) -> Image:
    """Return the image cut off at a size in bytes, within a page or between two."""
    last = -(-size // PAGE)
    kept = {number: page for number, page in image.pages.items() if number < last}
    if size % PAGE and last - 1 in kept:
        kept[last - 1] = kept[last - 1][: size % PAGE].ljust(PAGE, b"\0")
    runs = _without(image.runs, ((size // PAGE, image.size // PAGE),))
    return msgspec.structs.replace(image, pages=kept, runs=runs, size=size)


def _without(runs: tuple[Run, ...], holes: tuple[Run, ...]) -> tuple[Run, ...]:
    for first, count in holes:
        end = first + count
        left = []
        for begin, length in runs:
            stop = begin + length
            for low, high in ((begin, min(stop, first)), (max(begin, end), stop)):
                if low < high:
                    left.append((low, high - low))
        runs = tuple(left)
    return runs
