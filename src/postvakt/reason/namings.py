"""What the rows of directory exports, exported objects, scans and certificates say of servers, source by source."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal

from postvakt.model.clock import from_micros
from postvakt.model.inventory import Listed, Naming

SERIAL = re.compile(r"Version (\d{1,2})\.(\d{1,2}) \(Build (\d{1,6})(?:\.(\d{1,6}))?\)")
SERIAL_BASE = 30_000
"""What Active Directory's serialNumber adds to the build of the cumulative update."""

BUILD = re.compile(r"0*(\d{1,2})\.0*(\d{1,2})\.0*(\d{1,5})\.0*(\d{1,5})")
ROLES = ((2, "Mailbox"), (4, "ClientAccess"), (16, "UnifiedMessaging"), (32, "HubTransport"), (64, "Edge"))
"""Bits of msExchCurrentServerRoles."""

DISABLED = 2
"""The bit of userAccountControl of an account that may not sign in."""

SERVER_OF = re.compile(r"(?i)CN=([^,]+),CN=Servers,")
FIRST_NAME = re.compile(r"(?i)\ACN=((?:\\.|[^,\\])+)")
DOMAIN_PART = re.compile(r"(?i)(?:^|,)DC=([^,]+)")
EXCHANGE_SPN = re.compile(r"(?im)^(?:exchangeMDB|exchangeRFR|exchangeAB)/")
GROUPS = ("exchange servers", "exchange trusted subsystem")
NO_SERVERS = ("ou=microsoft exchange security groups", "cn=microsoft exchange system objects")
EXCHANGE_KINDS = ("HealthChecker", "VulnerabilityReport", "ExchangeServer", "MailboxServer")
JSON_DATE = re.compile(r"/Date\((\d{1,15})\)/")
MEMBERS = re.compile(r"\n|;(?=CN=)")
"""Between the members of a group: line feeds of an LDIF, semicolons of csvde."""

WEB_URL = re.compile(r"(?i)\Ahttps?://[a-z0-9-]+(\.[a-z0-9-]+)+(?:[:/][^\s<>]*)?\Z")

Fields = dict[str, str | tuple[str, ...]]
Exchange = Literal["yes", "likely", "unknown"]


def namings(rows: Sequence[Listed]) -> list[Naming]:
    """Return what rows of `directory_object`, `exchange_object`, `nmap` and `certificate` say of servers."""
    of_table: dict[str, list[Listed]] = defaultdict(list)
    for row in rows:
        of_table[row.table].append(row)
    return [
        *_directory(of_table["directory_object"]),
        *_exported(of_table["exchange_object"]),
        *_scanned(of_table["nmap"]),
        *_certified(of_table["certificate"]),
    ]


def _directory(rows: Sequence[Listed]) -> Iterator[Naming]:
    objects = [(row, _server_object(row)) for row in rows if "msexchexchangeserver" in _classes(row)]
    servers = {word.names[0].lower() for _, word in objects}
    named = {_one(row.fields, "dn").lower(): word.names for row, word in objects}
    for row in rows:
        classes = _classes(row)
        if "msexchexchangeserver" in classes:
            yield _server_object(row)
        elif "computer" in classes:
            yield from _computer(row, servers)
        elif "group" in classes:
            yield from _members(row)
        elif found := SERVER_OF.search(_one(row.fields, "dn")):
            # The name alone may be another organisation's server; the place is this one's.
            place = _one(row.fields, "dn")[found.start() :].lower()
            yield from _below(row, named.get(place, (found[1],)), classes)


def _server_object(row: Listed) -> Naming:
    told = row.fields
    networks = told.get("networkAddress", ())
    full = [n.partition(":")[2] for n in networks if n.lower().startswith("ncacn_ip_tcp:")]
    bits = _one(told, "msExchCurrentServerRoles")
    return Naming(
        kind="directory",
        says="server object of Active Directory",
        names=(_one(told, "cn") or _first_name(_one(told, "dn")), *full),
        first=row.time,
        last=row.time,
        build=_serial(_one(told, "serialNumber")),
        exchange="yes",
        roles=tuple(name for bit, name in ROLES if bits.isascii() and bits.isdigit() and int(bits) & bit),
        site=_first_name(_one(told, "msExchServerSite")),
        group=_first_name(_one(told, "msExchMDBAvailabilityGroupLink")),
        by=row.by,
        places=(row.place,),
    )


