"""What every table must hold to, so that its rows can be stored with where they were read."""

import pytest

from postvakt import artifacts
from postvakt.model.table import TableSpec
from postvakt.tables.rows import schema


@pytest.mark.parametrize("spec", artifacts.TABLES.values(), ids=artifacts.TABLES)
def test_no_column_has_the_name_of_another(spec: TableSpec) -> None:
    names = schema(spec, stamped=True).names
    assert sorted(names) == sorted(set(names))
