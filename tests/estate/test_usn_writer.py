"""Change journals that our writer makes, read back by an independent reader."""

import io
from datetime import UTC, datetime, timedelta

import pytest

from postvakt.estate.usn_writer import PAGE, Change, journal

usnjrnl = pytest.importorskip(
    "dissect.ntfs.usnjrnl", reason="dissect.ntfs is not installed: nothing reads it back"
)

# A fraction that a float holds exactly: the other reader counts in floats.
AT = datetime(2021, 3, 2, 22, 14, 5, 500_000, tzinfo=UTC)
CHANGES = [
    Change(
        time=AT + timedelta(seconds=at),
        name=f"n{'x' * (at % 40)}.txt",
        entry=at,
        sequence=2,
        reason=0x102,
        version=2,
    )
    for at in range(200)
]


@pytest.mark.parametrize("sparse", [0, 5 * PAGE])
def test_every_record_is_there(sparse: int) -> None:
    content = journal(CHANGES, sparse=sparse)
    read = [*usnjrnl.UsnJrnl(io.BytesIO(content)).records()]
    told = [
        (r.timestamp, r.filename, r.record.FileReferenceNumber.SegmentNumberLowPart, r.record.Usn)
        for r in read
    ]
    assert [one[:3] for one in told] == [(change.time, change.name, change.entry) for change in CHANGES]
    assert told[0][3] == sparse


def test_no_record_reaches_over_a_page() -> None:
    content = journal(CHANGES)
    at = 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 4], "little")
        if size == 0:
            at = (at // PAGE + 1) * PAGE
            continue
        assert at // PAGE == (at + size - 1) // PAGE
        at += size
