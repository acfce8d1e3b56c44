"""Collectors' inputs are read as strictly as the collectors read them, and no host's name gets out of its comment."""

import csv
import io
import re
import shlex
import uuid
from itertools import pairwise
from typing import Any

import pytest
import yaml

from postvakt import content
from postvakt.model.collecting import Batch, Collector, Plan
from postvakt.reason import collecting
from postvakt.report.collectors import WRITERS

OWN = content.load()
HOSTILE = "EVIL\nTargets:\r\n#>\u2028Remove-Item 'C:\\' `$(calc)`\u2019; & format c: | x\u202e"

TARGET = {"Name", "Category", "Path", "FileMask"}
TARGET_MORE = {"Recursive", "AlwaysAddToQueue", "SaveAsFileName", "Comment"}
SHELL = re.compile(r"(?<![\w$'-])([A-Z][A-Za-z]+-[A-Z][A-Za-z]+)")
PROGRAMS = {"esentutl.exe", "ldifde.exe"}
READS = {
    "ForEach-Object", "Join-Path", "New-Object", "Out-String", "Resolve-Path", "Select-Object", "Set-StrictMode",
    "Split-Path", "Test-Path", "Where-Object", "Write-Error", "Write-Output", "Write-Progress", "Write-Warning",
    "Add-PSSnapin",
}  # fmt: skip
OWN_FUNCTIONS = {"Get-Hash", "Copy-Shared", "Save-Copy", "Save-Answer"}
WRITES = {
    "New-Item": r"-Path (\$output\b|\(Split-Path -Path \$outputFile )",
    "Export-Clixml": r"-Path \$outputFile\b",
    "Export-Csv": r"-Path \$manifest\b",
    "Copy-Shared": r"\$outputFile\b",
    "esentutl.exe": r"/d \$outputFile\b",
    "ldifde.exe": r"-f \$outputFile\b",
    "[IO.File]::Create(": r"\(\$outputFile\)",
    "SetCreationTimeUtc": r"\(\$outputFile,",
    "SetLastWriteTimeUtc": r"\(\$outputFile,",
}
"""What writes, and the only target that its line may name."""


def plan(collector: Collector, directive: str = "ed-21-02") -> Plan:
    spec = next(spec for spec in OWN.collectors if spec.id == collector)
    asked = next(one for one in OWN.directives if one.id == directive)
    return collecting.plan(asked, spec, OWN.collecting)


def written(collector: Collector, **given: Any) -> str:
    made = plan(collector)
    import msgspec

    batch: Batch = msgspec.structs.replace(made.batches[0], **given)
    return WRITERS[collector](made, batch).decode("utf-8-sig")


def test_a_target_of_kape_holds_what_kape_knows_and_no_more() -> None:
    made = yaml.safe_load(written("kape"))
    assert list(made) == ["Description", "Author", "Version", "Id", "RecreateDirectories", "Targets"]
    assert uuid.UUID(made["Id"]).version == 5
    for target in made["Targets"]:
        assert set(target) >= TARGET
        assert set(target) <= TARGET | TARGET_MORE
        assert re.fullmatch(r"[A-Z]:\\(.*\\)?", target["Path"])
        assert "%" not in target["Path"].replace("%user%", "")
    journal = next(target for target in made["Targets"] if target["FileMask"] == "$UsnJrnl:$J")
    assert (journal["Path"], journal["SaveAsFileName"], journal["AlwaysAddToQueue"]) == (
        "C:\\$Extend\\",
        "$J",
        True,
    )
    hive = next(target for target in made["Targets"] if target["FileMask"] == "SAM*")
    assert hive["AlwaysAddToQueue"] is True


def test_an_artifact_of_velociraptor_holds_what_a_client_artifact_has() -> None:
    made = yaml.safe_load(written("velociraptor"))
    assert list(made) == ["name", "description", "type", "precondition", "resources", "parameters", "sources"]
    assert re.fullmatch(r"Custom\.Postvakt\.Ed2102\.H[0-9a-f]{8}", made["name"])
    assert made["type"] == "CLIENT"
    assert [source["name"] for source in made["sources"]] == ["memory", "files"]
    assert made["sources"][0]["query"] == "SELECT * FROM Artifact.Windows.Memory.Acquisition()"
    assert made["parameters"][0]["default"] == r"C:\Program Files\Microsoft\Exchange Server\V15"
    rows = list(csv.DictReader(io.StringIO(made["parameters"][1]["default"])))
    assert all(
        row["Accessor"] in ("auto", "ntfs") and set(row) == {"Artifact", "Accessor", "Glob"} for row in rows
    )
    globs = {row["Glob"]: row["Accessor"] for row in rows}
    assert globs["C:\\$MFT"] == "ntfs"
    assert globs["%ExchangeInstallPath%\\Logging\\HttpProxy\\**\\*.log"] == "auto"
    query = made["sources"][1]["query"]
    assert all(word in query for word in ("accessor='registry'", "glob(globs=Glob", "upload(file=OSPath"))


