"""Memory of a machine or of one program, read without symbols: processes, modules, regions, endpoints as tables."""

from postvakt.memory.opening import Opened, opened
from postvakt.memory.physical import Image, Physical, RefusedError, Run
from postvakt.memory.reader import READER

__all__ = ["READER", "Image", "Opened", "Physical", "RefusedError", "Run", "opened"]
