"""Archives cut and bent at every place: Members and Gaps come out, or one EvidenceError; and what is hashed is read."""

import contextlib
import gzip
import hashlib
import lzma
from pathlib import Path

import pytest
from backports import zstd

from postvakt import evidence
from postvakt.errors import EvidenceError
from tests.evidence_room.made import IIS_LOG, folder, handed, seven, streamed_zip, take, tarred, zipped

FILES = {"W3SVC1/u.log": IIS_LOG, "e": b""}
SAMPLES = {
    "a.zip": (zipped(FILES), 3),
    "b.zip": (streamed_zip(FILES), 3),
    "c.tar": (tarred(FILES)[:2560], 11),
    "d.tgz": (gzip.compress(tarred(FILES), mtime=0), 3),
    "e.tar.xz": (lzma.compress(tarred(FILES)), 5),
    "f.7z": (seven(FILES), 5),
    "f.tar.zst": (zstd.compress(tarred(FILES)), 5),
    "g.log.gz": (gzip.compress(IIS_LOG, mtime=0) * 2, 2),
    "h.zip": (zipped({"i.zip": zipped(FILES), "j.7z": seven(FILES)}), 11),
}
"""Each with the step between two places that are tried."""


def check(hand_in: Path, scratch: Path) -> None:
    taken = take(hand_in, scratch)
    gapped = {gap.source for gap in taken.gaps}
    for member in taken.members:
        if not member.sha256:
            assert member.path in gapped
            continue
        with evidence.source(str(hand_in), member, scratch=scratch).open() as stream:
            assert hashlib.sha256(stream.read()).hexdigest() == member.sha256


@pytest.mark.parametrize("name", SAMPLES)
def test_cut_anywhere(name: str, tmp_path: Path) -> None:
    content, step = SAMPLES[name]
    for end in range(0, len(content), step):
        path = handed(tmp_path / "in", name, content[:end])
        with contextlib.suppress(EvidenceError):
            check(path, tmp_path / str(end))
        check(tmp_path / "in", tmp_path / str(end))


@pytest.mark.parametrize("name", SAMPLES)
def test_bent_anywhere(name: str, tmp_path: Path) -> None:
    content, step = SAMPLES[name]
    for place in range(0, len(content), step):
        bent = bytearray(content)
        bent[place] ^= 1 << (place * 7 % 8)
        path = handed(tmp_path / "in", name, bytes(bent))
        with contextlib.suppress(EvidenceError):
            check(path, tmp_path / str(place))
        check(tmp_path / "in", tmp_path / str(place))


def test_damage_in_one_member_costs_no_other(tmp_path: Path) -> None:
    bent = bytearray(zipped({"a.log": IIS_LOG, "b.log": IIS_LOG, "c.log": IIS_LOG}, method=0))
    bent[bent.index(IIS_LOG, 200) + 5] ^= 1
    taken = take(folder(tmp_path / "in", {"x.zip": bytes(bent)}), tmp_path / "s")
    assert [m.artifact for m in taken.members[1:]] == ["iis", "iis", "iis"]
    assert [(g.artifact, g.why, g.source) for g in taken.gaps] == [("iis", "unreadable", "x.zip!/b.log")]
