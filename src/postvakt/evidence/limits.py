"""How much a container may hold before reading it stops: evidence may have been made to harm who opens it."""

import msgspec

MIB = 1 << 20
GIB = 1 << 30


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is opened at most. Real collections stay far below each figure.

    `depth` counts containers within containers; `members` those of one hand-in's file. A member may unfold to
    `floor` bytes whatever it is made of, and to `ratio` times its packed bytes above that (DEFLATE reaches
    1032, an event log of empty chunks 700). All members of one file of the hand-in together may unfold to
    `total_floor` bytes or `ratio` times that file's size, whichever is more. `dictionary` bounds
    the memory that an archive may ask a decoder for; all in bytes.
    """

    depth: int = 8
    members: int = 1_000_000
    ratio: int = 250
    floor: int = GIB
    total_floor: int = 4 * GIB
    dictionary: int = 512 * MIB

    def of_member(self, packed: int) -> int:
        """Return the bytes that a member of so many packed bytes may unfold to."""
        return max(self.floor, self.ratio * packed)


LIMITS = Limits()


class Budget:
    """What may still be unfolded of one file of the hand-in, in bytes and in members."""

    def __init__(self, size: int) -> None:
        self.bytes = max(LIMITS.total_floor, LIMITS.ratio * size)
        self.members = LIMITS.members
        self.whole = self.bytes

    def spend(self, size: int) -> None:
        """Count bytes that were unfolded."""
        self.bytes -= size
