"""From a case to a collector's input: what closes its gaps, where this server keeps it, and nothing that was read."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from postvakt.commands import plan
from postvakt.errors import UsageError
from tests.commands import cases

Reads = Callable[[str], list[re.Pattern[str]]]
WEB = re.compile(r"/W3SVC\d+/")


def remove(hand_in: Path, wanted: re.Pattern[str]) -> None:
    for file in sorted(hand_in.rglob("*")):
        if file.is_file() and wanted.search(file.as_posix()):
            file.unlink()


def masks(case: Path, **options: str) -> set[tuple[str, str]]:
    made = plan.plan("kape", directive="", case=case, host=options.get("host"), apart=False)
    targets = yaml.safe_load(made.files[""])["Targets"]
    return {(target["Path"], target["FileMask"]) for target in targets}


def test_a_case_without_web_logs_is_asked_for_them_and_for_no_log_that_was_read(tmp_path: Path) -> None:
    whole = cases.hand_in("clean", tmp_path / "a", "hand-in-a")
    lacking = cases.hand_in("clean", tmp_path / "b", "hand-in-b")
    remove(lacking, WEB)
    cases.triaged(tmp_path / "whole", whole)
    cases.triaged(tmp_path / "lacking", lacking)
    before, after = masks(tmp_path / "whole"), masks(tmp_path / "lacking")
    assert {path for path, _ in after - before} == {"C:\\inetpub\\logs\\LogFiles\\"}
    assert not before - after
    assert not [path for path, _ in after if "HttpProxy" in path or path.endswith("\\config\\")]


def test_logs_that_the_configuration_says_were_moved_are_looked_for_there(tmp_path: Path) -> None:
    hand_in = cases.hand_in("clean", tmp_path, "hand-in")
    remove(hand_in, WEB)
    config = hand_in / "C/Windows/System32/inetsrv/config/applicationHost.config"
    text = config.read_text("utf-8-sig")
    told = re.sub(r'(<logFile[^>]* directory=)"[^"]*"', r'\1"E:\\Web Logs"', text)
    assert told != text
    config.write_text(told, "utf-8")
    cases.triaged(tmp_path / "case", hand_in)
    assert ("E:\\Web Logs\\", "*.log") in masks(tmp_path / "case")


def test_without_a_case_the_directive_says_what_to_collect() -> None:
    for directive in ("ed-21-02", "ed-25-02", "kev-cve-2026-42897"):
        made = plan.plan("powershell", directive=directive, case=None, host=None, apart=True)
        (name,) = made.files
        assert name == f"postvakt-{directive}-01.ps1"


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="kape, velociraptor, acquire, powershell"):
        plan.plan("cylr", directive="", case=None, host=None, apart=False)
    with pytest.raises(UsageError, match="ed-21-02"):
        plan.plan("kape", directive="ed-99", case=None, host=None, apart=False)


def kape(text: str) -> list[re.Pattern[str]]:
    """What each target takes, as patterns of lower-case paths with `/`."""
    made = []
    for target in yaml.safe_load(text)["Targets"]:
        folder, mask = (spelled(target[name].replace("%user%", "*")) for name in ("Path", "FileMask"))
        made.append(re.compile(folder + ("(.*/)?" if target.get("Recursive") else "") + mask))
    return made


def velociraptor(text: str) -> list[re.Pattern[str]]:
    """What each glob takes, `**` as one folder or more."""
    _, installed, wanted = ["", *(parameter["default"] for parameter in yaml.safe_load(text)["parameters"])]
    rows = csv.DictReader(io.StringIO(wanted))
    globs = [row["Glob"].replace("%ExchangeInstallPath%", installed) for row in rows]
    return [
        re.compile(spelled(glob.replace("**", "\0")).replace("\0", ".+").replace("\\x00", ".+"))
        for glob in globs
    ]


def powershell(text: str) -> list[re.Pattern[str]]:
    """What each place of the script takes."""
    installed = re.findall(r"^\$installed = '(.*)'", text, re.MULTILINE)[0]
    rows = re.findall(r"@\{ Id = '.*?'; Folder = '(.*?)'; Mask = '(.*?)'; Recursive = \$(\w+);", text)
    known = {"%ExchangeInstallPath%": installed, "%SystemDrive%": "C:", "%SystemRoot%": "C:\\Windows"}
    made = []
    for folder, mask, recursive in rows:
        place = folder.replace("%Profile%", "C:\\Users\\*")
        for name, value in known.items():
            place = place.replace(name, value)
        made.append(
            re.compile(spelled(place) + "/" + ("(.*/)?" if recursive == "true" else "") + spelled(mask))
        )
    return made


def spelled(pattern: str) -> str:
    return re.escape(pattern.lower().replace("\\", "/")).replace("\\*", "[^/]*")


@pytest.mark.parametrize("read", [kape, velociraptor, powershell])
def test_a_collector_would_take_every_file_of_a_whole_hand_in(read: Reads, tmp_path: Path) -> None:
    """What a synthetic server holds is what Postvakt reads: nothing of it may slip through a plan."""
    hand_in = cases.hand_in("attacked", tmp_path, "hand-in")
    made = plan.plan(read.__name__, directive="ed-21-02", case=None, host=None, apart=False)
    patterns = read(made.files[""].decode("utf-8-sig"))
    paths = [f"c:/{file.relative_to(hand_in / 'C').as_posix().lower()}" for file in files(hand_in / "C")]
    assert len(paths) > 100
    assert [path for path in paths if not any(pattern.fullmatch(path) for pattern in patterns)] == []


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_hosts_that_want_different_things_get_a_file_each(tmp_path: Path) -> None:
    one = cases.hand_in("clean", tmp_path, "one")
    other = cases.hand_in("probed", tmp_path, "other")
    remove(one, WEB)
    report = cases.triaged(tmp_path / "case", one, other)
    with pytest.raises(UsageError, match="2 groups of hosts want different things"):
        plan.plan("kape", directive="", case=tmp_path / "case", host=None, apart=False)
    made = plan.plan("kape", directive="", case=tmp_path / "case", host=None, apart=True)
    assert list(made.files) == ["postvakt-ed-21-02-01.tkape", "postvakt-ed-21-02-02.tkape"]
    name = next(host.host for host in report.hosts if not any(row.artifact == "iis" for row in host.coverage))
    alone = plan.plan("kape", directive="", case=tmp_path / "case", host=name, apart=False)
    assert f"# For: {name}\n" in alone.files[""].decode()
    assert alone.files[""] in made.files.values()
    with pytest.raises(UsageError, match="the case has"):
        plan.plan("kape", directive="", case=tmp_path / "case", host="NOBODY", apart=False)
    with pytest.raises(UsageError, match="the case answers ed-21-02"):
        plan.plan("kape", directive="ed-25-02", case=tmp_path / "case", host=None, apart=False)
