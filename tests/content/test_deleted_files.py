"""A file that is only in $MFT any more raises the findings that it would raise on disk."""

import pytest

from postvakt import artifacts
from postvakt.artifacts import files
from postvakt.artifacts.ntfs import mft
from postvakt.detect import logsources
from postvakt.estate import mft_writer
from postvakt.model.evidence import Member
from postvakt.tables.rows import Rows
from tests.artifacts.ntfs_exhibits import FORMATTED, ROOT, file, folder
from tests.artifacts.sources import alone
from tests.content.proofs import batch, matched, matcher

SITE = "c:/inetpub/wwwroot/aspnet_client"
SHELL = f"{SITE}/discover.aspx"


def on_disk(path: str) -> set[str]:
    [row] = files.rows([Member(evidence="e", path=path, size=1, windows_path=path, rooted=True)])
    return matched("file", row)


def in_the_table(path: str, *, deleted: bool) -> set[str]:
    """The rules that match a file whose directories are in the table too."""
    *folders, name = path.removeprefix("c:/").split("/")
    made = []
    parent = ROOT
    for entry, one in enumerate(folders, 24):
        made.append(folder(entry, one, parent))
        parent = entry
    made.append(file(60, name, parent, in_use=not deleted, sequence=2 if deleted else 1))
    source = alone(mft_writer.mft(made, begun=FORMATTED), "C/$MFT")
    batches = [piece.batch for piece in mft.READER.parse(source) if isinstance(piece, Rows)]
    return {
        hit.rule
        for one in batches
        for hit in matcher().match("mft_entry", one)
        if one.column("entry")[hit.row].as_py() == 60
    }


@pytest.mark.parametrize("deleted", [True, False])
@pytest.mark.parametrize(
    "path",
    [
        SHELL,
        f"{SITE}/system_web/log.aspx",
        "c:/program files/microsoft/exchange server/v15/frontend/httpproxy/owa/auth/redirsuiteserverproxy.aspx",
        "c:/windows/temp/xx.bat",
        "c:/root/lsass.dmp",
        "c:/programdata/a.7z",
        "c:/program files/microsoft/exchange server/v15/frontend/httpproxy/owa/auth/logon.aspx",
    ],
)
def test_found_as_on_disk(path: str, deleted: bool) -> None:
    assert in_the_table(path, deleted=deleted) == on_disk(path)


def test_a_shell_is_found_at_all() -> None:
    assert len(in_the_table(SHELL, deleted=True)) >= 2


def test_a_further_name_of_a_file_is_asked_too() -> None:
    row = {"path": "c:/windows/a.txt", "name": "a.txt", "folder": "c:/windows", "extension": "txt"}
    assert not matched("mft_entry", row)
    assert matched("mft_entry", {**row, "other_paths": [SHELL]})


def test_rules_about_events_are_not_asked_of_the_table() -> None:
    tables = artifacts.TABLES.values()
    asked = {table for table, _ in logsources.places("file_event", "windows", None, tables)}
    assert asked == {"event"}
    assert {table for table, _ in logsources.places(None, "windows", "file", tables)} == {"file", "mft_entry"}
    assert {table for table, _ in logsources.places(None, "windows", "usn", tables)} == {"usn_record"}


def test_a_batch_of_the_table_can_be_asked() -> None:
    assert matcher().match("mft_entry", batch("mft_entry", {"path": SHELL, "name": "discover.aspx"}))
