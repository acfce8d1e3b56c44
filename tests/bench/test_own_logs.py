"""Event logs of one's own: all of a folder, those in archives too, under names that cannot meet."""

from pathlib import Path

import pytest
from bench import own_logs
from bench.measure import Failed
from py7zr import SevenZipFile


def test_logs_of_a_folder_and_of_its_archives_are_laid_side_by_side(tmp_path: Path) -> None:
    folder, into = tmp_path / "evidence", tmp_path / "out" / "logs"
    for place, content in (("a/System.evtx", b"1"), ("b/System.evtx", b"22"), ("b/notes.txt", b"no log")):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(content)
    with SevenZipFile(folder / "more.7z", "w") as archive:
        archive.writestr(b"333" * own_logs.MIB, "host/System.evtx")
        archive.writestr(b"no log", "host/notes.txt")
    into.mkdir(parents=True)
    (into / "of an earlier run.evtx").write_bytes(b"0")

    assert own_logs.gathered(folder, into) == into
    sizes = {path.name: path.stat().st_size for path in into.iterdir()}
    assert sizes == {"0-System.evtx": 1, "1-System.evtx": 2, "2-System.evtx": 3 * own_logs.MIB}
    assert own_logs.told(into) == "3 logs of 3 MB"
    assert sorted(path.name for path in into.parent.iterdir()) == ["logs"], "nothing else is left"


def test_an_archive_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "broken.7z").write_bytes(b"no archive")
    with pytest.raises(Failed, match=r"broken\.7z"):
        own_logs.gathered(tmp_path / "evidence", tmp_path / "logs")


def test_a_folder_without_logs_is_no_small_set_of_logs(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="no event logs"):
        own_logs.gathered(tmp_path / "empty", tmp_path / "logs")
