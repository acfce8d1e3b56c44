"""SYSTEM: the machine's name, zone and role; services; ShimCache; programs run by each user (BAM, DAM)."""

import re
from collections.abc import Iterator
from typing import Any

from postvakt.artifacts.registry import shimcache
from postvakt.artifacts.registry.hives import Place
from postvakt.artifacts.registry.trace import Node, filetime, plain_path, program_of, trace
from postvakt.model.gap import Clue, Gap

Row = dict[str, Any]
Told = Row | Clue | Gap

CONTROL_SETS = "ControlSet*"
STARTS = {"0": "boot", "1": "system", "2": "automatic", "3": "manual", "4": "disabled"}
SERVICE_DETAILS = (
    ("display name", "displayname"),
    ("description", "description"),
    ("type", "type"),
    ("group", "group"),
    ("failure command", "failurecommand"),
)
SERVICE_VALUES = frozenset(("imagepath", "start", "type", "servicedll"))
"""A key under Services that has none of these is no service (performance counters of .NET and the like)."""

EXCHANGE_SERVICES = ("MSExchangeADTopology", "MSExchangeIS", "MSExchangeServiceHost", "MSExchangeTransport")
EVENT_FOLDER = re.compile(
    r"^%(?:systemroot|windir)%\\system32\\(?:winevt\\logs|config)\\[^\\]+$", re.IGNORECASE
)
_SID = re.compile(r"^S-1-\d+(?:-\d+)+$", re.IGNORECASE)


def traces(root: Node, place: Place) -> Iterator[Told]:
    """Yield what a SYSTEM hive tells: of all its control sets the traces, of the current one the clues."""
    current = _current(root)
    if current is not None:
        yield from _clues(current)
    for node in root.match(f"{CONTROL_SETS}\\Services\\*"):
        row = _service(node, place)
        if row is not None:
            yield row
    for node in root.match(f"{CONTROL_SETS}\\Control\\Session Manager"):
        yield from _shimcache(node, place)
    for service in ("bam", "dam"):
        for branch in ("State\\UserSettings", "UserSettings"):
            for node in root.match(f"{CONTROL_SETS}\\Services\\{service}\\{branch}\\*"):
                yield from _ran(service, node, place)


def _current(root: Node) -> Node | None:
    """Return the control set that the machine runs with."""
    select = root.child("Select")
    number = select.number("Current") if select else None
    named = root.child(f"ControlSet{number:03d}") if number is not None and number < 1000 else None
    return named or next(root.match(CONTROL_SETS), None)


def _clues(current: Node) -> Iterator[Clue]:
    name = current.child("Control\\ComputerName\\ComputerName")
    if name and name.text("ComputerName"):
        yield Clue(kind="host", value=name.text("ComputerName"), weight=100, basis="SYSTEM ComputerName")
    network = current.child("Services\\Tcpip\\Parameters")
    if network:
        domain = network.text("Domain") or network.text("NV Domain")
        if domain:
            yield Clue(kind="domain", value=domain, weight=100, basis="SYSTEM Tcpip Parameters")
    zone = current.child("Control\\TimeZoneInformation")
    if zone:
        told = zone.text("TimeZoneKeyName") or _bias(zone)
        if told:
            yield Clue(kind="zone", value=told, weight=100, basis="SYSTEM TimeZoneInformation")
    yield from _roles(current)
    yield from _folders(current)


def _bias(zone: Node) -> str:
    """Return a zone without a name as its distance from UTC (Windows counts from local time to UTC)."""
    bias = zone.number("ActiveTimeBias")
    if bias is None:
        return ""
    minutes = -(bias - (1 << 32) if bias >= 1 << 31 else bias)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _roles(current: Node) -> Iterator[Clue]:
    product = current.child("Control\\ProductOptions")
    if product and product.text("ProductType").casefold() == "lanmannt":
        yield Clue(kind="role", value="domain-controller", weight=100, basis="SYSTEM ProductOptions")
    services = current.child("Services")
    if services is None:
        return
    there = {node.key.name.casefold() for node in services.children()}
    found = [name for name in EXCHANGE_SERVICES if name.casefold() in there]
    if found:
        yield Clue(kind="role", value="exchange", weight=100, basis=f"SYSTEM service {found[0]}")


def _folders(current: Node) -> Iterator[Clue]:
    """Yield where logs lie that were moved away from their usual folder."""
    errors = current.child("Services\\HTTP\\Parameters")
    if errors and errors.text("ErrorLoggingDir"):
        yield _folder(errors.text("ErrorLoggingDir"), "SYSTEM HTTP ErrorLoggingDir")
    for log in current.match("Services\\EventLog\\*"):
        file = log.text("File")
        if "\\" in file and not EVENT_FOLDER.match(file):
            yield _folder(file.rpartition("\\")[0], f"SYSTEM EventLog {log.key.name}")


def _folder(path: str, basis: str) -> Clue:
    return Clue(kind="log_directory", value=path.rstrip("\\"), weight=60, basis=basis)


def _service(node: Node, place: Place) -> Row | None:
    texts = node.texts()
    if not texts.keys() & SERVICE_VALUES:
        return None
    parameters = node.child("Parameters")
    library = (parameters.text("ServiceDll") if parameters else "") or texts.get("servicedll", "")
    command = texts.get("imagepath", "")
    start = texts.get("start", "")
    return trace(
        "service",
        place,
        node,
        name=node.key.name,
        path=library or program_of(command),
        command=command,
        account=texts.get("objectname"),
        detail={"start": STARTS.get(start, start), "ServiceDll": library}
        | {label: texts.get(name) for label, name in SERVICE_DETAILS},
    )


def _shimcache(node: Node, place: Place) -> Iterator[Told]:
    for below, name in (("AppCompatCache", "AppCompatCache"), ("AppCompatibility", "AppCompatCache")):
        key = node.child(below)
        value = key.values().get(name.casefold()) if key else None
        if key is None or value is None:
            continue
        layout, seen = shimcache.entries(key.raw(value))
        if not layout:
            detail = f"{key.path}\\{name}: a ShimCache of unknown form"
            yield Gap(artifact="registry", why="unsupported", locator=value.offset, detail=detail)
        for entry in seen:
            if not entry.path and entry.modified is None:
                continue
            yield trace(
                "shimcache",
                place,
                key,
                cell=value.offset,
                name=entry.path.rpartition("\\")[2],
                path=plain_path(entry.path),
                time=entry.modified,
                time_means="file modified",
                detail={"position": entry.position, "executed": _yes(entry.executed), "size": entry.size,
                        "form": layout},
            )  # fmt: skip


def _yes(told: bool | None) -> str:
    return {True: "yes", False: "no", None: ""}[told]


def _ran(service: str, node: Node, place: Place) -> Iterator[Row]:
    for value in node.values().values():
        if value.type != 3 or not value.name:
            continue
        yield trace(
            service,
            place,
            node,
            cell=value.offset,
            name=value.name.rpartition("\\")[2],
            path=value.name,
            sid=node.key.name if _SID.match(node.key.name) else "",
            time=filetime(node.raw(value), 0),
            time_means="last run",
        )