def _computer(row: Listed, servers: set[str]) -> Iterator[Naming]:
    told = row.fields
    name = _one(told, "cn") or _first_name(_one(told, "dn"))
    of_exchange = bool(EXCHANGE_SPN.search(_one(told, "servicePrincipalName")))
    if not of_exchange and name.lower() not in servers:
        return
    control = _one(told, "userAccountControl")
    disabled = control.isascii() and control.isdigit() and int(control) & DISABLED
    yield Naming(
        kind="directory",
        says="computer account of Active Directory",
        names=(name, _one(told, "dNSHostName") or _full_name(name, _one(told, "dn"))),
        first=row.time,
        last=row.time,
        exchange="yes" if of_exchange else "unknown",
        by=row.by,
        notes=("Its computer account in Active Directory is disabled.",) if disabled else (),
        places=(row.place,),
    )


def _members(row: Listed) -> Iterator[Naming]:
    if _one(row.fields, "cn").lower() not in GROUPS:
        return
    for member in MEMBERS.split(_one(row.fields, "member")):
        if any(part in member.lower() for part in NO_SERVERS):
            continue
        name = _first_name(member)
        yield Naming(
            kind="directory",
            says=f"member of the group {_one(row.fields, 'cn')}",
            names=(name, _full_name(name, member)),
            exchange="likely",
            by=row.by,
            places=(row.place,),
        )


def _below(row: Listed, names: tuple[str, ...], classes: frozenset[str]) -> Iterator[Naming]:
    """Virtual directories and service connection points lie below the object of their server."""
    url = _one(row.fields, "msExchExternalHostName")
    if "serviceconnectionpoint" in classes or url:
        yield Naming(
            kind="directory",
            says="virtual directories and connection points of Active Directory",
            names=names,
            first=row.time,
            last=row.time,
            exchange="yes",
            by=row.by,
            urls=(url,) if WEB_URL.match(url) else (),
            places=(row.place,),
        )


def _exported(rows: Sequence[Listed]) -> Iterator[Naming]:
    def of_object(row: Listed) -> tuple[str, str]:
        return row.place.rpartition(", ")[0], _one(row.fields, "object")

    for _, properties in groupby(rows, of_object):
        yield from _object(list(properties))


def _object(rows: Sequence[Listed]) -> Iterator[Naming]:
    kind = _one(rows[0].fields, "kind")
    told = {_one(row.fields, "property").rpartition("/")[2]: _one(row.fields, "value") for row in rows}
    at = _instant(told.get("GenerationTime", ""))
    named = [told.get(name, "") for name in ("Fqdn", "ServerName")]
    server = _one(rows[0].fields, "server") or rows[0].by
    of_setup = told.get("OriginalFilename", "").lower() == "exsetup.exe"
    if not server or (kind == "FileVersionInfo" and not of_setup):
        return  # another program's version, or a server that nothing names
    of_exchange = of_setup or kind in EXCHANGE_KINDS or kind.endswith("VirtualDirectory")
    says = {
        "FileVersionInfo": "exported version of ExSetup.exe",
        "HealthChecker": "HealthChecker's file",
        "VulnerabilityReport": "HealthChecker's list of vulnerabilities",
    }
    yield Naming(
        kind="health-checker",
        says=says.get(kind, f"exported object {kind}"),
        names=(server, *(name for name in named if name)),
        first=at,
        last=at,
        build=_exported_build(told),
        exchange="yes" if of_exchange else "unknown",
        roles=tuple(sorted({part.strip() for part in told.get("ServerRole", "").split(",") if part.strip()})),
        site=told.get("Site", "").rpartition("/")[2],
        group=told.get("DatabaseAvailabilityGroup", ""),
        by=rows[0].by,
        urls=(told["ExternalUrl"],) if WEB_URL.match(told.get("ExternalUrl", "")) else (),
        notes=("HealthChecker could not reach it.",) if told.get("Online", "").lower() == "false" else (),
        places=(rows[0].place,),
    )


def _exported_build(told: dict[str, str]) -> str:
    for name in ("FileVersion", "BuildVersion", "BuildNumber"):
        if found := BUILD.fullmatch(told.get(name, "")):
            guessed = (
                "true" in told.get("FailedGetExSetup", "").lower()
                or told.get("Online", "").lower() == "false"
            )
            return ".".join(found.groups()[:3] if guessed else found.groups())
    shown = SERIAL.match(told.get("AdminDisplayVersion", ""))
    return ".".join(str(int(part)) for part in shown.groups()[:3]) if shown else ""


