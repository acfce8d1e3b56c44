"""Each container gives the same machine; each damage is told."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from postvakt.evidence import unsupported
from postvakt.memory import READER
from postvakt.memory.opening import opened
from postvakt.memory.physical import RefusedError
from postvakt.model.unread import UNREAD
from tests.memory import dumps
from tests.memory.reading import Told
from tests.memory.windows import PAGE, OnDisk, exchange

MEMORY = bytes(exchange().memory)
MEMORY += bytes(-len(MEMORY) % (16 * PAGE))
PAGES = len(MEMORY) // PAGE
HALF = PAGES // 2
RUNS = [(1, HALF - 1), (HALF, PAGES - HALF)]
RANGES = [(first * PAGE, (first + pages) * PAGE) for first, pages in RUNS]

CONTAINERS: dict[str, bytes] = {
    "raw": MEMORY,
    "crash dump, type 1": dumps.crash_dump(MEMORY, RUNS),
    "crash dump, type 5": dumps.crash_dump(MEMORY, RUNS, kind=5),
    "crash dump, type 6": dumps.crash_dump(MEMORY, RUNS, kind=6),
    "LiME": dumps.lime(MEMORY, RANGES),
    "ELF core": dumps.elf(MEMORY, RANGES),
}


@pytest.fixture
def told(tmp_path: Path) -> Callable[..., Told]:
    """Reads a file of that content."""

    def read(content: bytes, name: str = "image.raw", **beside: bytes) -> Told:
        for suffix, other in beside.items():
            (tmp_path / name).with_suffix(f".{suffix}").write_bytes(other)
        (tmp_path / name).write_bytes(content)
        return Told(tmp_path / name)

    return read


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_machine(container: str, told: Callable[..., Told]) -> None:
    read = told(CONTAINERS[container])
    assert read.pids() == [4, 796, 4920, 5120]
    assert read.process(5120)["CommandLine"] == '"cmd.exe" /c whoami'
    assert (read.image["container"], read.gaps) == (container, [])


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_locator_is_the_place_in_the_file(container: str, told: Callable[..., Told]) -> None:
    content = CONTAINERS[container]
    for row in told(content).rows["mem_process"]:
        name = row["name"].encode()
        assert content[row["locator"] + 0x450 :][: len(name)] == name
        assert MEMORY[row["physical"] + 0x450 :][: len(name)] == name


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_truncated_image_is_read_as_far_as_it_goes(container: str, told: Callable[..., Told]) -> None:
    content = CONTAINERS[container]
    read = told(content[: len(content) * 3 // 4 + 5])
    assert [gap.why for gap in read.gaps if gap.why == "truncated"] == ["truncated"]
    assert set(read.pids()) <= {4, 796, 4920, 5120}
    assert read.image["bytes"] < len(MEMORY)


@pytest.mark.parametrize(
    ("content", "why", "words"),
    [
        (dumps.crash_dump(MEMORY, RUNS, kind=4), "unsupported", "no w3wp memory in this file"),
        (dumps.crash_dump(MEMORY, RUNS, kind=2), "unsupported", "no w3wp memory in this file"),
        (dumps.crash_dump(MEMORY, RUNS, kind=9), "unsupported", "type 9"),
        (dumps.crash_dump(MEMORY, RUNS, machine=0x14C), "unsupported", "another machine"),
        (dumps.crash_dump(MEMORY, RUNS, count=44), "unparsed", "44 runs"),
        (dumps.crash_dump(MEMORY, [(1 << 40, 1)]), "unparsed", "run 0"),
        (dumps.crash_dump(MEMORY, RUNS)[:0x1000], "truncated", "not even a crash dump's header"),
        (b"PAGEDUMP" + bytes(0x1000), "unsupported", "32-bit"),
        (b"HIBR" + bytes(0x1000), "unsupported", "hibernation file"),
        (b"PK\x03\x04" + bytes(0x1000), "unsupported", "AFF4"),
        (b"AVML" + bytes(0x1000), "unsupported", "avml-convert"),
        (dumps.snapshot([]), "unsupported", ".vmem"),
        (b"EMiL" + bytes(0x1000), "unparsed", "header of a range"),
        (dumps.elf(MEMORY, RANGES, machine=3), "unsupported", "machine 3"),
        (dumps.elf(MEMORY, RANGES, kind=2), "unsupported", "type 2"),
        (dumps.elf(MEMORY, RANGES, physical=False), "unsupported", "of one program"),
        (b"\x7fELF\x01\x01" + bytes(100), "unsupported", "32-bit"),
        (bytes(100), "unparsed", "100 bytes"),
        (b"", "unparsed", "0 bytes"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_named(content: bytes, why: str, words: str, told: Callable[..., Told]) -> None:
    (gap,) = told(content).gaps
    assert (gap.why, words in gap.detail) == (why, True)


SIGNATURES = [start for shape in UNREAD for start in shape.starts]


@pytest.mark.parametrize("start", SIGNATURES)
def test_what_is_not_read_is_named_alike_when_it_is_handed_in_and_when_it_is_opened(
    start: bytes, told: Callable[..., Told]
) -> None:
    content = start + bytes(0x1000)
    kind = unsupported.by_content(content, len(content))
    assert kind is not None
    (gap,) = told(content).gaps
    assert gap.detail == f"{kind.title}: {kind.instead}"


def test_every_snapshot_that_is_read_is_known_when_it_is_handed_in() -> None:
    for word in (0xBED2BED0, 0xBAD1BAD1, 0xBED2BED2, 0xBED3BED3):
        head = struct.pack("<I", word) + bytes(60)
        assert unsupported.by_content(head, len(head)) is unsupported.SNAPSHOT


def test_an_encrypted_machine_is_named(told: Callable[..., Told]) -> None:
    stream = zstd.compress(b"".join(struct.pack("<I", n * n % 1_000_003) for n in range(500_000)), 1)
    assert told(stream[4 : len(stream) // PAGE * PAGE]).gap("encrypted").why == "encrypted"


def test_a_kernel_dump_without_programs_is_told_loudly(told: Callable[..., Told]) -> None:
    machine = exchange()
    for planted in machine.processes[1:]:
        machine.memory[planted.directory : planted.directory + 0x800] = bytes(0x800)
    memory = bytes(machine.memory)
    gap = told(dumps.crash_dump(memory, [(1, len(memory) // PAGE - 1)], kind=6)).gap(
        "no w3wp memory in this file"
    )
    assert gap.detail.startswith("a kernel-only dump")


def test_damage_within_lime(told: Callable[..., Told]) -> None:
    content = bytearray(CONTAINERS["LiME"])
    second = 32 + RANGES[0][1] - RANGES[0][0]
    content[second : second + 4] = b"XXXX"
    assert told(bytes(content)).gap("what follows was not read").why == "unparsed"


def test_vmware_memory_lies_where_its_snapshot_says(told: Callable[..., Told]) -> None:
    shuffled = MEMORY[HALF * PAGE :] + MEMORY[: HALF * PAGE]
    regions = [(HALF, 0, PAGES - HALF), (0, PAGES - HALF, HALF)]
    read = told(shuffled, "vm.vmem", vmss=dumps.snapshot(regions))
    assert (read.pids(), read.gaps) == ([4, 796, 4920, 5120], [])


def test_a_snapshot_of_another_machine_is_not_used(told: Callable[..., Told]) -> None:
    read = told(MEMORY, "vm.vmem", vmsn=dumps.snapshot([(0, 0, 7)]))
    assert read.gap("was not used").why == "conflict"
    assert read.pids() == [4, 796, 4920, 5120]


def test_a_large_vmem_alone_is_read_with_its_hole(tmp_path: Path) -> None:
    path = tmp_path / "vm.vmem"
    path.write_bytes(MEMORY)
    with path.open("r+b") as stream:
        stream.truncate(5 << 30)
    with opened(OnDisk(path)) as image:
        assert [(run.start, run.size, run.offset) for run in image.memory.runs] == [
            (0, 3 << 30, 0),
            (4 << 30, 2 << 30, 3 << 30),
        ]
        assert "3 GiB to 4 GiB" in image.gaps[0].detail


def test_a_refusal_is_an_error_for_those_who_open_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "hiberfil.sys").write_bytes(b"hibr" + bytes(PAGE))
    with pytest.raises(RefusedError, match="hibernation"), opened(OnDisk(tmp_path / "hiberfil.sys")):
        pass


def test_what_the_artifact_claims() -> None:
    heads = [content[:16] for name, content in CONTAINERS.items() if name not in ("raw", "ELF core")]
    assert all(head.startswith(READER.artifact.starts) for head in heads)
