"""Event logs in memory: what they tell, how they are damaged, and what a reader gives of them."""

import struct
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from postvakt.artifacts import evtx
from postvakt.estate import binxml, evtx_writer
from postvakt.estate.binxml import Element, Slot
from postvakt.estate.event_kinds import LOG_CLEARED, LOGOFF, classic, named
from postvakt.estate.evtx_writer import CHUNK, CHUNK_HEADER, FILE_HEADER, Event, Kind, Log
from postvakt.model.gap import Clue, Gap
from postvakt.tables.rows import Reader
from tests.artifacts.sources import alone, pieces

BEGIN = datetime(2021, 3, 1, 2, 17, 0, 123456, tzinfo=UTC)
GUID = uuid.UUID("5770385f-c22a-43e0-bf4c-06f5698ffbd9")
COMPUTER = "EX01.corp.example"

CMDLET = classic("MSExchange CmdletLogs", 1, qualifiers=16388, task=1)
VERSION = classic("EventLog", 6009, qualifiers=32768)
UPTIME = classic("EventLog", 6013, qualifiers=32768)
TYPED = named(
    "Postvakt-Test",
    GUID,
    10,
    [
        ("Text", binxml.STRING), ("Empty", binxml.STRING), ("Absent", binxml.STRING), ("Byte", binxml.UINT8),
        ("Long", binxml.UINT64), ("Flag", binxml.BOOLEAN), ("Bytes", binxml.BINARY), ("Guid", binxml.GUID),
        ("Time", binxml.FILETIME), ("Sid", binxml.SID), ("Mask", binxml.HEX32), ("Wide", binxml.HEX64),
        ("With Space", binxml.STRING),
    ],
)  # fmt: skip
VALUES = (
    'w3wp.exe <&"\'> é Ж 🦉 "x":', "", None, 250, 2**63 + 5, True, b"\x00\x01\xfe", GUID, BEGIN,
    "S-1-5-21-1004-11-68-500", 0x3E7, 0xFFFF_FFFF_0000, "a\\b",
)  # fmt: skip


def kind(event_id: int, payload: Element, *kinds: int, provider: str = "Postvakt-Test") -> Kind:
    """Return a kind with a payload of its own."""
    return Kind(provider=provider, guid=GUID, event_id=event_id, payload=payload, kinds=kinds)


def texts(*fields: tuple[str | None, int]) -> tuple[Element, ...]:
    """Return `Data` elements with these names (None: without) for these slots."""
    return tuple(
        Element("Data", (("Name", name),) if name else (), (Slot(index, binxml.STRING),))
        for name, index in fields
    )


REPEATED = kind(
    20, Element("EventData", (), texts(("Part", 0), ("Part", 1), ("Other", 2))), *[binxml.STRING] * 3
)
MIXED = kind(21, Element("EventData", (), texts((None, 0), ("Named", 1), (None, 2))), *[binxml.STRING] * 3)
CALLED = kind(22, Element("EventData", (("Name", "Started"),), texts(("Text", 0))), binxml.STRING)
COMPLEX = kind(
    23,
    Element(
        "EventData",
        (),
        (
            Element("ComplexData", (("Name", "IdleState"),), (Slot(0, binxml.STRING),)),
            Element("ComplexData", (("Name", "PerfState"),), (Slot(1, binxml.STRING),)),
        ),
    ),
    *[binxml.STRING] * 2,
)
NESTED = kind(
    24,
    Element(
        "UserData",
        (),
        (
            Element(
                "CertGetCertificateChain",
                (("xmlns", "urn:example"),),
                (
                    Element("Certificate", (("fileRef", "AB.cer"), ("subjectName", Slot(0, binxml.STRING)))),
                    Element("Certificate", (("fileRef", "CD.cer"), ("subjectName", Slot(1, binxml.STRING)))),
                    Element("Header", (), (Slot(0, binxml.STRING),)),
                    Element("Header", (), (Slot(1, binxml.STRING),)),
                    Element("Result", (("value", "0"),), (Slot(1, binxml.STRING),)),
                ),
            ),
        ),
    ),
    *[binxml.STRING] * 2,
)
BARE = kind(25, Element("EventData"))


def of_every_shape() -> list[Event]:
    """Events of every shape that event data have."""
    told: tuple[tuple[Kind, tuple[Any, ...]], ...] = (
        (TYPED, VALUES),
        (CMDLET, (("Set-OabVirtualDirectory", "", '-ExternalUrl "http://f/<b>"', "CORP\\EX01$"), None)),
        (VERSION, (("10.00.", "14393", "", "Multiprocessor Free", "0"), None)),
        (UPTIME, (("", "", "", "", "5188", "60", "-60 W. Europe Standard Time"), b"\x01\x02")),
        (LOG_CLEARED, ("S-1-5-18", "ana", "CORP", 0x3E7)),
        (REPEATED, ("one", "two", "three")),
        (MIXED, ("first", "second", "third")),
        (CALLED, ("text",)),
        (COMPLEX, ("01", None)),
        (NESTED, ("Example CA", "Example Root")),
        (BARE, ()),
    )
    return [Event(BEGIN + timedelta(seconds=n), *each, user="S-1-5-18") for n, each in enumerate(told)]


def logoffs(count: int) -> list[Event]:
    """Events of one kind, a second after one another; about 150 fill a chunk."""
    return [
        Event(BEGIN + timedelta(seconds=n), LOGOFF, ("S-1-5-18", f"user{n}", "CORP", n, 3), user=None)
        for n in range(count)
    ]


def log(events: list[Event], channel: str = "Security", **options: Any) -> bytes:
    """Return an event log of these events."""
    return evtx_writer.evtx(Log(channel=channel, computer=COMPUTER, **options), events)


def places(content: bytes, chunk: int = 0) -> list[int]:
    """Return where the records of one chunk begin in a sound file."""
    start = FILE_HEADER + chunk * CHUNK
    (end,) = struct.unpack_from("<I", content, start + 48)
    found, at = [], start + CHUNK_HEADER
    while at < start + end:
        found.append(at)
        at += struct.unpack_from("<I", content, at + 4)[0]
    return found


def patched(content: bytes, at: int, *bytes_: bytes) -> bytes:
    """Return content with bytes written over it."""
    new = b"".join(bytes_)
    return content[:at] + new + content[at + len(new) :]


def sealed(content: bytes, chunk: int = 0) -> bytes:
    """Return a file with one chunk's checksums made right again, as who tampers with a log would."""
    start = FILE_HEADER + chunk * CHUNK
    (end,) = struct.unpack_from("<I", content, start + 48)
    content = patched(content, start + 52, struct.pack("<I", zlib.crc32(content[start + 512 : start + end])))
    head = zlib.crc32(content[start + 128 : start + 512], zlib.crc32(content[start : start + 120]))
    return patched(content, start + 124, struct.pack("<I", head))


def read(content: bytes, reader: Reader = evtx.READER) -> tuple[list[dict[str, Any]], list[Gap], list[Clue]]:
    """Return the rows, the gaps and the clues that a reader gives."""
    rows, gaps, clues = pieces(reader, alone(content, "a.evtx"))
    return rows["event"], gaps, clues


def numbers(content: bytes) -> list[int]:
    """Return the record numbers that the reader gives, in its order."""
    return [row["EventRecordID"] for row in read(content)[0]]


def troubles(content: bytes) -> list[tuple[str, int | None, int]]:
    """Return why, where and how often of each gap that the reader gives."""
    return [(gap.why, gap.locator, gap.count) for gap in read(content)[1]]
