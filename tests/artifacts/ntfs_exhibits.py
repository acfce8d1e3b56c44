"""What the exhibits of $MFT, $UsnJrnl:$J and prefetch are made of.

`python -m tests.artifacts.ntfs_exhibits` writes them anew.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from postvakt.estate.mft_writer import DOS, RECORD, WIN32, Name, Node, Times, mft, same
from postvakt.estate.usn_writer import PAGE, Change, journal
from tests.artifacts.prefetch_builder import packed, prefetch

FOLDER = Path(__file__).resolve().parent.parent / "evidence"
FORMATTED = datetime(2019, 6, 3, 8, 0, 0, 123_456, tzinfo=UTC)
WRITTEN = datetime(2021, 3, 2, 22, 14, 5, 654_321, tzinfo=UTC)
CLAIMED = datetime(2018, 4, 4, 12, 0, 0, tzinfo=UTC)
INETPUB, WWWROOT, CLIENT, GONE, ROOT = 24, 25, 26, 27, 5
CREATED, EXTENDED, DELETED, CLOSED, RENAMED = 0x100, 0x2, 0x200, 0x80000000, 0x2000
ZONE = b"[ZoneTransfer]\r\nZoneId=3\r\nHostUrl=http://203.0.113.9/a.zip\r\n"


def folder(entry: int, name: str, parent: int, **rest: object) -> Node:
    """A directory that is as old as the volume."""
    sequence = ROOT if parent == ROOT else 1
    names = (Name(text=name, parent=parent, parent_sequence=sequence, times=same(FORMATTED)),)
    return Node(entry=entry, names=names, times=same(FORMATTED), is_directory=True, **rest)


def file(entry: int, name: str, parent: int, written: datetime = WRITTEN, **rest: object) -> Node:
    """A file with one name that was written when it was created."""
    told = {"times": same(written), **rest}
    sequence = ROOT if parent == ROOT else 1
    names = (Name(text=name, parent=parent, parent_sequence=sequence, times=same(written)),)
    return Node(entry=entry, names=names, **told)


def nodes() -> list[Node]:
    """A web site with a script that was deleted, one with set times, a download, names of many kinds."""
    early = Times(CLAIMED, CLAIMED, WRITTEN, WRITTEN)
    whole = WRITTEN.replace(microsecond=0)
    return [
        folder(INETPUB, "inetpub", ROOT),
        folder(WWWROOT, "wwwroot", INETPUB),
        folder(CLIENT, "aspnet_client", WWWROOT),
        folder(GONE, "upload", CLIENT, in_use=False, sequence=2),
        file(
            28, "Discover.aspx", CLIENT, in_use=False, sequence=2, content=b"<%@ Page %> a page", security=271
        ),
        file(29, "supp0rt.aspx", CLIENT, times=early, length=2303, security=271, owner=3),
        file(
            30,
            "errorEE.aspx",
            CLIENT,
            times=same(whole),
            content=b"\xff\xfe" + "<%@ é %>".encode("utf-16-le"),
        ),
        file(31, "a.zip", ROOT, length=90_000, streams=(("Zone.Identifier", ZONE),)),
        file(32, "in-a-deleted-folder.aspx", GONE, in_use=False, sequence=4, content=b""),
        Node(
            entry=33,
            names=(
                Name(text="LONGNA~1.ASP", parent=CLIENT, times=same(WRITTEN), space=DOS),
                Name(text="long name Ж.aspx", parent=CLIENT, times=same(WRITTEN), space=WIN32),
                Name(text="second.aspx", parent=WWWROOT, times=same(WRITTEN), space=WIN32),
            ),
            times=same(WRITTEN),
            content=b"text",
        ),
        Node(
            entry=34,
            names=(
                Name(
                    text="whose folder is another's.txt",
                    parent=CLIENT,
                    parent_sequence=9,
                    times=same(WRITTEN),
                ),
            ),
            times=same(WRITTEN),
        ),
        Node(entry=35, times=same(FORMATTED), length=7_000_000, sequence=3),
        Node(
            entry=37,
            names=(Name(text="in a further record.edb", parent=INETPUB, times=same(FORMATTED)),),
            base=35,
            base_sequence=3,
        ),
        file(38, "lone", ROOT, times=None),
    ]


def changes(version: int) -> list[Change]:
    """A script is written, read once, and deleted; a tool takes the name of another."""
    shell = {"name": "Discover.aspx", "entry": 28, "parent": CLIENT, "parent_sequence": 1, "version": version}
    steps = (
        (0, CREATED),
        (0, CREATED | EXTENDED),
        (1, CREATED | EXTENDED | CLOSED),
        (7200, DELETED | CLOSED),
    )
    made = [Change(time=WRITTEN + timedelta(seconds=s), reason=why, **shell) for s, why in steps]
    tool = Change(
        time=WRITTEN, name="xx.bat", entry=41, parent=40, reason=RENAMED, attributes=0x22, version=version
    )
    return [*made, tool]


def main() -> None:
    """Write every exhibit."""
    table = mft(nodes(), begun=FORMATTED)
    put("mft/$MFT", table)
    damaged = bytearray(table)
    damaged[26 * RECORD : 27 * RECORD] = bytes(RECORD)
    damaged[29 * RECORD : 30 * RECORD] = b"\xa5" * RECORD
    damaged[30 * RECORD + 510] ^= 0xFF
    damaged[31 * RECORD + 0x38 + 4] = 3
    damaged[33 * RECORD : 33 * RECORD + 4] = b"BAAD"
    put("mft/damaged/$MFT", bytes(damaged[: 34 * RECORD + 100]))
    put("usn/$Extend/$UsnJrnl%3A$J", journal([*changes(2), *changes(3)], sparse=3 * PAGE))
    broken = bytearray(journal(changes(2)))
    broken[92:108] = b"\xa5" * 16
    put("usn/damaged/$J", bytes(broken[:-30]))
    old = [
        rf"\DEVICE\HARDDISKVOLUME2\WINDOWS\{name}" for name in (r"SYSTEM32\NTDLL.DLL", r"TEMP\PROCDUMP64.EXE")
    ]
    new = [name.replace(r"\DEVICE\HARDDISKVOLUME2", r"\VOLUME{01d70000-1a2b3c4d}") for name in old]
    runs = [WRITTEN - timedelta(hours=hour) for hour in range(3)]
    put("prefetch/PROCDUMP64.EXE-C0FFEE01.pf", prefetch(23, "PROCDUMP64.EXE", old, runs[:1], count=3))
    put("prefetch/PROCDUMP64.EXE-C0FFEE02.pf", packed(prefetch(30, "PROCDUMP64.EXE", new, runs, short=True)))
    put("prefetch/damaged/CUT.EXE-C0FFEE01.pf", prefetch(26, "CUT.EXE", new, runs)[:340])


def put(name: str, content: bytes) -> None:
    """Write one exhibit."""
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


if __name__ == "__main__":
    main()
