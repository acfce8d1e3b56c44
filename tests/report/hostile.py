"""Text as an attacker would have it in logs, file names and fields, and a report in which every text is such."""

import types
from datetime import datetime
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from postvakt.model.report import Report
from tests.report import values
from tests.report.parts import finding, sample

STRINGS = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "</style></script></details><h1>Clear</h1>",
    "\u202egnp.exe\u2066\u200b\ufeff",
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f",
    '=HYPERLINK("http://198.51.100.7/","x")',
    "\t+1;@SUM(1);＝1",
    "NUL\x00\x00\x00after",
    "lone \ud83d surrogate",
    "{{ 7*7 }}{% for x in y %}${7*7}#{7*7}<%= 7*7 %>",
    "javascript:alert(1) [x](javascript:alert(1)) ![x](http://198.51.100.7/p.png)",
    "# heading | cell | **bold** `code` \\ &amp; <http://198.51.100.7> www.example.com a@b.example @everyone",
    "line\r\nbreak\n- list\n=== \u2028 \u2029 \x85",
    "a\u0300\u0301\u0302\u0303\u0304\u0305\u0306tower",
    "long" + "W" * 3000,
)

ALL = " ".join(STRINGS)

KEPT = {"schema", "id", "finding", "findings", "days", "artifact"}
"""What the code itself writes and links by. `artifact` is a name of ours, with a hostile channel behind a colon."""


def filled(made: Report, text: str) -> Report:
    """Return the report with every free text of it replaced."""
    return _filled(made, Report, text)


def _filled(value: Any, kind: Any, text: str) -> Any:
    if isinstance(value, msgspec.Struct):
        hints = get_type_hints(type(value))
        return msgspec.structs.replace(
            value,
            **{
                name: _filled(getattr(value, name), hints[name], text)
                for name in value.__struct_fields__
                if name not in KEPT or isinstance(getattr(value, name), tuple)
            },
        )
    if isinstance(value, tuple):
        return tuple(_filled(inner, get_args(kind)[0], text) for inner in value)
    if isinstance(value, dict):
        of = get_args(kind)[1]
        return {f"{text}{number}": _filled(inner, of, text) for number, inner in enumerate(value.values())}
    if isinstance(value, str) and _is_free(kind):
        return text if value else ""
    return value


def _is_free(kind: Any) -> bool:
    if get_origin(kind) in (Union, types.UnionType):
        return any(_is_free(inner) for inner in get_args(kind))
    return get_origin(kind) is not Literal and kind is not datetime


HOSTILE = filled(values.ONE, ALL)
"""A whole attacked server that speaks only in such texts, thousands of characters each."""

BRIEF = " ".join(STRINGS[:-1]) + " " + STRINGS[-1][:300]
HOST = filled(
    values.report(
        values.host(
            findings=(finding(sample=(sample(),)),),
            chains=values.ONE.hosts[0].chains[:1],
            coverage=values.ONE.hosts[0].coverage[-1:],
        )
    ),
    BRIEF,
).hosts[0]
"""A smaller one, to stand among others."""
