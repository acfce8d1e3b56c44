"""Memory of a machine or of one program, read without symbols: processes, modules, regions, endpoints as tables.

`opened` gives an image's bytes to scanners; `READERS` are what reads it into tables.
"""

from postvakt.memory.opening import ARTIFACT, Opened, opened
from postvakt.memory.physical import Image, Physical, RefusedError, Run
from postvakt.memory.readers import READER, READERS

__all__ = ["ARTIFACT", "READER", "READERS", "Image", "Opened", "Physical", "RefusedError", "Run", "opened"]
