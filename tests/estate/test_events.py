"""Event logs of synthetic servers, read by a reader that others wrote."""

import json
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any

import msgspec
import pyevtx
import pytest
from evtx import PyEvtxParser

from postvakt.estate.events import CHANNELS, event_logs
from postvakt.estate.machines import Watch
from postvakt.estate.placed import Placed
from postvakt.estate.plans import ACQUIRED, ServerPlan, plan
from postvakt.estate.stories import KINDS, ORDER

DAYS = 3
SYSMON = "Microsoft-Windows-Sysmon/Operational"
CMDLETS = "MSExchange Management"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"


def server(scenario: str) -> ServerPlan:
    return next(server for server in plan(len(KINDS), 1, DAYS) if server.scenario == scenario)


def written(scenario: str) -> list[Placed]:
    return [log for log in event_logs(server(scenario)) if isinstance(log, Placed)]


@cache
def logs(scenario: str) -> dict[str, list[dict[str, Any]]]:
    """Each log's records in file order, by channel."""
    read = [
        [json.loads(record["data"])["Event"] for record in PyEvtxParser(BytesIO(log.content)).records_json()]
        for log in written(scenario)
    ]
    return {records[0]["System"]["Channel"]: records for records in read}


def number(record: dict[str, Any]) -> int:
    told = record["System"]["EventID"]
    return int(told["#text"] if isinstance(told, dict) else told)


def time(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["System"]["TimeCreated"]["#attributes"]["SystemTime"])


def found(scenario: str, channel: str, event_id: int, text: str) -> int:
    """How many records of a channel and id hold a text anywhere."""
    records = logs(scenario).get(channel, [])
    return sum(number(r) == event_id and text in json.dumps(r, ensure_ascii=False) for r in records)


@pytest.mark.parametrize("scenario", ORDER)
def test_every_log_is_there_in_order_without_a_number_missing(scenario: str) -> None:
    assert set(logs(scenario)) == {channel.name for channel in CHANNELS}
    for records in logs(scenario).values():
        numbers = [record["System"]["EventRecordID"] for record in records]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert [time(record) for record in records] == sorted(time(record) for record in records)
        assert {record["System"]["Computer"] for record in records} == {server(scenario).fqdn}


def test_libevtx_counts_the_same_records() -> None:
    counts = []
    for log in written("attacked"):
        file = pyevtx.file()
        file.open_file_object(BytesIO(log.content))
        assert not file.is_corrupted()
        counts.append(file.get_number_of_records())
    assert counts == [len(records) for records in logs("attacked").values()]


@pytest.mark.parametrize("channel", [channel.name for channel in CHANNELS])
def test_a_quiet_log_reaches_from_its_first_hours_to_the_acquisition(channel: str) -> None:
    records = logs("clean")[channel]
    assert (time(records[0]) - server("clean").begins).total_seconds() < 2 * 3600
    assert (ACQUIRED - time(records[-1])).total_seconds() < 7 * 3600


TRACES = (
    # channel, event id, text, and in how many records of each scenario it stands
    (SYSMON, 1, "comsvcs.dll, MiniDump", {"attacked": 2}),
    (SYSMON, 1, "&echo [S]&cd&echo [E]", {"attacked": 6}),
    (SYSMON, 11, "aspnet_client\\\\discover.aspx", {"attacked": 1, "shell-unused": 1}),
    (SYSMON, 11, "lsass.dmp", {"attacked": 1}),
    ("Security", 4688, "comsvcs.dll, MiniDump", {"attacked": 2}),
    ("Security", 4688, "cd&echo [E]", {"attacked": 3}),
    (CMDLETS, 1, "<script language", {"attacked": 1, "shell-unused": 1}),
    (CMDLETS, 1, "Remove-OabVirtualDirectory", {"attacked": 1, "shell-unused": 1}),
    ("Security", 1102, "LogFileCleared", {"half-wiped": 1}),
    ("System", 104, SYSMON, {"half-wiped": 1}),
    ("System", 104, CMDLETS, {"half-wiped": 1}),
)


@pytest.mark.parametrize("scenario", ORDER)
@pytest.mark.parametrize(("channel", "event_id", "text", "counts"), TRACES)
def test_what_an_attack_leaves(
    scenario: str, channel: str, event_id: int, text: str, counts: dict[str, int]
) -> None:
    assert found(scenario, channel, event_id, text) == counts.get(scenario, 0)


def test_cleared_logs_begin_with_their_clearing_and_the_others_with_the_server() -> None:
    wiped = server("half-wiped").wiped
    assert wiped is not None
    assert number(logs("half-wiped")["Security"][0]) == 1102
    for channel in ("Security", SYSMON, CMDLETS):
        assert time(logs("half-wiped")[channel][0]) >= wiped
    for channel in ("System", "Application", DEFENDER):
        assert time(logs("half-wiped")[channel][0]) < wiped


def test_a_child_names_the_parent_that_its_shell_was() -> None:
    started = {
        r["EventData"]["CommandLine"]: r["EventData"] for r in logs("attacked")[SYSMON] if number(r) == 1
    }
    child = next(told for line, told in started.items() if line.startswith("rundll32"))
    parent = next(told for line, told in started.items() if "comsvcs" in line and line.startswith('"cmd"'))
    assert child["ParentImage"] == parent["Image"]
    assert child["ParentCommandLine"] == parent["CommandLine"]
    assert parent["ParentImage"].endswith("\\w3wp.exe")


@pytest.mark.parametrize(
    ("watch", "sysmon", "audited"), [("both", True, True), ("sysmon", True, False), ("audit", False, True)]
)
def test_what_watches_over_a_server_tells_of_its_processes(watch: Watch, sysmon: bool, audited: bool) -> None:
    planned = server("attacked")
    watched = msgspec.structs.replace(planned.machine, watch=watch)
    made = list(event_logs(msgspec.structs.replace(planned, machine=watched)))
    told = {trace.id for log in made if isinstance(log, Placed) for trace in log.traces}
    assert any("Sysmon" in log.path for log in made if isinstance(log, Placed)) == sysmon
    assert any(name.endswith("/event/process") for name in told) == sysmon
    assert any(name.endswith("/event/audit") for name in told) == audited
