"""What an organisation keeps of its Exchange servers beside their evidence: exports of Active Directory, files of
HealthChecker, a scan of the network, one more log; and the truth of which servers there are.

Some servers were never collected, one was switched off, one is named by logs alone, one has a namesake elsewhere.
"""

import base64
import random
from collections.abc import Iterator, Sequence
from typing import Literal
from xml.sax.saxutils import escape

import msgspec

from postvakt.estate.machines import RELEASES, Build
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, DOMAIN, ServerPlan
from postvakt.estate.proxy_log import FIELDS
from postvakt.estate.text_log import exchange_header, stamp

BRANCH = "branch.example"
"""The domain of another organisation that was bought, with a server named as one of ours."""

EXPORT_WIDTH = 76
Kind = Literal["evidence", "directory", "health-checker", "scan", "log"]


class ServerTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of one server, and which sources of this organisation name it. `build` is its cumulative update."""

    name: str
    submitted: bool
    named_by: tuple[Kind, ...]
    facing: Literal["internet", "unknown"]
    build: str
    disabled: bool = False
    namesake: str = ""
    times: int = 0
    """How often the one more log names it."""


class _Server(msgspec.Struct, frozen=True, kw_only=True):
    """A server as the writers need it."""

    truth: ServerTruth
    full_build: Build
    address: str

    @property
    def short(self) -> str:
        return self.truth.name.partition(".")[0].upper()


def organisation(servers: Sequence[ServerPlan], seed: int) -> tuple[list[Placed], list[ServerTruth]]:
    """Return the files that an organisation has of its servers, and the truth of all that there are, by name."""
    dice = random.Random(f"{seed}/organisation")
    own = [_handed_in(server, with_health_checker=index == 0) for index, server in enumerate(servers)]
    others = _others(dice, {server.name for server in servers})
    front = next((server for server in servers if server.machine.release.has_front_end_proxy), None)
    if front is None:
        others = [one for one in others if "log" not in one.truth.named_by]
    every = [*own, *others]
    home = [one for one in every if one.truth.name.endswith(DOMAIN)]
    files = [
        _export("exchange-servers.ldf", home, DOMAIN),
        _export("branch-servers.ldf", [one for one in every if one not in home], BRANCH),
        _scan([one for one in every if "scan" in one.truth.named_by]),
        *(_health_checker(one) for one in every if "health-checker" in one.truth.named_by),
    ]
    if front is not None:
        files.append(_log(front, [one for one in every if "log" in one.truth.named_by], dice))
    return files, sorted((one.truth for one in every), key=lambda truth: truth.name)


def _handed_in(server: ServerPlan, *, with_health_checker: bool) -> _Server:
    named_by: tuple[Kind, ...] = (
        "evidence",
        "directory",
        *(("health-checker",) if with_health_checker else ()),
    )
    truth = ServerTruth(
        name=server.fqdn,
        submitted=True,
        named_by=named_by,
        facing="internet",
        build=_update(server.build),
    )
    return _Server(truth=truth, full_build=server.build_at(ACQUIRED), address=server.address)


def _others(dice: random.Random, taken: set[str]) -> list[_Server]:
    """Return the servers of which nothing was handed in."""
    numbers = [n for n in dice.sample(range(0x1000, 0x10000), 40) if f"SRV-{n:04X}" not in taken]
    names = [f"srv-{number:04x}" for number in numbers[:5]]
    releases = [dice.choice(RELEASES) for _ in range(6)]
    told: tuple[tuple[str, tuple[Kind, ...], Literal["internet", "unknown"]], ...] = (
        (f"{names[0]}.{DOMAIN}", ("directory",), "internet"),
        (f"{names[1]}.{DOMAIN}", ("directory", "scan"), "internet"),
        (f"{names[2]}.{DOMAIN}", ("directory", "health-checker"), "unknown"),
        (f"{names[3]}.{DOMAIN}", ("directory",), "unknown"),
        (f"{names[4]}.{DOMAIN}", ("log",), "unknown"),
        (f"{names[0]}.{BRANCH}", ("directory",), "unknown"),
    )
    made = []
    for index, (name, named_by, facing) in enumerate(told):
        namesake = {0: told[5][0], 5: told[0][0]}.get(index, "")
        truth = ServerTruth(
            name=name,
            submitted=False,
            named_by=named_by,
            facing=facing,
            build=_update(releases[index].build),
            disabled=index == 3,
            namesake=namesake,
            times=dice.randrange(5, 30) if "log" in named_by else 0,
        )
        made.append(
            _Server(truth=truth, full_build=releases[index].patched, address=f"192.0.2.{220 + index}")
        )
    return made


def _update(build: Build) -> str:
    return ".".join(map(str, build[:3]))


def _export(name: str, servers: Sequence[_Server], domain: str) -> Placed:
    """An LDIF as ldifde writes it: long lines folded, what is not plain ASCII in base64."""
    root = ",".join(f"DC={part}" for part in domain.split("."))
    lines = ["version: 1"]
    for server in (one for one in servers if "directory" in one.truth.named_by):
        for attributes in _objects(server, root):
            lines += ["", *(line for told in attributes for line in _folded(*told))]
    return Placed(name, ("\r\n".join(lines) + "\r\n").encode(), ACQUIRED)


def _objects(server: _Server, root: str) -> Iterator[list[tuple[str, str]]]:
    major, minor, build, revision = server.full_build
    place = (
        f"CN={server.short},CN=Servers,CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups,"
        f"CN=Corp,CN=Microsoft Exchange,CN=Services,CN=Configuration,{root}"
    )
    yield [
        ("dn", place),
        ("objectClass", "top"),
        ("objectClass", "server"),
        ("objectClass", "msExchExchangeServer"),
        ("cn", server.short),
        ("serialNumber", f"Version {major}.{minor} (Build {30_000 + build}.{revision})"),
        ("networkAddress", f"ncacn_ip_tcp:{server.truth.name}"),
        ("networkAddress", f"netbios:{server.short}"),
        ("msExchCurrentServerRoles", "54"),
        ("msExchServerSite", f"CN=Göteborg,CN=Sites,CN=Configuration,{root}"),
        ("whenChanged", f"{ACQUIRED:%Y%m%d%H%M%S}.0Z"),
    ]
    yield [
        ("dn", f"CN={server.short},OU=Servers,{root}"),
        ("objectClass", "computer"),
        ("cn", server.short),
        ("dNSHostName", server.truth.name),
        ("servicePrincipalName", f"exchangeMDB/{server.truth.name}"),
        ("userAccountControl", "4098" if server.truth.disabled else "4096"),
    ]
    if server.truth.facing == "internet" and "scan" not in server.truth.named_by:
        yield [
            ("dn", f"CN=owa (Default Web Site),CN=HTTP,CN=Protocols,{place}"),
            ("objectClass", "msExchOWAVirtualDirectory"),
            ("msExchExternalHostName", f"https://mail.{DOMAIN}/owa"),
        ]


def _folded(name: str, value: str) -> Iterator[str]:
    line = f"{name}: {value}" if value.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode()}"
    yield line[:EXPORT_WIDTH]
    for start in range(EXPORT_WIDTH, len(line), EXPORT_WIDTH - 1):
        yield " " + line[start : start + EXPORT_WIDTH - 1]


def _scan(servers: Sequence[_Server]) -> Placed:
    hosts = "".join(
        f'<host starttime="{int(ACQUIRED.timestamp())}"><status state="up"/>'
        f'<address addr="{server.address}" addrtype="ipv4"/>'
        f'<hostnames><hostname name="{server.truth.name}" type="PTR"/></hostnames><ports>'
        '<port protocol="tcp" portid="443"><state state="open"/><service name="http" product="Microsoft IIS httpd"/>'
        f'<script id="http-headers" output="X-FEServer: {server.short}&#xa;'
        f'X-OWA-Version: {".".join(map(str, server.full_build))}"/></port></ports></host>\n'
        for server in servers
    )
    # A host that is no Exchange server stands in every scan.
    other = (
        '<host><address addr="192.0.2.250" addrtype="ipv4"/><ports><port protocol="tcp" portid="22">'
        '<state state="open"/></port></ports></host>\n'
    )
    head = '<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun scanner="nmap" version="7.91">\n'
    text = f"{head}{hosts}{other}</nmaprun>\n"
    return Placed("scan.xml", text.encode(), ACQUIRED)


def _health_checker(server: _Server) -> Placed:
    build = ".".join(map(str, server.full_build))
    text = (
        '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0">'
        '<TN RefId="0"><T>System.Management.Automation.PSCustomObject</T></TN><MS>'
        f'<Obj N="HealthCheckerExchangeServer" RefId="1"><TNRef RefId="0" /><MS><S N="ServerName">{server.short}</S>'
        '<Obj N="ExchangeInformation" RefId="2"><TNRef RefId="0" /><MS><Obj N="BuildInformation" RefId="3">'
        '<TNRef RefId="0" /><MS><Obj N="VersionInformation" RefId="4"><TNRef RefId="0" /><MS>'
        f'<Version N="BuildVersion">{build}</Version></MS></Obj></MS></Obj></MS></Obj>'
        f'<DT N="GenerationTime">{ACQUIRED.isoformat()}</DT></MS></Obj></MS></Obj></Objs>'
    )
    name = f"HealthChecker-{escape(server.short)}-{ACQUIRED:%Y%m%d%H%M%S}.xml"
    return Placed(name, text.encode("utf-16"), ACQUIRED)


def _log(front: ServerPlan, servers: Sequence[_Server], dice: random.Random) -> Placed:
    """An HttpProxy log that came apart from its server: it alone names whom requests were sent to."""
    day = ACQUIRED.replace(hour=0)
    lines = []
    for server in servers:
        for minute in range(server.truth.times):
            instant = day.replace(hour=minute % 6, minute=dice.randrange(60))
            lines.append(_request(front, server, instant_text=stamp(instant), dice=dice))
    text = exchange_header("HttpProxy Logs", day, FIELDS, front.build_at(day)) + "".join(sorted(lines))
    return Placed(f"HttpProxy_{day:%Y%m%d}01-1.LOG", text.encode(), ACQUIRED)


def _request(front: ServerPlan, server: _Server, *, instant_text: str, dice: random.Random) -> str:
    major, minor, build, revision = front.build_at(ACQUIRED)
    aimed_major, aimed_minor, aimed, _ = server.full_build
    row: dict[str, object] = {
        "DateTime": instant_text,
        "MajorVersion": major,
        "MinorVersion": minor,
        "BuildVersion": build,
        "RevisionVersion": revision,
        "Protocol": "Ews",
        "UrlHost": f"mail.{DOMAIN}",
        "UrlStem": "/EWS/Exchange.asmx",
        "Method": "POST",
        "AnchorMailbox": f"Smtp~user{dice.randrange(100)}@{DOMAIN}",
        "ServerHostName": front.name,
        "HttpStatus": 200,
        "BackEndStatus": 200,
        "ProxyAction": "Proxy",
        "TargetServer": server.truth.name,
        "TargetServerVersion": f"Version {aimed_major}.{aimed_minor} (Build {aimed}.0)",
    }
    return ",".join(str(row.get(name, "")) for name in FIELDS) + "\r\n"
