"""Values that mean something, read out of each kind of hive. A new kind is a line here."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from postvakt.artifacts.registry import accounts, amcache, autostart, software, system, user
from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.regf import Hive
from postvakt.artifacts.registry.trace import Node
from postvakt.model.gap import Clue, Gap

Told = Mapping[str, Any] | Clue | Gap
Reading = Callable[[Node, Place], Iterator[Any]]

READINGS: dict[str, tuple[Reading, ...]] = {
    "SYSTEM": (system.traces, autostart.traces),
    "SOFTWARE": (software.traces, autostart.traces),
    "NTUSER": (user.traces, autostart.traces),
    "DEFAULT": (user.traces, autostart.traces),
    "UsrClass": (user.traces,),
    "Amcache": (amcache.traces,),
    "SAM": (accounts.sam_traces,),
    "SECURITY": (accounts.security_traces,),
}


def traces(hive: Hive, place: Place) -> Iterator[Told]:
    """Yield rows of `registry_trace` and clues in a fixed order; nothing of kinds that hold nothing of the kind."""
    root = hive.root()
    if root is None:
        return
    node = Node(hive, root, place.root)
    for reading in READINGS.get(place.kind, ()):
        yield from reading(node, place)
