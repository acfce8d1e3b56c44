"""How much a task may take before it is given up."""

import msgspec

GIB = 1 << 30


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`memory` is what a worker may allocate, in bytes. A task's time is `seconds` plus its bytes at
    `slowest` bytes a second, a tenth of what the slowest parser does on an old machine. `tasks` is how many a worker
    does before a fresh one takes its place."""

    memory: int = GIB + GIB // 2
    seconds: float = 120.0
    slowest: int = 256 * 1024
    tasks: int = 500
    attempts: int = 2

    def time(self, size: int) -> float:
        """Return the seconds that a task which reads `size` bytes may take."""
        return self.seconds + size / self.slowest
