"""Nmap's XML output: which hosts a scan found, port by port, with what its scripts told of them.

Only what others scanned is read: nothing is ever sent to a server from here.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from postvakt.artifacts.troubles import Troubles
from postvakt.artifacts.xml_stream import Tag, tags
from postvakt.model.artifact import Artifact
from postvakt.model.evidence import Source
from postvakt.model.table import Column, TableSpec
from postvakt.tables.rows import Read, Reader, batches

NMAP = TableSpec(
    name="nmap",
    title="Ports that an Nmap scan found",
    locator="line",
    columns=(
        Column("address", kind="ip", about="the host's; null where the scan gives none"),
        Column("names", "strings", kind="host", about="as the scan was told or looked up"),
        Column("computer", kind="host", about="the name that the host gives itself, in NTLM or X-FEServer"),
        Column("port", "int", low=0, high=65535, about="null for a host without a port"),
        Column("protocol"),
        Column("state", about="open, closed, filtered; of a host without a port: up, down"),
        Column("service"),
        Column("product"),
        Column("version"),
        Column("extrainfo"),
        Column("cpe", "strings"),
        Column("title", about="of the page that was answered"),
        Column("certificate_names", "strings", kind="domain", about="common and other names of the certificate"),
        Column("build", about="of Exchange, from OWA's paths or its header"),
        Column("scripts", "pairs", about="the output of each script"),
    ),
)  # fmt: skip
"""`time` is when the scan of the host began."""

ARTIFACT = Artifact(
    name="nmap",
    title="Nmap scans",
    tables=("nmap",),
    where="*.xml of nmap -oX",
    heads=(rb"(?s)\A\s*(?:<\?[^>]*\?>\s*|<!DOCTYPE nmaprun>\s*|<!--.{0,1000}?-->\s*)*<nmaprun\b",),
    rank=5,
)

MOST_PORTS = 65_536 * 2
MOST_CPES = 20
MOST_SCRIPTS = 5000
"""Scripts of one host whose output is kept: a whole host waits until its name is known."""

LONGEST_OUTPUT = 16_384
OWA_PATH = re.compile(r"/(?:owa|ecp)/(?:auth/)?(1[45]\.\d{1,2}\.\d{1,5}(?:\.\d{1,5})?)/", re.IGNORECASE)
OWA_HEADER = re.compile(r"X-OWA-Version:\s*(1[45]\.\d{1,2}\.\d{1,5}(?:\.\d{1,5})?)", re.IGNORECASE)
COMPUTER = (
    re.compile(r"DNS_Computer_Name:\s*(\S+)"),
    re.compile(r"X-FEServer:\s*(\S+)", re.IGNORECASE),
    re.compile(r"NetBIOS_Computer_Name:\s*(\S+)"),
)
TITLE = re.compile(r"\A\s*(.*)")
COMMON_NAME = re.compile(r"Subject: (?:.*?/)?commonName=([^/\r\n]+)")
OTHER_NAMES = re.compile(r"DNS:([^,\s]+)")


class _Host(msgspec.Struct):
    """A host that is being read."""

    line: int
    time: datetime | None = None
    state: str = ""
    address: str | None = None
    names: list[str] = []
    ports: list[dict[str, Any]] = []
    scripts: list[dict[str, str]] = []
    after_ports: bool = False
    told: int = 0


def parse(source: Source) -> Iterator[Read]:
    """Yield the ports of every host, and what could not be read."""
    troubles = Troubles("nmap")
    yield from batches(NMAP, _records(source, troubles))
    yield from troubles.gaps()


READER = Reader(artifact=ARTIFACT, tables=(NMAP,), parse=parse)


def _records(source: Source, troubles: Troubles) -> Iterator[dict[str, Any]]:
    host: _Host | None = None
    for tag in tags(source, troubles, declares=True):
        if tag.name == "host":
            if tag.opens:
                host = _Host(line=tag.line, time=_instant(tag.attributes.get("starttime")))
            elif host is not None:
                yield from _rows(host)
                host = None
        elif host is not None and tag.opens:
            _take(host, tag, troubles)
        elif host is not None and tag.name == "cpe" and host.ports and len(host.ports[-1]["cpe"]) < MOST_CPES:
            host.ports[-1]["cpe"].append(tag.text)
    if host is not None:
        yield from _rows(host)


def _take(host: _Host, tag: Tag, troubles: Troubles) -> None:
    told = tag.attributes
    if tag.name == "status":
        host.state = told.get("state", "")
    elif tag.name == "address" and told.get("addrtype") in ("ipv4", "ipv6"):
        host.address = host.address or told.get("addr")
    elif tag.name == "hostname" and told.get("name") and len(host.names) < MOST_PORTS:
        host.names.append(told["name"])
    elif tag.name == "port":
        _port(host, tag, troubles)
    elif tag.name == "hostscript":
        host.after_ports = True
    elif tag.name == "script":
        _script(host, tag, troubles)
    elif host.ports:
        _of_port(host.ports[-1], tag)


def _port(host: _Host, tag: Tag, troubles: Troubles) -> None:
    if len(host.ports) >= MOST_PORTS:
        troubles.note("limited", f"more than {MOST_PORTS} ports of one host", tag.line)
        return
    protocol, number = tag.attributes.get("protocol"), tag.attributes.get("portid", "")
    port: dict[str, Any] = {"locator": tag.line, "protocol": protocol, "scripts": [], "cpe": []}
    if number.isascii() and number.isdigit() and int(number) <= 65535:
        port["port"] = int(number)
    else:
        port["portid"] = number
        troubles.note("unparsed", "a port that is no number; its row is kept", tag.line)
    host.ports.append(port)


def _of_port(port: dict[str, Any], tag: Tag) -> None:
    told = tag.attributes
    if tag.name == "state":
        port["state"] = told.get("state")
    elif tag.name == "service":
        port["service"] = told.get("name")
        port |= {name: told[name] for name in ("product", "version", "extrainfo", "hostname") if name in told}


def _script(host: _Host, tag: Tag, troubles: Troubles) -> None:
    host.told += 1
    if host.told > MOST_SCRIPTS:
        troubles.note("limited", f"more than {MOST_SCRIPTS} scripts of one host", tag.line)
        return
    scripts = host.scripts if host.after_ports or not host.ports else host.ports[-1]["scripts"]
    output = tag.attributes.get("output", "")
    if len(output) > LONGEST_OUTPUT:
        troubles.note("limited", f"{LONGEST_OUTPUT} characters of a script's output are kept", tag.line)
        output = output[:LONGEST_OUTPUT]
    scripts.append({"name": tag.attributes.get("id", ""), "value": output})


def _rows(host: _Host) -> Iterator[dict[str, Any]]:
    same = {"time": host.time, "address": host.address, "names": host.names}
    every = [*host.scripts, *(script for port in host.ports for script in port["scripts"])]
    computer = _computer(every)
    for port in host.ports or [{"locator": host.line, "state": host.state, "scripts": host.scripts}]:
        yield {**same, **port, **_told(port["scripts"]), "computer": computer}


def _told(scripts: list[dict[str, str]]) -> dict[str, Any]:
    output = {script["name"]: script["value"] for script in scripts}
    every = "\n".join(output.values())
    certificate = output.get("ssl-cert", "")
    build = OWA_HEADER.search(every) or OWA_PATH.search(every)
    named = [*COMMON_NAME.findall(certificate), *OTHER_NAMES.findall(certificate)]
    title = TITLE.match(output.get("http-title", ""))
    return {
        "title": (title[1].strip() or None) if title else None,
        "certificate_names": list(dict.fromkeys(named)),
        "build": build[1] if build else None,
    }


def _computer(scripts: list[dict[str, str]]) -> str | None:
    every = "\n".join(script["value"] for script in scripts)
    return next((found[1] for pattern in COMPUTER if (found := pattern.search(every))), None)


def _instant(seconds: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds or ""), UTC)
    except (ValueError, OverflowError, OSError):
        return None
