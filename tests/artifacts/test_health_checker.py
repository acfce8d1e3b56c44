"""Exported Exchange objects: huge files read in little memory, endless and deep ones left off, real ones read whole."""

import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from postvakt.artifacts import health_checker
from postvakt.model.evidence import Member
from postvakt.model.gap import Clue, Gap
from postvakt.tables import rows as tables_rows
from postvakt.tables.rows import Rows
from tests.artifacts.sources import alone, on_disk, pieces

HEAD = b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
E19 = "exchange-config/css-exchange-e19/Diagnostics/HealthChecker/Tests/DataCollection/E19"


class _Repeated(io.RawIOBase):
    """A stream of a head, something many times over, and an end; never held whole."""

    def __init__(self, head: bytes, piece: bytes, times: int, end: bytes) -> None:
        self._parts = self._pieces(head, piece, times, end)
        self._left = b""

    @staticmethod
    def _pieces(head: bytes, piece: bytes, times: int, end: bytes) -> Iterator[bytes]:
        yield head
        block = piece * 100
        for _ in range(times // 100):
            yield block
        yield end

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while len(self._left) < size:
            part = next(self._parts, None)
            if part is None:
                break
            self._left += part
        given, self._left = self._left[:size], self._left[size:]
        return given


class Streamed:
    """A source whose bytes are made as they are read."""

    def __init__(self, head: bytes, piece: bytes, times: int, end: bytes) -> None:
        self._given = (head, piece, times, end)
        size = len(head) + len(piece) * times + len(end)
        self.member = Member(evidence="held", path="HealthChecker-EX01-20210304.xml", size=size)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        yield _Repeated(*self._given)  # type: ignore[misc]

    def siblings(self, *suffixes: str) -> Iterator["Streamed"]:
        return iter(())

    @contextmanager
    def local_path(self) -> Iterator[Path]:
        raise NotImplementedError
        yield


def read(source: Streamed) -> tuple[int, list[Gap], list[Clue], int]:
    """Rows, gaps, clues, and the most memory (bytes) that Python held while reading."""
    rows, gaps, clues = 0, [], []
    tracemalloc.start()
    for piece in health_checker.parse(source):
        if isinstance(piece, Rows):
            rows += piece.batch.num_rows
        else:
            (gaps if isinstance(piece, Gap) else clues).append(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return rows, gaps, clues, peak


def test_memory_does_not_grow_with_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_checker, "MOST_WAITING", 1000)
    monkeypatch.setattr(tables_rows, "BATCH_ROWS", 1000)
    head = (
        HEAD
        + b'<Obj RefId="0"><TN RefId="0"><T>HealthChecker.HealthCheckerExchangeServer</T></TN><Props><LST>'
    )
    end = b'</LST><S N="ServerName">EX01</S></Props></Obj></Objs>'
    small, large = (Streamed(head, b"<S>" + b"x" * 91 + b"</S>\n", times, end) for times in (8_000, 24_000))
    rows, gaps, clues, peak = read(small)
    assert (rows, gaps) == (8_001, [])
    assert [clue.value for clue in clues if clue.kind == "host"] == ["EX01"]
    doubled = read(large)
    assert doubled[0] == 24_001
    assert doubled[3] < peak * 1.2


@pytest.mark.parametrize(
    ("head", "piece", "detail"),
    [
        (HEAD + b"<S N='", b"a" * 1000, "a tag or text of more than"),
        (HEAD, b"<Obj>", "elements lie deeper than 200"),
        (HEAD + b"<S>", b"a" * 1000, "a text of more than"),
    ],
)
def test_what_has_no_end_is_left_off(head: bytes, piece: bytes, detail: str) -> None:
    _, gaps, _, peak = read(Streamed(head, piece, 20_000, b""))
    assert any(gap.detail.startswith(detail) for gap in gaps)
    assert peak < 64 * 1024 * 1024


def test_old_files_name_their_server_in_the_file_s_name_alone() -> None:
    content = (
        HEAD + b'<Obj RefId="0"><MS><Obj N="ExchangeInformation"><MS>'
        b'<S N="BuildNumber">15.1.2044.4</S></MS></Obj></MS></Obj></Objs>'
    )
    rows, gaps, clues = pieces(
        health_checker.READER, alone(content, "x/HealthChecker-EX-07-20190102101500.xml")
    )
    assert {row["server"] for row in rows["exchange_object"]} == {"EX-07"}
    assert (gaps, [clue.value for clue in clues if clue.kind == "host"]) == ([], ["EX-07"])


@pytest.mark.shared
def test_a_real_server_s_exported_objects(shared_evidence: Path) -> None:
    """Each object of a real Exchange 2019 is read whole: its build, its name, its modules, its mitigations."""
    folder = shared_evidence / E19
    told = {path.name: pieces(health_checker.READER, on_disk(path)) for path in sorted(folder.rglob("*.xml"))}
    assert (len(told), [name for name, (_, gaps, _) in told.items() if gaps]) == (17, [])
    builds = {
        (clue.value, clue.basis) for _, _, clues in told.values() for clue in clues if clue.kind == "build"
    }
    assert builds == {
        ("15.2.986.5", "health_checker ExSetup.exe"),
        ("15.2.1118.25", "health_checker ExSetup.exe"),
        ("15.2.986.5", "health_checker AdminDisplayVersion (cumulative update only)"),
    }
    server = _values(told["GetExchangeServer.xml"])
    assert (server["Name"], server["MitigationsEnabled"], server["MitigationsApplied"]) == (
        "SOLO-E19A",
        "true",
        None,
    )
    modules = [
        (
            value,
            _values(told["GetIISModules.xml"])[name.replace("/Name", "/SignatureDetails/IsMicrosoftSigned")],
        )
        for name, value in _values(told["GetIISModules.xml"]).items()
        if name.startswith("ModuleList/") and name.endswith("/Name")
    ]
    assert (len(modules), modules[0], {signed for _, signed in modules}) == (
        33,
        ("HttpLoggingModule", "true"),
        {"true"},
    )
    assert _values(told["GetServiceMitigation.xml"])["Status"] == "Running"
    assert _values(told["GetOwaVirtualDirectory.xml"])["InternalUrl"] == "https://solo-e19a.solo.com/owa"


def _values(told: tuple[dict[str, list[dict[str, object]]], list[Gap], list[Clue]]) -> dict[str, str]:
    return {str(row["property"]): row["value"] for row in told[0]["exchange_object"]}  # type: ignore[misc]
