"""Bad evidence through the whole flow: each case is named in the gaps or is one clear error, and nothing else is lost.

Single readers have their own exhibits of damage; here it is the case that must survive.
"""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from postvakt.errors import EngineError, EvidenceError, PostvaktError
from postvakt.model.report import Report
from tests.commands import cases

IIS = "C/inetpub/logs/LogFiles/W3SVC1/u_ex210302.log"
EVENTS = "C/Windows/System32/winevt/Logs/Security.evtx"
HIVE = "C/Windows/System32/config/SOFTWARE"
PROXY = "C/Program Files/Microsoft/Exchange Server/V15/Logging/HttpProxy/Ecp/HttpProxy_2021030200-1.LOG"
IIS_HEAD = (
    b"#Software: Microsoft Internet Information Services 10.0\r\n"
    b"#Fields: date time cs-method cs-uri-stem c-ip sc-status\r\n"
)
IIS_ROW = b"2021-03-02 01:02:03 GET /owa/ 198.51.100.7 200\r\n"
PROXY_HEAD = (
    b"#Software: Microsoft Exchange Server\r\n#Log-type: HttpProxy Logs\r\n"
    b"#Fields: DateTime,RequestId,Protocol,HttpStatus\r\n"
)
NOISE = bytes((i * 167 + (i >> 3) * 59) % 256 for i in range(70_000))

NAMED: tuple[tuple[str, str, bytes, str], ...] = (
    ("an empty log", IIS, b"", "empty"),
    ("an empty event log", EVENTS, b"", "empty"),
    ("an empty hive", HIVE, b"", "empty"),
    ("an event log of zeros", EVENTS, bytes(70_000), "empty"),
    ("a log of zeros", PROXY, bytes(70_000), "empty"),
    ("noise under an event log's name", EVENTS, NOISE, "unparsed"),
    ("noise under a hive's name", HIVE, NOISE, "unparsed"),
    ("a hive of its first page", HIVE, b"regf" + bytes(4092), "unparsed"),
    ("a log that ends in the middle of a row", IIS, IIS_HEAD + IIS_ROW + b"2021-03-02 01:02", "truncated"),
    ("a row with too many values", IIS, IIS_HEAD + b"a b c d e f g h\r\n" + IIS_ROW, "unparsed"),
    ("a row that says 31 February", IIS, IIS_HEAD + b"2021-02-31 01:02:03 GET / 192.0.2.1 200\r\n", "unparsed"),
    ("a line of three million characters", IIS, IIS_HEAD + b"x" * 3_000_000 + b"\r\n" + IIS_ROW, "limited"),
    ("text in half a UTF-16", PROXY, PROXY_HEAD.decode().encode("utf-16")[:-1], "truncated"),
)  # fmt: skip


