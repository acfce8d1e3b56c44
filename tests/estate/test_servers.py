"""Hand-ins: what lies in them, in which layout, with which times, the same for the same seed."""

import csv
import hashlib
import io
import json
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from postvakt.estate.filetime import BEGINNING
from postvakt.estate.plans import Layout, ServerPlan, plan
from postvakt.estate.servers import files, write, write_traced
from postvakt.estate.shells import SHELL_NAME
from postvakt.estate.stories import KINDS, ORDER


def server(scenario: str, layout: Layout = "folder") -> ServerPlan:
    planned = next(server for server in plan(len(KINDS), 1, 2) if server.scenario == scenario)
    return msgspec.structs.replace(planned, layout=layout)


ATTACKED = server("attacked")
PLACED = files(ATTACKED)
SHELL = next(one for one in PLACED if one.path.endswith(SHELL_NAME))


def fingerprint(path: Path) -> str:
    """A hash over names, contents and times of what lies at a path."""
    made = hashlib.sha256()
    for file in sorted([path] if path.is_file() else path.rglob("*")):
        if file.is_file():
            told = f"{file.relative_to(path.parent)} {int(file.stat().st_mtime) if path.is_dir() else ''}"
            made.update(told.encode() + file.read_bytes())
    return made.hexdigest()


def test_paths_come_once_in_order_and_never_after_the_acquisition() -> None:
    paths = [one.path for one in PLACED]
    assert paths == sorted(set(paths))
    assert max(one.modified for one in PLACED) == datetime(2021, 3, 12, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("scenario", "name", "there"),
    [
        ("attacked", SHELL_NAME, True),
        ("shell-unused", SHELL_NAME, True),
        ("half-wiped", SHELL_NAME, False),
        ("clean", SHELL_NAME, False),
        ("attacked", "lsass.dmp", True),
        ("half-wiped", "lsass.dmp", False),
        ("shell-unused", ".compiled", False),
        ("probed", SHELL_NAME, False),
        ("patched", SHELL_NAME, False),
        ("patched", "Report.wer", True),
        ("two-actors", SHELL_NAME, True),
        ("two-actors", "OutlookEN.aspx", True),
        ("lateral-movement", "PsExec64.exe", True),
        ("ransomware", "plan.xlsx.CRYPT", True),
        ("exchange-2010", "V14/ClientAccess/Owa/auth/help.aspx", True),
        ("responders-tools", "debug/msert.log", True),
        ("responders-tools", "web.config", True),
        ("clean", "web.config", False),
    ],
)
def test_what_the_attacker_left(scenario: str, name: str, there: bool) -> None:
    assert any(one.path.endswith(name) for one in files(server(scenario))) == there


@pytest.mark.parametrize("scenario", ORDER)
def test_web_logs_tell_of_the_attacker_only_where_they_were_kept(scenario: str) -> None:
    planned = server(scenario)
    texts = [one.content for one in files(planned) if "/HttpProxy/" in one.path or "/W3SVC" in one.path]
    seen = any(planned.attacker.encode() in text for text in texts)
    assert seen == (scenario in ("attacked", "shell-unused", "probed", "patched"))


def paths(scenario: str) -> list[str]:
    return [one.path for one in files(server(scenario))]


def test_exchange_2010_has_no_front_end_proxy_and_one_site() -> None:
    told = paths("exchange-2010-clean")
    assert any("/V14/TransportRoles/Logs/MessageTracking/" in path for path in told)
    assert any("/W3SVC1/" in path for path in told)
    assert not [path for path in told if "/HttpProxy/" in path or "/V15/" in path or "/W3SVC2/" in path]


@pytest.mark.parametrize(
    ("scenario", "there"),
    [
        ("no-exchange-logs", {"iis": True, "exchange": False}),
        ("no-web-logs", {"iis": False, "exchange": False}),
        ("clean", {"iis": True, "exchange": True}),
    ],
)
def test_what_a_collector_passed_over(scenario: str, there: dict[str, bool]) -> None:
    told = paths(scenario)
    assert {
        "iis": any("/W3SVC1/" in path for path in told),
        "exchange": any("/Logging/" in path for path in told),
    } == there
    assert any(path.endswith("/Security.evtx") for path in told)