def test_each_line_of_acquire_names_options_that_it_has() -> None:
    lines = [line for line in written("acquire").split("\r\n") if line.startswith("acquire.exe ")]
    assert len(lines) > 10
    assert "--winpmem" in lines[0]
    assert max(map(len, lines)) < 8191  # what cmd.exe takes
    for line in lines:
        program, target, *words = shlex.split(line)
        assert (program, target) == ("acquire.exe", "local")
        options = [word for word in words if word.startswith("--")]
        assert set(options) <= {
            "--profile", "--volatile-profile", "--output", "--glob", "--path", "--winpmem", "--ntfs", "--registry"
        }  # fmt: skip
        assert words[words.index("--profile") + 1] == "none"
        places = [word for before, word in pairwise(words) if before in ("--glob", "--path")]
        assert all(place.startswith("sysvol/") and "\\" not in place for place in places)
        assert not re.search(r"(?<!%)%(?!%)", line)


def code(script: str) -> list[str]:
    """The lines of a script without comments, and without the texts in quotes."""
    return [
        re.sub(r"'(?:[^']|'')*'", "''", line)
        for line in script.splitlines()
        if not line.lstrip().startswith("#")
    ]


def test_the_script_calls_nothing_but_what_reads_and_writes_below_its_folder() -> None:
    lines = code(written("powershell"))
    for line in lines:
        for name in SHELL.findall(line):
            assert name.startswith("Get-") or name in READS | OWN_FUNCTIONS | set(WRITES), line
        for program in re.findall(r"[\w.-]+\.exe", line):
            assert program in PROGRAMS, line
        for name, target in WRITES.items():
            if name in line and not line.startswith("function "):
                assert re.search(target, line), line
    text = "\n".join(lines)
    assert set(re.findall(r"\[IO\.File\]::(\w+)", text)) == {
        "OpenRead", "Open", "Create", "SetCreationTimeUtc", "SetLastWriteTimeUtc"
    }  # fmt: skip
    assert not re.search(r"\b(iex|icm|start|del|rm|ri|sc|ni|cp|mv|set|kill|saps|spps)\s", text)
    assert not re.search(r"(?i)invoke-|reg(\.exe)? add|wevtutil|netsh|::Delete\(|::Move\(|\.Kill\(|> ", text)


def test_the_script_writes_to_nothing_but_its_own_output() -> None:
    """`$outputFile` is only ever made below `$output`, which is only ever made below `$Destination`."""
    text = "\n".join(code(written("powershell")))
    made = re.findall(r"\$(outputFile|output|manifest) = (.*)", text)
    below = re.compile(r"Join-Path -Path \$(output|Destination) |\(Resolve-Path -LiteralPath \$output\)")
    assert len(made) == 6
    assert [told for _, told in made if not below.match(told)] == []


def test_the_script_stops_without_administrator_rights_before_it_writes() -> None:
    text = written("powershell")
    assert text.index("IsInRole") < text.index("exit 2") < text.index("New-Item")


@pytest.mark.parametrize("collector", list(WRITERS))
def test_a_host_with_a_hostile_name_stays_in_its_comment(collector: Collector) -> None:
    plain = written(collector, hosts=("EXCH01",), gone=("EXCH01: x",))
    hostile = written(collector, hosts=(HOSTILE,), gone=(HOSTILE,))
    assert bare(hostile, collector) == bare(plain, collector)


def bare(text: str, collector: Collector) -> list[str]:
    """Everything but comments, and but the id, which is made from the hosts."""
    marks = {"acquire": ("rem ",)}.get(collector, ("#",))
    return [
        re.sub(r"[0-9a-f-]{36}|\.H[0-9a-f]{8}", "ID", line)
        for line in text.splitlines()
        if not line.startswith(marks) and line != "rem"
    ]


@pytest.mark.parametrize("collector", list(WRITERS))
def test_the_heading_says_what_it_closes_and_what_stock_profiles_leave_out(collector: Collector) -> None:
    made = plan(collector)
    text = written(collector, hosts=("EXCH01", "EXCH02"))
    assert "For: EXCH01, EXCH02" in text
    assert "memory: 1.examine, 1.memory, 2.a" in text
    for omission in made.collector.leaves_out:
        assert omission.what.split(".")[0] in text
    for one in made.batches[0].not_taken:
        assert f"{one.name}: " in text


@pytest.mark.parametrize("collector", list(WRITERS))
def test_the_same_wants_give_the_same_bytes(collector: Collector) -> None:
    assert written(collector) == written(collector)
