"""What stands on several hosts of a case: the same attacker's address, the same page, one host in another's traces."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from postvakt.model.report import HostRow
from postvakt.model.story import SharedKind, SharedRow
from postvakt.reason.story import Seen

Times = list[datetime | None]
MOST = 200


def shared(hosts: Sequence[HostRow], seen: Mapping[str, Seen]) -> tuple[SharedRow, ...]:
    """Return what joins the hosts, the earliest first."""
    rows = [*_addresses(hosts), *_pages(hosts), *_from_hosts(hosts, seen)]
    rows.sort(key=lambda row: (row.first is None, str(row.first), row.kind, row.value))
    return tuple(rows[:MOST])


def _addresses(hosts: Iterable[HostRow]) -> Iterable[SharedRow]:
    found: dict[str, dict[str, Times]] = defaultdict(lambda: defaultdict(list))
    for host in hosts:
        for actor in host.story.actors:
            for address in actor.addresses:
                found[address][host.host] += [actor.first, actor.last]
    return (_row("address", address, where) for address, where in sorted(found.items()) if len(where) > 1)


def _pages(hosts: Iterable[HostRow]) -> Iterable[SharedRow]:
    found: dict[str, dict[str, Times]] = defaultdict(lambda: defaultdict(list))
    for host in hosts:
        for page in host.story.pages:
            found[page.page][host.host] += [page.first, page.last]
    return (_row("page", page, where) for page, where in sorted(found.items()) if len(where) > 1)


def _from_hosts(hosts: Iterable[HostRow], seen: Mapping[str, Seen]) -> Iterable[SharedRow]:
    """Yield each host whose address or machine account stands in the traces of another."""
    names = {host.host: {f"{host.host}$".lower(), *seen.get(host.host, Seen()).own} for host in hosts}
    for origin, known in sorted(names.items()):
        where: dict[str, Times] = defaultdict(list)
        for other, looked in sorted(seen.items()):
            if other == origin:
                continue
            for trace in looked.traces:
                account = trace.account.rpartition("\\")[2].lower()
                if known & {trace.address, account} - {""}:
                    where[other].append(trace.time)
        if where:
            yield _row("from-host", origin, {origin: [], **where})


def _row(kind: SharedKind, value: str, where: Mapping[str, Times]) -> SharedRow:
    times = [time for seen in where.values() for time in seen if time]
    return SharedRow(
        kind=kind,
        value=value,
        hosts=tuple(where),
        first=min(times, default=None),
        last=max(times, default=None),
    )
