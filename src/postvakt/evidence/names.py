"""Names as hostile evidence gives them, made into paths that stay text, stay inside, and stay apart."""

import re

UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]|!(?=/|$)")
"""Control characters, bytes that are no text (Python keeps them as surrogates), and an exclamation mark where it
would look like the border of a container."""

SEPARATORS = re.compile(r"[/\\]+")
CLIMBS = "(..)"
UNNAMED = "(unnamed)"


def text(name: str) -> str:
    """Return a name as plain text: what is not is spelled `\\x0a`, a byte of no known encoding `\\xe9`."""
    return UNSAFE.sub(_spelled, name)


def _spelled(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def decoded(raw: bytes) -> str:
    """Return a stored name as text: UTF-8 where it is, code page 437 (what old zips use) where it is not."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def within(stored: str, *, backslash: bool) -> tuple[str, str]:
    """Return a member's name as a relative path, and what was wrong with it (empty where nothing was).

    `backslash` tells whether it separates folders, as it does in zips written on Windows. `..` becomes `(..)`,
    a leading separator goes, a drive letter stays: it says where the file lay and opens nothing here.
    """
    parts = [part for part in (SEPARATORS.split(stored) if backslash else stored.split("/")) if part]
    wrong = ""
    if ".." in parts:
        wrong = "climbs out of the archive"
    elif stored[:1] == "/" or (backslash and stored[:1] == "\\"):
        wrong = "is absolute"
    elif parts and re.match(r"[A-Za-z]:", parts[0]):
        wrong = "has a drive letter"
    kept = [CLIMBS if part == ".." else text(part) for part in parts if part != "."]
    return "/".join(kept) or UNNAMED, wrong


class Apart:
    """Keeps names of one container or folder apart: the second `x.log` is `x~2.log`."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, name: str) -> str:
        """Return the name, marked where it was taken before."""
        number = self._taken.get(name, 0)
        chosen = name
        while chosen in self._taken:
            number += 1
            chosen = _marked(name, number)
        self._taken[name] = max(number, 1)
        self._taken.setdefault(chosen, 1)
        return chosen


def _marked(name: str, number: int) -> str:
    folder, slash, last = name.rpartition("/")
    stem, dot, extension = last.rpartition(".")
    marked = f"{stem}~{number}.{extension}" if dot and stem else f"{last}~{number}"
    return f"{folder}{slash}{marked}"
