"""Where a member lay on its server, whatever collector put it where it is now; and which members are of one machine."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote

import msgspec

from postvakt.evidence import flattened
from postvakt.evidence.opening import BORDER, unwrapped

PART = re.compile(r"[^/\\]+")

DRIVE = re.compile(r"(?:\\\\[.?]\\)?([a-z]):?\\?|([a-z])\$|([a-z])[ _]drive|drive[ _]([a-z])", re.IGNORECASE)
SHADOW = re.compile(r".*harddiskvolumeshadowcopy\d+", re.IGNORECASE | re.DOTALL)
SHADOW_LOOSE = re.compile(r"(?:vss|vsc|shadow_?copy)[ _]?\d+", re.IGNORECASE)
"""A device name says by itself that it is a shadow copy; `VSS1` only beside a drive or a known folder."""

ACCESSORS = frozenset(("auto", "file", "lazy_ntfs", "mft", "ntfs", "ntfs_vss", "raw_file"))
"""Folders under Velociraptor's `uploads`, one per way in which it reached the same machine."""

SYSTEM_VOLUME = "sysvol"
"""How acquire and dissect name the drive that Windows was started from, under `fs`."""

ANY: frozenset[str] = frozenset()
TOPS: Mapping[str, frozenset[str]] = {
    "windows": frozenset(
        (
            "appcompat", "assembly", "debug", "inf", "installer", "logs", "microsoft.net", "minidump", "ntds",
            "panther", "prefetch", "security", "serviceprofiles", "servicing", "softwaredistribution", "system",
            "system32", "sysvol", "syswow64", "tasks", "temp", "winsxs",
        )
    ),
    "inetpub": frozenset(("custerr", "ftproot", "history", "logs", "mailroot", "temp", "wwwroot")),
    "program files": ANY,
    "program files (x86)": ANY,
    "programdata": ANY,
    "documents and settings": ANY,
    "exchangesetuplogs": ANY,
    "perflogs": ANY,
    "$extend": ANY,
    "$recycle.bin": ANY,
    "system volume information": ANY,
}  # fmt: skip
"""Folders at the top of a Windows drive, with those of their folders that prove it where the name alone is common."""

IN_A_PROFILE = re.compile(r"appdata|desktop|documents|downloads|ntuser\.dat.*", re.IGNORECASE)


class Place(msgspec.Struct, frozen=True):
    """See `Member`. `shadow` is whether the member is of a shadow copy, beside which the live file may lie."""

    windows_path: str = ""
    root: str = ""
    rooted: bool = False
    shadow: bool = False


class _Mark(msgspec.Struct, frozen=True):
    """The drive in a path: what stands before it (`root`), and where what lies on it begins."""

    root: int
    begins: int
    drive: str
    shadow: bool = False
    encoded: bool = False


def places(paths: Sequence[str], containers: Mapping[str, bool]) -> dict[str, Place]:
    """Return each path's place. `containers` are the opened ones, and whether each merely wraps one file."""
    drives = frozenset(_proved_drives(paths))
    found: dict[str, Place] = {}
    for path in sorted(paths, key=lambda path: (path.count(BORDER), path)):
        found[path] = _place(path, drives, containers, found)
    return _adopted(found, containers)


def _place(
    path: str, drives: frozenset[str], containers: Mapping[str, bool], found: Mapping[str, Place]
) -> Place:
    outer, border, inner = path.rpartition(BORDER)
    start = len(outer) + len(border)
    mark = _mark(path, start, drives)
    if mark is not None:
        return Place(_windows_path(path, mark), path[: mark.root], True, mark.shadow)
    name = path.rpartition("/")[2]
    flat = flattened.path_of(name)
    if flat is not None:
        return Place(flat[0], path[: len(path) - len(name)], True, flat[1])
    around = found.get(outer)
    if not border or around is None or not around.windows_path:
        return Place()
    here = around.windows_path
    base = here.rpartition("/")[0] if containers.get(outer) else here
    return msgspec.structs.replace(around, windows_path=f"{base}/{inner.lower()}")


def _windows_path(path: str, mark: _Mark) -> str:
    parts = PART.findall(path[mark.begins :])
    if mark.encoded:
        parts = [unquote(part, errors="surrogateescape") for part in parts]
    joined = "/".join(part.replace("/", "\\") for part in parts).lower()
    return f"{mark.drive}:/{joined}".encode("utf-8", "backslashreplace").decode()


def _proved_drives(paths: Iterable[str]) -> Iterator[str]:
    """Yield what stands before a single letter under which a known folder proves that it is a drive."""
    for path in paths:
        start = path.rfind(BORDER) + len(BORDER) if BORDER in path else 0
        parts = list(PART.finditer(path, start))
        for position, part in enumerate(parts[:-1]):
            if len(part[0]) == 1 and part[0].isalpha() and _is_top(parts, position + 1):
                yield path[: part.start()]


