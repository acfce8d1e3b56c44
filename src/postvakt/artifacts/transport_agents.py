"""agents.config: the transport agents that see every mail, each with the library that it is loaded from."""

from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_elements import elements
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.gap import Clue
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

TRANSPORT_AGENT = TableSpec(
    name="transport_agent",
    title="Transport agents",
    locator="line",
    columns=(
        Column("name"),
        Column("baseType"),
        Column("classFactory"),
        Column("assemblyPath", kind="file_path"),
        Column("enabled", "bool"),
    ),
)

ARTIFACT = Artifact(
    name="transport_agents",
    title="Transport agents",
    tables=("transport_agent",),
    where="%ExchangeInstallPath%TransportRoles\\Shared\\agents.config, fetagents.config",
    paths=(r"(^|[/_])(fet)?agents\.config$",),
    heads=(rb"<mexRuntime>",),
    rank=10,
)
TRUTH = {"true": True, "false": False}


def parse(source: Source) -> Iterator[Read]:
    """Yield the agents in the order in which they are called, and what could not be read."""
    troubles = Troubles("transport_agents")
    yield from batches(TRANSPORT_AGENT, _records(source, troubles))
    yield from troubles.gaps()


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any] | Clue]:
    runtime = False
    for element in elements(source, troubles):
        runtime = runtime or element.path[-1] == "mexRuntime"
        if element.path[-1] == "agent":
            told = dict(element.attributes)
            told_enabled = told.pop("enabled", "")
            yield {"time": None, "locator": element.line, **told, "enabled": TRUTH.get(told_enabled.lower())}
    if runtime:
        yield Clue(kind="role", value="exchange", weight=40, basis="transport_agents")


READER = Reader(artifact=ARTIFACT, tables=(TRANSPORT_AGENT,), parse=parse)
