"""Objects that PowerShell wrote as JSON (`ConvertTo-Json`), as the same stream of properties that CliXML gives."""

from collections.abc import Iterator
from typing import Any

import msgspec

from postvakt.artifacts.clixml import GUESSED, MOST_PROPERTIES, Property
from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_stream import MARKS, UNMARKED
from postvakt.model.evidence import Source

LIMIT = 32 * 1024 * 1024
"""Bytes of a file that are read: JSON has to be held whole. HealthChecker's has a tenth of it."""

DEEPEST = 100


def properties(source: Source, troubles: Troubles) -> Iterator[Property]:
    """Yield the properties of every object in its order. Raises OSError."""
    with source.open() as stream:
        content = stream.read(LIMIT + 1)
    if len(content) > LIMIT:
        troubles.note("limited", f"JSON of more than {LIMIT} bytes is not read", None)
        return
    try:
        whole = msgspec.json.decode(_plain(content))
    except (msgspec.DecodeError, RecursionError) as why:
        troubles.note("unparsed", f"no JSON: {why}", None)
        return
    told = 0
    for number, (kind, one) in enumerate(_objects(whole), 1):
        for path, value in _leaves(one, "", 0, troubles):
            told += 1
            if told > MOST_PROPERTIES:
                troubles.note(
                    "limited", f"more than {MOST_PROPERTIES} properties; the rest is not read", None
                )
                return
            yield Property(number, kind, path, "json", value, 1)


def _objects(whole: Any) -> Iterator[tuple[str, Any]]:
    """Yield each object with its kind; HealthChecker's list of vulnerabilities holds one for each server."""
    for one in whole if isinstance(whole, list) else [whole]:
        if not isinstance(one, dict):
            continue
        servers = one.get("Servers")
        if "VersionReport" in one and isinstance(servers, list):
            for server in servers:
                yield "VulnerabilityReport", server
        else:
            yield next((known for name, known in GUESSED if name in one), "object"), one


def _leaves(value: Any, path: str, depth: int, troubles: Troubles) -> Iterator[tuple[str, str | None]]:
    if depth > DEEPEST:
        troubles.note("limited", f"objects lie deeper than {DEEPEST}; what lies below is not read", 1)
    elif isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, f"{path}/{name}" if path else str(name), depth + 1, troubles)
    elif isinstance(value, list):
        for place, below in enumerate(value):
            yield from _leaves(below, f"{path}/{place}" if path else str(place), depth + 1, troubles)
    else:
        yield path, _text(value)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _plain(content: bytes) -> bytes:
    known = next(((name, len(mark)) for mark, name in MARKS if content.startswith(mark)), None)
    if known is None:
        known = (next((name for _, name in UNMARKED if content[:2] in (b"{\x00", b"[\x00")), "utf-8"), 0)
    return content[known[1] :].decode(known[0], "backslashreplace").encode("utf-8", "backslashreplace")
