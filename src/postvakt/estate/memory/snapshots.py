"""The memory of a server as a file beside its hand-in."""

import os
from pathlib import Path

from postvakt.estate.memory import containers, scenes
from postvakt.estate.memory.image import build
from postvakt.estate.memory.truth import MemoryTruth, told
from postvakt.estate.plans import ServerPlan

SIZE = 64 << 20
ENDING = ".memory.raw"


def write(server: ServerPlan, evidence: Path) -> tuple[Path, MemoryTruth] | None:
    """Write a server's memory, raw and sparse, and return its path with what is true of it; None where nobody knows how
    its Windows lays memory out. Raises OSError where it cannot be written."""
    if scenes.windows_build(server) is None:
        return None
    image = build(scenes.machine(server, size=SIZE))
    path = containers.write(image, evidence / (server.folder + ENDING))
    os.utime(path, (image.machine.taken.timestamp(),) * 2)
    return path, told(image, path.name)
