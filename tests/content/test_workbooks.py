"""The maps of reporting workbooks: each kind of fault is told with its place."""

from typing import Any

import msgspec
import pytest

from postvakt.content import forms
from postvakt.model.form import Blank
from tests.report.templates_made import MAP

SERVERS = MAP.servers
assert SERVERS is not None


def _servers(**changed: Any) -> Any:
    return msgspec.structs.replace(MAP, servers=msgspec.structs.replace(SERVERS, **changed))


def _blank(**changed: Any) -> Any:
    first, *rest = SERVERS.blanks
    return _servers(blanks=(msgspec.structs.replace(first, **changed), *rest))


def _changed(**changed: Any) -> Any:
    return msgspec.structs.replace(MAP, **changed)


NOWHERE = Blank(asks="Who?", asks_at="A9", at="9B", sheet="Status")


@pytest.mark.parametrize(
    ("book", "says"),
    [
        (_changed(directive="ed-99-99"), "directive: ed-99-99 is no directive of ours"),
        (
            _changed(version=msgspec.structs.replace(MAP.version, says="V2")),
            "version: 'V2' does not begin as its family",
        ),
        (_changed(version=msgspec.structs.replace(MAP.version, cell="B0")), "version: 'B0' is no cell"),
        (_changed(agency=(NOWHERE,)), "agency[0]: '9B' is no cell"),
        (
            _changed(agency=(msgspec.structs.replace(NOWHERE, at="B9", sheet=""),)),
            "agency[0]: sheet: is missing",
        ),
        (_servers(along="rows"), "servers: first: 'B' is none of the rows"),
        (_servers(last="9"), "servers: last: '9' is none of the columns"),
        (_blank(at="B2"), "servers: blanks[0]: at: 'B2' is no place that servers along columns share"),
        (
            _blank(tell_in="H"),
            "servers: blanks[0]: tell_in: 'H' is no place that servers along columns share",
        ),
        (
            _blank(fills="weather"),
            "servers: blanks[0]: fills: weather is nothing that is asked of each server",
        ),
        (_blank(fills="runs-exchange"), "fills: runs-exchange is nothing that is asked of each server"),
        (_blank(fills="found"), "found fills 2 places"),
        (_blank(words={"perhaps": "Yes"}), "words: perhaps is none of yes, no"),
        (_blank(words={"yes": "Surely"}, choices=("Yes",)), "words: 'Surely' is none of its choices"),
    ],
)
def test_a_fault_is_told(book: Any, says: str) -> None:
    assert any(says in fault for fault in forms.faults(book, ["ed-21-02"]))


def test_a_sound_map_has_none() -> None:
    assert list(forms.faults(MAP, ["ed-21-02"])) == []
