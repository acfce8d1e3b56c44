"""Each kind of correlation that the specification of Sigma knows, written as a pack writes it, from YAML to findings.

One case for all: two servers, a log of events and a log of IIS. A correlation is told by the records that it joins.
"""

import functools
import json
import tempfile
from pathlib import Path

import pytest

from postvakt.model.report import Report

from .cases import triaged

# (event, server, second, TargetUserName, IpAddress, TicketSize)
EVENTS = (
    (4625, "EX01", 0, "ana", "192.0.2.1", 10),
    (4625, "EX01", 60, "ANA", "192.0.2.2", 20),
    (4625, "EX01", 120, "ana", "192.0.2.3", 30),
    (4625, "EX01", 130, "bo", "192.0.2.3", 400),
    (4625, "EX02", 140, "ana", "192.0.2.3", 40),
    (4624, "EX01", 200, "ana", "192.0.2.3", 1),
    (4624, "EX02", 210, "bo", "192.0.2.9", 1),
    (4720, "EX02", 230, "ana", "192.0.2.3", 1),
    (4625, "EX01", 4000, "ana", "192.0.2.1", 10),
)
REQUESTS = ((100, "/owa/x.aspx", "192.0.2.3"), (3000, "/owa/x.aspx", "192.0.2.9"))

RULES = """
title: A logon failed
name: failed
id: 11111111-1111-4111-8111-111111111111
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: A logon worked
name: worked
id: 22222222-2222-4222-8222-222222222222
logsource: {product: windows, service: security}
detection: {s: {EventID: 4624}, condition: s}
---
title: An account was made
name: made
id: 33333333-3333-4333-8333-333333333333
logsource: {product: windows, service: security}
detection: {s: {EventID: 4720}, condition: s}
---
title: A page was asked for
name: asked
id: 44444444-4444-4444-8444-444444444444
logsource: {category: webserver}
detection: {s: {cs-uri-stem: /owa/x.aspx}, condition: s}
"""

CASES = tuple(
    (title, f"type: {kind}, rules: [{rules}], {rest}", joined)
    for title, kind, rules, rest, joined in (
        (
            "a count",
            "event_count",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 4}",
            4,
        ),
        (
            "a count not reached",
            "event_count",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gt: 4}",
            0,
        ),
        ("a count without a group", "event_count", "failed", "timespan: 5m, condition: {gte: 5}", 5),
        (
            "a count in a longer span",
            "event_count",
            "failed",
            "group-by: [TargetUserName], timespan: 2h, condition: {gte: 5}",
            5,
        ),
        (
            "a count in seconds",
            "event_count",
            "failed",
            "group-by: [TargetUserName], timespan: 60s, condition: {gte: 2}",
            4,
        ),
        (
            "a count of two rules",
            "event_count",
            "failed, worked",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 5}",
            5,
        ),
        (
            "an exact count",
            "event_count",
            "failed",
            "group-by: [TargetUserName], timespan: 1d, condition: {eq: 1}",
            2,
        ),
        (
            "a group of two fields",
            "event_count",
            "failed",
            "group-by: [TargetUserName, IpAddress], timespan: 5m, condition: {gte: 2}",
            2,
        ),
        (
            "a group by server",
            "event_count",
            "failed",
            "group-by: [Computer], timespan: 5m, condition: {gte: 4}",
            4,
        ),
        (
            "different values",
            "value_count",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 3, field: IpAddress}",
            4,
        ),
        (
            "different values, not so many",
            "value_count",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 4, field: IpAddress}",
            0,
        ),
        (
            "different pairs of values",
            "value_count",
            "failed",
            "timespan: 5m, condition: {gte: 4, field: [TargetUserName, IpAddress]}",
            5,
        ),
        (
            "a sum",
            "value_sum",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 100, field: TicketSize}",
            5,
        ),
        (
            "an average",
            "value_avg",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 25, field: TicketSize}",
            5,
        ),
        (
            "a median",
            "value_median",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 26, field: TicketSize}",
            1,
        ),
        (
            "a percentile",
            "value_percentile",
            "failed",
            "group-by: [TargetUserName], timespan: 5m, condition: {gte: 36, field: TicketSize, percentile: 90}",
            5,
        ),
        (
            "two rules together",
            "temporal",
            "failed, worked",
            "group-by: [TargetUserName, IpAddress], timespan: 5m",
            3,
        ),
        (
            "two rules together, in other order",
            "temporal",
            "worked, failed",
            "group-by: [TargetUserName, IpAddress], timespan: 5m",
            3,
        ),
        (
            "rules one after the other",
            "temporal_ordered",
            "failed, worked",
            "group-by: [TargetUserName, IpAddress], timespan: 5m",
            2,
        ),
        (
            "rules the other way round",
            "temporal_ordered",
            "worked, failed",
            "group-by: [TargetUserName], timespan: 5m",
            0,
        ),
        (
            "a chain over servers",
            "temporal_ordered",
            "failed, worked, made",
            "group-by: [TargetUserName], timespan: 5m",
            3,
        ),
        (
            "a chain on one server only",
            "temporal_ordered",
            "failed, worked, made",
            "group-by: [TargetUserName, Computer], timespan: 5m",
            0,
        ),
        (
            "over two tables, by an alias",
            "temporal",
            "asked, worked",
            "group-by: [ip], aliases: {ip: {asked: c-ip, worked: IpAddress}}, timespan: 5m",
            2,
        ),
        (
            "over two tables, too far apart",
            "temporal",
            "asked, made",
            "group-by: [ip], aliases: {ip: {asked: c-ip, made: IpAddress}}, timespan: 1m",
            0,
        ),
        (
            "one rule and not another",
            "temporal",
            "failed, worked",
            "group-by: [TargetUserName], timespan: 30s, condition: failed and not worked",
            6,
        ),
        (
            "one rule or another",
            "temporal",
            "worked, made",
            "group-by: [TargetUserName], timespan: 30s, condition: worked or made",
            3,
        ),
    )
)
"""What it is, the correlation, and how many records it joins: 0 is no finding."""


