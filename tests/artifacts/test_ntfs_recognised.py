"""$MFT, $UsnJrnl:$J and prefetch under the names that collectors give them."""

from pathlib import Path

import pytest

from postvakt import artifacts, evidence
from postvakt.artifacts.ntfs import mft
from tests.artifacts.prefetch_builder import packed
from tests.artifacts.sources import alone, pieces
from tests.artifacts.test_mft import WHOLE as TABLE
from tests.artifacts.test_prefetch import WHOLE as PREFETCH
from tests.artifacts.test_usn import MANY, journal
from tests.artifacts.test_usn import WHOLE as JOURNAL

SPARSE = journal(MANY, sparse=1 << 20)


@pytest.mark.parametrize(
    ("path", "content", "artifact"),
    [
        ("C/$MFT", TABLE, "mft"),
        ("uploads/ntfs/%5C%5C.%5CC%3A/$MFT", TABLE, "mft"),
        ("uploads/auto/C%3A/%24MFT", TABLE, "mft"),
        ("EX01/MFT", TABLE, "mft"),
        ("EX01_C_$MFT.bin", TABLE, "mft"),
        ("any.dat", TABLE, "mft"),
        ("C/$MFT", bytes(2048) + TABLE[2048:], "mft"),
        ("any.dat", b"BAAD" + TABLE[4:], "mft"),
        ("C/$Extend/$J", JOURNAL, "usn"),
        ("C/$Extend/$UsnJrnl%3A$J", SPARSE, "usn"),
        ("uploads/ntfs/%5C%5C.%5CC%3A/$Extend/$UsnJrnl%3A$J", SPARSE, "usn"),
        ("EX01/C_$UsnJrnl_$J", JOURNAL, "usn"),
        ("C/$Extend/$UsnJrnl:$J", JOURNAL, "usn"),
        ("C/$Extend/$UsnJrnl%3A%24J.bin", JOURNAL, "usn"),
        ("UsnJrnl.raw", JOURNAL, "usn"),
        ("C/$Extend/$UsnJrnl%3A$Max", b"\x01" * 32, ""),
        ("C/$Extend/$UsnJrnl%3A$J.idx", b"[[0, 12]]", ""),
        ("C/Windows/Prefetch/CW.EXE-C0FFEE01.pf", PREFETCH, "prefetch"),
        ("C/Windows/Prefetch/CW.EXE-C0FFEE01.pf", packed(PREFETCH), "prefetch"),
    ],
)
def test_a_member_is_recognised(path: str, content: bytes, artifact: str, tmp_path: Path) -> None:
    place = tmp_path / "in" / path
    place.parent.mkdir(parents=True)
    place.write_bytes(content)
    known = [reader.artifact for reader in artifacts.READERS]
    taken = evidence.take_in(str(tmp_path / "in"), known, scratch=tmp_path / "s")
    assert [member.artifact for member in taken.members] == [artifact]
    assert taken.gaps == []


@pytest.mark.parametrize(("path", "why"), [("C/$MFTMirr", []), ("C/$MFT", ["truncated"])])
def test_the_mirror_of_a_table_is_not_a_cut_table(path: str, why: list[str]) -> None:
    assert [gap.why for gap in pieces(mft.READER, alone(TABLE[:4096], path))[1]] == why
