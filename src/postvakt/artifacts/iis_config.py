"""applicationHost.config and web.config: every element that says something, with the place it holds for.

Sites, pools, directories, modules, handlers and rewrite rules inbound and outbound are told apart by `kind`; nothing
else is dropped.
"""

from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_elements import Element, elements, name_of
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

IIS_CONFIG = TableSpec(
    name="iis_config",
    title="IIS configuration, element by element",
    locator="line",
    columns=(
        Column("kind", about="site, virtual_directory, app_pool, module, handler, rewrite_inbound, ...; else `other`"),
        Column("element", about="the element and those above it, below the root, joined by slashes"),
        Column("location", about="the site or path that a <location> binds it to; null for all"),
        Column("within", about="names of the elements above it, joined by ` / `"),
        Column("name", about="the element's own name, path or key"),
        Column("type", about="the .NET type or the protocol"),
        Column("path", kind="file_path", about="the file or folder that it names"),
        Column("value", about="the element's value, pattern or text"),
        Column("enabled", "bool"),
        Column("attributes", "pairs", about="all attributes as they stand"),
    ),
)  # fmt: skip

ARTIFACT = Artifact(
    name="iis_config",
    title="IIS configuration",
    tables=("iis_config",),
    where="%SystemRoot%\\System32\\inetsrv\\config\\applicationHost.config; web.config in each web folder",
    paths=(
        r"(^|[/_])applicationhost\.config$",
        r"(^|[/_])web\d?\.config$",
        r"/inetsrv/config/(administration|redirection)\.config$",
        r"/(front|client)[^/]*/.*/sharedweb[^/]*\.config$",
    ),
    heads=(rb"<system\.applicationHost>", rb"<configuration[^>]*>\s*<system\.webServer>"),
    rank=5,
)

KINDS: tuple[tuple[str, str], ...] = (
    ("sites/site", "site"),
    ("site/application", "application"),
    ("application/virtualDirectory", "virtual_directory"),
    ("bindings/binding", "binding"),
    ("applicationPools/add", "app_pool"),
    ("globalModules/add", "global_module"),
    ("modules/add", "module"),
    ("modules/remove", "module_removed"),
    ("handlers/add", "handler"),
    ("handlers/remove", "handler_removed"),
    ("isapiFilters/filter", "isapi_filter"),
    ("fastCgi/application", "fast_cgi"),
    ("isapiCgiRestriction/add", "isapi_restriction"),
    ("outboundRules/rule", "rewrite_outbound"),
    ("outboundRules/preConditions/preCondition", "rewrite_outbound"),
    ("globalRules/rule", "rewrite_inbound"),
    ("rules/rule", "rewrite_inbound"),
    ("/logFile", "log_file"),
    ("/centralW3CLogFile", "log_file"),
    ("/httpLogging", "http_logging"),
    ("/extendedProtection", "extended_protection"),
    ("location", "location"),
)
"""Ends of an element's path and what they are. The first that fits decides."""

BELOW: tuple[tuple[str, str], ...] = (
    ("/outboundRules/", "rewrite_outbound"),
    ("/rewrite/", "rewrite_inbound"),
)
"""Parts of a path below which everything belongs to one kind: conditions and actions of rewrite rules."""

NAMED = ("name", "path", "key", "url", "input", "fullPath", "protocol")
FILES = ("physicalPath", "image", "scriptProcessor", "directory", "fullPath", "processPath")
VALUES = ("value", "pattern", "bindingInformation", "url", "customProperties", "preCondition")
TRUTH = {"true": True, "false": False, "1": True, "0": False}
BACK_END = "exchange back end"


def parse(source: Source) -> Iterator[Read]:
    """Yield the elements, what they tell of the server, and what could not be read."""
    troubles = Troubles("iis_config")
    yield from batches(IIS_CONFIG, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any] | Clue]:
    for element in elements(source, troubles):
        if not element.attributes and not element.text:
            continue
        record = _record(element)
        yield record
        yield from _clues(record, element)


def _record(element: Element) -> dict[str, Any]:
    told = element.attributes
    name = name_of(element.path)
    return {
        "time": None,
        "locator": element.line,
        "kind": _kind(name),
        "element": name,
        "location": next((a["path"] for a, n in _above(element) if n == "location" and "path" in a), None),
        "within": " / ".join(a["name"] for a in element.above if a.get("name")) or None,
        "name": _first(told, NAMED),
        "type": told.get("type"),
        "path": _first(told, FILES),
        "value": _first(told, VALUES) or element.text or None,
        "enabled": TRUTH.get(told.get("enabled", "").lower()),
        "attributes": [{"name": key, "value": value} for key, value in told.items()],
    }


def _above(element: Element) -> Iterator[tuple[dict[str, str], str]]:
    return zip(element.above, element.path, strict=False)


def _kind(name: str) -> str:
    slashed = "/" + name
    kind = next((kind for end, kind in KINDS if slashed.endswith(end if end[0] == "/" else "/" + end)), None)
    return kind or next((kind for part, kind in BELOW if part in slashed), "other")


def _first(told: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((told[name] for name in names if told.get(name)), None)


def _clues(record: dict[str, Any], element: Element) -> Iterator[Clue]:
    if record["kind"] == "log_file" and record["path"]:
        yield Clue(kind="log_directory", value=record["path"], weight=60, basis="iis_config logFile")
    if record["kind"] == "site" and (element.attributes.get("name") or "").lower() == BACK_END:
        yield Clue(kind="role", value="exchange", weight=40, basis="iis_config site Exchange Back End")


READER = Reader(artifact=ARTIFACT, tables=(IIS_CONFIG,), parse=parse)