def written(folder: Path) -> tuple[Path, Path]:
    """Write the logs of both servers."""
    for server in ("EX01", "EX02"):
        place = folder / server
        place.mkdir(parents=True)
        lines = [exported(number, *event) for number, event in enumerate(EVENTS) if event[1] == server]
        place.joinpath("security.json").write_text("\n".join(lines))
    log = folder / "EX01" / "inetpub" / "logs" / "LogFiles" / "W3SVC1" / "u_ex210303.log"
    log.parent.mkdir(parents=True)
    requests = [
        f"{at(second)} 198.51.100.5 GET {page} - 443 - {ip} Agent 200 0 0 15" for second, page, ip in REQUESTS
    ]
    log.write_text("\n".join((*HEAD, *requests, "")))
    return folder / "EX01", folder / "EX02"


HEAD = (
    "#Software: Microsoft Internet Information Services 10.0",
    "#Version: 1.0",
    "#Date: 2021-03-03 03:00:00",
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status "
    "sc-substatus sc-win32-status time-taken",
)


def exported(number: int, event: int, server: str, second: int, user: str, address: str, size: int) -> str:
    """An event as a collector exports it."""
    winlog = {
        "channel": "Security",
        "event_id": event,
        "computer_name": f"{server}.corp.example",
        "record_id": number + 1,
        "provider_name": "Microsoft-Windows-Security-Auditing",
        "event_data": {"TargetUserName": user, "IpAddress": address, "TicketSize": str(size)},
    }
    return json.dumps({"@timestamp": f"{at(second).replace(' ', 'T')}Z", "winlog": winlog})


def at(second: int) -> str:
    return f"2021-03-03 {3 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


@functools.cache
def report() -> Report:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        evidence = written(folder / "evidence")
        correlations = [
            f"title: {title}\nid: 55555555-5555-4555-8555-{number:012}\ncorrelation: {{{text}}}\n"
            for number, (title, text, _) in enumerate(CASES)
        ]
        rules = folder / "pack.yml"
        rules.write_text("---\n".join((RULES, *correlations)))
        return triaged(folder / "case", *evidence, rules=(str(rules),))


def test_all_are_asked():
    assert [row for row in report().rules.not_asked if row.path == "pack.yml"] == []


@pytest.mark.parametrize(("title", "text", "joined"), CASES, ids=[title for title, _, _ in CASES])
def test_correlation(title, text, joined):
    found = [row for host in report().hosts for row in host.findings if row.title == title]
    assert sum(row.count for row in found) == joined