def _mark(path: str, start: int, drives: frozenset[str]) -> _Mark | None:
    """Return the first drive, or known top folder, in what follows the last border of a path.

    A small letter that comes first and that nothing proves is taken for a drive only where nothing better follows.
    """
    parts = list(PART.finditer(path, start))
    guess: _Mark | None = None
    for position, part in enumerate(parts[:-1]):
        shadow = _shadow(parts, position)
        if shadow:
            after = position + 1
            drive = _drive(parts, after, path, start, drives) if after < len(parts) - 1 else ""
            return _made(parts, position, after + bool(drive), drive or "c", start, shadow=True)
        drive = _drive(parts, position, path, start, drives)
        if drive:
            after = position + 1
            shadow = after < len(parts) - 1 and _shadow(parts, after)
            made = _made(parts, position, after + shadow, drive, start, shadow=shadow)
            if len(part[0]) > 1 or part[0].isupper() or path[: part.start()] in drives:
                return made
            guess = made
        if _is_top(parts, position):
            return _Mark(part.start(), part.start(), "c")
    return guess


def _made(
    parts: Sequence[re.Match[str]], position: int, after: int, drive: str, start: int, *, shadow: bool
) -> _Mark:
    """Return the mark of a drive; a collector's own folders before it are left out of the root."""
    before = [part[0].lower() for part in parts[:position]]
    root = position
    encoded = "%" in parts[position][0]
    if before[-2:-1] == ["uploads"] and before[-1] in ACCESSORS:
        root -= 2
        encoded = True
    elif before[-1:] == ["fs"] or (encoded and before and before[-1] in ACCESSORS):
        root -= 1
    return _Mark(
        root=parts[root].start() if root else start,
        begins=parts[after].start(),
        drive=drive,
        shadow=shadow,
        encoded=encoded,
    )


def _drive(
    parts: Sequence[re.Match[str]], position: int, path: str, start: int, drives: frozenset[str]
) -> str:
    """Return the letter of the drive that a folder stands for, empty for none.

    A bare letter counts where it is proved, comes first, or is written as a drive is (`D`); A and B only where proved.
    """
    part = parts[position]
    name = unquote(part[0], errors="replace") if "%" in part[0] else part[0]
    low = name.lower()
    if low == SYSTEM_VOLUME and position and parts[position - 1][0].lower() == "fs":
        return "c"
    match = DRIVE.fullmatch(name)
    if match is None:
        return ""
    letter = (match[1] or match[2] or match[3] or match[4]).lower()
    if len(name) > 1 or path[: part.start()] in drives:
        return letter
    if letter in "ab":
        return ""
    first = position == 0
    return letter if first or name.isupper() else ""


def _shadow(parts: Sequence[re.Match[str]], position: int) -> bool:
    name = parts[position][0]
    name = unquote(name, errors="replace") if "%" in name else name
    if SHADOW.fullmatch(name):
        return True
    if not SHADOW_LOOSE.fullmatch(name):
        return False
    following = parts[position + 1][0] if position + 1 < len(parts) else ""
    if DRIVE.fullmatch(unquote(following, errors="replace")):
        return True
    return following.lower() in TOPS or following.lower() == "users"


def _is_top(parts: Sequence[re.Match[str]], position: int) -> bool:
    name = parts[position][0].lower()
    if position + 1 >= len(parts):
        return False
    if name == "users":
        return position + 2 < len(parts) and bool(IN_A_PROFILE.fullmatch(parts[position + 2][0]))
    proof = TOPS.get(name)
    return proof is not None and (not proof or parts[position + 1][0].lower() in proof)


def _adopted(found: dict[str, Place], containers: Mapping[str, bool]) -> dict[str, Place]:
    """Give what lies beside the only machine in a container, and the container itself, to that machine."""
    roots: dict[str, set[str]] = defaultdict(set)
    for path, place in found.items():
        if place.rooted:
            for around in _around(path):
                roots[around].add(place.root)
    settled = {}
    for path, place in found.items():
        if not place.rooted:
            nearest = next((roots[p] for p in _around(path, itself=path in containers) if p in roots), set())
            if len(nearest) == 1:
                place = Place(root=next(iter(nearest)), rooted=True)
        settled[path] = place
    return settled


def _around(path: str, *, itself: bool = False) -> Iterator[str]:
    """Yield the containers around a path, the nearest first."""
    if itself:
        yield path
    while BORDER in path:
        path = path.rpartition(BORDER)[0]
        yield path


def to_match(path: str, place: Place, containers: Mapping[str, bool]) -> str:
    """Return the lower-case path that an artifact's patterns are searched in: the server's where it is known,
    else the stored one, wrappers left out (`/logs/u_ex.log` for `logs/u_ex.log.gz!/u_ex.log`)."""
    if place.windows_path:
        return place.windows_path
    outer, border, inner = path.rpartition(BORDER)
    while border and containers.get(outer):
        path = f"{outer.rpartition('/')[0]}/{inner}" if "/" in outer else inner
        outer, border, inner = path.rpartition(BORDER)
    return "/" + path.replace(BORDER, "/").replace("\\", "/").lower().lstrip("/")


def beside(path: str, containers: Mapping[str, bool]) -> str:
    """Return a path's place among its neighbours, lower-case and without a wrapper around it."""
    outer, border, _ = path.rpartition(BORDER)
    return unwrapped(outer).lower() if border and containers.get(outer) else path.lower()
