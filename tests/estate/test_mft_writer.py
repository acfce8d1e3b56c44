"""Master file tables that our writer makes, read back by an independent reader."""

import io
import struct
from datetime import UTC, datetime
from typing import Any

import pytest

from postvakt.estate.mft_writer import DOS, RECORD, Name, Node, Times, mft, record, same

ntfs = pytest.importorskip(
    "dissect.ntfs", reason="dissect.ntfs is not installed: nothing reads the table back"
)

# Fractions that a float holds exactly: the other reader counts in floats.
BEGUN = datetime(2019, 6, 3, 8, 0, 0, 125_000, tzinfo=UTC)
AT = Times(*(datetime(2021, 3, day, 1, 2, 3, 500_000, tzinfo=UTC) for day in (1, 2, 3, 4)))
FOLDER = Node(
    entry=30,
    names=(Name(text="inetpub", parent=5, parent_sequence=5, times=same(BEGUN)),),
    times=same(BEGUN),
    is_directory=True,
)
SMALL = Node(
    entry=31,
    names=(
        Name(text="DISCOV~1.ASP", parent=30, times=AT, space=DOS),
        Name(text="discover Ж.aspx", parent=30, times=AT, space=1),
    ),
    times=same(BEGUN),
    content=b"a page",
    streams=(("Zone.Identifier", b"[ZoneTransfer]\r\n"),),
    owner=7,
    security=271,
)
LARGE = Node(entry=32, names=(Name(text="dump.dmp", parent=30, times=AT),), times=AT, length=50_000_000)
DELETED = Node(
    entry=33,
    names=(Name(text="gone.bat", parent=30, times=AT),),
    times=AT,
    sequence=4,
    in_use=False,
    content=b"x",
)


@pytest.fixture(scope="module")
def read() -> Any:
    return ntfs.NTFS(mft=io.BytesIO(mft([FOLDER, SMALL, LARGE, DELETED], begun=BEGUN))).mft


def test_every_entry_is_there(read: Any) -> None:
    named = {r.segment: r.filename for r in read.segments() if r.filename}
    assert named == {0: "$MFT", 5: ".", 30: "inetpub", 31: "discover Ж.aspx", 32: "dump.dmp", 33: "gone.bat"}


@pytest.mark.parametrize(
    ("entry", "path"), [(30, "inetpub"), (31, "inetpub\\discover Ж.aspx"), (33, "inetpub\\gone.bat")]
)
def test_paths(read: Any, entry: int, path: str) -> None:
    assert path in read.get(entry).full_paths()


def test_both_sets_of_times(read: Any) -> None:
    attributes = read.get(31).attributes
    [standard] = attributes.STANDARD_INFORMATION
    assert standard.creation_time == BEGUN
    name = attributes.FILE_NAME[1]
    told = (name.creation_time, name.last_modification_time, name.last_change_time, name.last_access_time)
    assert told == (AT.created, AT.modified, AT.changed, AT.accessed)
    assert (standard.owner_id, standard.security_id) == (7, 271)


def test_streams(read: Any) -> None:
    file = read.get(31)
    assert file.open().read() == b"a page"
    assert file.open("Zone.Identifier").read() == b"[ZoneTransfer]\r\n"
    assert read.get(32).size() == 50_000_000


def test_a_deleted_file_is_not_in_use(read: Any) -> None:
    header = read.get(33).header
    assert (header.SequenceNumber, header.Flags & 1) == (4, 0)


def test_the_sectors_ends_are_kept_in_the_head() -> None:
    content = record(SMALL)
    assert (len(content), content[510:512], content[1022:1024]) == (
        RECORD,
        content[0x30:0x32],
        content[0x30:0x32],
    )
    assert struct.unpack_from("<HH", content, 4) == (0x30, 3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="entry 9 takes"):
        record(Node(entry=9, content=bytes(400), streams=(("a", bytes(400)), ("b", bytes(400)))))
