"""Every table that rules are asked of: those of artifacts and those of memory, by name."""

from postvakt import artifacts
from postvakt.memory.carving import MEM_CARVED
from postvakt.memory.sweep import MEM_YARA
from postvakt.memory.tables import TABLES as MEMORY

TABLES = {**artifacts.TABLES, **{spec.name: spec for spec in (*MEMORY, MEM_CARVED, MEM_YARA)}}
