"""A request that a log tells, and that memory holds as lines of that log, counts once in a correlation."""

import random
from collections import defaultdict
from pathlib import Path

import pytest

from postvakt.estate.proxy_log import HEADER
from tests.commands.cases import triaged
from tests.memory.carving import ECP, IIS, PROXY

RULES = """
title: The page was asked for
name: asked
id: 11111111-1111-4111-8111-111111111111
logsource: {category: webserver}
detection: {s: {cs-uri-stem: /ecp/y.js}, condition: s}
---
title: The page was sent on
name: sent
id: 22222222-2222-4222-8222-222222222222
logsource: {product: exchange, service: http_proxy}
detection: {s: {UrlStem: /ecp/y.js}, condition: s}
---
title: An address was set
name: set
id: 33333333-3333-4333-8333-333333333333
logsource: {product: exchange, service: ecp_server}
detection: {s: {CMD|contains: OabVirtualDirectory}, condition: s}
---
title: Pages asked for
level: high
correlation: {type: event_count, rules: [asked], timespan: 5m, condition: {gte: LEAST}}
---
title: Pages sent on
level: high
correlation: {type: event_count, rules: [sent], timespan: 5m, condition: {gte: LEAST}}
---
title: Addresses set
level: high
correlation: {type: event_count, rules: [set], timespan: 5m, condition: {gte: LEAST}}
"""
LOGS = {
    "iis": (
        "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent)"
        " cs(Referer) sc-status sc-substatus sc-win32-status time-taken",
        IIS,
        IIS.replace("04:05:06", "04:05:09"),
    ),
    "http_proxy": (
        f"#Software: Microsoft Exchange Server\r\n#Version: 15.01.2176.002\r\n#Log-type: HttpProxy Logs\r\n"
        f"#Date: 2021-03-03T00:00:00.000Z\r\n#Fields: {HEADER}",
        PROXY,
        PROXY.replace("0000000a", "0000000b").replace(":06.789", ":09.789"),
    ),
    "ecp_server": (
        "#Software: Microsoft Exchange Server\r\n#Version: 15.00.0000.000\r\n#Log-type: ECP Server Log\r\n"
        "#Date: 2021-03-03T00:00:00.000Z\r\n#Fields: TimeStamp,ServerName,EventId,EventData",
        ECP,
        ECP.replace("04:06:00", "04:06:09").replace("ACTID=77", "ACTID=78"),
    ),
}
PLACES = {
    "iis": "inetpub/logs/LogFiles/W3SVC1/u_ex210303.log",
    "http_proxy": "Logging/HttpProxy/Ecp/HttpProxy_2021030304-1.LOG",
    "ecp_server": "Logging/ECP/Server/ECPServer20210303-1.LOG",
}
TITLES = {"Pages asked for": "iis", "Pages sent on": "http_proxy", "Addresses set": "ecp_server"}


def server(folder: Path) -> Path:
    """Write each log, with the first line of two."""
    for log, (header, first, _) in LOGS.items():
        path = folder / PLACES[log]
        path.parent.mkdir(parents=True)
        path.write_bytes(f"{header}\r\n{first}\r\n".encode())
    return folder


def image(folder: Path, *lines: str) -> Path:
    """Write an image that is full of nothing a reader of machines knows, with lines at odd places."""
    made = bytearray(random.Random(1).choices(b"\0\0\0\0\1\2", k=1 << 20))
    for place, line in enumerate(lines):
        at = 0x10000 + place * 0x3000 + 200
        content = b"\r\n" + line.encode() + b"\r\n"
        made[at : at + len(content)] = content
    path = folder / "EX01.raw"
    path.write_bytes(made)
    return path


def counted(tmp_path: Path, least: int, *evidence: Path) -> dict[str, list[str]]:
    """Return the tables of the matches that were joined, by the log that the correlation is about."""
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "rules.yml").write_text(RULES.replace("LEAST", str(least)))
    report = triaged(tmp_path / "case", *evidence, rules=(str(tmp_path / "pack"),))
    joined: dict[str, list[str]] = defaultdict(list)
    for row in [row for host in report.hosts for row in host.findings if row.origin == "pack"]:
        joined[TITLES[row.title]] += [sample.table for sample in row.sample]
    return dict(joined)


def copied(*lines: str) -> list[str]:
    return [line for line in lines for _ in range(3)]


FIRST = [first for _, first, _ in LOGS.values()]
SECOND = [second for _, _, second in LOGS.values()]
CUT = [line[: line.rindex(";S:BLD")] if line is ECP else line[:-20] for line in FIRST]


@pytest.mark.parametrize(
    ("lines", "least", "logs"),
    [
        (copied(*FIRST), 2, set()),
        (CUT, 2, set()),
        (copied(*FIRST, *SECOND), 2, set(LOGS)),
        (copied(*FIRST, *SECOND), 3, set()),
    ],
    ids=["only what the log tells", "cut lines of it", "one that only memory tells", "and no third"],
)
def test_one_request_counts_once(tmp_path: Path, lines: list[str], least: int, logs: set[str]) -> None:
    found = counted(tmp_path, least, server(tmp_path / "logs"), image(tmp_path, *lines))
    assert set(found) == logs
    assert all(sorted(tables) == sorted((log, "mem_carved")) for log, tables in found.items())


def test_what_only_memory_tells_counts_once_as_well(tmp_path: Path) -> None:
    found = counted(tmp_path, 2, image(tmp_path, *copied(*FIRST, *SECOND)))
    assert found == {log: ["mem_carved", "mem_carved"] for log in LOGS}
