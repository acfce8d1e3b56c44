"""A registry tree, grown path by path."""

from datetime import datetime

from postvakt.estate.regf_writer import Key, Value


class Tree:
    """The keys of one hive. A key that nothing sets a time for has the tree's."""

    def __init__(self, written: datetime, name: str = "ROOT") -> None:
        self._written = written
        self.root = Key(name=name, written=written, keys=[], values=[])

    def add(self, path: str, *values: Value, written: datetime | None = None) -> None:
        """Add values to the key at a path (parts between backslashes), with the keys above it as needed."""
        key = self.root
        for part in path.split("\\"):
            key = self._child(key, part)
        key.values = [*key.values, *values]
        key.written = written or key.written

    def _child(self, key: Key, name: str) -> Key:
        for child in key.keys:
            if child.name == name:
                return child
        made = Key(name=name, written=self._written, keys=[], values=[])
        key.keys = [*key.keys, made]
        return made
