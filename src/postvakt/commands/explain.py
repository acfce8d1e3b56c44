"""From a finding back to its evidence: the rule, the reason, and the raw record with its surroundings."""

import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from postvakt import evidence
from postvakt.commands import reports, work
from postvakt.model.clock import iso
from postvakt.model.evidence import Member
from postvakt.model.report import FindingRow, HostRow, Sample
from postvakt.tables.case import Case

AROUND = 2
"""Lines shown before and after the matched one."""

LONGEST_LINE = 4096
"""Bytes of a raw line, and of a raw record, that are shown; how many there are is said."""

RECORD_BYTES = 256


def explain(root: Path, finding: str) -> Iterator[str]:
    """Yield the lines that open a finding at its evidence. Raises UsageError for an id that is not there."""
    case = Case.open(root)
    host, row = reports.find(reports.load(root), finding)
    yield from _headline(host, row)
    members = _members(case, row.sample)
    for number, sample in enumerate(row.sample, 1):
        yield ""
        place = f"{plain(sample.source)}, {sample.locator_kind} {sample.locator}"
        yield f"{number}. {place}, {iso(sample.time) or 'undated'}"
        if sample.detail:
            yield f"   because {plain(sample.detail)}"
        for name, value in sample.fields.items():
            yield f"   {plain(name)} = {plain(value)}"
        found = members.get((sample.evidence, sample.source))
        yield from (f"   {line}" for line in _raw(case, found, sample))


def _headline(host: HostRow, row: FindingRow) -> Iterator[str]:
    yield f"{row.title} [{row.id}] on {host.host}"
    yield f"rule {row.rule} ({row.kind}, {row.origin}), level {row.level}, confidence {row.confidence}"
    when = f"{iso(row.first)} to {iso(row.last)}" if row.first else "without a time"
    yield f"stage {row.stage or 'none'}; {row.count} match{'es' * (row.count != 1)}, {when}"
    for name, text in (("means", row.means), ("harmless when", row.benign), ("next", row.next)):
        if text:
            yield f"{name}: {' '.join(text.split())}"
    if row.acknowledged:
        yield f"acknowledged by {plain(row.acknowledged.by)}: {plain(row.acknowledged.reason)}"


def _members(case: Case, samples: Iterable[Sample]) -> dict[tuple[str, str], tuple[str, Member]]:
    """Find the members that samples come from, each with the path of its hand-in."""
    wanted = {(sample.evidence, sample.source) for sample in samples}
    found = {}
    for intake in case.read_json("intake.json", list[work.Intake]):
        for member in case.lines(intake.file, Member):
            if (member.evidence, member.path) in wanted:
                found[member.evidence, member.path] = (intake.evidence.path, member)
    return found


def _raw(case: Case, found: tuple[str, Member] | None, sample: Sample) -> Iterator[str]:
    if found is None:
        return
    hand_in, member = found
    if member.sha256:
        yield f"sha256 {member.sha256}"
    if sample.locator_kind not in ("line", "offset", "cell"):
        return
    try:
        with evidence.source(hand_in, member, scratch=case.scratch).open() as stream:
            if sample.locator_kind == "line":
                yield from _lines(stream, sample.locator)
            else:
                yield from _bytes(stream, sample.locator)
    except OSError as why:
        yield f"the evidence cannot be opened any more ({why.strerror}); the row above is what was read of it"


def _lines(stream: BinaryIO, wanted: int) -> Iterator[str]:
    start = stream.read(2)
    encoding = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(start, "utf-8")
    step = b"\n" if encoding == "utf-8" else "\n".encode(encoding)
    numbered = enumerate(_split(itertools.chain([start], iter(lambda: stream.read(1 << 20), b"")), step), 1)
    for number, line in numbered:
        if number > wanted + AROUND:
            return
        if number >= wanted - AROUND:
            shown = plain(line[:LONGEST_LINE].decode(encoding, "backslashreplace").strip("\r\n\ufeff"))
            more = f" ... ({len(line)} bytes)" if len(line) > LONGEST_LINE else ""
            yield f"{'>' if number == wanted else ' '} {number}: {shown}{more}"


def _split(blocks: Iterable[bytes], step: bytes) -> Iterator[bytes]:
    """Yield the lines of a stream of blocks."""
    rest = b""
    for block in blocks:
        pieces = (rest + block).split(step)
        rest = pieces.pop()
        yield from pieces
    if rest:
        yield rest


def _bytes(stream: BinaryIO, offset: int) -> Iterator[str]:
    if stream.seekable():
        stream.seek(offset)
    else:
        left = offset
        while left and (block := stream.read(min(left, 1 << 20))):
            left -= len(block)
    content = stream.read(RECORD_BYTES)
    for start in range(0, len(content), 16):
        row = content[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{offset + start:#010x}  {row.hex(' '):<47}  {text}"


def plain(text: str) -> str:
    """Return text in which nothing can steer a terminal: what does not print is spelled out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
