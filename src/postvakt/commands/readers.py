"""Everything that is read, by name: artifacts of files and of memory, and the tables that rules are asked of."""

from postvakt import artifacts, memory
from postvakt.memory.found import MEM_CARVED, MEM_YARA
from postvakt.memory.readers import VOLATILITY_READER
from postvakt.memory.tables import TABLES as MEMORY

READERS = (*artifacts.READERS, *memory.READERS, VOLATILITY_READER)
BY_NAME = {reader.artifact.name: reader for reader in READERS}
OF_MEMORY = frozenset(reader.artifact.name for reader in memory.READERS)
"""Artifacts of which every byte is gone through once their tables are read."""

TABLES = {**artifacts.TABLES, **{spec.name: spec for spec in (*MEMORY, MEM_CARVED, MEM_YARA)}}
