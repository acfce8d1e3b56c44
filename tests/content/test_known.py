"""The names that content may use are the parsers' own."""

from postvakt.commands import readers
from postvakt.content import known
from postvakt.detect import logsources


def test_tables():
    assert set(readers.TABLES) == known.TABLES


def test_split_tables():
    split = {name for name, spec in readers.TABLES.items() if spec.split}
    assert split | {"file"} == known.SPLIT


def test_services_are_tables():
    assert known.SERVICES - set(readers.TABLES) == set()


def test_every_service_is_served():
    tables = readers.TABLES.values()
    unserved = [s for s in sorted(known.SERVICES) if not list(logsources.places(None, "exchange", s, tables))]
    assert unserved == []


def test_every_windows_service_is_served():
    tables = readers.TABLES.values()
    unserved = [
        s for s in sorted(known.WINDOWS_SERVICES) if not list(logsources.places(None, "windows", s, tables))
    ]
    assert unserved == []


def test_every_category_is_served():
    tables = readers.TABLES.values()
    unserved = [c for c in sorted(known.CATEGORIES) if not list(logsources.places(c, None, None, tables))]
    assert unserved == []