def _scanned(rows: Sequence[Listed]) -> Iterator[Naming]:
    hosts: dict[tuple[str, str, str], list[Listed]] = defaultdict(list)
    for row in rows:
        source = row.place.rpartition(", ")[0]
        names = "" if "address" in row.fields else ",".join(_many(row.fields, "names"))
        hosts[source, _one(row.fields, "address"), names].append(row)
    for ports in hosts.values():
        yield _scanned_host(ports)


def _scanned_host(ports: Sequence[Listed]) -> Naming:
    opened = [row for row in ports if _one(row.fields, "state") == "open"]
    marks = sorted({mark for row in opened for mark in _marks(row.fields)})
    aliases = [
        name
        for row in ports
        for name in (*_many(row.fields, "names"), *_many(row.fields, "certificate_names"))
    ]
    computer = next((name for row in ports if (name := _one(row.fields, "computer"))), "")
    times = [row.time for row in ports if row.time]
    return Naming(
        kind="scan",
        says=f"Nmap scan ({', '.join(marks)})" if marks else "Nmap scan",
        names=(computer,) if computer else (),
        aliases=tuple(dict.fromkeys(name for name in aliases if "*" not in name)),
        addresses=tuple({_one(row.fields, "address"): None for row in ports if "address" in row.fields}),
        first=min(times, default=None),
        last=max(times, default=None),
        build=next((build for row in opened if (build := _one(row.fields, "build"))), ""),
        exchange="yes" if marks else "unknown",
        by=ports[0].by,
        scanned_open=bool(marks),
        places=(ports[0].place,),
    )


def _marks(told: Fields) -> Iterator[str]:
    port = _one(told, "port")
    if "exchange" in _one(told, "product").lower():
        yield f"{_one(told, 'product')} on port {port}"
    if _one(told, "build") or _one(told, "title").lower() in (
        "outlook",
        "outlook web app",
        "exchange admin center",
    ):
        yield f"Outlook on the web on port {port}"


def _certified(rows: Sequence[Listed]) -> Iterator[Naming]:
    """A certificate is Exchange's own where its setup made it for itself, or where it stands for Autodiscover."""
    for row in rows:
        common, others = _one(row.fields, "common_name"), _many(row.fields, "names")
        every = tuple(dict.fromkeys(name for name in (common, *others) if name and "*" not in name))
        own = {name.lower().partition(".")[0] for name in every}
        made_by_setup = _one(row.fields, "self_signed") == "True" and len(own) == 1 and len(every) > 1
        public = any(name.lower().startswith("autodiscover.") for name in every)
        if not made_by_setup and not public:
            continue
        yield Naming(
            kind="certificate",
            says="certificate that a server made for itself"
            if made_by_setup
            else "certificate for Autodiscover",
            names=every if made_by_setup else (),
            aliases=()
            if made_by_setup
            else tuple(n for n in every if not n.lower().startswith("autodiscover.")),
            addresses=_many(row.fields, "addresses"),
            first=row.time,
            last=row.time,
            exchange="likely",
            by=row.by,
            places=(row.place,),
        )


def _classes(row: Listed) -> frozenset[str]:
    return frozenset(name.lower() for name in _many(row.fields, "objectClass"))


def _serial(text: str) -> str:
    """Return the cumulative update of a serialNumber, three parts: Active Directory knows no security update."""
    found = SERIAL.match(text)
    if found is None:
        return ""
    build = int(found[3])
    return f"{int(found[1])}.{int(found[2])}.{build - SERIAL_BASE if build > SERIAL_BASE else build}"


def _first_name(dn: str) -> str:
    found = FIRST_NAME.match(dn)
    return found[1].replace("\\", "") if found else ""


def _full_name(name: str, dn: str) -> str:
    """Return the DNS name that a computer has by where its account lies."""
    domain = ".".join(DOMAIN_PART.findall(dn))
    return f"{name}.{domain}" if domain else name


def _one(told: Fields, name: str) -> str:
    value = told.get(name, "")
    return value if isinstance(value, str) else "\n".join(value)


def _many(told: Fields, name: str) -> tuple[str, ...]:
    value = told.get(name, ())
    return (value,) if isinstance(value, str) else value


def _instant(text: str) -> datetime | None:
    """Return a time that names its zone, or that PowerShell wrote as milliseconds; None for any other."""
    try:
        if written := JSON_DATE.fullmatch(text):
            return from_micros(int(written[1]) * 1000)
        read = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return read if read.tzinfo else None


def first_and_last(words: Iterable[Naming]) -> tuple[datetime | None, datetime | None]:
    """Return the first and last time that sources give, None where none gives one."""
    told = list(words)
    return (
        min((word.first for word in told if word.first), default=None),
        max((word.last for word in told if word.last), default=None),
    )
