"""A whole image: a machine's memory built from its description, with where everything in it lies."""

import random
from collections.abc import Iterator

import msgspec

from postvakt.estate.memory import network
from postvakt.estate.memory.description import PAGE, Loose, Machine
from postvakt.estate.memory.kernel import IMAGE_AT, ROOT, Kernel, image_size
from postvakt.estate.memory.layouts import Layout, layout
from postvakt.estate.memory.library import Library
from postvakt.estate.memory.physical import Physical, Use
from postvakt.estate.memory.processes import Builder, Built

Run = tuple[int, int]
"""The number of the first page, and how many."""

DEVICES: Run = (0xA0, 0x60)
"""What no machine has memory for: the old place of the screen and the firmware."""

EMPTY = bytes(PAGE)


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's physical memory. `pages` holds those that are not empty, by number; `runs` are what there is
    memory for."""

    machine: Machine
    layout: Layout
    size: int
    runs: tuple[Run, ...]
    pages: dict[int, bytes]
    use: dict[int, Use]
    root: int
    """The physical address of System's page directory."""

    kernel: int
    """Where the kernel lies, an address of its own."""

    drivers: tuple[int, ...]
    """The bases of the kernel's modules, the kernel's own first."""

    processes: tuple[Built, ...]
    endpoints: tuple[int, ...]
    loose: tuple[tuple[Loose, tuple[int, ...]], ...]
    """Each loose content with the physical addresses of its pages, in order."""

    def page(self, number: int) -> bytes:
        return self.pages.get(number, EMPTY)

    def used(self, number: int) -> Use | None:
        """Return what a page is used for, empty or not; None for one that nobody uses."""
        first = IMAGE_AT // PAGE
        if first <= number < first + image_size(self.layout) // PAGE:
            return "image"
        return self.use.get(number)

    def symbol(self, name: str) -> int:
        """Return the address of one of the kernel's variables."""
        return self.kernel + self.layout.symbols[name]

    def stream(self) -> Iterator[bytes]:
        """Yield the raw image page by page."""
        return (self.page(number) for number in range(-(-self.size // PAGE)))

    def raw(self) -> bytes:
        """Return the raw image as one value of `size` bytes."""
        return b"".join(self.stream())[: self.size]

    def process(self, pid: int) -> Built:
        """Return the process of a number. Raises StopIteration where there is none."""
        return next(one for one in self.processes if one.process.pid == pid)


def build(machine: Machine) -> Image:
    """Return the image of a machine; the same machine gives the same bytes.

    Raises ValueError where its build has no layout, MemoryError where its memory is too small for what it holds.
    """
    fields = layout(machine.build, machine.variant)
    dice = random.Random(f"{machine.seed} memory of {machine.host}")
    reserved = IMAGE_AT + image_size(fields)
    physical = Physical(machine.size, dice, reserved=reserved)
    kernel = Kernel(machine, fields, physical)
    kernel.boot()
    drivers = kernel.load(machine.drivers)
    builder = Builder(machine, kernel, Library(kernel), dice)
    processes = tuple(builder.build(process) for process in machine.processes)
    _list(machine, kernel, processes)
    endpoints = network.lay(kernel, machine.endpoints, {one.process.pid: one.block for one in processes})
    loose = tuple((one, tuple(_lay(physical, one))) for one in machine.loose)
    for one in processes:
        if one.space is not None:
            # What came into use after the process was built is the kernel's too.
            kernel.share(one.root)
    return Image(
        machine=machine,
        layout=fields,
        size=machine.size,
        runs=((1, DEVICES[0] - 1), (sum(DEVICES), machine.size // PAGE - sum(DEVICES))),
        pages={number: bytes(page) for number, page in sorted(physical.pages.items())},
        use=dict(sorted(physical.use.items())),
        root=ROOT,
        kernel=kernel.base,
        drivers=tuple(drivers),
        processes=processes,
        endpoints=tuple(endpoints),
        loose=loose,
    )


def _list(machine: Machine, kernel: Kernel, processes: tuple[Built, ...]) -> None:
    """Link the processes that are to be found by the kernel's list."""
    kernel.set("PsInitialSystemProcess", processes[0].block.to_bytes(8, "little"))
    inside = kernel.layout.place("_EPROCESS", "ActiveProcessLinks")
    listed = [one.block + inside for one in processes if one.process.listed]
    kernel.ring([kernel.symbol("PsActiveProcessHead"), *listed])
    if machine.cyclic:
        kernel.space.write(listed[-1], listed[len(listed) // 2].to_bytes(8, "little"))


def _lay(physical: Physical, loose: Loose) -> Iterator[int]:
    content = bytes(loose.at) + loose.content
    for at in range(0, len(content), PAGE):
        frame = physical.take("loose")
        physical.write(frame, content[at : at + PAGE])
        yield frame