def handed_in(tmp_path: Path, path: str, content: bytes) -> Report:
    """Triage a hand-in of one odd file beside one good log."""
    folder = tmp_path / "evidence"
    for name, written in (
        (path, content),
        ("C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log", IIS_HEAD + IIS_ROW),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(written)
    return cases.triaged(tmp_path / "case", folder)


@pytest.mark.parametrize(("path", "content", "why"), [pytest.param(*c[1:], id=c[0]) for c in NAMED])
def test_is_named_in_the_gaps_and_its_neighbour_is_read(
    tmp_path: Path, path: str, content: bytes, why: str
) -> None:
    report = handed_in(tmp_path, path, content)
    told = {(gap.source, gap.why) for host in report.hosts for gap in host.gaps}
    assert (path, why) in told
    assert sum(row.records for host in report.hosts for row in host.coverage if row.artifact == "iis") >= 1
    assert {host.verdict.outcome for host in report.hosts} <= {"inconclusive", "not-examined"}


def test_an_extension_that_lies_deceives_nobody(tmp_path: Path) -> None:
    report = handed_in(tmp_path, "C/Users/ana/holiday.jpg", IIS_HEAD + IIS_ROW)
    rows = {row.artifact: row for host in report.hosts for row in host.coverage}
    assert (rows["iis"].files, rows["iis"].records) == (2, 2)


def test_the_same_log_twice_is_read_twice_and_told(tmp_path: Path) -> None:
    report = handed_in(tmp_path, IIS, IIS_HEAD + IIS_ROW)
    assert {host.verdict.outcome for host in report.hosts} == {"inconclusive"}


REFUSED: tuple[tuple[str, Callable[[Path], Path]], ...] = (
    ("nothing there", lambda tmp: tmp / "nowhere.zip"),
    ("a zip that is none", lambda tmp: _file(tmp / "ex01.zip", b"PK\x03\x04" + bytes(range(40, 240)))),
    ("a 7z cut in its head", lambda tmp: _file(tmp / "ex01.7z", b"7z\xbc\xaf\x27\x1c\x00\x04" + NOISE[:40])),
)


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("made", [pytest.param(made, id=name) for name, made in REFUSED])
def test_is_one_clear_line_for_the_user(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    words = ["triage", str(made(tmp_path)), "--case", str(tmp_path / "case"), "--quiet"]
    ended = subprocess.run([sys.executable, "-m", "postvakt.cli", *words], capture_output=True, text=True)
    lines = ended.stderr.splitlines()
    assert (ended.returncode, len(lines)) == (EvidenceError.exit_code, 1)
    assert lines[0].startswith("postvakt: ")


def test_members_that_point_out_of_the_archive_stay_inside(tmp_path: Path) -> None:
    path = tmp_path / "ex01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped.log", IIS_HEAD + IIS_ROW)
        archive.writestr("/etc/absolute.log", IIS_HEAD + IIS_ROW)
        archive.writestr("C/inetpub/logs/LogFiles/W3SVC1/u_ex210303.log", IIS_HEAD + IIS_ROW)
    before = set(tmp_path.parent.rglob("*.log"))
    report = cases.triaged(tmp_path / "case", path)
    assert set(tmp_path.parent.rglob("*.log")) == before
    assert sum(row.records for host in report.hosts for row in host.coverage if row.artifact == "iis") == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_gap(tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    path = folder / IIS
    path.parent.mkdir(parents=True)
    path.write_bytes(IIS_HEAD + IIS_ROW)
    path.chmod(0)
    report = cases.triaged(tmp_path / "case", folder)
    assert {gap.why for host in report.hosts for gap in host.gaps if gap.source == IIS} == {"unreadable"}


def test_evidence_is_never_changed(tmp_path: Path) -> None:
    folder = cases.hand_in("attacked", tmp_path / "evidence", "hand-in", days=1)
    before = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}
    cases.triaged(tmp_path / "case", folder)
    after = {p: (p.stat().st_mtime_ns, p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}
    assert after == before


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_later(tmp_path: Path) -> None:
    """The limit on the size of a file that a run may write stands for a disk that is full."""
    folder = cases.hand_in("probed", tmp_path / "evidence", "hand-in", days=1)
    words = [
        sys.executable,
        "-m",
        "postvakt.cli",
        "triage",
        str(folder),
        "--case",
        str(tmp_path / "case"),
        "--quiet",
    ]
    limited = f"ulimit -f 24; exec {' '.join(words)}"
    ended = subprocess.run(["bash", "-c", limited], capture_output=True, text=True)
    assert ended.returncode in (EngineError.exit_code, EvidenceError.exit_code)
    assert "Traceback" not in ended.stderr
    undisturbed = cases.triaged(tmp_path / "other", folder)
    assert cases.triaged(tmp_path / "case", folder) == undisturbed


def test_a_case_inside_its_evidence_is_refused(tmp_path: Path) -> None:
    folder = cases.hand_in("probed", tmp_path / "evidence", "hand-in", days=1)
    with pytest.raises(PostvaktError, match="inside the evidence"):
        cases.triaged(folder / "case", folder)