def test_logs_lie_where_the_machine_has_its_drives() -> None:
    for planned in plan(42, 1, 1):
        told = {one.path: one.content for one in files(planned)}
        config = told["C/Windows/System32/inetsrv/config/applicationHost.config"].decode()
        if planned.machine.drives.web_logs[0] != "C":
            moved = planned.machine.drives.web_logs.replace("/", ":\\", 1).replace("/", "\\")
            assert f'directory="{moved}"' in config
        folder = f"{planned.machine.drives.web_logs}/W3SVC1/"
        assert any(path.startswith(folder) for path in told) == (planned.scenario != "no-web-logs")
        assert any(path.startswith(f"{planned.machine.exchange}/") for path in told)


def test_addresses_are_those_for_documentation() -> None:
    rows = [
        line.split(b" ")
        for one in PLACED
        if "/W3SVC1/" in one.path
        for line in one.content.splitlines()
        if not line.startswith(b"#")
    ]
    networks = {row[8].rpartition(b".")[0] for row in rows} | {row[2].rpartition(b".")[0] for row in rows}
    assert networks == {b"127.0.0", b"192.0.2", b"198.51.100", b"203.0.113"}


@pytest.mark.parametrize("layout", ["folder", "kape", "velociraptor"])
def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, layout: Layout) -> None:
    planned = server("attacked", layout)
    assert fingerprint(write(planned, tmp_path / "a")) == fingerprint(write(planned, tmp_path / "b"))


@pytest.mark.parametrize("scenario", KINDS)
def test_the_same_plan_gives_the_same_files_and_the_same_truth(tmp_path: Path, scenario: str) -> None:
    planned = server(scenario)
    path, told = write_traced(planned, tmp_path / "a")
    again, repeated = write_traced(planned, tmp_path / "b")
    assert fingerprint(path) == fingerprint(again)
    assert told == repeated


def test_a_folder_holds_the_drive_with_its_times(tmp_path: Path) -> None:
    path = write(ATTACKED, tmp_path)
    assert path.name == ATTACKED.folder
    found = {file.relative_to(path).as_posix(): file for file in path.rglob("*") if file.is_file()}
    assert {name: file.read_bytes() for name, file in found.items()} == {o.path: o.content for o in PLACED}
    assert {name: datetime.fromtimestamp(file.stat().st_mtime, UTC) for name, file in found.items()} == {
        one.path: one.modified for one in PLACED
    }


def extra_fields(info: zipfile.ZipInfo) -> tuple[int, bytes]:
    kind, size = struct.unpack_from("<HH", info.extra)
    return kind, info.extra[4 : 4 + size]


def test_kape_s_zip_holds_the_drive_and_a_list_of_what_was_copied(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(server("attacked", "kape"), tmp_path)) as archive:
        names = archive.namelist()
        assert names == ["2021-03-12T06_00_00_CopyLog.csv", *(one.path for one in PLACED)]
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(names[0]), newline="")))
        kind, body = extra_fields(archive.getinfo(SHELL.path))
    shell = next(row for row in rows if row["SourceFile"].endswith(SHELL_NAME))
    assert shell["SourceFile"] == "C:\\inetpub\\wwwroot\\aspnet_client\\discover.aspx"
    assert shell["ModifiedOnUtc"][:19] == f"{SHELL.modified:%Y-%m-%d %H:%M:%S}"
    assert (kind, struct.unpack_from("<IHHQ", body)[-1]) == (
        0x000A,
        int((SHELL.modified - BEGINNING).total_seconds()) * 10_000_000,
    )


def test_velociraptor_s_zip_escapes_each_part_of_a_path(tmp_path: Path) -> None:
    with zipfile.ZipFile(write(server("attacked", "velociraptor"), tmp_path)) as archive:
        names = archive.namelist()
        listed = [json.loads(line)["vfs_path"] for line in archive.read("uploads.json").splitlines()]
        kind, body = extra_fields(archive.getinfo("uploads/auto/C%3A/" + SHELL.path[2:]))
    folder = "uploads/auto/C%3A/Windows/System32/winevt/Logs"
    assert f"{folder}/Microsoft-Windows-Sysmon%254Operational.evtx" in names
    assert names == [*listed, "uploads.json"]
    assert (kind, struct.unpack("<Bi", body)) == (0x5455, (1, int(SHELL.modified.timestamp())))
