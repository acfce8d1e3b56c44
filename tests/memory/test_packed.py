"""Images as they are handed in packed: a member of an archive, a virtual machine's files together."""

import gzip
import random
import zipfile
from pathlib import Path

import pytest

from postvakt.estate.memory import containers, damage
from postvakt.model.report import HostRow
from tests.commands import cases
from tests.memory.test_estate_images import image, truth, written

BUILD = 17763


def host(folder: Path, *evidence: Path) -> HostRow:
    (told,) = cases.triaged(folder / "case", *evidence).hosts
    return told


def packed(path: Path, *members: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for member in members:
            archive.write(member, f"lab/{member.name}")
    return path


def findings(told: HostRow) -> set[tuple[str, str]]:
    return {(row.rule, row.level) for row in told.findings}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> HostRow:
    folder = tmp_path_factory.mktemp("plain")
    return host(folder, written(BUILD, "raw", folder))


def test_a_member_of_a_zip(plain: HostRow, tmp_path: Path) -> None:
    told = host(tmp_path, packed(tmp_path / "hand-in.zip", written(BUILD, "raw", tmp_path)))
    assert findings(told) == findings(plain)
    assert [one.swept for one in told.memory] == [one.bytes for one in plain.memory]


@pytest.mark.parametrize("how", ["folder", "zip", "gz"])
def test_a_virtual_machine_with_its_snapshot(how: str, plain: HostRow, tmp_path: Path) -> None:
    # The file leaves out what is no memory, so that without the snapshot pages lie at wrong addresses.
    holed = damage.with_holes(image(BUILD), damage.spare_holes(image(BUILD), random.Random(3), 9))
    folder = tmp_path / "vm"
    folder.mkdir()
    memory, state = containers.write_vmware(holed, folder / "ex01.vmem")
    if how == "gz":
        (folder / "ex01.vmem.gz").write_bytes(gzip.compress(memory.read_bytes(), 1))
        memory.unlink()
    told = host(tmp_path, packed(tmp_path / "vm.zip", memory, state) if how == "zip" else folder)
    assert {one.pid for one in told.memory[0].running} == {one.pid for one in truth(BUILD).processes}
    assert not [gap for gap in told.gaps if "snapshot" in gap.detail]
    assert findings(told) == findings(plain)


def test_two_images_of_one_host_are_one_host(plain: HostRow, tmp_path: Path) -> None:
    monday = containers.write(image(BUILD, clean=True), tmp_path / "monday.raw")
    tuesday = written(BUILD, "lime", tmp_path)
    told = host(tmp_path, monday, tuesday)
    assert {one.source for one in told.memory} == {"monday.raw", tuesday.name}
    assert told.verdict.outcome == plain.verdict.outcome
    assert findings(told) == findings(plain)
