"""A folder that was looked into file by file is taken in as one that was read in one go, whatever became of a look."""

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from postvakt import evidence
from tests.evidence_room import made

FILES: Mapping[str, bytes] = {
    **made.SERVER,
    "D/handed/ex01.zip": made.CONTAINERS["ex01.zip"],
    "D/handed/ex01.7z": made.CONTAINERS["ex01.7z"],
    "D/handed/torn.zip": made.CONTAINERS["ex01.zip"][:200],
    "C/Windows/System32/config/SYSTEM": made.HIVE,
    "C/Windows/System32/config/SYSTEM.LOG1": made.HIVE_LOG,
    "vm/EX01.vmem": bytes(range(256)) * 40,
    "vm/EX01.vmsn": b"\xd2\xbe\xd2\xbe" + bytes(400),
}


def looked(folder: Path, scratch: Path) -> dict[str, evidence.Met]:
    """Every file of a folder, each looked into alone, and carried over as between two processes."""
    found: dict[str, evidence.Met] = {}
    for shown, _ in evidence.on_disk(str(folder)):
        found |= evidence.look(str(folder), [shown], made.ARTIFACTS, scratch=scratch)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=dict[str, evidence.Met])


def everything(met: dict[str, evidence.Met]) -> dict[str, evidence.Met]:
    return met


def every_other(met: dict[str, evidence.Met]) -> dict[str, evidence.Met]:
    return {name: met[name] for name in list(met)[::2]}


def nothing(_: dict[str, evidence.Met]) -> dict[str, evidence.Met]:
    return {}


@pytest.mark.parametrize("left", [everything, every_other, nothing])
def test_looks_change_nothing_of_what_is_taken_in(
    tmp_path: Path, left: Callable[[dict[str, evidence.Met]], dict[str, evidence.Met]]
) -> None:
    folder = made.folder(tmp_path / "hand-in", FILES)
    alone = made.take(folder, tmp_path / "one")
    met = left(looked(folder, tmp_path / "two"))
    together = evidence.take_in(str(folder), made.ARTIFACTS, scratch=tmp_path / "two", looked=met)
    assert together == alone
    assert len(alone.members) > len(FILES)
    assert {gap.why for gap in alone.gaps} >= {"truncated"}
    assert sorted(alone.beside) == ["C/Windows/System32/config/SYSTEM.LOG1", "vm/EX01.vmsn"]


def test_what_was_looked_at_is_not_read_again(tmp_path: Path) -> None:
    folder = made.folder(tmp_path / "hand-in")
    met = looked(folder, tmp_path)
    before = made.take(folder, tmp_path).members
    (folder / "C/root/notes.txt").write_bytes(b"written after the look")
    after = evidence.take_in(str(folder), made.ARTIFACTS, scratch=tmp_path, looked=met).members
    assert after == before


def test_a_file_that_is_gone_is_left_out_of_a_look(tmp_path: Path) -> None:
    folder = made.folder(tmp_path / "hand-in")
    asked = ["C/root/notes.txt", "C/root/gone.txt"]
    assert list(evidence.look(str(folder), asked, made.ARTIFACTS, scratch=tmp_path)) == asked[:1]


def test_a_hand_in_that_is_one_file_has_nothing_to_look_into_beforehand(tmp_path: Path) -> None:
    path = made.handed(tmp_path, "ex01.zip", made.CONTAINERS["ex01.zip"])
    assert list(evidence.on_disk(str(path))) == []
