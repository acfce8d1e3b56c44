"""The Exchange servers of an organisation: what independent sources say, put together server by server."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

import msgspec

from postvakt.model.build import CU_ONLY
from postvakt.model.clock import iso
from postvakt.model.inventory import Facing, Naming, ServerRow, ServerSource
from postvakt.model.report import BuildRow, HostRow
from postvakt.reason.hosts import EXPORTED
from postvakt.reason.joining_names import Server, servers, short
from postvakt.reason.namings import first_and_last

ABOUT_OTHERS = frozenset(("directory_object", "exchange_object", "nmap", "certificate", "file"))
"""Tables that speak of servers without being evidence of one."""

KINDS = ("evidence", "directory", "health-checker", "scan", "certificate", "log")
EXCHANGE = ("yes", "likely", "unknown", "no")
MOST_PLACES = 3
MOST_SOURCES = 50
MOST_SHOWN = 3
PRIVATE = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8",
        "0.0.0.0/8", "224.0.0.0/3", "fc00::/7", "fe80::/10", "ff00::/8", "::/127",
    )
)  # fmt: skip
NEAR = {4: 24, 6: 64}
"""Bits of a network whose addresses are neighbours of the server, even where they are public."""


class Asked(msgspec.Struct, frozen=True):
    """Who asked a host's web server, and under which addresses it answered."""

    askers: tuple[str, ...]
    own: frozenset[str]


def inventory(
    hosts: Sequence[HostRow], words: Iterable[Naming], asked: Mapping[str, Asked]
) -> tuple[ServerRow, ...]:
    """Return every server that evidence, directory, scans, certificates or logs name, Exchange as far as known.

    `asked` tells of each host who asked its web server.
    """
    told = list(words)
    own = {host.host: host for host in hosts if submitted(host)}
    every = [_evidence(host, told, asked) for host in own.values()]
    every += [word for word in told if not _of_itself(word, own)]
    found = servers(every)
    listed = any(word.kind == "directory" and word.exchange == "yes" for word in told)
    rows = [_row(server, own, asked, listed=listed) for server in found]
    return tuple(
        row for row in _with_neighbours(rows, found) if row.submitted or row.exchange in ("yes", "likely")
    )


def submitted(host: HostRow) -> bool:
    """Tell whether evidence of its own was handed in of a host, not only lists that name it."""
    return any(row.records and row.artifact.partition(":")[0] not in ABOUT_OTHERS for row in host.coverage)


def collected(rows: Iterable[ServerRow]) -> tuple[int, tuple[str, ...]]:
    """Return how many Exchange servers were handed in, and the names of those that were not."""
    asked = [row for row in rows if row.exchange != "no"]
    return sum(row.submitted for row in asked), tuple(row.name for row in asked if not row.submitted)


def _of_itself(word: Naming, own: Mapping[str, HostRow]) -> bool:
    return word.own and word.by in own and all(short(name) == short(word.by) for name in word.names)


def _evidence(host: HostRow, words: Iterable[Naming], asked: Mapping[str, Asked]) -> Naming:
    """Return a host's own evidence as a word on it, under the full name that it gives itself most often."""
    full: dict[str, int] = defaultdict(int)
    for word in words:
        if word.own and word.by == host.host:
            for name in word.names:
                if "." in name and short(name) == short(host.host):
                    full[name.lower()] += word.count
    read = [row for row in host.coverage if row.artifact.partition(":")[0] not in ABOUT_OTHERS]
    named = sorted(full, key=lambda name: (-full[name], name))
    # What an exported object says is a source of its own, beside this one.
    last = _last([row for row in host.builds if not row.source.startswith(EXPORTED)])
    others = [f"Its evidence also names it {name}." for name in named[1:]]
    return Naming(
        kind="evidence",
        says="evidence of its own",
        names=(host.host, *named[:1]),
        addresses=tuple(sorted(asked[host.host].own)) if host.host in asked else (),
        count=sum(row.records for row in read if ":" not in row.artifact),
        first=min((row.first for row in read if row.first), default=None),
        last=max((row.last for row in read if row.last), default=None),
        build=_build(last) if last else "",
        exchange="yes" if "exchange" in host.roles or host.builds else "unknown",
        by=host.host,
        own=True,
        notes=tuple(others),
    )


