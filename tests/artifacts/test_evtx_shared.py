"""Real event logs: as many records as libevtx reads, with the same values, and more where a log is damaged."""

import io
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import py7zr
import pyevtx
import pytest

from postvakt.artifacts import evtx
from tests.artifacts.sources import alone, pieces

pytestmark = pytest.mark.shared

MORE = {
    # libevtx gives one record 22 times, for those whose template lies in a part of the chunk that was overwritten.
    "2-vss_0-Microsoft-Windows-TerminalServices-RemoteConnectionManager%4Operational.evtx": (1795, 1774),
    # libevtx leaves a chunk at the first record that it cannot read.
    "sample-with-zero-data-size-event.evtx": (450, 335),
    "sample_with_a_bad_chunk_magic.evtx": (300, 267),
    # The file ends within a chunk: libevtx leaves that chunk.
    "System2.evtx": (284, 194),
}
"""Damaged logs, each judged at its bytes: how many events we read, how many records libevtx reads."""

CLEAN = "hosts/win10-clean"
EVENT = "{http://schemas.microsoft.com/win/2004/08/events/event}"


@cache
def logs(root: Path) -> dict[str, bytes]:
    """Every file that begins like a log or a chunk, those of the clean host's archives too."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and path.suffix != ".7z" and begins(content := path.read_bytes()):
            found[name] = content
        elif path.suffix == ".7z" and name.startswith(CLEAN):
            found |= {f"{name}!/{inner}": content for inner, content in unpacked(path)}
    return found


def unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    factory = py7zr.io.BytesIOFactory(limit=1 << 30)
    with py7zr.SevenZipFile(path) as archive:
        archive.extractall(factory=factory)
    for name, held in factory.products.items():
        held.seek(0)
        if begins(content := held.read()):
            yield name, content


def begins(content: bytes) -> bool:
    return content.startswith((b"ElfFile\x00", b"ElfChnk\x00"))


def ours(name: str, content: bytes) -> list[dict[str, Any]]:
    rows, _, _ = pieces(evtx.READER, alone(content, name))
    return rows["event"]


def test_counts_are_those_of_libevtx(shared_evidence: Path) -> None:
    assert len(logs(shared_evidence)) > 180
    differ = {}
    for name, content in logs(shared_evidence).items():
        file = pyevtx.file()
        file.open_file_object(io.BytesIO(content))
        counts = len(ours(name, content)), file.number_of_records
        if counts[0] != counts[1]:
            differ[Path(name).name] = counts
    assert differ == MORE


def test_values_are_those_of_libevtx(shared_evidence: Path) -> None:
    """Of every record with event data, in order: the values that are not empty, written one way."""
    told: Counter[str] = Counter()
    for name, content in logs(shared_evidence).items():
        if Path(name).name in MORE:
            continue
        for row, tree in zip(ours(name, content), theirs(content), strict=True):
            if tree is None:
                told["not told by libevtx"] += 1
            elif (data := tree.find(f"{EVENT}EventData")) is None:
                told["no event data"] += 1
            else:
                values = plain([value["value"] for value in row["EventData"]])
                same = values == plain([element.text for element in data])
                told["the same" if same else row["Provider_Name"]] += 1
    # libevtx fails on 23 records of a dirty log, and writes XML that nobody can read where a text holds `<` or `&`.
    assert told.pop("not told by libevtx") == 237
    assert told.pop("no event data") == 982
    assert told.pop("the same") > 48_000
    # A boolean that is 16: libevtx says `true`. A text that is XML itself: libevtx writes it as elements.
    assert told == {"Microsoft-Windows-GroupPolicy": 12, "Microsoft-Windows-LiveId": 4}


def theirs(content: bytes) -> Iterator[ElementTree.Element | None]:
    file = pyevtx.file()
    file.open_file_object(io.BytesIO(content))
    for place in range(file.number_of_records):
        try:
            text = file.get_record(place).xml_string
            yield ElementTree.fromstring(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", text))
        except (OSError, ElementTree.ParseError):
            yield None


def plain(values: list[str | None]) -> list[str]:
    """Values without what two readers write in two ways: padding, braces, line ends, floats, digits of a second.

    Negative numbers are told apart from others only: libevtx writes -2147483647 for -1.
    """
    return [_plain(word) for value in values if (word := " ".join((value or "").split()).lower())]


def _plain(word: str) -> str:
    word = re.sub(r"\b0x0*(?=[0-9a-f])", "0x", word)
    word = re.sub(r"(\d\d:\d\d:\d\d)\.(\d{6})\d*", r"\1.\2", word)
    if re.fullmatch(r"\d+\.\d+(e[+-]\d+)?", word):
        return f"{float(word):.3e}"
    return re.sub(r"^-\d+$", "negative", word).strip("{}")
