"""Memory images of synthetic Windows servers: built from a description, in the formats in which memory is handed in.

`build(machine(server))` is an image, `containers` writes it, `told(image)` says what is true of it.
"""

from postvakt.estate.memory.description import Driver, Endpoint, Loose, Machine, Module, Process, Region
from postvakt.estate.memory.image import Image, build
from postvakt.estate.memory.scenes import clean_twin, machine, taken, windows_build
from postvakt.estate.memory.truth import MemoryTruth, told

__all__ = [
    "Driver",
    "Endpoint",
    "Image",
    "Loose",
    "Machine",
    "MemoryTruth",
    "Module",
    "Process",
    "Region",
    "build",
    "clean_twin",
    "machine",
    "taken",
    "told",
    "windows_build",
]