def _last(builds: Sequence[BuildRow]) -> BuildRow | None:
    """Return the build that was seen last, of those without a date the one whose source knows most."""
    dated = [(at, row.build, row) for row in builds if (at := row.until or row.first)]
    if dated:
        return max(dated, key=lambda entry: entry[:2])[2]
    return min(builds, key=lambda row: (CU_ONLY in row.source, row.build), default=None)


def _build(row: BuildRow) -> str:
    """Return a build with the parts that its source knows: three for the cumulative update alone."""
    return ".".join(row.build.split(".")[:3]) if CU_ONLY in row.source else row.build


def _row(
    server: Server, own: Mapping[str, HostRow], asked: Mapping[str, Asked], *, listed: bool
) -> ServerRow:
    words = server.words
    host = next((word.by for word in words if word.kind == "evidence"), "")
    first, last = first_and_last(words)
    answered = asked.get(host, Asked((), frozenset()))
    addresses = sorted({*answered.own, *(a for word in words for a in word.addresses)})
    facing, basis = _facing(words, answered, addresses)
    exchange = _exchange(words, own.get(host))
    row = ServerRow(
        name=_shown(server.key),
        names=tuple(sorted({_shown(name) for word in words for name in (*word.names, *word.aliases)} - {""})),
        sources=_sources(word for word in words if not (word.kind == "log" and word.by and word.by == host)),
        submitted=bool(host),
        host=host,
        exchange=exchange,
        addresses=tuple(addresses),
        roles=tuple(sorted({role for word in words for role in word.roles})),
        site=next((word.site for word in words if word.site), ""),
        group=next((word.group for word in words if word.group), ""),
        first=first,
        last=last,
        facing=facing,
        facing_basis=basis,
    )
    told = list(_told(row, server, listed=listed))
    if len(row.sources) > MOST_SOURCES:
        told.append(f"{len(row.sources) - MOST_SOURCES:,} more sources name it.")
    return msgspec.structs.replace(row, sources=row.sources[:MOST_SOURCES], told=tuple(told))


def _shown(name: str) -> str:
    return name if "." in name or ":" in name else name.upper()


def _exchange(words: Sequence[Naming], host: HostRow | None) -> Literal["yes", "likely", "no", "unknown"]:
    best = min((EXCHANGE.index(word.exchange) for word in words), default=2)
    if EXCHANGE[best] == "unknown" and host is not None and host.roles:
        return "no"
    return ("yes", "likely", "unknown")[best]


def _sources(words: Iterable[Naming]) -> tuple[ServerSource, ...]:
    same: dict[tuple[int, str], list[Naming]] = defaultdict(list)
    for word in words:
        same[KINDS.index(word.kind), word.says].append(word)
    return tuple(_source(said) for _, said in sorted(same.items()))


def _source(words: Sequence[Naming]) -> ServerSource:
    first, last = first_and_last(words)
    built = sorted(
        (word for word in words if word.build),
        key=lambda w: (w.last is not None, iso(w.last) or "", _parts(w.build)),
    )
    return ServerSource(
        kind=words[0].kind,
        says=words[0].says,
        count=sum(word.count for word in words),
        first=first,
        last=last,
        build=built[-1].build if built else "",
        places=tuple(sorted({place for word in words for place in word.places})[:MOST_PLACES]),
    )


def _parts(build: str) -> tuple[int, ...]:
    return tuple(int(part) for part in build.split(".") if part.isascii() and part.isdigit())


def _facing(words: Sequence[Naming], asked: Asked, addresses: Sequence[str]) -> tuple[Facing, str]:
    """Tell whether a server is reached from the Internet. That nothing says so does not make it internal."""
    outside = [a for a in asked.askers if is_outside(a, addresses)]
    if outside:
        shown = ", ".join(outside[:MOST_SHOWN])
        more = f" and {len(outside) - MOST_SHOWN} more" if len(outside) > MOST_SHOWN else ""
        return "internet", f"asked by addresses outside of its network: {shown}{more}"
    urls = sorted({url for word in words for url in word.urls})
    if urls:
        return "internet", f"Active Directory publishes it for the outside: {', '.join(urls[:MOST_SHOWN])}"
    scanned = sorted({a for w in words if w.scanned_open for a in w.addresses if is_outside(a, ())})
    if scanned:
        return "internet", f"a scan found it open at a public address: {', '.join(scanned[:MOST_SHOWN])}"
    return "unknown", "no source says whether it is reached from the Internet"


