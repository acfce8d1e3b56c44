"""The directories of a volume, packed: the path of a file is told by climbing from its parent to the root."""

from array import array

import numpy as np

from postvakt.artifacts.ntfs.record import Entry

ROOT = 5
ORPHAN = "(orphan)"
MOST_ENTRIES = 10_000_000
"""Entries among which directories are kept; 4 bytes each."""

FIRST_ENTRIES = 1 << 16
NOWHERE = -1
MOST_DIRECTORIES = 2_000_000
MOST_NAMES = 256 * 1024 * 1024
"""Bytes of all their names together."""

MOST_REMEMBERED = 50_000
MOST_DEPTH = 512


class Tree:
    """Every directory by its entry: parent and name, each with the sequence number that tells whose it is."""

    def __init__(self, drive: str) -> None:
        self.root = f"{drive}/"
        self._drive = drive
        self._slots = np.full(FIRST_ENTRIES, NOWHERE, np.int32)
        self._parents = array("Q")
        self._parent_sequences = array("H")
        self._sequences = array("l")
        self._ends = array("Q")
        self._names = bytearray()
        self._remembered: dict[tuple[int, int], str] = {}

    def add(self, directory: Entry) -> bool:
        """Keep a directory; false where it is one too many. One without a name cannot be climbed through."""
        name = directory.name()
        if name is None:
            return True
        full = len(self._parents) >= MOST_DIRECTORIES or len(self._names) >= MOST_NAMES
        if full or directory.number >= MOST_ENTRIES:
            return False
        while directory.number >= len(self._slots):
            self._slots = np.concatenate([self._slots, np.full(len(self._slots), NOWHERE, np.int32)])
        if self._slots[directory.number] != NOWHERE and directory.place != directory.number:
            return True  # a record out of its place takes no other's
        self._slots[directory.number] = len(self._parents)
        self._parents.append(name.parent)
        self._parent_sequences.append(name.parent_sequence)
        # The number of a deleted directory was counted up; what lay in it still knows the one before.
        self._sequences.append(directory.sequence if directory.in_use else -directory.sequence)
        self._names += name.text.encode("utf-8", "backslashreplace")
        self._ends.append(len(self._names))
        return True

    def path(self, parent: int, sequence: int, name: str) -> str:
        """Return the lower-case path of a name in a directory, `c:/windows/win.ini`.

        A part of it that cannot be known, since a directory is gone and its record used by another file, is written
        `(orphan)`; what lies below it stays.
        """
        return f"{self._folder(parent, sequence)}/{name}".lower()

    def _folder(self, entry: int, sequence: int) -> str:
        asked = (entry, sequence)
        known = self._remembered.get(asked)
        if known is not None:
            return known
        parts: list[str] = []
        while entry != ROOT:
            slot = int(self._slots[entry]) if entry < len(self._slots) else NOWHERE
            if slot < 0 or not self._is(slot, sequence) or len(parts) > MOST_DEPTH:
                parts.append(ORPHAN)
                break
            parts.append(self._name(slot))
            entry, sequence = self._parents[slot], self._parent_sequences[slot]
        folder = "/".join([self._drive, *reversed(parts)])
        if len(self._remembered) >= MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[asked] = folder
        return folder

    def _is(self, slot: int, sequence: int) -> bool:
        own = self._sequences[slot]
        return own == sequence or (own < 0 and sequence in (-own, -own - 1))

    def _name(self, slot: int) -> str:
        begin = self._ends[slot - 1] if slot else 0
        return self._names[begin : self._ends[slot]].decode("utf-8")
