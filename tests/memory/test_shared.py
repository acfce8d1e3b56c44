"""Real program dumps and a real triage dump: read, or refused truthfully."""

from pathlib import Path

import pytest

from tests.memory.reading import Told

pytestmark = pytest.mark.shared
BREAKPAD = Path("memory/minidumps/breakpad/src/processor/testdata")


@pytest.mark.parametrize(
    ("name", "pid", "image", "modules", "build"),
    [
        ("ascii_read_av.dmp", 5376, "crashme.exe", 26, 7600),
        ("minidump2.dmp", 3932, "test_app.exe", 13, 2600),
        ("thread_name_list.dmp", 6040, "allocer32.exe", 17, 17763),
        ("tiny-exe-fastfail.dmp", 41996, "tiny.exe", 21, 19042),
        ("write_av_non_canonical.dmp", 22856, "crash.exe", 15, 19042),
    ],
)
def test_small_dumps(
    name: str, pid: int, image: str, modules: int, build: int, shared_evidence: Path
) -> None:
    read = Told(shared_evidence / BREAKPAD / name)
    assert read.process(pid)["name"] == image
    assert len(read.rows["mem_module"]) == modules
    assert read.image["build"] == build
    assert read.gap("a small dump").why == "limited"


def test_a_command_line_from_the_few_pages_of_a_small_dump(shared_evidence: Path) -> None:
    read = Told(shared_evidence / BREAKPAD / "tiny-exe-fastfail.dmp")
    assert read.process(41996)["CommandLine"] == '"D:\\chromium\\src\\out\\release\\tiny.exe"'


def test_a_triage_dump_is_told_loudly(shared_evidence: Path) -> None:
    read = Told(shared_evidence / "memory/crash-dump/dmp/triage_x64.dmp")
    (gap,) = read.gaps
    assert (gap.why, "no w3wp memory in this file" in gap.detail) == ("unsupported", True)
    assert not any(read.rows.values())