def is_outside(address: str, own: Iterable[str]) -> bool:
    """Tell whether an address lies outside of private networks and of the networks next to a server's own."""
    try:
        told = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if any(told in network for network in PRIVATE if network.version == told.version):
        return False
    return not any(told in near for near in _near(own) if near.version == told.version)


def _near(own: Iterable[str]) -> Iterator[IPv4Network | IPv6Network]:
    for address in own:
        version = ip_address(address).version
        yield ip_network(f"{address}/{NEAR[version]}", strict=False)


def _told(row: ServerRow, server: Server, *, listed: bool) -> Iterator[str]:
    if not row.submitted and row.exchange != "unknown":
        yield f"Named {_times(sum(source.count for source in row.sources))}, never collected."
    if row.submitted and row.exchange == "no":
        yield "Handed in; nothing in its evidence is of Exchange."
    if server.fits:
        yield f"Its short name fits {' and '.join(server.fits)}; which of them is meant is not told."
    yield from sorted({note for word in server.words for note in word.notes})
    yield from _disagreements(server.words)
    if listed and row.exchange in ("yes", "likely") and all(s.kind != "directory" for s in row.sources):
        yield (
            "The export of Active Directory does not list it: removed since, an Edge server, of another forest,"
            " or left out of the export."
        )
    kinds = {source.kind for source in row.sources}
    if not row.submitted and kinds == {"certificate"}:
        yield "Only a certificate names it; it may be another name of a server that stands here."


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _disagreements(words: Sequence[Naming]) -> Iterator[str]:
    """Tell of builds that cannot be one: other cumulative updates, or other revisions where both are known.

    One source that tells two builds at two times saw an update.
    """
    first_of: dict[tuple[int, str, str], Naming] = {}
    for word in sorted(words, key=lambda w: (KINDS.index(w.kind), w.says, w.last is None, iso(w.last) or "")):
        if word.build:
            first_of.setdefault((KINDS.index(word.kind), word.says, word.build), word)
    built = list(first_of.values())[:MOST_SOURCES]
    # One word for each build: many sources repeat what one of them says.
    differing: dict[str, Naming] = {}
    for one in built:
        if any(_differ(one, other) for other in built):
            differing.setdefault(one.build, one)
    if differing:
        said = [_said(one) for one in differing.values()]
        more = f"; {len(said) - MOST_SHOWN} more" if len(said) > MOST_SHOWN else ""
        yield f"Sources differ on its build: {'; '.join(said[:MOST_SHOWN])}{more}."


def _differ(one: Naming, other: Naming) -> bool:
    updated = one.says == other.says and one.last and other.last and one.last != other.last
    return not updated and not _may_be_one(one.build, other.build)


def _may_be_one(build: str, other: str) -> bool:
    parts = min(build.count("."), other.count(".")) + 1
    return build.split(".")[:parts] == other.split(".")[:parts]


def _said(word: Naming) -> str:
    at = f" on {word.last:%Y-%m-%d}" if word.last else ""
    known = " (cumulative update only)" if word.build.count(".") == 2 else ""
    return f"{word.says} says {word.build}{known}{at}"


def _with_neighbours(rows: Sequence[ServerRow], found: Sequence[Server]) -> Iterator[ServerRow]:
    """Tell of servers in two domains that have one short name, and of addresses that two servers are given."""
    namesakes: dict[str, list[str]] = defaultdict(list)
    holders: dict[str, list[str]] = defaultdict(list)
    for row, server in zip(rows, found, strict=True):
        namesakes[short(server.key)].append(row.name)
        for address in row.addresses:
            holders[address].append(row.name)
    for row, server in zip(rows, found, strict=True):
        told = list(row.told)
        others = [name for name in namesakes[short(server.key)] if name != row.name]
        if others and not server.fits:
            told.append(f"Another server has the same short name: {', '.join(others)}.")
        for address in row.addresses:
            shared = [name for name in holders[address] if name != row.name]
            if shared:
                told.append(f"{address} is also given to {', '.join(shared[:MOST_SHOWN])}.")
        yield msgspec.structs.replace(row, told=tuple(told))
