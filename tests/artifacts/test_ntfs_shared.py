"""Real volumes and journals: as many entries and records as an independent count gives."""

import gzip
import io
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from postvakt.artifacts.ntfs import mft, usn
from tests.artifacts.sources import alone, pieces

pytestmark = pytest.mark.shared

VELOCIRAPTOR = "collections/velociraptor/artifacts/testdata/files/"
COLLECTION = VELOCIRAPTOR + "Collection-WIN-E5K9RC5GU23-2021-11-21T18_05_56-08_00.zip"
JOURNAL = "uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J"


def table_of(volume: Path) -> bytes:
    """The $MFT of the first partition of an image, by its boot sector."""
    with gzip.open(volume) as stream:
        head = stream.read(512)
        begin = 512 * struct.unpack_from("<I", head, 446 + 8)[0]
        stream.seek(begin)
        boot = stream.read(512)
        cluster = struct.unpack_from("<H", boot, 11)[0] * boot[13]
        stream.seek(begin + cluster * struct.unpack_from("<Q", boot, 48)[0])
        # Both tables lie in one piece of 256 records, as formatting makes them.
        return stream.read(256 * 1024)


def rows(volume: str, folder: Path) -> list[dict[str, Any]]:
    content = table_of(folder / "ntfs" / "msuhanov" / volume)
    told, gaps, _ = pieces(mft.READER, alone(content, "C/$MFT"))
    assert gaps == []
    return told["mft_entry"]


@pytest.mark.parametrize(("volume", "count"), [("ntfs-si-vs-fn.raw.gz", 32), ("ntfs-lastaccess.raw.gz", 36)])
def test_as_many_entries_as_another_reader_gives(shared_evidence: Path, volume: str, count: int) -> None:
    ntfs = pytest.importorskip(
        "dissect.ntfs", reason="dissect.ntfs is not installed: nothing to compare with"
    )
    content = table_of(shared_evidence / "ntfs" / "msuhanov" / volume)
    theirs = {}
    for record in ntfs.NTFS(mft=io.BytesIO(content)).mft.segments():
        name = next(iter(record.full_paths(ignore_dos=True)), None)
        theirs[record.segment] = name and ("c:/" + name.replace("\\", "/")).lower()
    ours = {row["entry"]: row["path"] for row in rows(volume, shared_evidence)}
    assert ours == {**theirs, 5: "c:/"}
    assert len(ours) == count


def test_times_that_were_set_stand_in_both_places(shared_evidence: Path) -> None:
    [row] = [
        row for row in rows("ntfs-si-vs-fn.raw.gz", shared_evidence) if row["path"] == "c:/test/test.txt"
    ]
    assert row["si_created"] == datetime(2015, 11, 3, 12, 33, 59, 222933, tzinfo=UTC)
    assert row["fn_created"] == datetime(2014, 12, 12, 17, 49, 1, 551867, tzinfo=UTC)


def marks(content: bytes) -> int:
    """Records of version 2 by their heads alone, at every eighth byte."""
    found = 0
    for at in range(0, len(content) - 60, 8):
        size, version, minor = struct.unpack_from("<IHH", content, at)
        length, name_at = struct.unpack_from("<HH", content, at + 56)
        found += (version, minor, name_at) == (2, 0, 60) and 60 + length <= size and at + size <= len(content)
    return found


def test_as_many_changes_as_heads(shared_evidence: Path) -> None:
    whole = (shared_evidence / "plaso/test_data/UsnJrnl.raw").read_bytes()
    with zipfile.ZipFile(shared_evidence / COLLECTION) as archive:
        cut = archive.read(JOURNAL)
    ours = [pieces(usn.READER, alone(content, "$J")) for content in (whole, cut)]
    assert [len(read["usn_record"]) for read, _, _ in ours] == [marks(whole), marks(cut)] == [19, 50]
    assert [[gap.why for gap in gaps] for _, gaps, _ in ours] == [[], ["truncated"]]
