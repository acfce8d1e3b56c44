"""Our own set of web shells, plain and hidden ones of every family: each is found by a rule."""

import functools

import pytest
from docs.shells import SHELLS, families, found, scanner


@functools.cache
def shells():
    return [
        (f"{family}/{name}", data) for family, members in families(SHELLS).items() for name, data in members
    ]


def test_the_set_is_wide():
    assert len(shells()) >= 40
    assert {name.partition("/")[0] for name, _ in shells()} == {
        "address-book",
        "command",
        "eval",
        "files",
        "loader",
        "sign-in",
        "tunnel",
        "upload",
    }


@pytest.mark.parametrize(("name", "data"), shells(), ids=[name for name, _ in shells()])
def test_is_found(name, data):
    assert found(scanner(), data)


def test_each_differs_from_the_others():
    assert len({data for _, data in shells()}) == len(shells())
