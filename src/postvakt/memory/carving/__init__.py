"""Carvers: what memory holds besides the structures that lead to it, found by its own shape."""

from postvakt.memory.carving.anchors import finder
from postvakt.memory.carving.driver import Keeper, carve
from postvakt.memory.carving.item import Item
from postvakt.memory.carving.stretch import CONTEXT, PAGE, Owner, Stretch
from postvakt.memory.carving.stretches import (
    OVERLAP,
    WINDOW,
    Held,
    by_mapping,
    by_reading,
    held,
    of_sorted,
    of_spaces,
    of_windows,
)

__all__ = [
    "CONTEXT",
    "OVERLAP",
    "PAGE",
    "WINDOW",
    "Held",
    "Item",
    "Keeper",
    "Owner",
    "Stretch",
    "by_mapping",
    "by_reading",
    "carve",
    "finder",
    "held",
    "of_sorted",
    "of_spaces",
    "of_windows",
]
