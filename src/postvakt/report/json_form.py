"""The report as JSON, `postvakt.report/1`, and the schema that it keeps."""

from datetime import datetime
from typing import Any, get_args, get_type_hints

import msgspec

from postvakt.model import baseline, build, eviction, hypothesis, inventory, memory, mitigation, rule, story
from postvakt.model import report as model
from postvakt.model.report import SCHEMA, HostRow, Report
from postvakt.report.text import encodable_in

_RENAMED = (("BuildRow", "first", "from"),)
"""What the model cannot name as the published form does: `from` is a keyword of the language."""


_NO_HOSTS = b'\n  "hosts": []'
_HOSTS = b'\n  "hosts": ['
_INDENT = b"    "


class _Read(msgspec.Struct):
    """As much of a written report as is needed to give its keys back their names in the model."""

    hosts: list[dict[str, Any]]


def render(report: Report) -> bytes:
    """Return the report as indented UTF-8 JSON, keys in the order of the model, a line end at the end.

    A lone surrogate, which UTF-8 cannot hold, is written as the text `\\udc80`; nothing else is changed.
    """
    frame = _written(msgspec.to_builtins(msgspec.structs.replace(report, hosts=())))
    if not report.hosts:
        return frame + b"\n"
    before, after = frame.split(_NO_HOSTS)
    # Host by host: the plain form of a thousand hosts at once would take gigabytes.
    hosts = b",".join(b"\n" + _indented(_host(host)) for host in report.hosts)
    return b"".join((before, _HOSTS, hosts, b"\n  ]", after, b"\n"))


def parse(written: bytes) -> Report:
    """Return the report that `render` wrote.

    Raises msgspec.DecodeError (ValidationError where a value has the wrong form), naming the place.
    """
    told = msgspec.json.decode(written, type=_Read)
    for host in told.hosts:
        host["builds"] = [_modelled(build) for build in host.get("builds", ())]
    return msgspec.convert(msgspec.json.decode(written, type=dict[str, Any]) | {"hosts": told.hosts}, Report)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the report. Every key is always written; more may be added later."""
    made = msgspec.json.schema(Report, ref_template="#/$defs/{name}")
    definitions = made["$defs"]
    _say_times(definitions)
    for name, ours, published in _RENAMED:
        properties = definitions[name]["properties"]
        definitions[name]["properties"] = {
            published if key == ours else key: value for key, value in properties.items()
        }
    for definition in definitions.values():
        if "properties" in definition:
            definition["required"] = sorted(definition["properties"])
            for value in definition["properties"].values():
                value.pop("default", None)
    definitions["Report"]["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:postvakt:{SCHEMA}",
        "title": SCHEMA,
        **{key: value for key, value in made.items() if key != "$defs"},
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text() -> str:
    """Return the schema as it is published in `docs/report.schema.json`."""
    return msgspec.json.format(msgspec.json.encode(schema(), order="sorted"), indent=2).decode() + "\n"


def _say_times(definitions: dict[str, Any]) -> None:
    """Give every time the format that it has; the schema's maker leaves it out for want of a zone in the type."""
    for name, definition in definitions.items():
        of_type = get_type_hints(
            next(
                getattr(where, name)
                for where in (
                    model,
                    rule,
                    story,
                    baseline,
                    build,
                    inventory,
                    memory,
                    mitigation,
                    hypothesis,
                    eviction,
                )
                if hasattr(where, name)
            )
        )
        for key, value in definition.get("properties", {}).items():
            if datetime in (of_type.get(key), *get_args(of_type.get(key))):
                for variant in value.get("anyOf", (value,)):
                    if variant.get("type") == "string":
                        variant["format"] = "date-time"


def _host(host: HostRow) -> bytes:
    told = msgspec.to_builtins(host)
    told["builds"] = [_published(build) for build in told["builds"]]
    return _written(told)


def _written(told: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(encodable_in(told)), indent=2)


def _indented(text: bytes) -> bytes:
    # No string of JSON holds a line end of its own, so every one of them is the writer's.
    return _INDENT + text.replace(b"\n", b"\n" + _INDENT)


def _published(build: dict[str, Any]) -> dict[str, Any]:
    names = {ours: published for _, ours, published in _RENAMED}
    return {names.get(key, key): value for key, value in build.items()}


def _modelled(build: dict[str, Any]) -> dict[str, Any]:
    names = {published: ours for _, ours, published in _RENAMED}
    return {names.get(key, key): value for key, value in build.items()}
